package io.levee.sqlite;

import io.levee.Column;
import io.levee.TableSpec;
import io.levee.internal.json.Json;
import io.levee.internal.migration.SqlExpression;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Where one file has the columns of its table, and how those are read that it lacks: a file is as its spec was when it was made, until a
 * migration reaches it. Names in a file never change, see docs/format.md. Immutable.
 */
final class FileColumns {
    /** The entry of the description that tells names in the file from those of the table. */
    static final String COLUMNS = "columns";

    /** The entry that lists the columns whose older rows are still to be filled. */
    static final String UNFILLED = "unfilled";

    private static final String HOT = "m.";
    private static final String DETAIL = "d.";

    private final TableSpec spec;
    private final String schema;
    private final boolean hotThere;
    private final boolean detailsThere;
    private final Map<String, String> renamed;
    private final Set<String> unfilled;
    private final boolean doubted;
    private final Map<String, String> inFile = new HashMap<>();

    /**
     * As it is told.
     *
     * @param schema what stands before the names of tables: empty, or the name that the file is attached by and a dot
     * @param hot the columns of its table
     * @param detail the columns of its table of details
     * @param renamed the entry {@link #COLUMNS}
     * @param unfilled the entry {@link #UNFILLED}
     * @param doubted see {@link FilledRows#doubted}
     */
    private FileColumns(
            TableSpec spec,
            String schema,
            Set<String> hot,
            Set<String> detail,
            Map<String, String> renamed,
            Set<String> unfilled,
            boolean doubted) {
        this.spec = spec;
        this.schema = schema;
        this.hotThere = !hot.isEmpty();
        this.detailsThere = !detail.isEmpty();
        this.renamed = renamed;
        this.unfilled = unfilled;
        this.doubted = doubted;
        Map<String, String> byOurs = new HashMap<>();
        renamed.forEach((theirs, ours) -> byOurs.put(ours, theirs));
        for (Column column : spec.columns()) {
            String table = column.detail() ? DETAIL : HOT;
            String name = found(column, column.detail() ? detail : hot, table, byOurs);
            if (name != null) {
                inFile.put(column.name(), name);
            }
        }
    }

    private @Nullable String found(Column column, Set<String> there, String table, Map<String, String> byOurs) {
        String told = byOurs.get(column.name());
        if (told != null) {
            return told.startsWith(table) ? told.substring(table.length()) : null;
        }
        if (there.contains(column.name()) && !renamed.containsKey(table + column.name())) {
            return column.name();
        }
        for (String former : spec.formerNames().getOrDefault(column.name(), List.of())) {
            if (there.contains(former) && !renamed.containsKey(table + former) && spec.position(former) < 0) {
                return former;
            }
        }
        return null;
    }

    /** Looks at a file. */
    static FileColumns of(TableSpec spec, Connection connection) throws SQLException {
        return of(
                spec,
                connection,
                "",
                PartitionSchema.columns(connection, spec.name()),
                PartitionSchema.columns(connection, PartitionSchema.details(spec)));
    }

    /** Looks at an attached file. */
    static FileColumns of(TableSpec spec, Connection connection, String schema) throws SQLException {
        return of(
                spec,
                connection,
                schema + ".",
                PartitionSchema.columns(connection, schema, spec.name()),
                PartitionSchema.columns(connection, schema, PartitionSchema.details(spec)));
    }

    /** Looks at a file of which the columns are known: they are looked at first, so that what the entries tell is not older. */
    static FileColumns of(TableSpec spec, Connection connection, String schema, Set<String> hot, Set<String> detail)
            throws SQLException {
        Map<String, String> renamed = new LinkedHashMap<>();
        Set<String> unfilled = new HashSet<>();
        boolean doubted = false;
        if (!hot.isEmpty()) {
            doubted = FilledRows.any(spec) && FilledRows.doubted(connection, schema);
            try (Statement statement = connection.createStatement();
                    ResultSet rows = statement.executeQuery("SELECT key, value FROM " + schema
                            + "levee_partition WHERE key IN ('" + COLUMNS + "', '" + UNFILLED + "')")) {
                while (rows.next()) {
                    Object value = Json.parse(rows.getString(2));
                    if (value instanceof Map<?, ?> map) {
                        map.forEach((theirs, ours) -> renamed.put(String.valueOf(theirs), String.valueOf(ours)));
                    } else if (value instanceof List<?> list) {
                        list.forEach(name -> unfilled.add(String.valueOf(name)));
                    }
                }
            }
        }
        return new FileColumns(spec, schema, hot, detail, renamed, unfilled, doubted);
    }

    TableSpec spec() {
        return spec;
    }

    /** Whether the file has the table at all. */
    boolean there() {
        return hotThere;
    }

    /** Whether it has a table of details. */
    boolean detailsThere() {
        return detailsThere;
    }

