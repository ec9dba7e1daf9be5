package io.levee.sqlite;

import io.levee.Bytes;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import org.sqlite.SQLiteConfig;
import org.sqlite.SQLiteConnection;
import org.sqlite.SQLiteOpenMode;

/**
 * The one factory of connections: sets every pragma on every connection and reads it back (guarantees G28–G33, G39, G41).
 *
 * <p>Every connection that it opens is counted by {@link Handles} and has to be closed by {@link #close}.
 */
final class Connections {
    /** All older ones can lose committed pages when two connections write and checkpoint at once (the WAL-reset race). */
    static final String OLDEST_SQLITE = "3.51.3";

    /** Marks a partition: "LEVP". */
    static final int PARTITION_ID = 0x4C455650;

    /** Marks a catalog: "LEVC". */
    static final int CATALOG_ID = 0x4C455643;

    /** The format of the files, {@code user_version} of each. */
    static final int FORMAT = 1;

    /** The format once a column was renamed or dropped: what such files mean, releases of before do not know. */
    static final int FORMAT_RENAMED = 2;

    /** Whether this release reads a format. */
    static boolean reads(long format) {
        return format == FORMAT || format == FORMAT_RENAMED;
    }

    /** Readers and the catalog wait this long for a lock (G30); the writer never waits. */
    static final int BUSY_MILLIS = 5000;

    private static final int PAGE_SIZE = 4096;

    /** No mmap_size: where the library was built without, there is none to ask for. */
    private static final String READER_SETTINGS =
            "SELECT cache_size || ' ' || temp_store || ' ' || trusted_schema || ' '"
                    + " || cell_size_check || ' ' || query_only FROM pragma_cache_size, pragma_temp_store, pragma_trusted_schema,"
                    + " pragma_cell_size_check, pragma_query_only";

    private static final AtomicBoolean TEMPORARY_SET = new AtomicBoolean();

    private Connections() {}

    /**
     * Refuses a SQLite that is too old, and says where its temporary files go.
     *
     * @param temporary where SQLite puts its temporary files: the directory of the first store that this process opens, because
     *     SQLite has one for the process and must not be told another while it is used
     */
    static void prepare(Path temporary) {
        try (Connection memory = DriverManager.getConnection("jdbc:sqlite:")) {
            requireVersion(String.valueOf(Sqlite.value(memory, "SELECT sqlite_version()")));
            // On a volume that is read-only SQLite looks for a place of its own.
            if (Files.isWritable(temporary) && TEMPORARY_SET.compareAndSet(false, true)) {
                Sqlite.run(memory, "PRAGMA temp_store_directory=" + Sqlite.literal(temporary.toString()));
            }
        } catch (SQLException e) {
            throw new LeveeException(ErrorCode.UNSAFE_ENVIRONMENT, "SQLite's native library cannot be loaded: " + e, e)
                    .hint(
                            "its directory (java.io.tmpdir) must allow executable files; set -Dorg.sqlite.tmpdir elsewhere");
        }
    }

    /** Refuses versions that can lose committed pages. */
    static void requireVersion(String version) {
        String[] have = version.split("\\.", -1);
        String[] need = OLDEST_SQLITE.split("\\.", -1);
        for (int i = 0; i < need.length; i++) {
            int difference = Integer.parseInt(have[i]) - Integer.parseInt(need[i]);
            if (difference > 0) {
                return;
            }
            if (difference < 0) {
                throw new LeveeException(
                                ErrorCode.UNSAFE_ENVIRONMENT,
                                "SQLite " + version + " can lose committed data; at least " + OLDEST_SQLITE
                                        + " is needed")
                        .hint("put a newer sqlite-jdbc first on the class path");
            }
        }
    }

    /** The version of the SQLite library in use. */
    static String version() {
        try (Connection memory = DriverManager.getConnection("jdbc:sqlite:")) {
            return String.valueOf(Sqlite.value(memory, "SELECT sqlite_version()"));
        } catch (SQLException e) {
            throw new LeveeException(ErrorCode.UNSAFE_ENVIRONMENT, "SQLite's version cannot be read: " + e, e);
        }
    }

    /** A partition for the writer: WAL, no waiting for locks, checkpoints only when the writer says so. */
    static Connection writer(Path file, Bytes cache) throws SQLException {
        return open(file, false, 0, cache, connection -> {
            if (Sqlite.number(connection, "PRAGMA page_count") == 0) {
                Sqlite.run(connection, "PRAGMA page_size=" + PAGE_SIZE);
                // An empty file has nothing to roll back: no journal has to be made and synced for its first page.
                Sqlite.value(connection, "PRAGMA journal_mode=MEMORY");
            }
            require(connection, "journal_mode", "wal", "PRAGMA journal_mode=WAL");
            set(connection, "synchronous", 1);
            set(connection, "wal_autocheckpoint", 0);
            set(connection, "locking_mode", "normal");
            // Always: what is moved or replaced before an erasure must leave no copy behind either.
            set(connection, "secure_delete", 1);
        });
    }

