package io.levee.sqlite;

import io.levee.PartitionId;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Which rows of adopted databases do not count any more, because the table has, or had, a later version of their keys: {@code
 * overrides.db}, a file of the store. Every statement that reads an adopted database leaves them out, also in other processes, and its
 * splitting does. Thread-safe.
 *
 * <p>Order: a row is put down here only once its later version is committed and synced with a note of where it comes from ({@link
 * Moves}), and the note goes only once this is durable. So whatever ends the process, a key has one row.
 *
 * <p>Bounded by the adopted rows: eight to twenty bytes each on the disk, nothing in memory but a small page cache.
 */
final class Overrides {
    /** The name by which readers attach it. */
    private static final String SCHEMA = "levee_overrides";

    private static final int FORMAT = 1;
    private static final String CACHE = "-256";

    /** How many rows of a database that is gone are forgotten at once. */
    private static final int STEP = 5_000;

    private final StorePaths paths;
    private final Map<PartitionId, Long> parts = new HashMap<>();
    private @Nullable Connection connection;
    /** Whether something was committed that may not be on the disk. */
    private boolean unsynced;

    Overrides(StorePaths paths) {
        this.paths = paths;
    }

    /** Something that is done with the file. */
    @FunctionalInterface
    private interface Use<T> {
        T on(Connection connection) throws SQLException;
    }

    /** Null where there is no file, and so nothing in it. */
    private synchronized <T> @Nullable T ifThere(Use<T> use) {
        return connection == null && !there(paths) ? null : on(use);
    }

    private synchronized <T> T on(Use<T> use) {
        try {
            return use.on(connection());
        } catch (SQLException e) {
            throw Volume.failure(
                    "what was written again of adopted databases cannot be kept", paths.overrides(), paths, e);
        }
    }

    private static boolean there(StorePaths paths) {
        return Partition.size(paths.overrides()) > 0;
    }

    private Connection connection() throws SQLException {
        Connection known = connection;
        if (known != null) {
            return known;
        }
        Connection made = Connections.catalog(paths.overrides());
        boolean done = false;
        try {
            prepare(made);
            try (PreparedStatement statement = made.prepareStatement("SELECT table_name, n, id FROM parts");
                    ResultSet rows = statement.executeQuery()) {
                while (rows.next()) {
                    parts.put(AdoptedCatalog.id(rows.getString(1), rows.getInt(2)), rows.getLong(3));
                }
            }
            done = true;
        } finally {
            if (!done) {
                Connections.closeQuietly(paths.overrides(), made);
            }
        }
        connection = made;
        return made;
    }

    private static void prepare(Connection made) throws SQLException {
        if (Sqlite.number(made, "PRAGMA user_version") > FORMAT) {
            throw new SQLException("it was written by a later release");
        }
        if (!CatalogSchema.hasTable(made, "gone")) {
            Sqlite.transaction(made, () -> {
                Sqlite.run(
                        made,
                        "CREATE TABLE IF NOT EXISTS parts(id INTEGER PRIMARY KEY AUTOINCREMENT, table_name TEXT NOT"
                                + " NULL, n INTEGER NOT NULL, UNIQUE(table_name, n))");
                Sqlite.run(
                        made,
                        "CREATE TABLE IF NOT EXISTS gone(part INTEGER NOT NULL, number INTEGER NOT NULL,"
                                + " PRIMARY KEY(part, number)) WITHOUT ROWID");
                Sqlite.run(made, "PRAGMA user_version=" + FORMAT);
                return true;
            });
        }
    }

    /** Before rows of a database are overridden for the first time: every statement that begins from now on asks for them. */
    synchronized void ensure(PartitionId id) {
        on(c -> {
            if (!parts.containsKey(id)) {
                put(c, id);
            }
            return true;
        });
    }

    private void put(Connection c, PartitionId id) throws SQLException {
        Sqlite.run(c, "PRAGMA synchronous=2");
        parts.put(id, part(c, id));
    }

    /** What the rows of a database are kept under, from now on if they were not before. */
    private static long part(Connection c, PartitionId id) throws SQLException {
        try (PreparedStatement statement =
                c.prepareStatement("INSERT OR IGNORE INTO parts(table_name, n) VALUES(?, ?)")) {
            statement.setString(1, id.table());
            statement.setInt(2, id.n());
            statement.executeUpdate();
        }
        return id(c, "main", id);
    }

    /** Puts rows down, in the caller's transaction; returns how many were not there. */
    private static int insert(Connection c, long part, Collection<Long> numbers) throws SQLException {
        int added = 0;
        try (PreparedStatement statement =
                c.prepareStatement("INSERT OR IGNORE INTO gone(part, number) VALUES(?, ?)")) {
            for (long number : numbers) {
                statement.setLong(1, part);
                statement.setLong(2, number);
                added += statement.executeUpdate();
            }
        }
        return added;
    }

