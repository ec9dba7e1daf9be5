package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.levee.Ack;
import io.levee.Column;
import io.levee.ColumnType;
import io.levee.IndexSpec;
import io.levee.Levee;
import io.levee.LeveeException;
import io.levee.Migration;
import io.levee.MigrationStatus;
import io.levee.MigrationStatus.State;
import io.levee.MigrationStep;
import io.levee.PartitionBy;
import io.levee.Query;
import io.levee.Result;
import io.levee.Row;
import io.levee.Store;
import io.levee.TableSpec;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Expressions that some rows break: refused before they do harm, and taken back where they do all the same (G17, G126). */
class MigrationExpressionTest {
    private static final Instant BEGIN = Instant.parse("2026-05-01T00:00:00Z");
    private static final Duration SOON = Duration.ofSeconds(30);
    private static final int ROWS = 8;
    private static final TableSpec SPEC = TableSpec.builder("ev")
            .time("at")
            .partitionBy(PartitionBy.DAY)
            .column("k", ColumnType.INTEGER)
            .column("at", ColumnType.TIMESTAMP)
            .column("text", ColumnType.TEXT)
            .column("extra", ColumnType.JSON)
            .build();

    @TempDir
    Path directory;

    private Store open() {
        return Levee.open(directory, o -> o.asOf(BEGIN.plus(Duration.ofDays(9))));
    }

    private static Row row(Store store, long k) {
        return Row.of(store.table("ev").spec())
                .set("k", k)
                .set("at", BEGIN.plus(Duration.ofHours(12 * k)))
                .set("text", k == 3 ? "none" : "{\"a\":" + k + "}")
                .set("extra", "{\"a\":" + k + "}")
                .build();
    }

    private static void fill(Store store) {
        store.createTable(SPEC);
        List<Row> rows = new ArrayList<>();
        for (long k = 0; k < ROWS; k++) {
            rows.add(row(store, k));
        }
        store.table("ev").appendAll(rows, Ack.COMMITTED).join();
    }

    private static Migration column(String name, String expression) {
        return new Migration(
                "add-" + name,
                "ev",
                new MigrationStep.AddColumn(Column.of(name, ColumnType.INTEGER), null, expression));
    }

    private static Migration index(String part, @Nullable String where) {
        return new Migration("add-i", "ev", new MigrationStep.AddIndex(new IndexSpec("i", List.of(part), where)));
    }

    private static List<Object> values(Store store, String column) {
        List<Object> values = new ArrayList<>();
        try (Result<Row> rows = store.query(Query.builder("ev").oldestFirst().build())) {
            rows.forEach(row -> values.add(row.get(column)));
        }
        return values;
    }

    private static MigrationStatus status(Store store, int at) {
        return store.migrations().get(at);
    }

    @Test
    void shouldRefuseAnExpressionThatWouldMakeRowsUnreadable() {
        try (Store store = open()) {
            fill(store);
            for (Migration bad : List.of(
                    column("a", "json_extract(text, '$.a')"),
                    column("a", "text -> '$.a'"),
                    column("a", "json_extract(extra, 'a')"),
                    index("(json_extract(text, '$.a'))", null),
                    index("k", "json_extract(text, '$.a') > 1"))) {
                assertThatThrownBy(() -> store.migrate(List.of(bad), false))
                        .isInstanceOf(LeveeException.class)
                        .hasMessageContaining("BAD_SPEC")
                        .hasMessageContaining("error for");
            }
            assertThat(store.migrations()).isEmpty();
            store.migrate(
                    List.of(
                            column("a", "json_extract(extra, '$.a')"),
                            column("b", "CASE WHEN json_valid(text) THEN json_extract(text, '$.a') END"),
                            column("c", "100 / k"),
                            index("(json_extract(text, '$.a'))", "json_valid(text)")),
                    false);
            assertThat(store.awaitMigrations(SOON)).isTrue();
            assertThat(store.migrations()).allMatch(m -> m.state() == State.DONE);
            store.table("ev").append(row(store, 3), Ack.COMMITTED).join();
            assertThat(values(store, "b")).containsExactlyInAnyOrder(0L, 1L, 2L, null, null, 4L, 5L, 6L, 7L);
            assertThat(values(store, "c")).containsOnlyOnce(100L, 50L).contains((Object) null);
        }
    }

    /** A row that only this table has: the column fails, and everything with it. Dropping it has to be possible. */
    @Test
    void shouldLetAColumnBeDroppedThatFailed() {
        try (Store store = open()) {
            fill(store);
            store.migrate(List.of(column("a", "CASE WHEN k = 3 THEN json_extract(text, '$.a') END")), false);
            assertThat(store.awaitMigrations(SOON)).isTrue();
            assertThat(status(store, 0).state()).isEqualTo(State.FAILED);
            assertThat(status(store, 0).error()).contains("malformed JSON");
            store.migrate(List.of(new Migration("drop-a", "ev", new MigrationStep.DropColumn("a"))), false);
            store.table("ev").append(row(store, 3), Ack.COMMITTED).join();
            assertThat(values(store, "k")).hasSize(ROWS + 1);
            assertThat(store.awaitMigrations(SOON)).isTrue();
            assertThat(store.migrations()).as("%s", store.migrations()).allMatch(m -> m.state() == State.DONE);
        }
    }

    @Test
    void shouldLetAnIndexBeDroppedThatFailed() {
        try (Store store = open()) {
            fill(store);
            store.migrate(List.of(index("(CASE WHEN k = 3 THEN json_extract(text, '$.a') END)", null)), false);
            assertThat(store.awaitMigrations(SOON)).isTrue();
            assertThat(status(store, 0).state()).isEqualTo(State.FAILED);
            store.migrate(List.of(new Migration("drop-i", "ev", new MigrationStep.DropIndex("i"))), false);
            assertThat(store.awaitMigrations(SOON)).isTrue();
            assertThat(store.migrations()).as("%s", store.migrations()).allMatch(m -> m.state() == State.DONE);
            store.table("ev").append(row(store, 3), Ack.COMMITTED).join();
            assertThat(values(store, "k")).hasSize(ROWS + 1);
        }
    }
}
