package io.levee.postgres;

import io.levee.PartitionId;
import io.levee.TableSpec;
import io.levee.engine.KeptCursor;
import io.levee.engine.SourceMark;
import io.levee.engine.SourcePoint;
import io.levee.engine.WriteRow;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * How far each partition holds each source, committed with the rows themselves: what comes again is known (design section 5). The
 * positions are the writer's; {@link #point} and {@link #put} are anybody's.
 *
 * <p>Positions belong to partitions, not to tables: one that is locked keeps its rows waiting while others go on. They belong to the
 * partition of the row's event time, whatever its period is called: widths may have changed since.
 */
final class Sources {
    private final Names names;
    private final Manifest manifest;
    private final WriterSession session;
    /** By table and source: what was committed. */
    private final Map<Key, Map<PartitionId, Long>> positions = new HashMap<>();

    private int generation;

    private record Key(String table, String source) {}

    Sources(Names names, Manifest manifest, WriterSession session) {
        this.names = names;
        this.manifest = manifest;
        this.session = session;
    }

    /** Makes its tables, in the caller's transaction. */
    static void create(Connection connection, Names names) throws SQLException {
        Postgres.run(
                connection,
                "CREATE TABLE " + names.catalog("sources")
                        + "(table_name text COLLATE \"C\" NOT NULL, source text COLLATE \"C\" NOT NULL,"
                        + " class text COLLATE \"C\" NOT NULL, period text COLLATE \"C\" NOT NULL, n integer NOT NULL,"
                        + " position bigint NOT NULL, PRIMARY KEY (table_name, source, class, period, n))"
                        + " WITH (fillfactor = 50)");
        Postgres.run(
                connection,
                "CREATE TABLE " + names.catalog("source_points")
                        + "(table_name text COLLATE \"C\" NOT NULL, source text COLLATE \"C\" NOT NULL,"
                        + " position bigint NOT NULL, state text NOT NULL, PRIMARY KEY (table_name, source))");
    }

    // Writer thread

    /** Settles rows that are there already, and leaves them out. Rows with a key are written again: the last one wins. */
    List<? extends WriteRow> withoutKnown(TableSpec spec, List<? extends WriteRow> rows) {
        if (spec.keyed() || rows.stream().allMatch(row -> row.source() == null)) {
            return rows;
        }
        if (generation != session.generation()) {
            // Another server may have taken over that has less: what it has is read again.
            positions.clear();
            generation = session.generation();
        }
        List<WriteRow> left = new ArrayList<>(rows.size());
        for (WriteRow row : rows) {
            if (known(spec.name(), row)) {
                row.settle(WriteRow.Outcome.KNOWN, 0, null);
            } else {
                left.add(row);
            }
        }
        return left;
    }

    private boolean known(String table, WriteRow row) {
        SourceMark mark = row.source();
        if (mark == null) {
            return false;
        }
        Leaf leaf = manifest.at(table, row.slot().retentionClass(), row.timeMicros());
        return leaf != null && mark.position() <= of(table, mark.source()).getOrDefault(leaf.id(), Long.MIN_VALUE);
    }

    private Map<PartitionId, Long> of(String table, String source) {
        Key key = new Key(table, source);
        Map<PartitionId, Long> known = positions.get(key);
        if (known == null) {
            known = session.ask("the positions of a source cannot be read", c -> read(c, key));
            positions.put(key, known);
        }
        return known;
    }

    private Map<PartitionId, Long> read(Connection c, Key key) throws SQLException {
        Map<PartitionId, Long> read = new HashMap<>();
        try (PreparedStatement statement = c.prepareStatement("SELECT class, period, n, position FROM "
                + names.catalog("sources") + " WHERE table_name = ? AND source = ?")) {
            statement.setString(1, key.table);
            statement.setString(2, key.source);
            try (ResultSet rows = statement.executeQuery()) {
                while (rows.next()) {
                    read.put(
                            new PartitionId(key.table, rows.getString(1), rows.getString(2), rows.getInt(3)),
                            rows.getLong(4));
                }
            }
        }
        return read;
    }