    /**
     * A partition that the writer has open, for a checkpoint beside it that syncs as the writer's own would. Never makes a file: it may
     * be dropped meanwhile.
     */
    static Connection mover(Path file) throws SQLException {
        return Handles.opening(file, () -> {
            Connection connection = config(false, 0)
                    .createConnection("jdbc:sqlite:" + file.toAbsolutePath().toUri() + "?mode=rw");
            try {
                setCommon(connection, Bytes.kibi(64));
                set(connection, "mmap_size", 0);
                set(connection, "synchronous", 1);
                set(connection, "wal_autocheckpoint", 0);
                return connection;
            } catch (SQLException | RuntimeException e) {
                connection.close();
                throw e;
            }
        });
    }

    /** The catalog for its owner: WAL, every commit synced. */
    static Connection catalog(Path file) throws SQLException {
        return open(file, false, BUSY_MILLIS, Bytes.mebi(1), connection -> {
            require(connection, "journal_mode", "wal", "PRAGMA journal_mode=WAL");
            set(connection, "synchronous", 2);
        });
    }

    /** A dropped partition, to find out whether anybody else has it open. */
    static Connection exclusive(Path file) throws SQLException {
        return open(file, false, 0, Bytes.kibi(64), connection -> {});
    }

    /** A new file that nobody knows yet: what fails is thrown away whole, and it is synced by its maker. */
    static Connection making(Path file) throws SQLException {
        return open(file, false, 0, Bytes.mebi(2), connection -> {
            Sqlite.value(connection, "PRAGMA journal_mode=OFF");
            set(connection, "synchronous", 0);
        });
    }

    /** Attaches a file that nobody writes to, for reading; to be ended by {@link #detach}. */
    static void attach(Connection connection, Path file, String schema) throws SQLException {
        Handles.opening(file, () -> {
            String uri = file.toAbsolutePath().toUri() + "?mode=ro";
            Sqlite.run(connection, "ATTACH " + Sqlite.literal(uri) + " AS " + schema);
            return schema;
        });
    }

    /** Detaches what {@link #attach} attached. */
    static void detach(Connection connection, Path file, String schema) throws SQLException {
        Handles.closing(file, () -> Sqlite.run(connection, "DETACH " + schema));
    }

    /** Any database of the store for reading only. */
    static Connection reader(Path file, Bytes cache) throws SQLException {
        if (!Files.exists(file)) {
            throw new SQLException("no such file");
        }
        return Handles.opening(file, () -> {
            Connection connection = config(true, BUSY_MILLIS).createConnection("jdbc:sqlite:" + name(file, true));
            try {
                // One call, and one look whether all of it took effect: a query may have to open hundreds of files.
                long kib = Math.max(1, cache.value() / 1024);
                ((SQLiteConnection) connection)
                        .getDatabase()
                        ._exec("PRAGMA cache_size=-" + kib + ";PRAGMA temp_store=1;PRAGMA trusted_schema=0;"
                                + "PRAGMA cell_size_check=1;PRAGMA mmap_size=0;PRAGMA query_only=1");
                String now = String.valueOf(Sqlite.value(connection, READER_SETTINGS));
                if (!now.equals("-" + kib + " 1 0 1 1")) {
                    throw new SQLException("a reader's pragmas are " + now + " after they were set");
                }
                return connection;
            } catch (SQLException | RuntimeException e) {
                connection.close();
                throw e;
            }
        });
    }

    /**
     * Undoes what a kill in the middle of a change of journal mode left in a rollback journal: readers may not. The rows that a
     * partition got by then are in the file or its WAL, never in this journal.
     */
    static void rollBackLeftover(Path file) throws SQLException {
        Connection connection = open(file, false, BUSY_MILLIS, Bytes.kibi(64), made -> {});
        try {
            Sqlite.value(connection, "SELECT count(*) FROM sqlite_master");
        } finally {
            close(file, connection);
        }
    }

