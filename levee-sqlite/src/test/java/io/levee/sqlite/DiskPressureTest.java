package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;

import io.levee.Ack;
import io.levee.Bytes;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.Health;
import io.levee.Levee;
import io.levee.LeveeException;
import io.levee.Overflow;
import io.levee.PartitionBy;
import io.levee.Query;
import io.levee.RetentionEvent;
import io.levee.RetentionRule;
import io.levee.Row;
import io.levee.SqlQuery;
import io.levee.SqlResult;
import io.levee.Store;
import io.levee.StoreStatus;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.engine.Execution;
import io.levee.engine.WriteRow.Outcome;
import io.levee.internal.memory.ThreadWrites;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What queries keep on disk gives way to the cap: their sorts, and what was dropped while they read it (G85, G86, G93). */
class DiskPressureTest {
    private static final Instant DAY1 = Instant.parse("2026-05-10T00:00:00Z");
    private static final TableSpec SPEC = spec(RetentionRule.KEEP_ALL);
    private static final String TEXT = "x".repeat(500);
    private static final int A_DAY = 4000;

    @TempDir
    Path directory;

    private static TableSpec spec(RetentionRule rule) {
        return TableSpec.builder("events")
                .column("i", ColumnType.INTEGER)
                .column("at", ColumnType.TIMESTAMP)
                .column("text", ColumnType.TEXT)
                .time("at")
                .partitionBy(PartitionBy.DAY)
                .retention(rule)
                .build();
    }

    private static void append(Table<Row> events, long from, long to) {
        List<Row> rows = new ArrayList<>();
        for (long i = from; i < to; i++) {
            rows.add(Row.of(SPEC)
                    .set("i", i)
                    .set("at", DAY1.plus(Duration.ofDays(i / A_DAY)).plusMillis(i % A_DAY))
                    .set("text", Long.toHexString(i * 0x9E3779B97F4A7C15L) + TEXT)
                    .build());
        }
        events.appendAll(rows, Ack.COMMITTED, Overflow.block(Duration.ofSeconds(30)))
                .join();
    }

    private static void fill(Table<Row> events, long from, long to) {
        for (long i = from; i < to; i += 1000) {
            append(events, i, i + 1000);
        }
    }

    /** Looks all the time at what the store takes, what has no name any more included. */
    private static final class Watch implements AutoCloseable {
        private final AtomicLong most = new AtomicLong();
        private final Thread thread;
        private volatile boolean over;

        Watch(Path home) {
            StorePaths paths = new StorePaths(home);
            thread = new Thread(() -> {
                while (!over) {
                    StoreStatus.Disk disk = Volume.measure(paths, 0, Map.of());
                    // Sorts lie with the first store of the process.
                    long elsewhere = Unlinked.sorts() - disk.byPart().getOrDefault(Volume.SORTS, 0L);
                    most.accumulateAndGet(disk.bytes() + Math.max(0, elsewhere), Math::max);
                    LockSupport.parkNanos(1_000_000);
                }
            });
            thread.start();
        }

        long most() {
            return most.get();
        }

