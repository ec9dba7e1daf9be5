package io.levee.postgres;

import io.levee.ErrorCode;
import io.levee.Expr;
import io.levee.LeveeException;
import io.levee.PartitionId;
import io.levee.TableSpec;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.Function;

/**
 * Which rows of adopted tables do not count any more, because the table has, or had, a later version of their keys: put down in the
 * transaction that writes that, and left out by every statement that reads an adopted table. Statements only; the caller's connection.
 */
final class AdoptedOverrides {
    static final String TABLE = "adopted_overrides";

    /** Keys that are looked for at once. */
    private static final int AT_ONCE = 1_000;

    /** Most rows of one key that are overridden: a key of a table is no key there where it has more, and a record that has it is refused. */
    static final int MOST = 10_000;

    /** Rows that are read for several keys at once; where there are more, each key is asked for by itself. */
    private static final int MOST_AT_ONCE = 100_000;

    /** How many are forgotten in one transaction. */
    static final int STEP = 5_000;

    private final Names names;
    private final Function<TableSpec, List<Adopted>> adopted;

    AdoptedOverrides(Names names, Function<TableSpec, List<Adopted>> adopted) {
        this.names = names;
        this.adopted = adopted;
    }

    /** A row of an adopted table, by its number in ours. */
    record Version(PartitionId from, long seq) {}

    /** Makes what an older release did not know. */
    static void complete(Connection connection, Catalog catalog) throws SQLException {
        if (!catalog.has(connection, TABLE)) {
            Postgres.run(
                    connection,
                    "CREATE TABLE " + catalog.names().catalog(TABLE) + "(table_name text COLLATE \"C\" NOT NULL,"
                            + " n integer NOT NULL, seq bigint NOT NULL, PRIMARY KEY (table_name, n, seq))");
        }
    }

    /**
     * A condition that leaves out rows that do not count any more. A subquery for each row and no join: the rows of adopted tables stay
     * a plain part of the union with the table's own.
     */
    static String test(Names names, PartitionId id, String seq) {
        return "(SELECT o.seq FROM " + names.catalog(TABLE) + " o WHERE o.table_name = " + StoredSql.literal(id.table())
                + " AND o.n = " + id.n() + " AND o.seq = " + seq + ") IS NULL";
    }

    /** Whether anything was adopted for a table. */
    boolean any(TableSpec spec) {
        return !adopted.apply(spec).isEmpty();
    }

    /**
     * Tells items of keys that no own partition has, or has from an adopted table, which rows of adopted tables they take the place of:
     * where one row of a key has moved, others may lie there still.
     */
    void find(Connection c, TableSpec spec, List<Item> items) throws SQLException {
        List<Item> fresh = items.stream()
                .filter(item -> item.old() == null || item.seq() < 0)
                .toList();
        List<Adopted> all = fresh.isEmpty() ? List.of() : adopted.apply(spec);
        for (Adopted one : all) {
            ForeignTable.Name details = one.details();
            Map<Integer, ForeignTable> found =
                    ForeignTable.look(c, List.of(one.source(), details == null ? one.source() : details));
            AdoptedTable table = AdoptedRead.table(one, spec, names, found, 0);
            if (table != null && AdoptedKeys.indexed(c, spec, table)) {
                int step = byLists(spec, table) ? AT_ONCE : 1;
                for (int from = 0; from < fresh.size(); from += step) {
                    find(c, spec, table, fresh.subList(from, Math.min(fresh.size(), from + step)));
                }
            }
        }
    }

    /** Whether an index finds many keys at once: a list of values is said in a foreign column's own form for few types. */
    private static boolean byLists(TableSpec spec, AdoptedTable table) {
        ForeignColumn only =
                spec.key().size() == 1 ? table.plain(spec.column(spec.key().get(0))) : null;
        return only != null && (only.kind() == ForeignColumn.Kind.INTEGER || only.kind() == ForeignColumn.Kind.TEXT);
    }

