package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.Bytes;
import io.levee.ColumnType;
import io.levee.EraseReport;
import io.levee.Expr;
import io.levee.Levee;
import io.levee.Overflow;
import io.levee.PartitionBy;
import io.levee.Query;
import io.levee.Row;
import io.levee.SqlQuery;
import io.levee.SqlResult;
import io.levee.Store;
import io.levee.StoreOptions;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.testkit.ChildJvm;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Overflow policy SPILL on real files, through real kills and erasures. */
class SpillStoreTest {
    private static final Instant START = Instant.parse("2026-05-10T00:00:00Z");
    private static final int KILLS = 3;
    private static final TableSpec EVENTS = TableSpec.builder("events")
            .column("i", ColumnType.INTEGER)
            .column("at", ColumnType.TIMESTAMP)
            .column("secret", ColumnType.TEXT)
            .time("at")
            .partitionBy(PartitionBy.DAY)
            .build();

    @TempDir
    Path directory;

    private static void small(StoreOptions.Builder options) {
        options.queueRecords(500).overflow(Overflow.spill(Bytes.mebi(256)));
    }

    private static Row row(long i) {
        return Row.of(EVENTS)
                .set("i", i)
                .set("at", START.plusSeconds(i % 3 * 86_400 + i % 86_400))
                .set("secret", "hush-" + i)
                .build();
    }

    /** The victim: appends without waiting, much faster than 500 records of queue can be written. */
    static final class Appender {
        private Appender() {}

        public static void main(String[] arguments) {
            PrintStream out = new PrintStream(
                    new java.io.FileOutputStream(java.io.FileDescriptor.out), true, StandardCharsets.UTF_8);
            long first = Long.parseLong(arguments[1]);
            Store store = Levee.open(Path.of(arguments[0]), SpillStoreTest::small);
            Table<Row> events = store.createTable(EVENTS);
            for (long i = first; ; i++) {
                events.append(row(i));
                if (i % 1000 == 0) {
                    out.println(store.status().queue().spilledRecords());
                }
            }
        }
    }

    @Test
    void shouldWriteWhatAKillLeftInTheSpillExactlyOnce() {
        long first = 1;
        long cameBack = 0;
        for (int kill = 1; kill <= KILLS; kill++) {
            long spilled = killed(first);
            assertThat(spilled).as("the queue is too small").isPositive();
            try (Store store = Levee.open(directory, SpillStoreTest::small)) {
                Table<Row> events = store.table("events");
                assertThat(store.flush(Duration.ofSeconds(60))).isTrue();
                long before = store.count(Query.builder("events").build());
                cameBack += store.status().stored();
                events.append(row(0), Ack.COMMITTED).join();
                assertThat(store.count(Query.builder("events").build())).isEqualTo(before + 1);
                assertThat(first(store, "SELECT count(*) - count(DISTINCT i) FROM events WHERE i > 0"))
                        .as("nothing twice, kill " + kill)
                        .isEqualTo(0L);
                first = (Long) first(store, "SELECT max(i) FROM events") + 1_000_000;
            }
        }
        // Not of each: a kill may come when the disk has just caught up.
        assertThat(cameBack).as("what was spilled came back").isPositive();
    }

    private long killed(long first) {
        long most = 0;
        try (ChildJvm child =
                ChildJvm.start(List.of("-Xmx128m"), Appender.class, directory.toString(), String.valueOf(first))) {
            for (int line = 0; line < 25 || most == 0 && line < 400; line++) {
                most = Math.max(most, Long.parseLong(child.line()));
            }
            child.kill();
        }
        return most;
    }

    private static Object first(Store store, String sql) {
        try (SqlResult result = store.sql(SqlQuery.of(sql))) {
            return result.iterator().next().get(0);
        }
    }

    @Test
    void shouldReachTheSpillWithAnErasure() throws IOException {
        try (Store store = Levee.open(directory, SpillStoreTest::small)) {
            Table<Row> events = store.createTable(EVENTS);
            long last = 0;
            // Until the disk is behind, as it is after the first of these nearly always.
            do {
                for (int i = 0; i < 20_000; i++) {
                    events.append(row(++last));
                }
            } while (store.status().queue().spilledRecords() == 0);
            EraseReport report = events.erase(Expr.le("i", last));
            assertThat(report.deleted())
                    .as("also what was spilled when it was asked for")
                    .isEqualTo(last);
            assertThat(report.pending()).isEmpty();
            try (Stream<Path> files = Files.list(directory.resolve("spill"))) {
                for (Path file : files.toList()) {
                    assertThat(new String(Files.readAllBytes(file), StandardCharsets.ISO_8859_1))
                            .doesNotContain("hush-");
                }
            }
        }
    }
}
