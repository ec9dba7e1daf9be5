package io.levee.postgres;

import io.levee.IndexSpec;
import io.levee.TableSpec;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.zip.CRC32;
import org.jspecify.annotations.Nullable;

/**
 * The indexes with names: one of the parent's (and of each class's branch) that holds nothing and that every partition's own is attached
 * to. A partition that is attached from then on, by whatever release, gets it from the server. Statements only; the caller's transaction.
 *
 * <p>An index is named after its table, its own name and the CRC of its definition: one of that name is always the one that is meant.
 */
final class NamedIndexes {
    private final Names names;

    NamedIndexes(Names names) {
        this.names = names;
    }

    /** What a partition has of an index. */
    enum State {
        /** An index that queries use, attached to the parent's. */
        THERE,
        /** One that is complete, and not attached. */
        LOOSE,
        /** One that a build has left behind, or that is being built. */
        INVALID,
        /** None. */
        MISSING
    }

    /**
     * An index of a partition.
     *
     * @param table the partition's table, not quoted
     * @param index its name, not quoted; null for none
     */
    record Of(String table, State state, @Nullable String index) {}

    /** The name of an index on a table, not quoted. */
    static String name(TableSpec spec, Names names, String table, IndexSpec index) {
        CRC32 crc = new CRC32();
        crc.update(definition(spec, names, index).getBytes(StandardCharsets.UTF_8));
        return Names.cut(String.format(Locale.ROOT, "%s=%s~%08x", table, index.name(), crc.getValue()));
    }

    /** What comes behind the table in CREATE INDEX. A column's order is that of declared indexes: null first. */
    static String definition(TableSpec spec, Names given, IndexSpec index) {
        // The same whoever has written: it is known by its text.
        Names names = new Names(given.schema());
        List<String> parts = new ArrayList<>();
        for (String part : index.parts()) {
            String value = IndexSpec.expression(part)
                    ? Filled.of(spec, names, part, "", "")
                    : "(" + Filled.value(spec, names, spec.column(part), "") + ")";
            boolean never = value.equals("(" + Names.time(spec) + ")");
            parts.add(value + (never ? "" : " NULLS FIRST"));
        }
        String where = index.where();
        return "(" + String.join(", ", parts) + ")"
                + (where == null ? "" : " WHERE " + Filled.of(spec, names, where, "", ""));
    }

    /** Makes the parent's and the branches', where they are missing. */
    void create(Connection connection, TableSpec spec, IndexSpec index) throws SQLException {
        String parent = name(spec, names, spec.name(), index);
        if (!there(connection, parent)) {
            only(connection, spec, index, spec.name());
        }
        for (String branch : branches(connection, spec)) {
            String own = name(spec, names, branch, index);
            if (!there(connection, own) && attached(connection, branch, parent) == null) {
                only(connection, spec, index, branch);
                attach(connection, parent, own);
            }
        }
    }

    private void only(Connection connection, TableSpec spec, IndexSpec index, String table) throws SQLException {
        Postgres.run(
                connection,
                "CREATE INDEX " + Names.quote(name(spec, names, table, index)) + " ON ONLY " + names.in(table) + " "
                        + definition(spec, names, index));
    }

    /** Makes the index of a table that nobody else uses, anew where a build has left it behind. */
    void createOwn(Connection connection, TableSpec spec, IndexSpec index, Leaf leaf) throws SQLException {
        String own = name(spec, names, leaf.name(), index);
        Of of = of(connection, spec, index, leaf);
        if (of.state() == State.INVALID) {
            Postgres.run(connection, "DROP INDEX " + names.in(own));
        }
        if (of.state() == State.INVALID || of.state() == State.MISSING) {
            Postgres.run(
                    connection,
                    "CREATE INDEX " + Names.quote(own) + " ON " + names.in(leaf.name()) + " "
                            + definition(spec, names, index));
        }
    }

    /** Takes the parent's away, and with it those that are attached. Loose ones of partitions are the caller's. */
    void drop(Connection connection, String parentIndex) throws SQLException {
        Postgres.run(connection, "DROP INDEX IF EXISTS " + names.in(parentIndex));
    }

    /** The parent's indexes of a name, whatever their definition, not quoted. */
    List<String> ofParent(Connection connection, TableSpec spec, String index) throws SQLException {
        List<String> found = new ArrayList<>();
        try (PreparedStatement statement =
                connection.prepareStatement("SELECT c.relname FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON"
                        + " c.oid = i.indexrelid WHERE i.indrelid = pg_catalog.to_regclass(?) AND c.relkind = 'I'")) {
            statement.setString(1, names.parent(spec));
            try (ResultSet rows = statement.executeQuery()) {
                while (rows.next()) {
                    if (rows.getString(1).startsWith(spec.name() + "=" + index + "~")) {
                        found.add(rows.getString(1));
                    }
                }
            }
        }
        return found;
    }

