package io.levee.postgres;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A table of somebody else, as the server's catalog shows it at one moment; nothing of the table itself is read, and no lock on it is taken.
 *
 * @param name its name
 * @param oid its number in the server's catalog
 * @param columns by their names
 * @param stamp another text whenever somebody may have written to it, as far as the server's statistics say: these come up to a second late
 */
record ForeignTable(Name name, long oid, Map<String, ForeignColumn> columns, String stamp) {
    private static final String LOOK =
            "SELECT w.at, c.oid::bigint, a.attname, coalesce(b.typname, t.typname), a.attnotnull,"
                    + " pg_catalog.concat_ws(' ', c.relfilenode, pg_catalog.pg_stat_get_tuples_inserted(c.oid),"
                    + " pg_catalog.pg_stat_get_tuples_updated(c.oid), pg_catalog.pg_stat_get_tuples_deleted(c.oid))"
                    + " FROM unnest(?::text[], ?::text[]) WITH ORDINALITY AS w(s, r, at)"
                    + " JOIN pg_catalog.pg_namespace n ON n.nspname = w.s::name"
                    + " JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = w.r::name AND c.relkind = 'r'"
                    + " JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
                    + " JOIN pg_catalog.pg_type t ON t.oid = a.atttypid LEFT JOIN pg_catalog.pg_type b ON b.oid = t.typbasetype"
                    + " ORDER BY w.at, a.attnum";

    /** A table's schema and name, not quoted. */
    record Name(String schema, String table) {
        /** For a statement. */
        String quoted() {
            return Names.quote(schema) + "." + Names.quote(table);
        }

        /** As people write it: in quotes only where it needs them. */
        String text() {
            return part(schema) + "." + part(table);
        }

        private static String part(String name) {
            return name.matches("[a-z_][a-z0-9_]*") ? name : Names.quote(name);
        }

        /** Reads {@link #text}, or a name without a schema, which is of that one then. */
        static Name parse(String text, String schema) {
            int at = 0;
            String first = "";
            StringBuilder part = new StringBuilder();
            boolean quoted = false;
            while (at < text.length()) {
                char c = text.charAt(at++);
                if (c == '"' && quoted && at < text.length() && text.charAt(at) == '"') {
                    part.append('"');
                    at++;
                } else if (c == '"') {
                    quoted = !quoted;
                } else if (c == '.' && !quoted && first.isEmpty()) {
                    first = part.toString();
                    part.setLength(0);
                } else {
                    part.append(c);
                }
            }
            return new Name(first.isEmpty() ? schema : first, part.toString());
        }
    }

    ForeignTable {
        columns = Map.copyOf(columns);
    }

    /** The tables of these names that are there, each by its place in the list. */
    static Map<Integer, ForeignTable> look(Connection connection, List<Name> names) throws SQLException {
        try (PreparedStatement statement = prepare(connection, names);
                ResultSet rows = statement.executeQuery()) {
            return read(rows, names);
        }
    }

    /** The statement of {@link #look}, for whoever runs it by itself. */
    static PreparedStatement prepare(Connection connection, List<Name> names) throws SQLException {
        PreparedStatement statement = connection.prepareStatement(LOOK);
        boolean bound = false;
        try {
            statement.setArray(
                    1,
                    connection.createArrayOf(
                            "text", names.stream().map(Name::schema).toArray()));
            statement.setArray(
                    2,
                    connection.createArrayOf(
                            "text", names.stream().map(Name::table).toArray()));
            bound = true;
            return statement;
        } finally {
            if (!bound) {
                statement.close();
            }
        }
    }

    /** What that statement says. */
    static Map<Integer, ForeignTable> read(ResultSet rows, List<Name> names) throws SQLException {
        Map<Integer, ForeignTable> found = new LinkedHashMap<>();
        Map<Integer, Map<String, ForeignColumn>> columns = new LinkedHashMap<>();
        while (rows.next()) {
            int at = rows.getInt(1) - 1;
            String name = rows.getString(3);
            columns.computeIfAbsent(at, k -> new LinkedHashMap<>())
                    .put(name, new ForeignColumn(name, ForeignColumn.Kind.of(rows.getString(4)), rows.getBoolean(5)));
            found.putIfAbsent(at, new ForeignTable(names.get(at), rows.getLong(2), Map.of(), rows.getString(6)));
        }
        found.replaceAll((at, table) ->
                new ForeignTable(table.name, table.oid, columns.getOrDefault(at, Map.of()), table.stamp));
        return found;
    }

    /**
     * Whether somebody has written between two stamps. The server forgets its counts when it crashes, and when it is told to: then they are
     * less than before.
     */
    static boolean written(String before, String now) {
        String[] old = before.split(" ", -1);
        String[] young = now.split(" ", -1);
        if (old.length != 4 || young.length != 4) {
            return false;
        }
        boolean same = old[0].equals(young[0]);
        long more = 0;
        for (int i = 1; i < 4; i++) {
            long step = Long.parseLong(young[i]) - Long.parseLong(old[i]);
            if (step < 0) {
                return !same;
            }
            more += step;
        }
        return !same || more > 0;
    }

    /** A column by its name as it stands, else in small letters, as the server folds names; null where there is none. */
    @Nullable
    ForeignColumn column(String wanted) {
        ForeignColumn exact = columns.get(wanted);
        return exact != null ? exact : columns.get(wanted.toLowerCase(Locale.ROOT));
    }
}