    /**
     * Rows do not count any more.
     *
     * @param numbers their numbers in the database
     * @param durable whether that is on the disk when this returns; else at least what the process commits later is not before it
     */
    synchronized void add(PartitionId id, Collection<Long> numbers, boolean durable) {
        ensure(id);
        on(c -> {
            long part = parts.getOrDefault(id, 0L);
            Sqlite.run(c, "PRAGMA synchronous=" + (durable ? 2 : 1));
            int added = Sqlite.transaction(c, () -> {
                int some = insert(c, part, numbers);
                if (some == 0 && durable && unsynced) {
                    // A commit of nothing would not sync what an earlier one wrote.
                    Sqlite.run(c, "UPDATE parts SET n = n WHERE id = " + part);
                }
                return some;
            });
            unsynced = !durable && (unsynced || added > 0);
            return added;
        });
    }

    /** Whether a row does not count any more. */
    boolean holds(PartitionId id, long number) {
        Boolean found = ifThere(c -> {
            Long part = parts.get(id);
            return part != null
                    && Sqlite.value(c, "SELECT 1 FROM gone WHERE part = " + part + " AND number = " + number) != null;
        });
        return Boolean.TRUE.equals(found);
    }

    /**
     * Forgets one step of what is kept of databases that are gone.
     *
     * @param wanted which ones are read, or may still be
     * @return whether there is more
     */
    boolean free(Predicate<PartitionId> wanted) {
        Boolean more = ifThere(c -> {
            for (Map.Entry<PartitionId, Long> part : Map.copyOf(parts).entrySet()) {
                if (!wanted.test(part.getKey())) {
                    Sqlite.run(c, "PRAGMA synchronous=1");
                    Sqlite.run(
                            c,
                            "DELETE FROM gone WHERE (part, number) IN (SELECT part, number FROM gone WHERE part = "
                                    + part.getValue() + " LIMIT " + STEP + ")");
                    if (Sqlite.value(c, "SELECT 1 FROM gone WHERE part = " + part.getValue() + " LIMIT 1") == null) {
                        Sqlite.run(c, "DELETE FROM parts WHERE id = " + part.getValue());
                        parts.remove(part.getKey());
                    }
                    unsynced = true;
                    return true;
                }
            }
            return false;
        });
        return Boolean.TRUE.equals(more);
    }

    /** Ends the writer's connection. */
    synchronized void close() {
        Connection open = connection;
        connection = null;
        if (open != null) {
            Connections.closeQuietly(paths.overrides(), open);
        }
    }

    // What readers do.

    private static long id(Connection c, String schema, PartitionId id) throws SQLException {
        try (PreparedStatement statement =
                c.prepareStatement("SELECT id FROM " + schema + ".parts WHERE table_name = ? AND n = ?")) {
            statement.setString(1, id.table());
            statement.setInt(2, id.n());
            try (ResultSet rows = statement.executeQuery()) {
                return rows.next() ? rows.getLong(1) : 0;
            }
        }
    }

    /** Attaches the file to a reader of an adopted database, where there is one; to be ended by {@link #detached}. */
    static boolean attach(StorePaths paths, Connection reader) throws SQLException {
        Path file = paths.overrides();
        if (!there(paths)) {
            return false;
        }
        Handles.opening(file, () -> {
            String frozen = Connections.uriOptions(file);
            String uri = file.toAbsolutePath().toUri() + "?mode=ro" + (frozen.isEmpty() ? "" : "&" + frozen);
            Sqlite.run(reader, "ATTACH " + Sqlite.literal(uri) + " AS " + SCHEMA);
            Sqlite.run(reader, "PRAGMA " + SCHEMA + ".cache_size=" + CACHE);
            return SCHEMA;
        });
        return true;
    }

    /** The reader's connection is closed, and with it this file. */
    static void detached(StorePaths paths) {
        Handles.closing(paths.overrides(), () -> {});
    }

    /** What the rows of a database are kept under in the attached file; 0 where none was ever overridden. */
    static long attachedPart(Connection reader, PartitionId id) throws SQLException {
        // A writer that was killed while it made the file has left it without its tables.
        return Sqlite.value(reader, "SELECT 1 FROM " + SCHEMA + ".sqlite_master WHERE name = 'gone'") == null
                ? 0
                : id(reader, SCHEMA, id);
    }

    /** A condition that holds for rows that do not count any more. */
    static String test(long part, String number) {
        return "EXISTS (SELECT 1 FROM " + SCHEMA + ".gone g WHERE g.part = " + part + " AND g.number = " + number + ")";
    }

    /** Begins to read the attached file as it is now, in the reader's transaction. */
    static void begin(Connection reader) throws SQLException {
        Sqlite.value(reader, "SELECT count(*) FROM " + SCHEMA + ".parts");
    }

    /** Makes a copy whole with rows whose later versions a backup has, and which were not put down yet. */
    static void complete(Path copy, Map<PartitionId, ? extends Collection<Long>> more) throws SQLException {
        Connection connection = Connections.catalog(copy);
        try {
            prepare(connection);
            for (Map.Entry<PartitionId, ? extends Collection<Long>> one : more.entrySet()) {
                long part = part(connection, one.getKey());
                Sqlite.transaction(connection, () -> insert(connection, part, one.getValue()));
            }
            Sqlite.value(connection, "PRAGMA journal_mode=DELETE");
        } finally {
            Connections.close(copy, connection);
        }
    }
}
