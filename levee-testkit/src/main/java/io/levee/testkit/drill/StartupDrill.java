package io.levee.testkit.drill;

import io.levee.testkit.fault.ChildProcess;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;

/**
 * The task monitor's crash loop: a large store is started again after SIGKILL. The old way builds an index at start, and a probe that
 * kills it half-way has it begin anew each time; Levee reads its catalog.
 */
public final class StartupDrill {
    static final String OLD_INDEX =
            "CREATE INDEX IF NOT EXISTS invocations_search ON invocations(task_name, state, worker, finished_at)";

    private static final Duration LONGEST = Duration.ofMinutes(30);
    private static final String WHOLE = "whole.db";
    private static final int ROUNDS = 3;
    private static final int BATCH = 10_000;
    private static final long POLL_NANOS = TimeUnit.MILLISECONDS.toNanos(5);

    private final Path directory;
    private final int partitions;
    private final long rows;
    private final long legacyBytes;
    private final Consumer<String> progress;

    /**
     * A drill.
     *
     * @param directory where the stores are made; it has to be there
     * @param partitions of Levee's store
     * @param rows of the old database
     * @param legacyBytes how large its file is made, with a hole at its end
     * @param progress told what is done
     */
    public StartupDrill(Path directory, int partitions, long rows, long legacyBytes, Consumer<String> progress) {
        this.directory = directory;
        this.partitions = partitions;
        this.rows = rows;
        this.legacyBytes = legacyBytes;
        this.progress = progress;
    }

    /** Does it; some minutes for 10,000 partitions. */
    public DrillOutcome run() throws IOException {
        Map<String, Object> figures = new LinkedHashMap<>();
        Path store = directory.resolve("levee");
        Path old = Files.createDirectories(directory.resolve("old"));
        try {
            old(old, figures);
            levee(store, old.resolve(WHOLE), figures);
        } catch (SQLException e) {
            throw new IllegalStateException("the old database cannot be made: " + e.getMessage(), e);
        } finally {
            RetentionDrill.delete(store);
            RetentionDrill.delete(old);
        }
        return new DrillOutcome(figures, table(figures));
    }

    private void levee(Path store, Path legacy, Map<String, Object> figures) throws IOException {
        progress.accept("Levee: making " + partitions + " partitions, and killing the writer");
        try (Child filling = new Child("fill", store.toString(), String.valueOf(partitions))) {
            filling.await("filled");
        }
        long logs = Blocks.of(store).stream()
                .filter(file -> file.path().endsWith("-wal"))
                .mapToLong(Blocks.Taken::bytes)
                .sum();
        List<Double> jvm = new ArrayList<>();
        List<Double> ready = new ArrayList<>();
        List<Double> committed = new ArrayList<>();
        List<Double> adopted = new ArrayList<>();
        progress.accept("Levee: starting it " + ROUNDS + " times, each ended by SIGKILL");
        for (int i = 0; i < ROUNDS; i++) {
            try (Child child = new Child(
                    "levee",
                    store.toString(),
                    String.valueOf(partitions),
                    legacy.toString(),
                    String.valueOf(System.nanoTime()))) {
                committed.add(child.await("committed"));
                adopted.add(child.await("adopted"));
                ready.add(child.await("ready"));
                jvm.add(child.await("jvm"));
            }
        }
        figures.put("levee.partitions", partitions);
        figures.put("levee.walBytes", logs);
        figures.put("levee.jvmMs", worst(jvm));
        figures.put("levee.readyMs", worst(ready));
        figures.put("levee.adoptedMs", worst(adopted));
        figures.put("levee.firstCommitMs", worst(committed));
        figures.put("levee.legacyBytes", Files.size(legacy));
    }

    private static double worst(List<Double> values) {
        return values.stream().mapToDouble(v -> v).max().orElse(0);
    }

    private void old(Path directory, Map<String, Object> figures) throws IOException, SQLException {
        progress.accept("the old way: writing " + rows + " rows into one file");
        Path file = directory.resolve("history.db");
        write(file);
        Path whole = directory.resolve(WHOLE);
        Files.copy(file, whole);
        lengthen(file);
        progress.accept(
                "the old way: building an index at start, first in peace, then under a probe that kills it half-way");
        double begun;
        double ready;
        try (Child child = new Child("old", whole.toString(), String.valueOf(System.nanoTime()))) {
            ready = child.await("ready");
            begun = child.await("jvm");
        }
        long without = pages(file);
        double index = pages(whole) - without;
        // Levee adopts this one: nobody has killed its writer.
        lengthen(whole);
        double built = 0;
        double killAfter = (ready - begun) / 2;
        for (int kills = 0; kills < ROUNDS; ) {
            try (Child child = new Child("old", file.toString(), String.valueOf(System.nanoTime()))) {
                child.await("jvm");
                LockSupport.parkNanos((long) (killAfter * 1e6));
                child.kill();
            }
            // The file is asked, not the child: it may die between its commit and its word.
            if (indexed(file)) {
                // It was faster this time: that was no kill half-way.
                dropIndex(file);
                killAfter /= 2;
            } else {
                built = Math.max(built, (pages(file) - without) / index);
                kills++;
            }
        }
        figures.put("old.rows", rows);
        figures.put("old.fileBytes", Files.size(file));
        figures.put("old.readyMs", ready);
        figures.put("old.kills", ROUNDS);
        figures.put("old.progressAfterKill", built);
    }

