package io.levee.testkit.drill;

import io.levee.Ack;
import io.levee.Levee;
import io.levee.Overflow;
import io.levee.PartitionBy;
import io.levee.RetentionRule;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.testkit.fault.ChildProcess;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;

/**
 * A process of {@link RetentionDrill}: as much goes as comes in. Each second of it is an hour of the history, of which three are kept; the
 * rate is a quarter more than one SQLite file takes while as much is deleted.
 */
public final class SustainChild {
    private static final int KEPT_HOURS = 3;
    private static final int BATCH = 5000;
    private static final long TICK_NANOS = TimeUnit.MILLISECONDS.toNanos(10);
    private static final long SECOND = TimeUnit.SECONDS.toNanos(1);

    /** Of what one file takes with its deletes. */
    private static final double SHARE = 1.25;

    /** The first seconds of it are not measured. */
    private static final int WARM_SECONDS = 4;

    private static final int MEASURED_SECONDS = 6;

    private final AtomicLong accepted = new AtomicLong();
    private final AtomicLong committed = new AtomicLong();

    /** What the clock of the history shows. */
    private volatile Instant now = Invocations.LIVE.minus(Duration.ofHours(WARM_SECONDS + MEASURED_SECONDS));

    private SustainChild() {}

    /** {@code DELETE FILE SECONDS} or {@code LEVEE DIRECTORY SECONDS RATE}. */
    public static void main(String[] args) throws Exception {
        ChildProcess.endWithParent();
        SustainChild child = new SustainChild();
        int seconds = Integer.parseInt(args[2]);
        if (args[0].equals("DELETE")) {
            child.old(Path.of(args[1]), seconds);
        } else {
            child.levee(Path.of(args[1]), seconds, Long.parseLong(args[3]));
        }
        System.out.flush();
        // What still waits is none of the figures.
        Runtime.getRuntime().halt(0);
    }

    private static void say(String what, Object value) {
        System.out.println(what + " " + value);
    }

    /** Takes a piece of what comes in. */
    private interface Taker {
        void take(List<Object[]> runs);
    }

    /** Hands runs over at a rate, and says each second how many wait. */
    private void feed(int seconds, long rate, Taker taker) {
        long start = System.nanoTime();
        long made = 0;
        int told = 0;
        while (told < seconds) {
            long passed = System.nanoTime() - start;
            List<Object[]> piece = new ArrayList<>();
            for (long due = (long) (rate * (passed / (double) SECOND)); made < due && piece.size() < BATCH; made++) {
                now = Invocations.LIVE.plusNanos((long) (made / (double) rate * 3600e9));
                piece.add(Invocations.run((1L << 40) + made, now));
            }
            if (!piece.isEmpty()) {
                accepted.addAndGet(piece.size());
                taker.take(piece);
            }
            if (passed / SECOND > told) {
                told++;
                say("queue", accepted.get() - committed.get());
            }
            if (piece.size() < BATCH) {
                LockSupport.parkNanos(TICK_NANOS);
            }
        }
        say("waiting", accepted.get() - committed.get());
    }

    private void levee(Path directory, int seconds, long rate) {
        TableSpec.Builder spec =
                TableSpec.builder(Invocations.TABLE).time("finished_at").key("task_id");
        Invocations.spec(Duration.ofDays(1)).columns().forEach(spec::column);
        Store store = Levee.open(
                directory,
                o -> o.asOf(Invocations.LIVE)
                        .retentionEvery(Duration.ofSeconds(1))
                        .trashGrace(Duration.ZERO));
        Table<Row> runs = store.createTable(spec.index("task_name", "finished_at")
                .partitionBy(PartitionBy.HOUR)
                .retention(RetentionRule.maxAge(Duration.ofHours(KEPT_HOURS)))
                .build());
        feed(seconds, rate, piece -> {
            List<Row> rows = piece.stream()
                    .map(values -> Invocations.row(runs.spec(), values))
                    .toList();
            CompletableFuture<?> unused = runs.appendAll(rows, Ack.COMMITTED, Overflow.dropOldest())
                    .thenRun(() -> committed.addAndGet(rows.size()));
        });
        say("partitions", store.partitions().size());
    }