        @Override
        public void close() {
            over = true;
            try {
                thread.join();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
    }

    private static SqlResult open(Store store, String sql) {
        return store.sql(new SqlQuery(sql, Long.MIN_VALUE, Long.MAX_VALUE, Duration.ofMinutes(2)));
    }

    /** A query that nobody reads on keeps the oldest partitions: the writer waits for its end, and not for its lease of minutes. */
    @Test
    void shouldEndAQueryThatKeepsWhatWasDropped() throws Exception {
        Bytes cap = Bytes.mebi(16);
        Path home = directory.resolve("store");
        try (Store store = Levee.open(home, o -> o.disk(cap).asOf(DAY1))) {
            Table<Row> events = store.createTable(SPEC);
            fill(events, 0, 20_000);
            try (Watch watch = new Watch(home);
                    SqlResult rows = open(store, "SELECT i, text FROM events")) {
                assertThat(rows.iterator().next()).isNotNull();
                fill(events, 20_000, 40_000);
                assertThat(watch.most()).isBetween(cap.value() / 2, cap.value());
                LeveeException end = catchThrowableOfType(
                        LeveeException.class, () -> rows.iterator().forEachRemaining(row -> {}));
                assertThat(end).isNotNull();
                assertThat(end.code()).isEqualTo(ErrorCode.LEASE_EXPIRED);
                assertThat(end.what()).contains("were dropped, and their space is needed");
            }
            assertThat(store.status().lost()).isZero();
            assertThat(store.status().stored()).isEqualTo(40_000);
        }
    }

    /** As somebody would whom nobody can ask to end, the copy of a file to a slow disk among them. */
    private static Map<Path, Connection> hold(Path home, int oldest) throws Exception {
        Map<Path, Connection> held = new HashMap<>();
        try (Stream<Path> files = Files.list(home.resolve("tables/events"))) {
            for (Path file : files.filter(f -> f.toString().endsWith(".db"))
                    .sorted()
                    .limit(oldest)
                    .toList()) {
                Connection connection = Connections.reader(file, Bytes.kibi(64));
                held.put(file, connection);
                Sqlite.value(connection, "SELECT count(*) FROM events");
            }
        }
        return held;
    }

    /**
     * Who cannot be ended keeps all that is dropped: the rows wait, and health says for what, in figures; when it lets go they are written.
     */
    @Test
    void shouldSayWhatKeepsRowsFromBeingWritten() throws Exception {
        Bytes cap = Bytes.mebi(16);
        Path home = directory.resolve("store");
        try (Store store = Levee.open(home, o -> o.disk(cap).asOf(DAY1))) {
            Table<Row> events = store.createTable(SPEC);
            fill(events, 0, 20_000);
            CompletableFuture<Void> rest;
            Map<Path, Connection> held = hold(home, Integer.MAX_VALUE);
            try {
                rest = CompletableFuture.runAsync(() -> fill(events, 20_000, 30_000));
                await().until(() -> store.status().health().reasons().toString().contains("of dropped partitions"));
                Health health = store.status().health();
                assertThat(health.state()).isEqualTo(Health.State.DOWN);
                assertThat(health.reasons().toString())
                        .contains("DISK_FULL", "of its cap of 16.0 MiB, and the next rows may need");
                assertThat(rest).isNotDone();
            } finally {
                held.forEach(Connections::closeQuietly);
            }
            rest.join();
            assertThat(store.status().lost()).isZero();
            assertThat(store.status().stored()).isEqualTo(30_000);
        }
    }

    /** Who cannot be ended keeps one that was dropped: more history goes for the rows that wait, and none of them is lost. */
    @Test
    void shouldRatherDropHistoryThanRecordsForWhatNobodyGivesBack() throws Exception {
        Bytes cap = Bytes.mebi(16);
        Path home = directory.resolve("store");
        try (Store store = Levee.open(home, o -> o.disk(cap).asOf(DAY1))) {
            Table<Row> events = store.createTable(SPEC);
            fill(events, 0, 8000);
            Map<Path, Connection> held = hold(home, 1);
            try (Watch watch = new Watch(home)) {
                fill(events, 8000, 30_000);
                assertThat(watch.most()).isBetween(cap.value() / 2, cap.value());
                assertThat(store.retentionEvents("events", 1000))
                        .anyMatch(event -> event.reason().contains("dropped already, and somebody keeps them"));
            } finally {
                held.forEach(Connections::closeQuietly);
            }
            assertThat(store.status().lost()).isZero();
            assertThat(store.status().stored()).isEqualTo(30_000);
        }
    }

    /** What was refused counts as about to be written: a sort that leaves no room for it is ended, not waited for. */
    @Test
    void shouldLeaveSortsNoRoomThatRowsWereRefused() throws Exception {
        try (OpenEngine store = new OpenEngine(directory.resolve("capped"), o -> o.disk(Bytes.mebi(64)))) {
            store.append(List.of(OpenEngine.row(0, 0)), Ack.COMMITTED);
            Files.write(
                    directory.resolve("capped/ballast"),
                    new byte[(int) Bytes.mebi(57).value()]);
            store.engine.disk();
            // A quarter of the headroom is theirs, whatever rows may need.
            assertThat(store.engine.temporaryRoom()).isGreaterThan(Bytes.mebi(2).value());
            String large = "x".repeat(5_000_000);
            await().until(() -> {
                assertThat(store.append(OpenEngine.row(1, 0, large))).containsExactly(Outcome.RETRY);
                return store.engine.temporaryRoom() == Bytes.mebi(2).value();
            });
        }
    }

    /** What was dropped by age and is still read keeps its place: history that is within its promise does not go for it. */
    @Test
    void shouldRatherEndAQueryThanDropHistory() throws Exception {
        Bytes cap = Bytes.mebi(32);
        Path home = directory.resolve("store");
        // Without a cap: a fast machine's logs would meet it, and history would go before there is a query.
        try (Store store = Levee.open(home, o -> o.asOf(DAY1))) {
            fill(store.createTable(SPEC), 0, 30_000);
        }
        // All are closed by now: the query keeps none from being dropped.
        try (Store store = Levee.open(home, o -> o.disk(cap).asOf(DAY1).retentionEvery(Duration.ofHours(1)))) {
            Table<Row> events = store.createTable(SPEC);
            try (SqlResult rows = open(store, "SELECT i, text FROM events")) {
                assertThat(rows.iterator().next()).isNotNull();
                store.createTable(spec(RetentionRule.maxAge(Duration.ofDays(2))));
                // Five of seven and a half days.
                assertThat(store.applyRetention(store.planRetention()).blocked())
                        .isEmpty();
                long left = store.count(Query.builder("events").build());
                assertThat(left).isBetween(5000L, 10_000L);
                await().until(() -> store.status().disk().byPart().getOrDefault(Volume.KEPT, 0L)
                        > Bytes.mebi(8).value());
                long written = 30_000;
                for (; !store.queries().isEmpty() && written < 70_000; written += 1000) {
                    append(events, written, written + 1000);
                }
                assertThat(catchThrowableOfType(
                                        LeveeException.class,
                                        () -> rows.iterator().forEachRemaining(row -> {}))
                                .code())
                        .isEqualTo(ErrorCode.LEASE_EXPIRED);
                assertThat(store.count(Query.builder("events").build())).isEqualTo(left + written - 30_000);
                assertThat(store.retentionEvents("events", 100))
                        .noneMatch(event -> event.rule() == RetentionEvent.Rule.SPACE);
            }
        }
    }

    /**
     * A sort ends while it writes, before it passes the cap; not with the next look at the files. Also where its files lie with another
     * store, the first one of the process, or where SQLite puts them once that one is gone.
     */
    @Test
    void shouldEndASortBeforeItPassesTheCap() throws Exception {
        Bytes cap = Bytes.mebi(32);
        Path home = directory.resolve("store");
        Levee.open(directory.resolve("first")).close();
        // Without a cap: a fast machine's logs would meet it, history would go, and what is left could fit.
        try (Store store = Levee.open(home, o -> o.asOf(DAY1))) {
            fill(store.createTable(SPEC), 0, 30_000);
        }
        try (Store store = Levee.open(home, o -> o.disk(cap).asOf(DAY1).retentionEvery(Duration.ofHours(1)))) {
            // The reserve of a store without a cap is larger, until the first look.
            await().until(() ->
                    Volume.measure(new StorePaths(home), 0, Map.of()).bytes() < cap.value());
            try (Watch watch = new Watch(home)) {
                for (int i = 0; i < 5; i++) {
                    // Four times what is stored, so more than the cap, whatever the machine's speed has left in logs.
                    try (SqlResult rows = open(
                            store,
                            "SELECT text || n, count(*) FROM events, (SELECT 1 AS n UNION ALL SELECT 2 UNION ALL SELECT 3"
                                    + " UNION ALL SELECT 4) GROUP BY 1")) {
                        LeveeException e = catchThrowableOfType(
                                LeveeException.class, () -> rows.iterator().next());
                        assertThat(e).isNotNull();
                        assertThat(e.code()).isEqualTo(ErrorCode.LIMIT_EXCEEDED);
                        assertThat(e.what()).contains("sorts", "temporary files");
                    }
                }
                assertThat(watch.most()).isBetween(cap.value() / 2, cap.value());
            }
            assertThat(store.count(Query.builder("events").build())).isEqualTo(30_000);
            // What fits is sorted.
            try (SqlResult rows = open(store, "SELECT text, count(*) FROM events WHERE i >= 28000 GROUP BY text")) {
                assertThat(rows.iterator()).toIterable().hasSize(2000);
            }
        }
    }

    /** Of a sort of some 40 MB no more is written than its room and a run of the sorter, however fast it is. */
    @Test
    void shouldAskASortWhileItWrites() throws Exception {
        Path tmp = directory.resolve("tmp");
        Files.createDirectories(tmp);
        Connections.prepare(tmp);
        SortRoom room = new SortRoom(Unlinked::sorts, () -> Bytes.mebi(4).value());
        Execution execution = new Execution(1, "a sort", System.nanoTime(), Duration.ofMinutes(1));
        try (Connection connection = Connections.memory(Bytes.mebi(1), 10);
                Statement statement = connection.createStatement()) {
            room.guard(connection).runs(execution);
            ThreadWrites writes = ThreadWrites.begin();
            assertThatThrownBy(() -> execution.<SQLException>interruptibly(
                            () -> {},
                            () -> statement.executeQuery("WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL"
                                    + " SELECT i + 1 FROM c WHERE i < 400000)"
                                    + " SELECT x, count(*) FROM (SELECT hex(randomblob(40)) AS x FROM c) GROUP BY x")))
                    .isInstanceOf(SQLException.class)
                    .hasMessageContaining("INTERRUPT");
            assertThat(writes.bytes()).isBetween(1L, Bytes.mebi(8).value());
            assertThatThrownBy(execution::check).hasMessageContaining("LIMIT_EXCEEDED");
        }
    }

    /** A floor is looked at after each batch, as the cap is. */
    @Test
    void shouldAskForRoomAfterABatchThatLeavesLessThanTheFloor() {
        AtomicLong free = new AtomicLong(1000);
        AtomicInteger asked = new AtomicInteger();
        DiskFigure figure = new DiskFigure(new StorePaths(directory), null, new Bytes(500), free::get, Long.MAX_VALUE);
        figure.onTight(asked::incrementAndGet);
        assertThat(figure.watched()).isTrue();
        figure.begin();
        figure.looked();
        assertThat(asked).hasValue(0);
        free.set(499);
        figure.begin();
        figure.looked();
        assertThat(asked).hasValue(1);
        free.set(-1);
        figure.looked();
        assertThat(asked).as("nobody knows").hasValue(1);
    }
}
