package io.levee.testkit.drill;

import io.levee.Ack;
import io.levee.Levee;
import io.levee.LeveeException;
import io.levee.Row;
import io.levee.SqlQuery;
import io.levee.SqlResult;
import io.levee.Store;
import io.levee.Table;
import io.levee.testkit.fault.ChildProcess;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;

/**
 * A process of {@link MemoryDrill}: answers the query on one side, and prints the resident set as it goes. Its heap is fixed and touched
 * beforehand, so that what grows is what the query takes.
 */
public final class MemoryChild {
    private static final Path STATUS = Path.of("/proc/self/status");
    private static final long SAMPLE_NANOS = TimeUnit.MILLISECONDS.toNanos(20);
    private static final int PER_SECOND = 1000;
    private static final int SLICE = 10;

    private final long began = System.nanoTime();
    private final AtomicBoolean over = new AtomicBoolean();

    private MemoryChild() {}

    /** {@code old FILE SQL} or {@code levee DIRECTORY SQL DEADLINE_MS ROUNDS IDLE_MS ROWS DAYS THREADS}. */
    public static void main(String[] args) throws Exception {
        ChildProcess.endWithParent();
        MemoryChild child = new MemoryChild();
        Thread sampler = new Thread(child::sample, "sampler");
        sampler.setDaemon(true);
        sampler.start();
        if (args[0].equals("old")) {
            child.old(args[1], args[2]);
        } else {
            child.levee(args);
        }
        child.over.set(true);
        sampler.join();
        System.out.flush();
    }

    private void say(String what, Object value) {
        synchronized (System.out) {
            System.out.println(what + " " + millis() + " " + value);
        }
    }

    private double millis() {
        return Math.round((System.nanoTime() - began) / 1e4) / 100.0;
    }

    private void sample() {
        while (!over.get()) {
            say("rss", rss());
            LockSupport.parkNanos(SAMPLE_NANOS);
        }
    }

    private static long rss() {
        try {
            for (String line : Files.readAllLines(STATUS)) {
                if (line.startsWith("VmRSS:")) {
                    return Long.parseLong(line.replaceAll("\\D", "")) * 1024;
                }
            }
        } catch (IOException e) {
            throw new IllegalStateException("this system does not tell a process's memory: Linux is needed", e);
        }
        return 0;
    }

    private static void rest(Duration length) {
        long end = System.nanoTime() + length.toNanos();
        for (long left = length.toNanos(); left > 0; left = end - System.nanoTime()) {
            LockSupport.parkNanos(left);
        }
    }

    /** What the archive did: a cache that is never full, sorts in memory, no deadline, a connection that stays. */
    private void old(String file, String sql) throws SQLException {
        try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + file);
                Statement statement = connection.createStatement()) {
            statement.executeUpdate("PRAGMA cache_size=1000000000");
            statement.executeUpdate("PRAGMA temp_store=MEMORY");
            try (ResultSet rows = statement.executeQuery("SELECT count(*) FROM job WHERE cluster = 'none'")) {
                rows.next();
            }
            rest(Duration.ofMillis(1500));
            say("idle", rss());
            try (ResultSet rows = statement.executeQuery(sql)) {
                while (rows.next()) {
                    rows.getObject(1);
                }
            }
            say("ended", "DONE");
            rest(Duration.ofMillis(5200));
        }
    }

    private void levee(String[] args) throws InterruptedException {
        Duration deadline = Duration.ofMillis(Long.parseLong(args[3]));
        int rounds = Integer.parseInt(args[4]);
        Duration idle = Duration.ofMillis(Long.parseLong(args[5]));
        JobArchive more = new JobArchive(7, Long.parseLong(args[6]), Integer.parseInt(args[7]));
        try (Store store =
                Levee.open(Path.of(args[1]), o -> o.asOf(more.end()).queryThreads(Integer.parseInt(args[8])))) {
            say("budget", store.options().memory().value());
            Table<Row> jobs = store.table(JobArchive.TABLE);
            Writing writing = new Writing(jobs, more);
            Thread writer = new Thread(writing, "load");
            writer.start();
            // The compiler's and the writer's own memory is idle's, not the query's.
            warm(store);
            rest(idle);
            for (int i = 0; i < rounds; i++) {
                writing.take();
                rest(idle);
                say("idle", rss());
                say("writerIdle", p99(writing.take()));
                long start = System.nanoTime();
                String end = query(store, args[2], deadline);
                say("ended", end);
                say("overrun", (System.nanoTime() - start - deadline.toNanos()) / 1e6);
                say("writer", p99(writing.take()));
                rest(Duration.ofMillis(5200));
            }
            writing.stop.set(true);
            writer.join();
        }
    }

    private static void warm(Store store) {
        for (int i = 0; i < 20; i++) {
            try (SqlResult rows = store.sql(new SqlQuery(
                    "SELECT cluster, count(*) FROM job GROUP BY json_extract(footprint, '$.cpu_load_avg')",
                    JobStores.micros(JobArchive.begin()),
                    JobStores.micros(JobArchive.begin().plus(Duration.ofHours(1))),
                    Duration.ofSeconds(10)))) {
                rows.iterator().forEachRemaining(r -> {});
            }
        }
    }

    private static String query(Store store, String sql, Duration deadline) {
        try (SqlResult rows = store.sql(new SqlQuery(sql, Long.MIN_VALUE, Long.MAX_VALUE, deadline))) {
            Iterator<?> iterator = rows.iterator();
            iterator.forEachRemaining(r -> {});
            return "DONE";
        } catch (LeveeException e) {
            return e.code().name();
        }
    }

    private static double p99(List<Long> nanos) {
        List<Long> sorted = nanos.stream().sorted().toList();
        return sorted.isEmpty() ? 0 : sorted.get((int) (sorted.size() * 0.99)) / 1e6;
    }

    /** 1,000 records a second, and how long each took from its append to its commit. */
    private static final class Writing implements Runnable {
        private final Table<Row> jobs;
        private final JobArchive more;
        private final AtomicBoolean stop = new AtomicBoolean();
        private List<Long> nanos = new ArrayList<>();

        Writing(Table<Row> jobs, JobArchive more) {
            this.jobs = jobs;
            this.more = more;
        }

        synchronized List<Long> take() {
            List<Long> taken = nanos;
            nanos = new ArrayList<>();
            return taken;
        }

        private synchronized void add(long took) {
            nanos.add(took);
        }

        @Override
        public void run() {
            long next = System.nanoTime();
            long slice = TimeUnit.SECONDS.toNanos(1) * SLICE / PER_SECOND;
            // The newest end of the archive: the partition that is being written.
            long number = more.rows() - 1;
            long base = Math.max(0, more.rows() - 1000);
            while (!stop.get()) {
                for (int i = 0; i < SLICE; i++) {
                    number = number >= more.rows() - 1 ? base : number + 1;
                    long appended = System.nanoTime();
                    CompletableFuture<?> receipt = jobs.append(more.row(jobs.spec(), number), Ack.COMMITTED);
                    CompletableFuture<?> unused = receipt.thenRun(() -> add(System.nanoTime() - appended));
                }
                next += slice;
                long left = next - System.nanoTime();
                if (left > 0) {
                    LockSupport.parkNanos(left);
                }
            }
        }
    }
}