    private void old(Path file, int seconds) throws Exception {
        try (OneTable table = new OneTable(file)) {
            OldWriter writer = new OldWriter(table::write);
            Thread prune = new Thread(table::prune, "prune");
            prune.setDaemon(true);
            prune.start();
            long rate = (long) (capacity(writer) * SHARE);
            say("rate", rate);
            feed(seconds, rate, piece -> piece.forEach(values -> writer.accept(values, committed::incrementAndGet)));
        }
    }

    /** Rows a second that it commits while as many are deleted: handed over as fast as it takes them. */
    private long capacity(OldWriter writer) {
        Instant begun = now;
        long start = System.nanoTime();
        long counted = 0;
        long passed = 0;
        for (long made = 0; passed < (WARM_SECONDS + MEASURED_SECONDS) * SECOND; passed = System.nanoTime() - start) {
            counted = passed < WARM_SECONDS * SECOND ? committed.get() : counted;
            now = begun.plusNanos(passed * 3600);
            for (int i = 0; i < BATCH; i++) {
                writer.accept(Invocations.run(made++, now), committed::incrementAndGet);
            }
            accepted.addAndGet(BATCH);
            while (accepted.get() - committed.get() > BATCH) {
                LockSupport.parkNanos(TICK_NANOS / 10);
            }
        }
        return (committed.get() - counted) / MEASURED_SECONDS;
    }

    /** The incident's file: a connection behind a fair lock. */
    private final class OneTable implements AutoCloseable {
        private final Connection connection;
        private final PreparedStatement insert;
        private final ReentrantLock lock = new ReentrantLock(true);

        OneTable(Path file) throws SQLException {
            connection = DriverManager.getConnection("jdbc:sqlite:" + file);
            try (Statement statement = connection.createStatement()) {
                statement.executeUpdate("PRAGMA journal_mode=WAL");
                statement.executeUpdate("PRAGMA synchronous=NORMAL");
                statement.executeUpdate("PRAGMA journal_size_limit=67108864");
                statement.executeUpdate("PRAGMA cache_size=-65536");
                for (String sql : Invocations.create(Invocations.TABLE)) {
                    statement.executeUpdate(sql);
                }
            }
            insert = connection.prepareStatement("INSERT OR REPLACE INTO " + Invocations.TABLE + "("
                    + String.join(",", Invocations.COLUMNS) + ") VALUES("
                    + ",?".repeat(Invocations.COLUMNS.size()).substring(1) + ")");
        }

        void write(List<Object[]> runs) throws SQLException {
            lock.lock();
            try {
                connection.setAutoCommit(false);
                for (Object[] values : runs) {
                    for (int i = 0; i < values.length; i++) {
                        insert.setObject(i + 1, values[i]);
                    }
                    insert.addBatch();
                }
                insert.executeBatch();
                connection.commit();
                connection.setAutoCommit(true);
            } finally {
                lock.unlock();
            }
        }

        /** Deletes each second what is older than three hours of the history. */
        void prune() {
            while (!Thread.currentThread().isInterrupted()) {
                LockSupport.parkNanos(SECOND);
                lock.lock();
                try (Statement statement = connection.createStatement()) {
                    statement.executeUpdate("DELETE FROM " + Invocations.TABLE + " WHERE finished_at < "
                            + JobStores.micros(now.minus(Duration.ofHours(KEPT_HOURS))));
                } catch (SQLException e) {
                    System.err.println("a deletion failed: " + e.getMessage());
                } finally {
                    lock.unlock();
                }
            }
        }

        @Override
        public void close() throws SQLException {
            // The process ends at once, and the writer may be at work.
        }
    }
}
