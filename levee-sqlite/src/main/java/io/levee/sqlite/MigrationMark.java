package io.levee.sqlite;

import io.levee.engine.MigrationRecord;
import io.levee.internal.json.Json;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * How far a migration is in one partition, as its description tells: changed in the transaction of the changes (guarantees G111, G127).
 *
 * @param migration what it does, for a catalog that is lost
 * @param number its place in the order of declaration
 * @param digest as declared
 * @param bound numbers from here on were given after its declaration, for a catalog that is lost: partitions made since have no mark
 * @param upTo the highest {@code _seq} when it came here (guarantee G120)
 * @param cursor rows up to here are done
 * @param seen rows that were looked at
 * @param changed rows that were written
 * @param done whether the partition is done with
 */
record MigrationMark(
        Map<String, Object> migration,
        long number,
        String digest,
        long bound,
        long upTo,
        long cursor,
        long seen,
        long changed,
        boolean done) {
    /**
     * A column, always null, of each file whose rows a migration has begun to set: releases before migrations do not merge files with a
     * column that they do not know. The new file would lack the marks, and its rows be changed a second time.
     */
    static final String COLUMN = "_levee_migrated";

    private static final String PREFIX = "migration:";

    /** The mark of a migration that begins with a partition. */
    static MigrationMark begin(MigrationRecord record, long bound, long upTo) {
        return new MigrationMark(
                record.migration().toMap(), record.number(), record.digest(), bound, upTo, Long.MIN_VALUE, 0, 0, false);
    }

    MigrationMark after(long newCursor, long moreSeen, long moreChanged, boolean nowDone) {
        return new MigrationMark(
                migration, number, digest, bound, upTo, newCursor, seen + moreSeen, changed + moreChanged, nowDone);
    }

    /** The mark of a migration in a file; null where it has not begun there. */
    static @Nullable MigrationMark of(Connection connection, String id) throws SQLException {
        try (PreparedStatement statement =
                connection.prepareStatement("SELECT value FROM levee_partition WHERE key = ?")) {
            statement.setString(1, PREFIX + id);
            try (ResultSet rows = statement.executeQuery()) {
                return rows.next() ? read(rows.getString(1)) : null;
            }
        }
    }

    /**
     * All marks of a file, by migration.
     *
     * @param schema empty, or the name that it is attached by and a dot
     */
    static Map<String, MigrationMark> all(Connection connection, String schema) throws SQLException {
        Map<String, MigrationMark> marks = new LinkedHashMap<>();
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery("SELECT key, value FROM " + schema
                        + "levee_partition WHERE key >= '" + PREFIX + "' AND key < 'migration;'")) {
            while (rows.next()) {
                marks.put(rows.getString(1).substring(PREFIX.length()), read(rows.getString(2)));
            }
        }
        return marks;
    }

    /** Writes it, within the caller's transaction. */
    void write(Connection connection, String id) throws SQLException {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("migration", migration);
        map.put("number", number);
        map.put("digest", digest);
        map.put("bound", bound);
        map.put("upTo", upTo);
        map.put("cursor", cursor);
        map.put("seen", seen);
        map.put("changed", changed);
        map.put("done", done);
        PartitionSchema.describe(connection, PREFIX + id, Json.write(map));
    }

    private static MigrationMark read(String json) {
        Map<String, Object> map = Json.object(json);
        Map<String, Object> migration = new LinkedHashMap<>();
        if (map.get("migration") instanceof Map<?, ?> form) {
            form.forEach((entry, value) -> migration.put(String.valueOf(entry), value));
        }
        return new MigrationMark(
                migration,
                number(map, "number"),
                String.valueOf(map.get("digest")),
                map.containsKey("bound") ? number(map, "bound") : Long.MAX_VALUE,
                number(map, "upTo"),
                number(map, "cursor"),
                number(map, "seen"),
                number(map, "changed"),
                Boolean.TRUE.equals(map.get("done")));
    }

    private static long number(Map<String, Object> map, String entry) {
        return map.get(entry) instanceof Number number ? number.longValue() : 0;
    }
}
