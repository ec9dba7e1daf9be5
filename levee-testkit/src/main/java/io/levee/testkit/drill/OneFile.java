package io.levee.testkit.drill;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;

/** The incident's ways: all days in one SQLite file, one connection behind one lock, its settings. */
final class OneFile implements HistorySide {
    /** How the oldest day goes. */
    enum Way {
        DELETE,
        BATCHED_DELETE,
        DROP_TABLE
    }

    /** Rows of one batch of the second way, and its pause: what the incident's first cure used. */
    private static final int BATCH = 5000;

    private static final long PAUSE_MILLIS = 100;
    private static final int FILL_BATCH = 10_000;

    private final Path file;
    private final Way way;
    private final Connection connection;
    private final PreparedStatement insert;
    private final ReentrantLock lock = new ReentrantLock(true);
    private final OldWriter writer;

    OneFile(Path file, Way way) throws SQLException {
        this.file = file;
        this.way = way;
        this.connection = open(file);
        this.insert = connection.prepareStatement(insert(table(way, 2)));
        this.writer = new OldWriter(this::write);
    }

    private static Connection open(Path file) throws SQLException {
        Connection connection = DriverManager.getConnection("jdbc:sqlite:" + file);
        try (Statement statement = connection.createStatement()) {
            statement.executeUpdate("PRAGMA journal_mode=WAL");
            statement.executeUpdate("PRAGMA synchronous=NORMAL");
            statement.executeUpdate("PRAGMA busy_timeout=5000");
            statement.executeUpdate("PRAGMA journal_size_limit=67108864");
            statement.executeUpdate("PRAGMA cache_size=-65536");
        }
        return connection;
    }

    /** The table of a day. */
    private static String table(Way way, int day) {
        return way == Way.DROP_TABLE
                ? Invocations.TABLE + "_"
                        + Invocations.within(day, 0, 1)
                                .toString()
                                .substring(0, 10)
                                .replace("-", "")
                : Invocations.TABLE;
    }

    private static String insert(String table) {
        return "INSERT OR REPLACE INTO " + table + "(" + String.join(",", Invocations.COLUMNS) + ") VALUES("
                + ",?".repeat(Invocations.COLUMNS.size()).substring(1) + ")";
    }

    private static void bind(PreparedStatement insert, Object[] values) throws SQLException {
        for (int i = 0; i < values.length; i++) {
            insert.setObject(i + 1, values[i]);
        }
        insert.addBatch();
    }

    /** Makes a file with the two days before. */
    static void fill(Path file, Way way, long ofDay) throws SQLException {
        try (Connection connection = open(file);
                Statement statement = connection.createStatement()) {
            for (int day = 0; day < 3; day++) {
                if (day == 0 || way == Way.DROP_TABLE) {
                    for (String sql : Invocations.create(table(way, day))) {
                        statement.executeUpdate(sql);
                    }
                }
            }
            connection.setAutoCommit(false);
            for (int day = 0; day < 2; day++) {
                try (PreparedStatement insert = connection.prepareStatement(insert(table(way, day)))) {
                    for (long i = 0; i < ofDay; i++) {
                        bind(insert, Invocations.run(day * ofDay + i, Invocations.within(day, i, ofDay)));
                        if ((i + 1) % FILL_BATCH == 0) {
                            insert.executeBatch();
                            connection.commit();
                        }
                    }
                    insert.executeBatch();
                    connection.commit();
                }
            }
            connection.setAutoCommit(true);
            statement.executeUpdate("PRAGMA wal_checkpoint(TRUNCATE)");
        }
    }

    @Override
    public void accept(Object[] values, Runnable committed) {
        writer.accept(values, committed);
    }

    private void write(List<Object[]> runs) throws SQLException {
        lock.lock();
        try {
            connection.setAutoCommit(false);
            for (Object[] values : runs) {
                bind(insert, values);
            }
            insert.executeBatch();
            connection.commit();
            connection.setAutoCommit(true);
        } finally {
            lock.unlock();
        }
    }

    @Override
    public void retire() throws SQLException {
        long before = JobStores.micros(Invocations.within(1, 0, 1));
        switch (way) {
            case DELETE -> run("DELETE FROM " + Invocations.TABLE + " WHERE finished_at < " + before);
            case DROP_TABLE -> run("DROP TABLE " + table(way, 0));
            case BATCHED_DELETE -> {
                String sql = "DELETE FROM " + Invocations.TABLE + " WHERE rowid IN (SELECT rowid FROM "
                        + Invocations.TABLE + " WHERE finished_at < " + before + " LIMIT " + BATCH + ")";
                while (run(sql) > 0) {
                    LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(PAUSE_MILLIS));
                }
            }
        }
    }

    private int run(String sql) throws SQLException {
        lock.lock();
        try (Statement statement = connection.createStatement()) {
            return statement.executeUpdate(sql);
        } finally {
            lock.unlock();
        }
    }

    @Override
    public long finish() throws Exception {
        writer.finish(RetentionChild.CLOSE_MILLIS);
        lock.lock();
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery("SELECT count(*) FROM " + table(way, 2)
                        + " WHERE finished_at >= " + JobStores.micros(Invocations.LIVE))) {
            rows.next();
            return rows.getLong(1);
        } finally {
            lock.unlock();
        }
    }

    @Override
    public Map<String, Long> files() {
        return Blocks.byInode(directory(), path -> path.equals(String.valueOf(file.getFileName())));
    }

    private Path directory() {
        Path parent = file.toAbsolutePath().getParent();
        if (parent == null) {
            throw new IllegalStateException(file + " has no directory");
        }
        return parent;
    }

    @Override
    public long wal() throws IOException {
        Path wal = file.resolveSibling(file.getFileName() + "-wal");
        return Files.exists(wal) ? Files.size(wal) : 0;
    }

    @Override
    public void close() throws SQLException {
        connection.close();
    }
}
