package io.levee.postgres;

import io.levee.Column;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.TableSpec;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** How tables and partitions look in the database. Statements only; the caller's transaction. */
final class Schema {
    /** The constraint that repeats a partition's bounds, so that attaching it needs no look at its rows. */
    static final String BOUNDS = "levee_bounds";

    /** The column of tables with classes that they are branched by. */
    static final String CLASS = "_class";

    private final Names names;

    Schema(Names names) {
        this.names = names;
    }

    /** Makes a table's parent, which holds no rows itself and no indexes: attaching a partition would have to match them. */
    void createParent(Connection connection, TableSpec spec) throws SQLException {
        String by = Names.branched(spec) ? "LIST (" + CLASS + ")" : "RANGE (" + Names.time(spec) + ")";
        create(connection, spec, names.parent(spec), " PARTITION BY " + by);
    }

    /** Makes a plain table with a table's columns. */
    void createLike(Connection connection, TableSpec spec, String name) throws SQLException {
        create(connection, spec, names.in(name), "");
    }

    private void create(Connection connection, TableSpec spec, String table, String by) throws SQLException {
        List<String> columns = new ArrayList<>();
        columns.add("_seq bigint NOT NULL");
        if (spec.separateTime()) {
            columns.add("_time bigint NOT NULL");
        }
        for (Column column : spec.columns()) {
            String time = Names.time(spec);
            String name = Names.column(spec, column.name());
            Object stored = column.defaultValue();
            columns.add(name + " " + Names.sqlType(column) + (name.equals(time) ? " NOT NULL" : "")
                    + (stored == null ? "" : " DEFAULT " + StoredSql.literal(stored)));
        }
        if (spec.keyed()) {
            columns.add("_chg bigint");
        }
        if (Names.branched(spec)) {
            columns.add(CLASS + " text COLLATE \"C\" NOT NULL");
        }
        Postgres.run(connection, "CREATE TABLE " + table + "(" + String.join(", ", columns) + ")" + by);
    }

    /** Makes what is between a table and the partitions of one class, where it is missing; empty, so that attaching it reads nothing. */
    private void createBranch(Connection connection, TableSpec spec, String retentionClass) throws SQLException {
        String branch = names.parent(spec, retentionClass);
        if (Boolean.TRUE.equals(Postgres.value(connection, "SELECT pg_catalog.to_regclass(?) IS NOT NULL", branch))) {
            return;
        }
        Postgres.run(
                connection,
                "CREATE TABLE " + branch + " (LIKE " + names.parent(spec) + ") PARTITION BY RANGE (" + Names.time(spec)
                        + ")");
        Postgres.run(
                connection,
                "ALTER TABLE " + names.parent(spec) + " ATTACH PARTITION " + branch + " FOR VALUES IN ("
                        + literal(retentionClass) + ")");
    }

    /** A class is any text. A backslash has no meaning, since every session has standard_conforming_strings on. */
    private static String literal(String text) {
        return "'" + text.replace("'", "''") + "'";
    }

    /** Adds the columns that a younger spec has more, to the parent and so to all its partitions. */
    void addColumns(Connection connection, TableSpec old, TableSpec spec) throws SQLException {
        List<String> additions = new ArrayList<>();
        for (Column column : spec.columns()) {
            if (old.position(column.name()) < 0) {
                // What rows have that are there already is kept once: the server rewrites nothing.
                Object stored = column.defaultValue();
                additions.add("ADD COLUMN " + Names.column(spec, column.name()) + " " + Names.sqlType(column)
                        + (stored == null ? "" : " DEFAULT " + StoredSql.literal(stored)));
            } else if (!Names.column(old, column.name()).equals(Names.column(spec, column.name()))) {
                throw new LeveeException(
                                ErrorCode.SPEC_CONFLICT,
                                "a new column takes the name " + Names.column(old, column.name()) + " under which '"
                                        + column.name() + "' is stored")
                        .with("table", spec.name())
                        .hint("give the new column another name");
            }
        }
        if (!additions.isEmpty()) {
            requireNonePending(connection, spec);
            Postgres.run(connection, "ALTER TABLE " + names.parent(spec) + " " + String.join(", ", additions));
        }
    }

