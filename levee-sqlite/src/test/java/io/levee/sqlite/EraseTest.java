package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.levee.Ack;
import io.levee.Bytes;
import io.levee.Column;
import io.levee.ColumnType;
import io.levee.EraseReport;
import io.levee.Expr;
import io.levee.Levee;
import io.levee.PartitionBy;
import io.levee.PartitionInfo;
import io.levee.Query;
import io.levee.Result;
import io.levee.RetentionRule;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
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
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is erased is in no file of the store any more: not in unused space, not in a WAL, not in the trash. */
class EraseTest {
    private static final Instant DAY1 = Instant.parse("2026-05-01T00:00:00Z");
    private static final int DAYS = 3;
    private static final Pattern SECRET = Pattern.compile("secret-\\d+-");

    @TempDir
    Path directory;

    private static TableSpec.Builder spec() {
        return TableSpec.builder("runs")
                .column("id", ColumnType.TEXT)
                .column("at", ColumnType.TIMESTAMP)
                .column("person", ColumnType.TEXT)
                .column("text", ColumnType.TEXT)
                .column(new Column("note", ColumnType.TEXT, true, false, null))
                .time("at")
                .key("id")
                .index("person")
                .partitionBy(PartitionBy.DAY);
    }

    /** Every tenth row is of the person to forget, and says so in its key, its text and its details. */
    private static Row row(Random random, int i, int length) {
        boolean secret = i % 10 == 0;
        String mark = secret ? "secret-" + i + "-" : "kept-" + i + "-";
        // Keys in no order: the pages of their index are split and balanced, which leaves copies behind.
        return Row.of(spec().build())
                .set("id", Long.toHexString(new Random(i).nextLong()) + mark)
                .set("at", DAY1.plus(Duration.ofDays(i % DAYS)).plusSeconds(i))
                .set("person", secret ? "Erika Mustermann" : "p" + i % 97)
                .set("text", mark + "x".repeat(random.nextInt(length)))
                .set("note", i % 3 == 0 ? mark + "y".repeat(random.nextInt(length)) : null)
                .build();
    }

    private static void fill(Table<Row> runs, int from, int to) {
        Random random = new Random(from);
        for (int batch = from; batch < to; batch += 500) {
            List<Row> rows = new ArrayList<>();
            for (int i = batch; i < Math.min(to, batch + 500); i++) {
                rows.add(row(random, i, 200));
            }
            runs.appendAll(rows, Ack.COMMITTED).join();
            rows.clear();
            for (int i = 0; i < 200; i++) {
                // Updates of another length move rows within and between pages.
                rows.add(row(random, random.nextInt(batch + 1), 300));
            }
            runs.appendAll(rows, Ack.COMMITTED).join();
        }
    }

    private static Expr filter() {
        return Expr.eq("person", "Erika Mustermann");
    }