    /**
     * Whether every column is there and filled: then it stays so, since nothing that is there is taken away, and a writer of this release
     * keeps it filled. Beside a writer of another process handles are not kept, and each query looks.
     */
    boolean whole() {
        return inFile.size() == spec.columns().size() && unfilled.isEmpty() && !doubted;
    }

    /** The name of a column in the file; null where the file lacks it. */
    @Nullable
    String name(String column) {
        return inFile.get(column);
    }

    /** The same of a column that is there, as those of time and key are. */
    String named(String column) {
        return inFile.getOrDefault(column, column);
    }

    /** The column with the event time. */
    String time() {
        return spec.separateTime()
                ? PartitionSchema.timeColumn(spec)
                : named(spec.time().get(0));
    }

    /** The names of the key's columns, quoted. */
    List<String> key() {
        return spec.key().stream().map(c -> Sqlite.quote(named(c))).toList();
    }

    /** Whether the older rows of a column are still to be filled. */
    boolean unfilled(String column) {
        return unfilled.contains(column)
                || doubted
                        && spec.column(column).filled()
                        && !spec.column(column).detail();
    }

    /** Whether a column is read as it lies in the file. */
    boolean plain(Column column) {
        return inFile.containsKey(column.name())
                && !(column.filled() && (column.detail() || doubted || unfilled.contains(column.name())));
    }

    /** The entry {@link #COLUMNS} with some added: what the file calls a column of the table, or an empty text for a dropped one. */
    String renamedWith(boolean detail, String theirs, String ours) {
        Map<String, String> all = new LinkedHashMap<>(renamed);
        all.put((detail ? DETAIL : HOT) + theirs, ours);
        return Json.write(all);
    }

    /** Whether the file's column of that name is told to be another one, or dropped. */
    boolean told(boolean detail, String theirs) {
        return renamed.containsKey((detail ? DETAIL : HOT) + theirs);
    }

    /** The entry {@link #UNFILLED} with a column added or taken out. */
    String unfilledWith(String column, boolean still) {
        Set<String> all = new java.util.TreeSet<>(unfilled);
        if (still) {
            all.add(column);
        } else {
            all.remove(column);
        }
        return Json.write(List.copyOf(all));
    }

    /** How a column is read where the rows are {@code m} and their details are joined as {@code d}. */
    String read(Column column) {
        String name = inFile.get(column.name());
        return read(column, name == null ? null : (column.detail() ? DETAIL : HOT) + Sqlite.quote(name));
    }

    /** How it is read where the rows are {@code m} and nothing is joined. */
    String alone(Column column) {
        String name = inFile.get(column.name());
        if (name == null || !column.detail()) {
            return read(column);
        }
        return read(
                column,
                "(SELECT d." + Sqlite.quote(name) + " FROM " + schema + Sqlite.quote(PartitionSchema.details(spec))
                        + " d WHERE d._seq = m._seq)");
    }

    private String read(Column column, @Nullable String stored) {
        if (stored != null && plain(column)) {
            return stored;
        }
        String otherwise = otherwise(column);
        return stored == null ? otherwise : "coalesce(" + stored + ", " + otherwise + ")";
    }

    /** What a row reads as that leaves a column null: its default, what its expression gives, or a typed null. */
    String otherwise(Column column) {
        return otherwise(column, this::alone);
    }

    /** How a column is read. */
    @FunctionalInterface
    interface Reading {
        String of(Column column);
    }

    /** The same for a database that has other columns. */
    static String otherwise(TableSpec spec, Column column, Reading reading) {
        String expression = column.expression();
        String value = expression == null
                ? literal(column.defaultValue())
                : computed(spec, expression, other -> other.equals(column) ? "NULL" : reading.of(other));
        return cast(column, value);
    }

    private String otherwise(Column column, Reading reading) {
        return otherwise(spec, column, reading);
    }

    /** A value of a column's type: in every partition the same, whatever its column takes by itself. */
    static String cast(Column column, String value) {
        return "CAST(" + value + " AS " + PartitionSchema.sqlType(column.type()) + ")";
    }

    /** An expression with its columns as they are read. */
    static String computed(TableSpec spec, String expression, Reading reading) {
        return "(" + SqlExpression.parse(expression).rewrite(spec, name -> "(" + reading.of(spec.column(name)) + ")")
                + ")";
    }

    /** A stored value as SQL. */
    static String literal(@Nullable Object value) {
        return value == null ? "NULL" : value instanceof String text ? Sqlite.literal(text) : value.toString();
    }

    /** A name that no column of a table has yet. */
    static String free(String wanted, Set<String> there) {
        Set<String> folded = new HashSet<>();
        there.forEach(name -> folded.add(name.toLowerCase(Locale.ROOT)));
        String name = wanted;
        for (int i = 2; folded.contains(name.toLowerCase(Locale.ROOT)); i++) {
            name = wanted + "~" + i;
        }
        return name;
    }
}
