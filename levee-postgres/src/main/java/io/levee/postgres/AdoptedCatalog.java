package io.levee.postgres;

import io.levee.Adoption;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.PartitionId;
import io.levee.engine.Period;
import io.levee.internal.adopt.SplitState;
import io.levee.internal.json.Json;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The adopted tables in the catalog: in a table of their own, because releases that do not know them would take them for partitions that
 * they may write to. Statements only; the caller's transaction.
 */
final class AdoptedCatalog {
    private static final String TABLE = "adopted";
    private static final String COLUMNS = "SELECT table_name, n, adoption, number, base, rows_estimate, time_indexed,"
            + " timeless, min_time, max_time, bytes, stamp, state FROM ";

    private AdoptedCatalog() {}

    /** What the catalog says of one; {@code state} is {@code adopted}, {@code deleting} or {@code dropped}. */
    record Entry(Adopted adopted, String state) {
        boolean live() {
            return state.equals("adopted");
        }
    }

    /** Makes what an older release did not know. */
    static void complete(Connection connection, Catalog catalog) throws SQLException {
        if (!catalog.has(connection, TABLE)) {
            Postgres.run(
                    connection,
                    "CREATE TABLE " + catalog.names().catalog(TABLE)
                            + "(table_name text COLLATE \"C\" NOT NULL, n integer NOT NULL, source text COLLATE \"C\" NOT NULL,"
                            + " adoption text NOT NULL, state text NOT NULL CHECK (state IN ('adopted', 'deleting',"
                            + " 'dropped')), number text, base bigint NOT NULL, rows_estimate bigint NOT NULL,"
                            + " time_indexed boolean NOT NULL, timeless boolean NOT NULL, min_time bigint, max_time bigint,"
                            + " bytes bigint NOT NULL, stamp text NOT NULL, changed timestamptz NOT NULL, reason text,"
                            + " PRIMARY KEY (table_name, n))");
        }
        AdoptedOverrides.complete(connection, catalog);
        SplitCatalog.complete(connection, catalog);
        String micros = catalog.names().catalog(SqlFunctions.MICROS) + "(text)";
        if (Postgres.value(connection, "SELECT 1 WHERE pg_catalog.to_regprocedure(?) IS NOT NULL", micros) == null) {
            Postgres.run(connection, SqlFunctions.micros(catalog.names()));
        }
    }

    /** All of them, the first adopted first; none where the catalog is an older release's, or not the reader's to see. */
    static List<Entry> all(Connection connection, Catalog catalog) throws SQLException {
        List<Entry> all = new ArrayList<>();
        String table = catalog.names().catalog(TABLE);
        boolean there = Boolean.TRUE.equals(Postgres.value(
                connection, "SELECT pg_catalog.has_table_privilege(pg_catalog.to_regclass(?), 'SELECT')", table));
        if (!there) {
            return all;
        }
        boolean overridable = catalog.has(connection, AdoptedOverrides.TABLE);
        boolean splittable = catalog.has(connection, SplitCatalog.TABLE);
        Map<PartitionId, SplitState> splits = new HashMap<>();
        boolean readable = (!overridable || catalog.readable(connection, AdoptedOverrides.TABLE))
                && (!splittable || catalog.readable(connection, SplitCatalog.TABLE));
        if (splittable && readable) {
            SplitCatalog.all(connection, catalog).forEach(s -> splits.put(s.id(), s));
        }
        try (PreparedStatement statement = connection.prepareStatement(COLUMNS + table + " ORDER BY table_name, n");
                ResultSet rows = statement.executeQuery()) {
            while (rows.next()) {
                long min = rows.getObject(9) == null ? Long.MIN_VALUE : rows.getLong(9);
                long max = rows.getObject(10) == null ? Long.MAX_VALUE : rows.getLong(10);
                Adopted.Facts facts = new Adopted.Facts(
                        rows.getString(4),
                        rows.getLong(5),
                        rows.getLong(6),
                        rows.getBoolean(7),
                        rows.getBoolean(8),
                        min,
                        max,
                        rows.getLong(11),
                        rows.getString(12));
                PartitionId id = id(rows.getString(1), rows.getInt(2));
                Adoption adoption = Adoption.fromMap(Json.object(rows.getString(3)));
                long before = all.isEmpty()
                                || !all.get(all.size() - 1).adopted.id().table().equals(id.table())
                        ? 0
                        : all.get(all.size() - 1).adopted.facts().base();
                Adopted adopted = new Adopted(id, adoption, facts, overridable, splittable, before, splits.get(id));
                all.add(new Entry(adopted, rows.getString(13)));
            }
        }
        if (!readable && all.stream().anyMatch(Entry::live)) {
            throw unreadable(catalog.names());
        }
        return all;
    }