    /**
     * How SQLite is told to open a file that nobody can change: on a read-only volume it cannot make the shared memory that a
     * database in WAL mode needs, and needs none. Only where no WAL holds rows, which would be left out.
     */
    static String uriOptions(Path file) {
        Path directory = file.toAbsolutePath().getParent();
        if (directory == null || Files.isWritable(directory) || Partition.size(StorePaths.wal(file)) > 0) {
            return "";
        }
        try {
            return Files.getFileStore(directory).isReadOnly() ? "immutable=1" : "";
        } catch (IOException e) {
            // Then it is opened like any other, and says itself what is wrong.
            System.getLogger("io.levee.sqlite").log(System.Logger.Level.DEBUG, "the volume of " + file, e);
            return "";
        }
    }

    @FunctionalInterface
    private interface Setup {
        void on(Connection connection) throws SQLException;
    }

    private static Connection open(Path file, boolean readOnly, int busyMillis, Bytes cache, Setup setup)
            throws SQLException {
        if (readOnly && !Files.exists(file)) {
            throw new SQLException("no such file");
        }
        return Handles.opening(file, () -> {
            Connection connection =
                    config(readOnly, busyMillis).createConnection("jdbc:sqlite:" + name(file, readOnly));
            try {
                setCommon(connection, cache);
                set(connection, "mmap_size", 0);
                setup.on(connection);
                return connection;
            } catch (SQLException | RuntimeException e) {
                connection.close();
                throw e;
            }
        });
    }

    /** An empty database in memory, for views over attached partitions. */
    static Connection memory(Bytes cache, int attached) throws SQLException {
        SQLiteConfig config = config(false, BUSY_MILLIS);
        config.setOpenMode(SQLiteOpenMode.OPEN_URI);
        Connection connection = config.createConnection("jdbc:sqlite:");
        try {
            ((SQLiteConnection) connection).getDatabase().limit(7, attached);
            setCommon(connection, cache);
            return connection;
        } catch (SQLException | RuntimeException e) {
            connection.close();
            throw e;
        }
    }

    /** The driver takes what follows a question mark for options; in an URI it can be written otherwise. */
    private static String name(Path file, boolean readOnly) {
        String options = readOnly ? uriOptions(file) : "";
        if (!options.isEmpty()) {
            return file.toUri() + "?" + options;
        }
        String name = file.toString();
        return name.contains("?") ? file.toUri().toString() : name;
    }

    private static SQLiteConfig config(boolean readOnly, int busyMillis) {
        SQLiteConfig config = new SQLiteConfig();
        config.setOpenMode(SQLiteOpenMode.OPEN_URI);
        config.setReadOnly(readOnly);
        config.setBusyTimeout(busyMillis);
        config.setGetGeneratedKeys(false);
        return config;
    }

    private static void setCommon(Connection connection, Bytes cache) throws SQLException {
        setCache(connection, cache);
        set(connection, "temp_store", 1);
        set(connection, "trusted_schema", 0);
        set(connection, "cell_size_check", 1);
    }

    /** Sets the page cache in bytes: negative means KiB to SQLite, and a positive number would mean pages (G33). */
    static void setCache(Connection connection, Bytes cache) throws SQLException {
        set(connection, "cache_size", -Math.max(1, cache.value() / 1024));
    }

    private static void set(Connection connection, String pragma, Object value) throws SQLException {
        require(connection, pragma, String.valueOf(value), "PRAGMA " + pragma + "=" + value);
    }

    private static void require(Connection connection, String pragma, String value, String sql) throws SQLException {
        Sqlite.run(connection, sql);
        String now = String.valueOf(Sqlite.value(connection, "PRAGMA " + pragma));
        if (!now.equalsIgnoreCase(value)) {
            throw new SQLException("PRAGMA " + pragma + " is " + now + " after it was set to " + value);
        }
    }

    /** The settings of a connection as SQLite tells them. */
    static Map<String, Object> effective(Connection connection) throws SQLException {
        Map<String, Object> values = new LinkedHashMap<>();
        for (String pragma : new String[] {
            "journal_mode",
            "synchronous",
            "busy_timeout",
            "cache_size",
            "temp_store",
            "mmap_size",
            "page_size",
            "query_only"
        }) {
            values.put(pragma, String.valueOf(Sqlite.value(connection, "PRAGMA " + pragma)));
        }
        return values;
    }

    /** Closes a connection after an error that matters more than what closing it may say. */
    static void closeQuietly(Path file, Connection connection) {
        try {
            close(file, connection);
        } catch (SQLException e) {
            System.getLogger("io.levee.sqlite").log(System.Logger.Level.WARNING, "closing " + file + " failed", e);
        }
    }

    /** Closes a connection that this factory opened. */
    static void close(Path file, Connection connection) throws SQLException {
        Handles.closing(file, connection::close);
    }
}