    private void find(Connection c, TableSpec spec, AdoptedTable table, List<Item> items) throws SQLException {
        Map<List<Object>, Item> byKey = new HashMap<>();
        items.forEach(item -> byKey.put(key(spec, item), item));
        List<Expr> tests = new ArrayList<>();
        for (int i = 0; i < spec.key().size(); i++) {
            int at = i;
            String name = spec.key().get(i);
            tests.add(
                    items.size() == 1
                            ? Expr.eq(name, key(spec, items.get(0)).get(at))
                            : Expr.in(
                                    name,
                                    byKey.keySet().stream()
                                            .map(key -> key.get(at))
                                            .toArray()));
        }
        Expr where = new Expr.And(tests);
        SqlBuilder sql = new SqlBuilder().add("SELECT _seq");
        spec.key().forEach(name -> sql.add(", " + Names.column(spec, name)));
        sql.add(" FROM (")
                .add(table.select(Long.MIN_VALUE, Long.MAX_VALUE, where))
                .add(") adopted");
        FilterSql.where(spec, names, Long.MIN_VALUE, Long.MAX_VALUE, where, sql);
        int limit = items.size() == 1 ? MOST : MOST_AT_ONCE;
        sql.add(" LIMIT " + (limit + 1));
        PartitionId id = table.adopted().id();
        IdentityHashMap<Item, List<Version>> versions = new IdentityHashMap<>();
        int read = 0;
        try (PreparedStatement statement = sql.prepare(c, "");
                ResultSet rows = statement.executeQuery()) {
            while (rows.next()) {
                read++;
                Object first = Stored.read(rows, 2, spec.column(spec.key().get(0)));
                Item item = items.size() == 1 || first == null ? items.get(0) : byKey.get(List.of(first));
                if (item != null) {
                    versions.computeIfAbsent(item, i -> new ArrayList<>()).add(new Version(id, rows.getLong(1)));
                }
            }
        }
        if (read > limit && items.size() > 1) {
            for (Item item : items) {
                find(c, spec, table, List.of(item));
            }
        } else {
            versions.forEach((item, all) -> {
                if (all.size() > MOST) {
                    item.refuse(tooMany(table));
                } else {
                    all.forEach(item::overrides);
                }
            });
        }
    }

    private static LeveeException tooMany(AdoptedTable table) {
        return new LeveeException(
                        ErrorCode.LIMIT_EXCEEDED,
                        "the adopted table " + table.adopted().adoption().source() + " has more than " + MOST
                                + " rows of the record's key: it is no key there")
                .with("limit", MOST)
                .with("partition", table.adopted().id().toString())
                .hint("declare the table without that key, or remove these rows from the adopted table");
    }

    private static List<Object> key(TableSpec spec, Item item) {
        List<Object> key = new ArrayList<>();
        for (String name : spec.key()) {
            key.add(Objects.requireNonNull(item.row().values()[spec.position(name)], "a key column is never null"));
        }
        return key;
    }

    /** Puts down what these items take the place of, in their transaction. */
    void put(Connection c, List<Item> items) throws SQLException {
        List<Version> all = items.stream().flatMap(i -> i.overridden().stream()).toList();
        if (all.isEmpty()) {
            return;
        }
        try (PreparedStatement statement = c.prepareStatement("INSERT INTO " + names.catalog(TABLE)
                + " SELECT * FROM unnest(?::text[], ?::integer[], ?::bigint[]) ON CONFLICT DO NOTHING")) {
            statement.setArray(
                    1,
                    c.createArrayOf(
                            "text", all.stream().map(v -> v.from().table()).toArray()));
            statement.setArray(
                    2,
                    c.createArrayOf(
                            "integer", all.stream().map(v -> v.from().n()).toArray()));
            statement.setArray(
                    3, c.createArrayOf("bigint", all.stream().map(Version::seq).toArray()));
            statement.executeUpdate();
        }
    }

    /** Which of some rows of an adopted table do not count any more, by their numbers in ours. */
    static void overridden(Connection c, Names names, PartitionId id, List<Long> seqs, Set<Long> found)
            throws SQLException {
        try (PreparedStatement statement = c.prepareStatement(
                "SELECT seq FROM " + names.catalog(TABLE) + " WHERE table_name = ? AND n = ? AND seq = ANY (?)")) {
            statement.setString(1, id.table());
            statement.setInt(2, id.n());
            statement.setArray(3, c.createArrayOf("bigint", seqs.toArray()));
            try (ResultSet rows = statement.executeQuery()) {
                while (rows.next()) {
                    found.add(rows.getLong(1));
                }
            }
        }
    }

    /** Forgets one step of what is kept of a table that is not read any more; returns whether there may be more. */
    static boolean forget(Connection c, Names names, PartitionId id) throws SQLException {
        try (PreparedStatement statement = c.prepareStatement("DELETE FROM " + names.catalog(TABLE)
                + " WHERE table_name = ? AND n = ? AND seq IN (SELECT seq FROM " + names.catalog(TABLE)
                + " WHERE table_name = ? AND n = ? LIMIT " + STEP + ")")) {
            statement.setString(1, id.table());
            statement.setInt(2, id.n());
            statement.setString(3, id.table());
            statement.setInt(4, id.n());
            return statement.executeUpdate() == STEP;
        }
    }
}