    /** Without them a reader would have rows twice that were written again or have moved: nobody may answer so in silence. */
    private static LeveeException unreadable(Names names) {
        String tables = names.catalog(AdoptedOverrides.TABLE) + ", " + names.catalog(SplitCatalog.TABLE);
        return new LeveeException(
                        ErrorCode.IO_FAILED,
                        "this user may not read which rows of adopted tables were written again or have moved: "
                                + tables)
                .hint("GRANT SELECT ON " + tables + " TO the user");
    }

    /** Keeps one from being let go of until the transaction ends; false where it was. */
    static boolean keep(Connection connection, Names names, PartitionId id) throws SQLException {
        return Postgres.value(
                        connection,
                        "SELECT 1 FROM " + names.catalog(TABLE)
                                + " WHERE table_name = ? AND n = ? AND state = 'adopted' FOR SHARE",
                        id.table(),
                        id.n())
                != null;
    }

    /** The one of a table of ours of a foreign one, dropped or not; null where it was never adopted. */
    static @Nullable Entry known(List<Entry> all, String table, ForeignTable.Name source) {
        return all.stream()
                .filter(e -> e.adopted.id().table().equals(table)
                        && e.adopted.source().equals(source))
                .findFirst()
                .orElse(null);
    }

    static PartitionId id(String table, int n) {
        return new PartitionId(table, "", Period.ADOPTED.name(), n);
    }

    /** Keeps what is known of one, new or looked at again. */
    static void put(Connection connection, Names names, Adopted adopted, Instant now) throws SQLException {
        Adopted.Facts facts = adopted.facts();
        Postgres.update(
                connection,
                "INSERT INTO " + names.catalog(TABLE) + " (table_name, n, source, adoption, state, number, base,"
                        + " rows_estimate, time_indexed, timeless, min_time, max_time, bytes, stamp, changed) VALUES (?, ?, ?,"
                        + " ?, 'adopted', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (table_name, n) DO UPDATE SET"
                        + " rows_estimate = excluded.rows_estimate, time_indexed = excluded.time_indexed, timeless ="
                        + " excluded.timeless, min_time = excluded.min_time, max_time = excluded.max_time, bytes ="
                        + " excluded.bytes, stamp = excluded.stamp, changed = excluded.changed",
                adopted.id().table(),
                adopted.id().n(),
                adopted.adoption().source(),
                Json.write(adopted.adoption().toMap()),
                facts.number(),
                facts.base(),
                facts.rowsEstimate(),
                facts.timeIndexed(),
                facts.timeless(),
                facts.minMicros() == Long.MIN_VALUE ? null : facts.minMicros(),
                facts.maxMicros() == Long.MAX_VALUE ? null : facts.maxMicros(),
                facts.bytes(),
                facts.stamp(),
                now.atOffset(ZoneOffset.UTC));
    }

    /** Keeps what one was when it was compared. */
    static void stamp(Connection connection, Names names, PartitionId id, String stamp) throws SQLException {
        Postgres.update(
                connection,
                "UPDATE " + names.catalog(TABLE) + " SET stamp = ? WHERE table_name = ? AND n = ?",
                stamp,
                id.table(),
                id.n());
    }

    /** Says that one is not read any more: {@code deleting} where its tables are still to go, else {@code dropped}. */
    static void state(Connection connection, Names names, PartitionId id, String state, String reason, Instant now)
            throws SQLException {
        Postgres.update(
                connection,
                "UPDATE " + names.catalog(TABLE)
                        + " SET state = ?, reason = ?, changed = ? WHERE table_name = ? AND n = ?",
                state,
                reason,
                now.atOffset(ZoneOffset.UTC),
                id.table(),
                id.n());
    }
}