    /** Hangs an index below another one: both by their names, not quoted. */
    void attach(Connection connection, String parentIndex, String index) throws SQLException {
        Postgres.run(connection, "ALTER INDEX " + names.in(parentIndex) + " ATTACH PARTITION " + names.in(index));
    }

    /** The index of the parent or branch that a partition's own is to be attached to, not quoted; null where there is none. */
    @Nullable
    String above(Connection connection, TableSpec spec, Leaf leaf, IndexSpec index) throws SQLException {
        String parent = name(spec, names, spec.name(), index);
        if (!Names.branched(spec)) {
            return there(connection, parent) ? parent : null;
        }
        // That of a younger branch was made and named by the server.
        Object above = attached(connection, Names.branch(spec.name(), leaf.id().retentionClass()), parent);
        return above == null ? null : above.toString();
    }

    /** What each of a table's partitions has of an index. */
    Map<String, Of> states(Connection connection, TableSpec spec, IndexSpec index, List<Leaf> leaves)
            throws SQLException {
        Map<String, Of> states = new LinkedHashMap<>();
        Map<String, String> own = leaves.stream()
                .collect(Collectors.toMap(Leaf::name, l -> name(spec, names, l.name(), index), (a, b) -> a));
        String sql = "SELECT t.relname, c.relname, i.indisvalid, ? IN (a.relname, b.relname) FROM pg_catalog.pg_index i"
                + " JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid JOIN pg_catalog.pg_class t ON t.oid = i.indrelid"
                + " LEFT JOIN pg_catalog.pg_inherits h ON h.inhrelid = c.oid LEFT JOIN pg_catalog.pg_class a ON a.oid ="
                + " h.inhparent LEFT JOIN pg_catalog.pg_inherits g ON g.inhrelid = a.oid LEFT JOIN pg_catalog.pg_class b ON"
                + " b.oid = g.inhparent"
                + " WHERE t.relnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = ?) AND t.relkind = 'r'"
                + " AND t.relname = ANY (?::name[])";
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            statement.setString(1, name(spec, names, spec.name(), index));
            statement.setString(2, names.schema());
            statement.setArray(3, connection.createArrayOf("text", own.keySet().toArray()));
            try (ResultSet rows = statement.executeQuery()) {
                while (rows.next()) {
                    String table = rows.getString(1);
                    String name = rows.getString(2);
                    boolean valid = rows.getBoolean(3);
                    if (rows.getBoolean(4)) {
                        states.put(table, new Of(table, valid ? State.THERE : State.INVALID, name));
                    } else if (name.equals(own.get(table))) {
                        states.putIfAbsent(table, new Of(table, valid ? State.LOOSE : State.INVALID, name));
                    }
                }
            }
        }
        leaves.forEach(leaf -> states.putIfAbsent(leaf.name(), new Of(leaf.name(), State.MISSING, null)));
        return states;
    }

    /** What one partition has of an index. */
    Of of(Connection connection, TableSpec spec, IndexSpec index, Leaf leaf) throws SQLException {
        Of of = states(connection, spec, index, List.of(leaf)).get(leaf.name());
        return of == null ? new Of(leaf.name(), State.MISSING, null) : of;
    }

    private boolean there(Connection connection, String relation) throws SQLException {
        return Boolean.TRUE.equals(
                Postgres.value(connection, "SELECT pg_catalog.to_regclass(?) IS NOT NULL", names.in(relation)));
    }

    /** The index of a table that hangs below another index, or null. */
    private @Nullable Object attached(Connection connection, String table, String above) throws SQLException {
        return Postgres.value(
                connection,
                "SELECT c.relname::text FROM pg_catalog.pg_index i JOIN pg_catalog.pg_inherits h ON h.inhrelid ="
                        + " i.indexrelid JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = pg_catalog.to_regclass(?) AND h.inhparent ="
                        + " pg_catalog.to_regclass(?)",
                names.in(table),
                names.in(above));
    }

    /** The tables between a parent and its partitions, not quoted; none where it has no classes. */
    private List<String> branches(Connection connection, TableSpec spec) throws SQLException {
        List<String> branches = new ArrayList<>();
        if (Names.branched(spec)) {
            try (PreparedStatement statement =
                    connection.prepareStatement("SELECT c.relname FROM pg_catalog.pg_inherits h JOIN"
                            + " pg_catalog.pg_class c ON c.oid = h.inhrelid WHERE h.inhparent = pg_catalog.to_regclass(?)"
                            + " AND c.relkind = 'p'")) {
                statement.setString(1, names.parent(spec));
                try (ResultSet rows = statement.executeQuery()) {
                    while (rows.next()) {
                        branches.add(rows.getString(1));
                    }
                }
            }
        }
        return branches;
    }
}
