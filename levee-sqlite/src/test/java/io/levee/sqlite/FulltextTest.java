package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.levee.Ack;
import io.levee.Column;
import io.levee.ColumnType;
import io.levee.Explanation;
import io.levee.Expr;
import io.levee.Levee;
import io.levee.PartitionBy;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.engine.Verification;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The index of trigrams is used, follows every change of a row, and lives through what happens to files. */
class FulltextTest {
    private static final Instant DAY1 = Instant.parse("2026-05-10T00:00:00Z");
    private static final TableSpec SPEC = TableSpec.builder("runs")
            .column("id", ColumnType.TEXT)
            .column("at", ColumnType.TIMESTAMP)
            .column("text", ColumnType.TEXT)
            .column(new Column("note", ColumnType.TEXT, true, false, null))
            .time("at")
            .key("id")
            .fulltext("text", "note")
            .partitionBy(PartitionBy.DAY)
            .build();

    @TempDir
    Path directory;

    private Store open() {
        return Levee.open(directory, o -> o.asOf(DAY1.plus(Duration.ofDays(4))));
    }

    private static Row row(int i, String text, String note) {
        return Row.of(SPEC)
                .set("id", "k" + i)
                .set("at", DAY1.plus(Duration.ofDays(i % 3)).plusSeconds(i))
                .set("text", text)
                .set("note", note)
                .build();
    }

    private static void fill(Table<Row> runs) {
        List<Row> rows = new ArrayList<>();
        for (int i = 0; i < 600; i++) {
            rows.add(row(
                    i,
                    "Connection reset by peer " + i + (i % 100 == 7 ? " Straße" : ""),
                    i % 2 == 0 ? "note " + i : null));
        }
        runs.appendAll(rows, Ack.COMMITTED).join();
    }

    private static long found(Table<Row> runs, String column, String text) {
        return runs.query().where(Expr.contains(column, text)).count();
    }

    private static List<String> plans(Table<Row> runs, String column, String text) {
        return runs.query().where(Expr.contains(column, text)).explain().steps().stream()
                .map(Explanation.Step::toString)
                .toList();
    }

    @Test
    void shouldBeUsedFromThreeCharactersOn() {
        try (Store store = open()) {
            Table<Row> runs = store.createTable(SPEC);
            fill(runs);
            for (String column : List.of("text", "note")) {
                assertThat(plans(runs, column, "not")).isNotEmpty().allMatch(p -> p.contains("VIRTUAL TABLE"));
                assertThat(plans(runs, column, "no")).isNotEmpty().noneMatch(p -> p.contains("VIRTUAL TABLE"));
            }
            assertThat(found(runs, "text", "STRA")).isEqualTo(6);
            assertThat(found(runs, "text", "st")).isEqualTo(6);
            assertThat(found(runs, "text", "peer 59")).isEqualTo(11);
            assertThat(found(runs, "note", "NOTE 59")).isEqualTo(5);
        }
    }

    @Test
    void shouldFollowChangesAndDeletions() {
        try (Store store = open()) {
            Table<Row> runs = store.createTable(SPEC);
            fill(runs);
            assertThat(found(runs, "text", "quota exceeded")).isZero();
            // By its key, by a record of the same key, and into another partition's period.
            assertThat(runs.update(Map.of("text", "Quota exceeded", "note", "much too much"), Ack.COMMITTED, "k4")
                            .join())
                    .isTrue();
            runs.append(row(5, "quota EXCEEDED twice", "much later"), Ack.COMMITTED)
                    .join();
            assertThat(found(runs, "text", "quota exceeded")).isEqualTo(2);
            assertThat(found(runs, "text", "peer 4")).isEqualTo(110);
            assertThat(found(runs, "text", "peer 5")).isEqualTo(110);
            assertThat(found(runs, "note", "MUCH")).isEqualTo(2);
            assertThat(found(runs, "note", "note 4")).isEqualTo(55);
            assertThat(runs.delete(Ack.COMMITTED, "k4").join()).isTrue();
            assertThat(found(runs, "text", "quota exceeded")).isEqualTo(1);
            assertThat(found(runs, "note", "much")).isEqualTo(1);
            runs.append(row(4, "back again", null), Ack.COMMITTED).join();
            assertThat(found(runs, "text", "BACK again")).isEqualTo(1);
            assertThat(found(runs, "note", "much too")).isZero();
        }
        requireSoundIndexes();
    }

    @Test
    void shouldLiveThroughVerifyAndARebuildOfTheCatalog() throws Exception {
        try (Store store = open()) {
            fill(store.createTable(SPEC));
        }
        try (Store store = open()) {
            store.createTable(SPEC);
            // Maintenance makes the checksums.
            await().atMost(Duration.ofSeconds(60)).until(() -> verified(store, Verification.State.OK) == 3);
        }
        Files.delete(directory.resolve("catalog.db"));
        try (Store store = open()) {
            Table<Row> runs = store.table("runs");
            assertThat(runs.spec().fulltext()).containsExactly("text", "note");
            assertThat(verified(store, Verification.State.DAMAGED)).isZero();
            assertThat(found(runs, "text", "strA")).isEqualTo(6);
            assertThat(plans(runs, "text", "stra")).isNotEmpty().allMatch(p -> p.contains("VIRTUAL TABLE"));
            runs.append(row(601, "Straße again", "s"), Ack.COMMITTED).join();
            runs.append(row(7, "gone from here", "s"), Ack.COMMITTED).join();
            assertThat(found(runs, "text", "stra")).isEqualTo(6);
            assertThat(found(runs, "text", "gone from")).isEqualTo(1);
            assertThat(verified(store, Verification.State.DAMAGED)).isZero();
            assertThat(store.quarantined()).isEmpty();
        }
        requireSoundIndexes();
    }

    private static long verified(Store store, Verification.State state) {
        return store.verify("runs", v -> {}).stream()
                .filter(v -> v.state() == state)
                .count();
    }

    /** FTS5's own comparison of each index with the rows. */
    private void requireSoundIndexes() {
        for (int day = 10; day < 13; day++) {
            try (Connection own = DriverManager.getConnection(
                    "jdbc:sqlite:" + directory.resolve("tables/runs/2026-05-" + day + ".db"))) {
                for (String table : List.of("runs_fts", PartitionSchema.details(SPEC) + "_fts")) {
                    Sqlite.run(
                            own, "INSERT INTO \"" + table + "\"(\"" + table + "\", rank) VALUES('integrity-check', 1)");
                }
            } catch (SQLException e) {
                throw new AssertionError("the index of 2026-05-" + day, e);
            }
        }
    }
}
