package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.levee.Ack;
import io.levee.Bytes;
import io.levee.Column;
import io.levee.ColumnType;
import io.levee.Expr;
import io.levee.Levee;
import io.levee.PartitionBy;
import io.levee.Query;
import io.levee.RetentionRule;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.Tail;
import io.levee.testkit.ChildJvm;
import io.levee.testkit.Gen;
import io.levee.testkit.Property;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Every committed number comes to a tail, in order, whatever partition it is in. */
class TailTest {
    private static final Instant DAY1 = Instant.parse("2026-05-01T12:00:00Z");

    @TempDir
    Path directory;

    private static TableSpec.Builder spec() {
        return TableSpec.builder("runs")
                .column("id", ColumnType.TEXT)
                .column("at", ColumnType.TIMESTAMP)
                .column("n", ColumnType.INTEGER)
                .column(new Column("note", ColumnType.TEXT, true, false, null))
                .time("at")
                .key("id")
                .partitionBy(PartitionBy.DAY);
    }

    private static Row row(String id, int day, long n) {
        return Row.of(spec().build())
                .set("id", id)
                .set("at", DAY1.plus(Duration.ofDays(day)))
                .set("n", n)
                .set("note", "note of " + id)
                .build();
    }

    private static void append(Table<Row> table, String id, int day, long n) {
        table.append(row(id, day, n), Ack.COMMITTED).join();
    }

    /** All that is there now, page by page. */
    private static List<Tail.Entry<Row>> all(Table<Row> table, long after) {
        List<Tail.Entry<Row>> all = new ArrayList<>();
        try (Tail<Row> tail = table.tail(after)) {
            for (Tail.Batch<Row> batch = tail.poll(Duration.ZERO);
                    !batch.entries().isEmpty();
                    batch = tail.poll(Duration.ZERO)) {
                all.addAll(batch.entries());
            }
        }
        return all;
    }

    private static List<Object> ns(List<Tail.Entry<Row>> entries) {
        return entries.stream().map(e -> e.value().get("n")).toList();
    }

    @Test
    void shouldGiveRowsOfAllPartitionsInTheOrderOfTheirLastChange() {
        try (Store store = Levee.open(directory)) {
            Table<Row> runs = store.createTable(spec().build());
            append(runs, "a", 5, 1);
            append(runs, "b", 0, 2);
            append(runs, "c", 3, 3);
            append(runs, "b", 0, 4);
            append(runs, "d", 5, 5);
            List<Tail.Entry<Row>> entries = all(runs, 0);
            assertThat(ns(entries)).containsExactly(1L, 3L, 4L, 5L);
            assertThat(entries).extracting(Tail.Entry::number).isSorted().doesNotHaveDuplicates();
            assertThat(entries.get(2).value().get("note")).isEqualTo("note of b");
            long known = entries.get(3).number();
            runs.update(Map.of("n", 6L), Ack.COMMITTED, "a").join();
            assertThat(ns(all(runs, known))).containsExactly(6L);
        }
        try (Store store = Levee.open(directory)) {
            Table<Row> runs = store.createTable(spec().build());
            assertThat(ns(all(runs, 0))).containsExactly(3L, 4L, 5L, 6L);
            append(runs, "e", 1, 7);
            runs.update(Map.of("n", 8L), Ack.COMMITTED, "c").join();
            runs.delete(Ack.COMMITTED, "d").join();
            assertThat(ns(all(runs, 0))).containsExactly(4L, 6L, 7L, 8L);
        }
        try (Store store = Levee.openReadOnly(directory)) {
            assertThat(ns(all(store.table("runs"), 0))).containsExactly(4L, 6L, 7L, 8L);
        }
    }

