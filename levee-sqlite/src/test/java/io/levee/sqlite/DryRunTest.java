package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.Adoption;
import io.levee.Bytes;
import io.levee.ColumnType;
import io.levee.Levee;
import io.levee.ManualClock;
import io.levee.PartitionBy;
import io.levee.Query;
import io.levee.RetentionPlan;
import io.levee.RetentionReport;
import io.levee.RetentionRule;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What {@code retention plan} says is what {@code retention apply} does, to the row and to the byte of the file system (G81). */
class DryRunTest {
    private static final Instant NOW = Instant.parse("2026-05-20T12:00:00Z");

    @TempDir
    Path directory;

    private static TableSpec spec(RetentionRule rule) {
        return TableSpec.builder("events")
                .column("i", ColumnType.INTEGER)
                .column("at", ColumnType.TIMESTAMP)
                .column("state", ColumnType.TEXT)
                .column("text", ColumnType.TEXT)
                .time("at")
                .partitionBy(PartitionBy.DAY)
                .retention(rule)
                .build();
    }

    private Store open() {
        return Levee.open(
                directory.resolve("store"),
                o -> o.trashGrace(Duration.ZERO)
                        .retentionEvery(Duration.ofHours(1))
                        .clock(new ManualClock(NOW)));
    }

    /** So many rows an hour apart, the newest first. */
    private static void fill(Table<Row> table, int rows) {
        List<Row> all = new ArrayList<>();
        for (int i = 0; i < rows; i++) {
            all.add(Row.of(table.spec())
                    .set("i", (long) i)
                    .set("at", NOW.minus(Duration.ofHours(i)))
                    .set("state", i % 3 == 0 ? "FAILURE" : i % 3 == 1 ? "SUCCESS" : "odd")
                    .set("text", "x".repeat(500 + i % 7 * 100))
                    .build());
        }
        table.appendAll(all, Ack.COMMITTED).join();
    }

    /** What the files of partitions take, those in the trash too. */
    private long taken() {
        return Stream.of("tables", "trash")
                .flatMap(part -> Tree.files(directory.resolve("store").resolve(part)).stream())
                .mapToLong(Partition::size)
                .sum();
    }

    private static long count(Store store) {
        return store.count(Query.builder("events").build());
    }

    /** Applies the plan and compares, with what the rows and the directory say. */
    private RetentionReport compare(Store store) throws Exception {
        RetentionPlan plan = store.planRetention();
        long rows = count(store);
        long bytes = taken();
        RetentionReport report = store.applyRetention(plan);
        assertThat(report.blocked()).isEmpty();
        assertThat(report.undeleted()).isEmpty();
        assertThat(rows - count(store)).as("%s", plan).isEqualTo(plan.rows());
        assertThat(report.bytesFreed()).as("%s", plan).isEqualTo(plan.bytes());
        assertThat(report.deleted().values().stream().mapToLong(Long::longValue).sum())
                .isEqualTo(plan.trims().stream()
                        .mapToLong(RetentionPlan.Trim::rows)
                        .sum());
        assertThat(bytes).isGreaterThanOrEqualTo(plan.bytes());
        return report;
    }

    private static RetentionRule classes(int failure, int success, int other) {
        return RetentionRule.builder()
                .by("state")
                .keep("FAILURE", Duration.ofDays(failure))
                .keep("SUCCESS", Duration.ofDays(success))
                .maxAge(Duration.ofDays(other))
                .build();
    }

    @Test
    void shouldSayWhatClassesGiveBack() throws Exception {
        try (Store store = open()) {
            fill(store.createTable(spec(RetentionRule.KEEP_ALL)), 100);
        }
        try (Store store = open()) {
            fill(store.createTable(spec(classes(100, 100, 100))), 200);
            store.createTable(spec(classes(5, 2, 4)));
            assertThat(compare(store).dropped()).hasSizeGreaterThan(5);
        }
    }

    @Test
    void shouldSayWhatSizeAndNumberGiveBack() throws Exception {
        RetentionRule rule =
                RetentionRule.builder().maxBytes(Bytes.mebi(4)).keepNewest(60).build();
        try (Store store = open()) {
            fill(store.createTable(spec(RetentionRule.KEEP_ALL)), 300);
            store.createTable(spec(rule));
            RetentionReport report = compare(store);
            assertThat(report.dropped()).isNotEmpty();
            assertThat(report.deleted()).containsKey("events");
            assertThat(count(store)).isEqualTo(60);
        }
    }

    /** Rows of an adopted database count among the newest, and go only with it: none of them is announced. */
    @Test
    void shouldAnnounceNoRowsThatItCannotDelete() throws Exception {
        Path old = directory.resolve("old.db");
        try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + old)) {
            Sqlite.run(connection, "CREATE TABLE events(i INTEGER, at TEXT, state TEXT, text TEXT)");
            Sqlite.run(connection, "CREATE INDEX by_at ON events(at)");
            // Over the same hours as the table's own, and before them.
            for (int i = 0; i < 60; i++) {
                Sqlite.run(
                        connection,
                        "INSERT INTO events VALUES(" + (1000 + i) + ", '"
                                + NOW.minus(Duration.ofHours(2 * i)).plusSeconds(1) + "', 'FAILURE', 'x')");
            }
        }
        for (String per : List.of("", "state")) {
            RetentionRule rule = RetentionRule.builder()
                    .keepNewest(15, per.isEmpty() ? new String[0] : new String[] {per})
                    .build();
            try (Store store = Levee.open(
                    directory.resolve("store" + per),
                    o -> o.retentionEvery(Duration.ofHours(1)).clock(new ManualClock(NOW)))) {
                Table<Row> table = store.createTable(spec(RetentionRule.KEEP_ALL));
                fill(table, 100);
                store.adopt("events", Adoption.of(old, "events").time("at"));
                store.createTable(spec(rule));
                RetentionPlan plan = store.planRetention();
                long rows = count(store);
                RetentionReport report = store.applyRetention(plan);
                assertThat(rows - count(store)).as("%s", plan).isEqualTo(plan.rows());
                assertThat(plan.rows()).isPositive();
                assertThat(report.blocked()).isEmpty();
                RetentionPlan again = store.planRetention();
                assertThat(again.trims()).isEmpty();
                assertThat(again.kept().get("events"))
                        .contains("rows past keepNewest are in adopted databases, and stay until these go as a whole");
            }
        }
    }
}