    /** SQLite believes its header; what lies behind is a hole of the file system. */
    private void lengthen(Path file) throws IOException {
        try (RandomAccessFile longer = new RandomAccessFile(file.toFile(), "rw")) {
            longer.setLength(Math.max(longer.length(), legacyBytes));
        }
    }

    private void write(Path file) throws SQLException {
        try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + file);
                Statement statement = connection.createStatement()) {
            statement.executeUpdate("PRAGMA journal_mode=WAL");
            statement.executeUpdate("PRAGMA synchronous=NORMAL");
            statement.executeUpdate(
                    "CREATE TABLE " + Invocations.TABLE + "(" + String.join(",", Invocations.COLUMNS) + ")");
            connection.setAutoCommit(false);
            try (PreparedStatement insert = connection.prepareStatement("INSERT INTO " + Invocations.TABLE + " VALUES("
                    + ",?".repeat(Invocations.COLUMNS.size()).substring(1) + ")")) {
                for (long i = 0; i < rows; i++) {
                    Object[] values = Invocations.run(i, Invocations.within(0, i, rows));
                    for (int c = 0; c < values.length; c++) {
                        insert.setObject(c + 1, values[c]);
                    }
                    insert.addBatch();
                    if ((i + 1) % BATCH == 0 || i == rows - 1) {
                        insert.executeBatch();
                        connection.commit();
                    }
                }
            }
            connection.setAutoCommit(true);
            statement.executeUpdate("PRAGMA wal_checkpoint(TRUNCATE)");
        }
    }

    private static void dropIndex(Path file) throws SQLException {
        try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + file);
                Statement statement = connection.createStatement()) {
            statement.executeUpdate("DROP INDEX IF EXISTS invocations_search");
        }
    }

    private static boolean indexed(Path file) throws SQLException {
        return first(file, "SELECT count(*) FROM sqlite_schema WHERE name = 'invocations_search'") > 0;
    }

    /** Pages in use. What a killed build leaves of its index, and the next start could go on from, would be among them. */
    private static long pages(Path file) throws SQLException {
        return first(file, "SELECT page_count - freelist_count FROM pragma_page_count, pragma_freelist_count");
    }

    private static long first(Path file, String sql) throws SQLException {
        try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + file);
                Statement statement = connection.createStatement();
                ResultSet found = statement.executeQuery(sql)) {
            found.next();
            return found.getLong(1);
        }
    }

    private static List<String> table(Map<String, Object> figures) {
        return List.of(
                String.format(Locale.ROOT, "%-46s %14s %14s", "started again after SIGKILL", "index at start", "Levee"),
                String.format(
                        Locale.ROOT,
                        "%-46s %14s %14s",
                        "holds",
                        figures.get("old.rows") + " rows",
                        figures.get("levee.partitions") + " files"),
                String.format(
                        Locale.ROOT,
                        "%-46s %11.0f ms %11.0f ms",
                        "ready after",
                        number(figures, "old.readyMs"),
                        number(figures, "levee.readyMs")),
                String.format(
                        Locale.ROOT,
                        "%-46s %14s %11.0f ms",
                        "first durable commit after",
                        "",
                        number(figures, "levee.firstCommitMs")),
                String.format(
                        Locale.ROOT,
                        "%-46s %12.0f %% %14s",
                        "done after " + figures.get("old.kills") + " kills half-way",
                        100 * number(figures, "old.progressAfterKill"),
                        ""));
    }

    private static double number(Map<String, Object> figures, String key) {
        return figures.get(key) instanceof Number number ? number.doubleValue() : 0;
    }

    /** A child that is killed when it is done with. */
    private final class Child implements AutoCloseable {
        private final Path output;
        private final ChildProcess process;

        Child(String... arguments) throws IOException {
            output = Files.createTempFile(directory, "child", ".txt");
            process = ChildProcess.java(StartupChild.class, arguments)
                    .output(output)
                    .start();
        }

        /** Waits until it has said something; returns what it said of it. */
        double await(String what) throws IOException {
            long end = System.nanoTime() + LONGEST.toNanos();
            while (System.nanoTime() - end < 0) {
                // Looked at first: what it said before it ended is read below.
                boolean alive = process.alive();
                Optional<String> line = Files.readAllLines(output).stream()
                        .filter(said -> said.startsWith(what + " "))
                        .findFirst();
                if (line.isPresent()) {
                    return Double.parseDouble(line.get().substring(what.length() + 1));
                }
                if (!alive) {
                    throw new IllegalStateException("the process ended before it was '" + what + "'");
                }
                LockSupport.parkNanos(POLL_NANOS);
            }
            throw new IllegalStateException("the process was not '" + what + "' within " + LONGEST);
        }

        void kill() {
            process.kill();
        }

        @Override
        public void close() throws IOException {
            process.close();
            Files.deleteIfExists(output);
        }
    }
}