    @Test
    void shouldGoOnWhereAPageEnded() {
        try (Store store = Levee.open(directory)) {
            Table<Row> runs = store.createTable(spec().build());
            List<Row> rows = new ArrayList<>();
            for (int i = 0; i < 5000; i++) {
                rows.add(row("k" + i, i % 60, i));
            }
            runs.appendAll(rows, Ack.COMMITTED).join();
            List<Tail.Entry<Row>> entries = all(runs, 0);
            assertThat(entries).hasSize(5000);
            assertThat(entries).extracting(Tail.Entry::number).isSorted().doesNotHaveDuplicates();
        }
    }

    @Test
    void shouldSayWhatRetentionDroppedUnread() {
        try (Store store = Levee.open(directory, o -> o.asOf(DAY1))) {
            Table<Row> runs = store.createTable(spec().build());
            append(runs, "a", 0, 1);
            append(runs, "b", 1, 2);
        }
        TableSpec retained =
                spec().retention(RetentionRule.maxAge(Duration.ofDays(5))).build();
        try (Store store = Levee.open(directory, o -> o.asOf(DAY1.plus(Duration.ofDays(6))))) {
            Table<Row> runs = store.createTable(retained);
            append(runs, "c", 6, 3);
            long read = all(runs, 0).get(0).number();
            try (Tail<Row> late = runs.tail(0);
                    Tail<Row> inTime = runs.tail(read)) {
                assertThat(store.applyRetention(store.planRetention()).dropped())
                        .hasSize(1);
                Tail.Batch<Row> batch = late.poll(Duration.ZERO);
                assertThat(batch.missed()).isEqualTo(new Tail.Missed(0, read));
                assertThat(ns(batch.entries())).containsExactly(2L, 3L);
                assertThat(inTime.poll(Duration.ZERO).missed()).isNull();
            }
        }
        try (Store store = Levee.openReadOnly(directory)) {
            Table<Row> runs = store.table("runs");
            try (Tail<Row> late = runs.tail(0)) {
                assertThat(late.poll(Duration.ZERO).missed()).isNotNull();
            }
        }
    }

    /** Appends and updates over many days as fast as it can, and says each row's last number at the end. */
    static final class Writer {
        private Writer() {}

        public static void main(String[] arguments) {
            try (Store store = Levee.open(Path.of(arguments[0]))) {
                Table<Row> runs = store.createTable(spec().build());
                append(runs, "first", 0, 0);
                System.out.println("ready");
                Random random = new Random(7);
                for (int batch = 0; batch < 60; batch++) {
                    List<Row> rows = new ArrayList<>();
                    for (int i = 0; i < 100; i++) {
                        // Half of them change a row that is there; its day stays.
                        int key = random.nextBoolean() ? batch * 100 + i : random.nextInt(batch * 100 + 1);
                        rows.add(row("k" + key, key % 12, batch));
                    }
                    runs.appendAll(rows, Ack.COMMITTED).join();
                }
            }
            System.out.println("done");
        }
    }

    @Test
    void shouldSkipNoCommitBesideAWriterOfAnotherProcess() {
        Map<String, Long> last = new HashMap<>();
        List<Long> numbers = new ArrayList<>();
        try (ChildJvm writer = ChildJvm.start(Writer.class, directory.toString())) {
            writer.linesUntil("ready");
            try (Store store = Levee.openReadOnly(directory);
                    Tail<Row> tail = store.table("runs").tail(0)) {
                CompletableFuture<Void> ended = CompletableFuture.runAsync(() -> writer.linesUntil("done"));
                boolean more = true;
                while (more) {
                    boolean over = ended.isDone();
                    Tail.Batch<Row> batch = tail.poll(Duration.ofMillis(1));
                    assertThat(batch.missed()).isNull();
                    batch.entries().forEach(entry -> {
                        numbers.add(entry.number());
                        last.put(String.valueOf(entry.value().get("id")), entry.number());
                    });
                    more = !over || !batch.entries().isEmpty();
                }
            }
            assertThat(writer.await(Duration.ofSeconds(60))).isZero();
        }
        assertThat(numbers).isSorted().doesNotHaveDuplicates();
        // Whoever followed knows the newest version of every row.
        Map<String, Long> stored = new HashMap<>();
        try (Store store = Levee.openReadOnly(directory)) {
            all(store.table("runs"), 0)
                    .forEach(e -> stored.put(String.valueOf(e.value().get("id")), e.number()));
            assertThat(stored)
                    .hasSize(Math.toIntExact(store.count(Query.builder("runs").build())));
        }
        assertThat(last).isEqualTo(stored);
    }