    /** A column does not reach a partition that is being detached, which then could not be finalized: see {@link Detaching}. */
    void requireNonePending(Connection connection, TableSpec spec) throws SQLException {
        Postgres.run(connection, "LOCK TABLE ONLY " + names.parent(spec) + " IN ACCESS EXCLUSIVE MODE");
        Object pending = Postgres.value(
                connection,
                "SELECT inhrelid::regclass::text FROM pg_catalog.pg_inherits WHERE inhdetachpending AND (inhparent ="
                        + " pg_catalog.to_regclass(?) OR inhparent IN (SELECT inhrelid FROM pg_catalog.pg_inherits WHERE"
                        + " inhparent = pg_catalog.to_regclass(?)))",
                names.parent(spec),
                names.parent(spec));
        if (pending != null) {
            throw new LeveeException(
                            ErrorCode.PARTITION_BUSY,
                            "the table " + spec.name() + " gets no columns while its partition " + pending
                                    + " is being detached")
                    .with("table", spec.name())
                    .hint("sessions that read for long keep that from ending: see pg_stat_activity");
        }
    }

    /** Makes a partition's table with its indexes, and attaches it: readers and writers of the others go on. */
    void createLeaf(Connection connection, TableSpec spec, Leaf leaf) throws SQLException {
        String table = names.in(leaf.name());
        if (Names.branched(spec)) {
            createBranch(connection, spec, leaf.id().retentionClass());
        }
        Postgres.run(
                connection,
                "CREATE TABLE " + table + " (LIKE " + names.parent(spec) + " INCLUDING DEFAULTS, CONSTRAINT " + BOUNDS
                        + " CHECK (" + check(spec, leaf) + "))");
        if (Names.branched(spec)) {
            // Rows are copied into the leaf without naming it.
            Postgres.run(
                    connection,
                    "ALTER TABLE " + table + " ALTER COLUMN " + CLASS + " SET DEFAULT "
                            + literal(leaf.id().retentionClass()));
        }
        for (String index : indexes(spec)) {
            Postgres.run(connection, "CREATE INDEX ON " + table + " " + index);
        }
        String trigrams = spec.fulltext().isEmpty() ? null : Trigrams.operators(connection);
        if (trigrams != null) {
            for (String column : spec.fulltext()) {
                Postgres.run(
                        connection,
                        "CREATE INDEX ON " + table + " USING gin (" + Names.column(spec, column) + " " + trigrams
                                + ")");
            }
        }
        attach(connection, spec, leaf);
    }

    /** Gives a detached table the columns that its parent has by now, from whomever: renamed, taken away and added. */
    void completeLeaf(Connection connection, TableSpec spec, Leaf leaf) throws SQLException {
        // What attaching takes anyway, already here: no further column comes between this look and that.
        Postgres.run(connection, "LOCK TABLE ONLY " + names.parent(spec) + " IN SHARE UPDATE EXCLUSIVE MODE");
        for (Map.Entry<String, List<String>> renamed : spec.formerNames().entrySet()) {
            String now = Names.column(spec, renamed.getKey());
            for (String former : renamed.getValue()) {
                if (!hasColumn(connection, leaf, now) && hasColumn(connection, leaf, Names.column(spec, former))) {
                    Postgres.run(
                            connection,
                            "ALTER TABLE " + names.in(leaf.name()) + " RENAME COLUMN " + Names.column(spec, former)
                                    + " TO " + now);
                }
            }
        }
        for (String dropped : spec.droppedColumns().keySet()) {
            String column = Names.column(spec, dropped);
            if (!hasColumn(connection, spec.name(), column) && hasColumn(connection, leaf, column)) {
                Postgres.run(connection, "ALTER TABLE " + names.in(leaf.name()) + " DROP COLUMN " + column);
            }
        }
        Object additions = Postgres.value(
                connection,
                "SELECT pg_catalog.string_agg(pg_catalog.format('ADD COLUMN %I %s%s', p.attname,"
                        + " pg_catalog.format_type(p.atttypid, p.atttypmod), CASE WHEN c.oid IS NULL THEN '' ELSE"
                        + " pg_catalog.format(' COLLATE %I.%I', n.nspname, c.collname) END || coalesce(' DEFAULT ' ||"
                        + " pg_catalog.pg_get_expr(d.adbin, d.adrelid), '')), ', ' ORDER BY p.attnum) FROM"
                        + " pg_catalog.pg_attribute p LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = p.attrelid AND d.adnum ="
                        + " p.attnum LEFT JOIN"
                        + " pg_catalog.pg_collation c ON c.oid = p.attcollation LEFT JOIN pg_catalog.pg_namespace n ON"
                        + " n.oid = c.collnamespace WHERE p.attrelid = pg_catalog.to_regclass(?) AND p.attnum > 0 AND"
                        + " NOT p.attisdropped AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_attribute l WHERE l.attrelid ="
                        + " pg_catalog.to_regclass(?) AND l.attname = p.attname AND NOT l.attisdropped)",
                names.parent(spec),
                names.in(leaf.name()));
        if (additions != null) {
            Postgres.run(connection, "ALTER TABLE " + names.in(leaf.name()) + " " + additions);
        }
    }