    /** Writes what a partition holds now of its sources, in the transaction that brings the rows. */
    void advance(Connection c, PartitionId id, Map<String, Long> marks) throws SQLException {
        for (Map.Entry<String, Long> mark : marks.entrySet()) {
            Postgres.update(
                    c,
                    "INSERT INTO " + names.catalog("sources")
                            + " AS s (table_name, source, class, period, n, position) VALUES (?, ?, ?, ?, ?, ?)"
                            + " ON CONFLICT (table_name, source, class, period, n) DO UPDATE SET position ="
                            + " greatest(s.position, excluded.position)",
                    id.table(),
                    mark.getKey(),
                    id.retentionClass(),
                    id.period(),
                    id.n(),
                    mark.getValue());
        }
    }

    /** Says that it was committed. */
    void advanced(PartitionId id, Map<String, Long> marks) {
        marks.forEach((source, position) -> {
            Map<PartitionId, Long> known = positions.get(new Key(id.table(), source));
            if (known != null) {
                known.merge(id, position, Math::max);
            }
        });
    }

    // Any thread

    /** Takes the lines of a partition that is freed with it, in the caller's transaction. */
    static void forget(Connection c, Names names, PartitionId id) throws SQLException {
        Postgres.update(
                c,
                "DELETE FROM " + names.catalog("sources")
                        + " WHERE table_name = ? AND class = ? AND period = ? AND n = ?",
                id.table(),
                id.retentionClass(),
                id.period(),
                id.n());
    }

    /** See {@link io.levee.engine.StorageEngine#source}. */
    static SourcePoint point(Connection c, Names names, String table, String source) throws SQLException {
        try (PreparedStatement statement = c.prepareStatement("SELECT position, state FROM "
                + names.catalog("source_points") + " WHERE table_name = ? AND source = ?")) {
            statement.setString(1, table);
            statement.setString(2, source);
            try (ResultSet rows = statement.executeQuery()) {
                return rows.next() ? new SourcePoint(rows.getLong(1), rows.getString(2)) : SourcePoint.START;
            }
        }
    }

    /** The points whose sources' names begin so, the prefix left out. See {@link io.levee.engine.StorageEngine#cursors}. */
    static List<KeptCursor> cursors(Connection c, Names names, @Nullable String table, String prefix)
            throws SQLException {
        List<KeptCursor> found = new ArrayList<>();
        try (PreparedStatement statement = c.prepareStatement(
                "SELECT table_name, source, position, state FROM "
                        + names.catalog("source_points")
                        + " WHERE (?::text IS NULL OR table_name = ?) AND starts_with(source, ?) ORDER BY table_name, source")) {
            statement.setString(1, table);
            statement.setString(2, table);
            statement.setString(3, prefix);
            try (ResultSet rows = statement.executeQuery()) {
                while (rows.next()) {
                    found.add(new KeptCursor(
                            rows.getString(1),
                            rows.getString(2).substring(prefix.length()),
                            new SourcePoint(rows.getLong(3), rows.getString(4))));
                }
            }
        }
        return found;
    }

    static void forgetPoint(Connection c, Names names, String table, String source) throws SQLException {
        Postgres.update(
                c,
                "DELETE FROM " + names.catalog("source_points") + " WHERE table_name = ? AND source = ?",
                table,
                source);
    }

    /** See {@link io.levee.engine.StorageEngine#putSource}. */
    static void put(Connection c, Names names, String table, String source, SourcePoint point) throws SQLException {
        Postgres.update(
                c,
                "INSERT INTO " + names.catalog("source_points")
                        + "(table_name, source, position, state) VALUES (?, ?, ?, ?) ON CONFLICT (table_name, source)"
                        + " DO UPDATE SET position = excluded.position, state = excluded.state",
                table,
                source,
                point.position(),
                point.state());
    }
}