    @Test
    void shouldGiveWhatAModelGives() {
        AtomicInteger trials = new AtomicInteger();
        Property.check(
                "tail = model", 20, gen -> new Trial(gen, directory.resolve("t" + trials.incrementAndGet())).run());
    }

    /** Rows by key in the order of their last change, and followers that come and go. */
    private static final class Trial {
        private final Gen gen;
        private final Path home;
        private final LinkedHashMap<String, Long> rows = new LinkedHashMap<>();
        private final Map<String, Object> followed = new LinkedHashMap<>();
        private Store store;
        private Table<Row> table;
        private long position;
        private long values;

        Trial(Gen gen, Path home) {
            this.gen = gen;
            this.home = home;
            store = Levee.open(home);
            table = store.createTable(spec().build());
        }

        void run() {
            try {
                for (int i = gen.between(3, 6 + gen.size() / 4); i > 0; i--) {
                    switch (gen.between(0, 6)) {
                        case 0 -> {
                            store.close();
                            store = Levee.open(home);
                            table = store.createTable(spec().build());
                        }
                        case 1 -> {
                            String id = "k" + gen.between(0, 40);
                            assertThat(table.delete(Ack.COMMITTED, id).join()).isEqualTo(rows.remove(id) != null);
                        }
                        case 2 -> follow();
                        default -> write();
                    }
                }
                follow();
                assertThat(ns(all(table, 0))).as("all in order").isEqualTo(List.copyOf(rows.values()));
                followed.keySet().retainAll(rows.keySet());
                assertThat(followed).as("what a follower knows").isEqualTo(rows);
            } finally {
                store.close();
            }
        }

        private void write() {
            List<Row> batch = gen.list(1, () -> row("k" + gen.between(0, 60), gen.between(0, 6), ++values));
            table.appendAll(batch, Ack.COMMITTED).join();
            // Within a batch the store numbers changes before new rows, partition by partition: read what it made of
            // it.
            batch.forEach(r -> rows.remove(String.valueOf(r.get("id"))));
            batch.forEach(r -> rows.put(String.valueOf(r.get("id")), (Long) r.get("n")));
            LinkedHashMap<String, Long> ordered = new LinkedHashMap<>();
            long before = Long.MIN_VALUE;
            for (Tail.Entry<Row> entry : all(table, 0)) {
                assertThat(entry.number()).isGreaterThan(before);
                before = entry.number();
                String id = String.valueOf(entry.value().get("id"));
                assertThat(rows).containsEntry(id, (Long) entry.value().get("n"));
                assertThat(ordered.put(id, rows.get(id))).as("once only").isNull();
            }
            assertThat(ordered).hasSameSizeAs(rows);
            // Older rows keep their place before those of the batch.
            assertThat(List.copyOf(ordered.keySet()).subList(0, rows.size() - distinct(batch)))
                    .isEqualTo(List.copyOf(rows.keySet()).subList(0, rows.size() - distinct(batch)));
            rows.clear();
            rows.putAll(ordered);
        }

        private static int distinct(List<Row> batch) {
            return Math.toIntExact(
                    batch.stream().map(r -> r.get("id")).distinct().count());
        }

        private void follow() {
            for (Tail.Entry<Row> entry : all(table, position)) {
                assertThat(entry.number()).isGreaterThan(position);
                position = entry.number();
                followed.put(
                        String.valueOf(entry.value().get("id")), entry.value().get("n"));
            }
        }
    }