    private boolean hasColumn(Connection connection, Leaf leaf, String column) throws SQLException {
        return hasColumn(connection, leaf.name(), column);
    }

    /**
     * Whether a table has a column.
     *
     * @param table not quoted
     * @param column quoted
     */
    boolean hasColumn(Connection connection, String table, String column) throws SQLException {
        return Postgres.value(
                        connection,
                        "SELECT 1 FROM pg_catalog.pg_attribute WHERE attrelid = pg_catalog.to_regclass(?) AND"
                                + " attname = ?::name AND attnum > 0 AND NOT attisdropped",
                        names.in(table),
                        column.substring(1, column.length() - 1).replace("\"\"", "\""))
                != null;
    }

    /** Attaches a partition's table; quick, since its bounds are a constraint of it. */
    void attach(Connection connection, TableSpec spec, Leaf leaf) throws SQLException {
        String from = leaf.fromMicros() == Long.MIN_VALUE ? "MINVALUE" : "'" + leaf.fromMicros() + "'";
        String to = leaf.toMicros() == Long.MAX_VALUE ? "MAXVALUE" : "'" + leaf.toMicros() + "'";
        Postgres.run(
                connection,
                "ALTER TABLE " + names.parent(spec, leaf.id().retentionClass()) + " ATTACH PARTITION "
                        + names.in(leaf.name())
                        + " FOR VALUES FROM (" + from + ") TO (" + to + ")");
    }

    private static String check(TableSpec spec, Leaf leaf) {
        List<String> tests = new ArrayList<>();
        if (leaf.fromMicros() != Long.MIN_VALUE) {
            tests.add(Names.time(spec) + " >= '" + leaf.fromMicros() + "'::bigint");
        }
        if (leaf.toMicros() != Long.MAX_VALUE) {
            tests.add(Names.time(spec) + " < '" + leaf.toMicros() + "'::bigint");
        }
        if (Names.branched(spec)) {
            tests.add(CLASS + " = " + literal(leaf.id().retentionClass()));
        }
        return tests.isEmpty() ? "true" : String.join(" AND ", tests);
    }

    private static List<String> indexes(TableSpec spec) {
        List<String> indexes = new ArrayList<>();
        indexes.add("(" + Names.time(spec) + ", _seq)");
        // Not BRIN: the server summarizes only old pages, and would read a whole partition for the rows of a moment.
        indexes.add("(_seq)");
        if (spec.keyed()) {
            indexes.add("(" + columns(spec, spec.key()) + ")");
            indexes.add("(_chg) WHERE _chg IS NOT NULL");
        }
        for (List<String> index : spec.indexes()) {
            boolean there = !spec.separateTime() && index.equals(spec.time()) || index.equals(spec.key());
            if (!there) {
                indexes.add("(" + ordered(spec, index) + ")");
            }
        }
        return indexes;
    }

    /**
     * A declared index: null first, as orders have it, so that it gives rows in order in both directions. The server's own way, null last,
     * would be sorted.
     */
    private static String ordered(TableSpec spec, List<String> columns) {
        return String.join(
                ", ",
                columns.stream()
                        .map(c -> Names.column(spec, c)
                                + (Names.column(spec, c).equals(Names.time(spec)) ? "" : " NULLS FIRST"))
                        .toList());
    }

    private static String columns(TableSpec spec, List<String> columns) {
        return String.join(
                ", ", columns.stream().map(c -> Names.column(spec, c)).toList());
    }
}
