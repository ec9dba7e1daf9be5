package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.ColumnType;
import io.levee.Levee;
import io.levee.LossReason;
import io.levee.PartitionBy;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.Tail;
import io.levee.TailCursor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The places of named cursors lie beside the catalog: they outlive it, and know that it was lost. */
class NamedCursorTest {
    private static final Instant AT = Instant.parse("2026-05-10T12:00:00Z");
    private static final TableSpec SPEC = TableSpec.builder("events")
            .column("i", ColumnType.INTEGER)
            .column("at", ColumnType.TIMESTAMP)
            .time("at")
            .partitionBy(PartitionBy.DAY)
            .build();

    @TempDir
    Path directory;

    private Store open() {
        return Levee.open(directory.resolve("store"), o -> o.asOf(AT.plus(Duration.ofDays(1))));
    }

    private static void append(Table<Row> table, long i) {
        table.append(Row.of(SPEC).set("i", i).set("at", AT).build(), Ack.COMMITTED)
                .join();
    }

    private static List<Object> values(Tail.Batch<Row> batch) {
        return batch.entries().stream().map(e -> e.value().get("i")).toList();
    }

    @Test
    void shouldTellOnceThatTheCatalogWasRebuilt() throws IOException {
        try (Store store = open()) {
            Table<Row> table = store.createTable(SPEC);
            append(table, 1);
            append(table, 2);
            try (TailCursor<Row> cursor = table.cursor("reader")) {
                cursor.commit(cursor.poll(Duration.ZERO).entries().get(0).number());
            }
        }
        Files.delete(directory.resolve("store/catalog.db"));
        try (Store store = open()) {
            Table<Row> table = store.table("events");
            append(table, 3);
            for (int i = 0; i < 2; i++) {
                try (TailCursor<Row> cursor = table.cursor("reader")) {
                    Tail.Batch<Row> batch = cursor.poll(Duration.ofSeconds(10));
                    assertThat(batch.missed()).isNotNull();
                    assertThat(batch.missed().reason()).isEqualTo(LossReason.CATALOG_REBUILT);
                    assertThat(values(batch)).containsExactly(2L, 3L);
                    if (i == 1) {
                        cursor.commit();
                    }
                }
            }
        }
        try (Store store = open();
                TailCursor<Row> cursor = store.table("events").cursor("reader")) {
            Tail.Batch<Row> batch = cursor.poll(Duration.ZERO);
            assertThat(batch.missed()).isNull();
            assertThat(batch.entries()).isEmpty();
        }
    }

    /** A file that a disk spoilt costs repetitions, and never records. */
    @Test
    void shouldBeginAnewWhereItsFileIsDamaged() throws IOException {
        try (Store store = open()) {
            Table<Row> table = store.createTable(SPEC);
            append(table, 1);
            try (TailCursor<Row> cursor = table.cursor("reader")) {
                cursor.poll(Duration.ZERO);
                cursor.commit();
            }
            Files.write(directory.resolve("store/cursors/events/reader.json"), new byte[] {(byte) 0xff, 0, 12});
            try (TailCursor<Row> cursor = table.cursor("reader")) {
                Tail.Batch<Row> batch = cursor.poll(Duration.ZERO);
                assertThat(values(batch)).containsExactly(1L);
                assertThat(batch.missed()).isNotNull();
                cursor.commit();
            }
            try (TailCursor<Row> cursor = table.cursor("reader")) {
                assertThat(cursor.poll(Duration.ZERO).entries()).isEmpty();
            }
        }
    }
}