    @Test
    void shouldOpenNoClosedPartitionThatHasNothingNew() throws IOException {
        try (Store store = Levee.open(directory)) {
            Table<Row> runs = store.createTable(spec().build());
            List<Row> rows = new ArrayList<>();
            for (int i = 0; i < 6000; i++) {
                rows.add(row("k" + i, i % 60, i));
            }
            runs.appendAll(rows, Ack.COMMITTED).join();
        }
        try (Store store = Levee.openReadOnly(directory)) {
            Table<Row> runs = store.table("runs");
            try (Tail<Row> tail = runs.tail(Tail.NOW)) {
                assertThat(tail.poll(Duration.ZERO).entries()).isEmpty();
                Path tables = directory.resolve("tables");
                Path away = Files.move(tables, directory.resolve("away"));
                // A poll that wanted any of the 60 files would miss it, and say so.
                assertThat(tail.poll(Duration.ZERO).entries()).isEmpty();
                Files.move(away, tables);
                assertThat(runs.query().count()).isEqualTo(6000);
            }
            try (Tail<Row> tail = runs.tail(5_990)) {
                Path tables = directory.resolve("tables");
                Files.move(tables, directory.resolve("away"));
                assertThatThrownBy(() -> tail.poll(Duration.ZERO)).hasMessageContaining("file is missing");
                Files.move(directory.resolve("away"), tables);
            }
        }
    }

    @Test
    void shouldSearchByNumberAndNeverScan() throws Exception {
        try (Store store = Levee.open(directory)) {
            append(store.createTable(spec().build()), "a", 0, 1);
        }
        Path file = directory.resolve("tables/runs/2026-05-01.db");
        Connection connection = Connections.reader(file, Bytes.mebi(1));
        try {
            for (String sql : TailScan.statements(spec().build())) {
                List<String> plan = new ArrayList<>();
                try (Statement statement = connection.createStatement();
                        ResultSet steps = statement.executeQuery("EXPLAIN QUERY PLAN " + sql.replace("?", "5"))) {
                    while (steps.next()) {
                        plan.add(steps.getString("detail"));
                    }
                }
                assertThat(plan)
                        .as(sql)
                        .isNotEmpty()
                        .allSatisfy(step -> assertThat(step).startsWith("SEARCH"));
            }
        } finally {
            Connections.close(file, connection);
        }
    }

    @Test
    void shouldOpenAStoreOfBeforeAndAddWhatItLacks() throws Exception {
        try (Store store = Levee.open(directory)) {
            Table<Row> runs = store.createTable(spec().build());
            append(runs, "a", 0, 1);
            append(runs, "b", 1, 2);
            append(runs, "a", 0, 3);
        }
        Path catalog = directory.resolve("catalog.db");
        try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + catalog)) {
            for (String sql : List.of(
                    "ALTER TABLE tables DROP COLUMN floor_time",
                    "ALTER TABLE tables DROP COLUMN dropped_seq",
                    "ALTER TABLE partitions DROP COLUMN min_seq",
                    "ALTER TABLE partitions DROP COLUMN max_seq",
                    "DROP TABLE erasures")) {
                Sqlite.run(connection, sql);
            }
        }
        try (Store store = Levee.openReadOnly(directory)) {
            Table<Row> runs = store.table("runs");
            assertThat(ns(all(runs, 0))).containsExactly(2L, 3L);
            assertThat(ns(all(runs, 0))).containsExactly(2L, 3L);
        }
        try (Store store = Levee.open(directory)) {
            Table<Row> runs = store.createTable(spec().build());
            assertThat(ns(all(runs, 0))).containsExactly(2L, 3L);
            append(runs, "b", 1, 4);
            assertThat(ns(all(runs, 0))).containsExactly(3L, 4L);
            assertThat(runs.erase(Expr.eq("id", "a")).deleted()).isEqualTo(1);
        }
    }
}