    /** All secrets in all files of a store that is closed. */
    private Set<String> secretsOnDisk() throws IOException {
        TreeSet<String> found = new TreeSet<>();
        int kept = 0;
        try (var files = Files.walk(directory)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                String bytes = Files.readString(file, StandardCharsets.ISO_8859_1);
                kept += bytes.contains("kept-1-") ? 1 : 0;
                Matcher matcher = SECRET.matcher(bytes);
                while (matcher.find()) {
                    found.add(directory.relativize(file) + ":" + matcher.group());
                }
                if (bytes.contains("Mustermann")) {
                    found.add(directory.relativize(file) + ":Mustermann");
                }
            }
        }
        assertThat(kept).as("the search finds what is there").isPositive();
        return found;
    }

    @Test
    void shouldLeaveNothingOfErasedRowsInAnyFile() throws Exception {
        try (Store store = Levee.open(directory)) {
            fill(store.createTable(spec().build()), 0, 15_000);
        }
        assertThat(secretsOnDisk()).hasSizeGreaterThan(1500);
        try (Store store = Levee.open(directory)) {
            Table<Row> runs = store.createTable(spec().build());
            // Two of the three partitions are closed, one is open with a WAL of its own.
            fill(runs, 15_000, 15_100);
            EraseReport report = runs.erase(filter());
            assertThat(report.deleted()).isEqualTo(1510);
            assertThat(report.pending()).isEmpty();
            assertThat(runs.query().count()).isEqualTo(15_100 - 1510);
            runs.append(row(new Random(0), 15_101, 10), Ack.COMMITTED).join();
        }
        assertThat(secretsOnDisk()).isEmpty();
        try (Store store = Levee.open(directory)) {
            Table<Row> runs = store.createTable(spec().build());
            assertThat(runs.query().count()).isEqualTo(15_101 - 1510);
            Row back = row(new Random(0), 0, 10);
            assertThat(runs.append(back, Ack.COMMITTED).join().updated())
                    .as("an erased key is a new one")
                    .isFalse();
            Row kept = row(new Random(0), 1, 10);
            assertThat(runs.append(kept, Ack.COMMITTED).join().updated()).isTrue();
        }
        try (Connection catalog = Connections.reader(directory.resolve("catalog.db"), Bytes.mebi(1))) {
            assertThat(Sqlite.number(catalog, "SELECT rows FROM erasures WHERE table_name='runs'"))
                    .isEqualTo(1510);
            assertThat(String.valueOf(Sqlite.value(catalog, "SELECT filter_sha256 FROM erasures")))
                    .matches("[0-9a-f]{64}");
        }
    }

    @Test
    void shouldReachWhatLiesInTheTrashForItsGrace() throws Exception {
        try (Store store =
                Levee.open(directory, o -> o.asOf(DAY1.plus(Duration.ofDays(4))).trashGrace(Duration.ofHours(1)))) {
            Table<Row> runs = store.createTable(spec().build());
            fill(runs, 0, 1500);
            store.createTable(
                    spec().retention(RetentionRule.maxAge(Duration.ofHours(84))).build());
            store.applyRetention(store.planRetention());
            assertThat(store.dropped()).hasSize(1);
            assertThat(runs.erase(filter()).pending()).isEmpty();
            assertThat(store.dropped()).isEmpty();
        }
        assertThat(secretsOnDisk()).isEmpty();
    }

    /** A text of signs that nothing else holds, so that each trigram of it is its own, however its bytes are packed. */
    private static Row indexed(TableSpec spec, int i, String text) {
        boolean secret = i % 10 == 0;
        return Row.of(spec)
                .set("id", "k" + i)
                .set("at", DAY1.plus(Duration.ofDays(i % DAYS)).plusSeconds(i))
                .set("person", secret ? "Erika Mustermann" : "p" + i % 97)
                .set("text", secret ? text + " \u9F98\u9750\u9F49 " + i : text + " kept-1- " + i)
                .set("note", i % 2 == 0 ? (secret ? "\u9F98\u9F98\u9750" : "plain") + text : null)
                .build();
    }

    /** Where the signs are: bytes of files, and words of the partitions' indexes. */
    private Set<String> signsOnDisk() throws Exception {
        TreeSet<String> found = new TreeSet<>();
        List<Path> all;
        try (var files = Files.walk(directory)) {
            all = files.filter(Files::isRegularFile).toList();
        }
        for (Path file : all) {
            String bytes = Files.readString(file, StandardCharsets.ISO_8859_1);
            for (String sign : List.of("\u9F98", "\u9750", "\u9F49", "Mustermann")) {
                String packed = new String(sign.getBytes(StandardCharsets.UTF_8), StandardCharsets.ISO_8859_1);
                if (bytes.contains(packed)) {
                    found.add(directory.relativize(file) + ":" + sign);
                }
            }
        }
        for (Path file : all.stream()
                .filter(f -> f.startsWith(directory.resolve("tables")))
                .toList()) {
            try (Connection own = DriverManager.getConnection("jdbc:sqlite:" + file)) {
                for (String table : List.of("runs_fts", PartitionSchema.details(spec().build()) + "_fts")) {
                    Sqlite.run(
                            own,
                            "CREATE VIRTUAL TABLE temp.v_" + table + " USING fts5vocab(main, '" + table + "', row)");
                    assertThat(Sqlite.number(own, "SELECT count(*) FROM v_" + table))
                            .isPositive();
                    if (Sqlite.number(
                                    own,
                                    "SELECT count(*) FROM v_" + table + " WHERE unicode(term) > 0x9000 OR term GLOB"
                                            + " '*[\u9F98\u9750\u9F49]*'")
                            > 0) {
                        found.add(directory.relativize(file) + ":" + table);
                    }
                }
            }
        }
        return found;
    }

    @Test
    void shouldLeaveNothingOfErasedRowsInTheIndexesOfTexts() throws Exception {
        TableSpec spec = spec().fulltext("text", "note").build();
        Random random = new Random(5);
        try (Store store = Levee.open(directory)) {
            Table<Row> runs = store.createTable(spec);
            for (int batch = 0; batch < 3000; batch += 300) {
                List<Row> rows = new ArrayList<>();
                for (int i = batch; i < batch + 300; i++) {
                    rows.add(indexed(spec, i, "a" + random.nextInt(1000)));
                }
                for (int i = 0; i < 100; i++) {
                    rows.add(indexed(spec, random.nextInt(batch + 1), "b" + "xyz".repeat(random.nextInt(40))));
                }
                runs.appendAll(rows, Ack.COMMITTED).join();
            }
        }
        assertThat(signsOnDisk()).hasSizeGreaterThanOrEqualTo(6 * DAYS);
        try (Store store = Levee.open(directory)) {
            Table<Row> runs = store.createTable(spec);
            // Two of the three partitions are closed, one is open with a WAL of its own.
            runs.append(indexed(spec, 3000, "c"), Ack.COMMITTED).join();
            assertThat(runs.query()
                            .where(Expr.contains("text", "\u9F98\u9750\u9F49"))
                            .count())
                    .isEqualTo(301);
            assertThat(runs.erase(filter()).deleted()).isEqualTo(301);
            assertThat(runs.query()
                            .where(Expr.contains("text", "\u9F98\u9750\u9F49"))
                            .count())
                    .isZero();
            assertThat(runs.query().where(Expr.contains("text", "KEPT-1-")).count())
                    .isEqualTo(2700);
            runs.append(indexed(spec, 3001, "d"), Ack.COMMITTED).join();
        }
        assertThat(signsOnDisk()).isEmpty();
    }

    @Test
    void shouldTellWhatReadersKeepAndReachItLater() throws Exception {
        try (Store store = Levee.open(directory)) {
            Table<Row> runs = store.createTable(spec().build());
            fill(runs, 0, 9000);
            // A statement in the middle of its rows; a query whose reader is behind has none.
            Path file = directory.resolve("tables/runs/2026-05-01.db");
            Connection reading = Connections.reader(file, Bytes.mebi(1));
            try {
                Sqlite.run(reading, "BEGIN");
                assertThat(Sqlite.number(reading, "SELECT count(*) FROM runs")).isPositive();
                EraseReport report = runs.erase(filter());
                assertThat(report.deleted()).isEqualTo(900);
                assertThat(report.pending()).singleElement().asString().contains("runs/2026-05-01");
            } finally {
                Connections.close(file, reading);
            }
        }
        // Closed without being rewritten: the next opener does that by itself.
        try (Store store = Levee.open(directory)) {
            await().atMost(Duration.ofSeconds(60)).until(() -> allChecked() == DAYS);
            assertThat(store.partitions()).extracting(PartitionInfo::state).containsOnly(PartitionInfo.State.CLOSED);
        }
        assertThat(secretsOnDisk()).isEmpty();
    }

    /** What could not be rewritten in one life of the store is rewritten in the next that can. */
    @Test
    void shouldRewriteAfterAStartWhatCouldNotBeBefore() throws Exception {
        Path inTheWay = directory.resolve("tmp/rewrite.db/x");
        try (Store store = Levee.open(directory)) {
            Table<Row> runs = store.createTable(spec().build());
            fill(runs, 0, 2000);
            Files.createDirectories(inTheWay);
            assertThat(runs.erase(filter()).pending()).isNotEmpty();
        }
        try (Store store = Levee.open(directory)) {
            Files.createDirectories(inTheWay);
            await().atMost(Duration.ofSeconds(60))
                    .until(() -> store.status().tasks().stream()
                            .anyMatch(t -> t.name().equals("levee-maintenance") && t.failures() > 0));
            assertThat(allChecked()).isZero();
        }
        Files.deleteIfExists(inTheWay);
        Files.deleteIfExists(inTheWay.getParent());
        try (Store store = Levee.open(directory)) {
            await().atMost(Duration.ofSeconds(60)).until(() -> allChecked() == DAYS);
            assertThat(store.partitions()).hasSize(DAYS);
        }
        assertThat(secretsOnDisk()).isEmpty();
    }

    /** How many partitions maintenance has done with. */
    private long allChecked() throws SQLException {
        Path catalog = directory.resolve("catalog.db");
        Connection connection = Connections.reader(catalog, Bytes.mebi(1));
        try {
            return Sqlite.number(connection, "SELECT count(*) FROM partitions WHERE checksum IS NOT NULL");
        } finally {
            Connections.close(catalog, connection);
        }
    }

    @Test
    void shouldReachWhatDropsLeftBehind() throws Exception {
        TableSpec retained =
                spec().retention(RetentionRule.maxAge(Duration.ofDays(10))).build();
        try (Store store = Levee.open(directory, o -> o.asOf(DAY1.plus(Duration.ofDays(3))))) {
            fill(store.createTable(spec().build()), 0, 9000);
        }
        try (Store store = Levee.open(directory, o -> o.asOf(DAY1.plus(Duration.ofHours(24 * 11 + 1))))) {
            Table<Row> runs = store.createTable(retained);
            EraseReport held;
            try (Result<Row> reading = runs.query().oldestFirst().run()) {
                assertThat(reading.iterator().next()).isNotNull();
                assertThat(store.applyRetention(store.planRetention()).dropped())
                        .hasSize(1);
                held = runs.erase(filter());
                assertThat(held.deleted()).isEqualTo(600);
                assertThat(held.pending()).singleElement().asString().contains("runs/2026-05-01");
            }
            await().atMost(Duration.ofSeconds(60))
                    .until(() -> runs.erase(filter()).pending().isEmpty());
            assertThat(runs.query().count()).isEqualTo(5400);
            assertThat(store.count(Query.builder("runs").where(filter()).build()))
                    .isZero();
        }
        assertThat(secretsOnDisk()).isEmpty();
    }

    @Test
    void shouldGoOnWritingWhileItErases() {
        try (Store store = Levee.open(directory)) {
            Table<Row> runs = store.createTable(spec().build());
            fill(runs, 0, 3000);
            Thread writing = new Thread(() -> fill(runs, 100_000, 102_000));
            writing.start();
            long deleted = 0;
            while (writing.isAlive()) {
                deleted += runs.erase(filter()).deleted();
            }
            deleted += runs.erase(filter()).deleted();
            // Rows that were updated after they were erased are new ones, and erased again.
            assertThat(deleted).isGreaterThanOrEqualTo(500);
            assertThat(runs.query().where(filter()).count()).isZero();
            assertThat(runs.query().count()).isGreaterThanOrEqualTo(4500);
            assertThat(store.status().lost()).isZero();
            assertThat(runs.update(
                                    Map.of("text", "z"),
                                    Ack.COMMITTED,
                                    row(new Random(0), 1, 5).get("id"))
                            .join())
                    .isTrue();
        }
    }
}
