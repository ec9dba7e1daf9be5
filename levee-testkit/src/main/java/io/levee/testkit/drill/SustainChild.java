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
 * A process of {@link RetentionDrill}: as much goes as comes in. Each second of it is an hour of the history, of which a day is kept, and
 * twice as much comes in as one SQLite file takes while as much is deleted. Less of all in a drill of less than half a minute.
 */
public final class SustainChild {
    private static final int BATCH = 5000;
    private static final long TICK_NANOS = TimeUnit.MILLISECONDS.toNanos(10);
    private static final long SECOND = TimeUnit.SECONDS.toNanos(1);

    /**
     * How much of it there is.
     *
     * @param kept hours of the history
     * @param warm seconds before what one file takes is measured: in the whole drill all that is kept is there by then, and some has gone
     * @param measured for so many seconds
     * @param waiting rows that wait meanwhile: with many the writer's batches are as large as where more comes in than it takes
     * @param share of what it takes, how much comes in: its compiled code is not yet as fast then as it gets
     */
    private record Scale(int kept, int warm, int measured, int waiting, double share) {
        static final Scale WHOLE = new Scale(24, 30, 10, 20_000, 2);
        static final Scale SHORT = new Scale(3, 4, 6, BATCH, 1.25);
    }

    private static final int LEAST_OF_WHOLE = 30;

    private final AtomicLong accepted = new AtomicLong();
    private final AtomicLong committed = new AtomicLong();

    private final int seconds;
    private final Scale scale;

    /** What the clock of the history shows. */
    private volatile Instant now = Invocations.LIVE;

    private SustainChild(int seconds) {
        this.seconds = seconds;
        this.scale = seconds < LEAST_OF_WHOLE ? Scale.SHORT : Scale.WHOLE;
    }

    /** {@code DELETE FILE SECONDS} or {@code LEVEE DIRECTORY SECONDS RATE}. */
    public static void main(String[] args) throws Exception {
        ChildProcess.endWithParent();
        SustainChild child = new SustainChild(Integer.parseInt(args[2]));
        if (args[0].equals("DELETE")) {
            child.old(Path.of(args[1]));
        } else {
            child.levee(Path.of(args[1]), Long.parseLong(args[3]));
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
    private void feed(long rate, Taker taker) {
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

    private void levee(Path directory, long rate) {
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
                .retention(RetentionRule.maxAge(Duration.ofHours(scale.kept)))
                .build());
        feed(rate, piece -> {
            List<Row> rows = piece.stream()
                    .map(values -> Invocations.row(runs.spec(), values))
                    .toList();
            CompletableFuture<?> unused = runs.appendAll(rows, Ack.COMMITTED, Overflow.dropOldest())
                    .thenRun(() -> committed.addAndGet(rows.size()));
        });
        say("partitions", store.partitions().size());
    }

    private void old(Path file) throws Exception {
        try (OneTable table = new OneTable(file)) {
            OldWriter writer = new OldWriter(table::write);
            Thread prune = new Thread(table::prune, "prune");
            prune.setDaemon(true);
            prune.start();
            long rate = (long) (capacity(writer) * scale.share);
            say("rate", rate);
            feed(rate, piece -> piece.forEach(values -> writer.accept(values, committed::incrementAndGet)));
        }
    }

    /** Rows a second that it commits while as many are deleted: handed over as fast as it takes them. */
    private long capacity(OldWriter writer) {
        Instant begun = Invocations.LIVE.minus(Duration.ofHours(scale.warm + scale.measured));
        long start = System.nanoTime();
        long counted = 0;
        long passed = 0;
        for (long made = 0; passed < (scale.warm + scale.measured) * SECOND; passed = System.nanoTime() - start) {
            counted = passed < scale.warm * SECOND ? committed.get() : counted;
            now = begun.plusNanos(passed * 3600);
            for (int i = 0; i < BATCH; i++) {
                writer.accept(Invocations.run(made++, now), committed::incrementAndGet);
            }
            accepted.addAndGet(BATCH);
            while (accepted.get() - committed.get() > scale.waiting) {
                LockSupport.parkNanos(TICK_NANOS / 10);
            }
        }
        return (committed.get() - counted) / scale.measured;
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

        /** Deletes each second what is older than the history. */
        void prune() {
            while (!Thread.currentThread().isInterrupted()) {
                LockSupport.parkNanos(SECOND);
                lock.lock();
                try (Statement statement = connection.createStatement()) {
                    statement.executeUpdate("DELETE FROM " + Invocations.TABLE + " WHERE finished_at < "
                            + JobStores.micros(now.minus(Duration.ofHours(scale.kept))));
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
