package io.levee.sqlite;

import io.levee.Column;
import io.levee.TableSpec;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The index of trigrams that a partition keeps of the columns which a table lists under {@code fulltext}.
 *
 * <p>It is an FTS5 table beside the table that holds the columns, without a copy of them and without positions: which rows may hold a
 * text, and nothing more, so that the filter itself is always looked at too. Triggers keep it, so that whoever writes to the file keeps
 * it as well.
 */
final class Fulltext {
    private static final int GRAM = 3;

    /** More of them say little more and cost a look-up each. */
    private static final int MOST_GRAMS = 16;

    private Fulltext() {}

    /** The name of the index of a table's columns; the detail table has one of its own. */
    static String name(String table) {
        return table + "_fts";
    }

    /** Makes the indexes of a new file. Those of a file that has rows would have to read all of them: it is scanned instead. */
    static void create(Connection connection, TableSpec spec) throws SQLException {
        create(connection, spec, spec.name(), PartitionSchema.hot(spec));
        create(connection, spec, PartitionSchema.details(spec), PartitionSchema.detail(spec));
        replacing(connection, spec);
    }

    /** A row of details is replaced by an insert, for which no trigger of a deletion runs. */
    private static void replacing(Connection connection, TableSpec spec) throws SQLException {
        List<String> columns = indexed(spec, PartitionSchema.detail(spec));
        if (columns.isEmpty()) {
            return;
        }
        String table = PartitionSchema.details(spec);
        String known = " FROM " + Sqlite.quote(table) + " WHERE _seq = new._seq";
        String index = Sqlite.quote(name(table));
        trigger(
                connection,
                table,
                "replaced",
                "BEFORE INSERT ON " + Sqlite.quote(table) + " WHEN EXISTS(SELECT 1" + known + ")",
                "INSERT INTO " + index + "(" + index + ", rowid, " + names(columns, "") + ") SELECT 'delete', _seq, "
                        + names(columns, "") + known + ";");
    }

    private static List<String> indexed(TableSpec spec, List<Column> held) {
        return held.stream().map(Column::name).filter(spec.fulltext()::contains).toList();
    }

    private static void create(Connection connection, TableSpec spec, String table, List<Column> held)
            throws SQLException {
        List<String> columns = indexed(spec, held);
        if (columns.isEmpty()) {
            return;
        }
        String index = Sqlite.quote(name(table));
        String on = Sqlite.quote(table);
        Sqlite.run(
                connection,
                "CREATE VIRTUAL TABLE " + index + " USING fts5(" + names(columns, "") + ", content="
                        + Sqlite.literal(table)
                        + ", content_rowid='_seq', tokenize='trigram', detail='none', columnsize=0)");
        // Nothing of a row that is erased may stay in the index until it happens to be merged.
        Sqlite.run(connection, "INSERT INTO " + index + "(" + index + ", rank) VALUES('secure-delete', 1)");
        String add = "INSERT INTO " + index + "(rowid, " + names(columns, "") + ") VALUES(new._seq, "
                + names(columns, "new.") + ");";
        String remove = "INSERT INTO " + index + "(" + index + ", rowid, " + names(columns, "")
                + ") VALUES('delete', old._seq, " + names(columns, "old.") + ");";
        trigger(connection, table, "added", "AFTER INSERT ON " + on, add);
        trigger(connection, table, "removed", "AFTER DELETE ON " + on, remove);
        trigger(connection, table, "changed", "AFTER UPDATE OF " + names(columns, "") + " ON " + on, remove + add);
    }

    private static void trigger(Connection connection, String table, String name, String when, String body)
            throws SQLException {
        Sqlite.run(
                connection,
                "CREATE TRIGGER " + Sqlite.quote(name(table) + "_" + name) + " " + when + " BEGIN " + body + " END");
    }

    private static String names(List<String> columns, String of) {
        return columns.stream().map(c -> of + Sqlite.quote(c)).collect(Collectors.joining(", "));
    }

    /**
     * What the rows that may hold a text match.
     *
     * @return null for less than three characters, which the index cannot tell
     */
    static @Nullable String match(String text) {
        int[] points = text.codePoints().toArray();
        if (points.length < GRAM || text.indexOf('\0') >= 0) {
            return null;
        }
        int count = points.length - GRAM + 1;
        Set<String> grams = new LinkedHashSet<>();
        for (int i = 0; i < Math.min(count, MOST_GRAMS); i++) {
            // Spread over the text: those of its beginning may be in every row.
            int at = count <= MOST_GRAMS ? i : (int) ((long) i * (count - 1) / (MOST_GRAMS - 1));
            grams.add(new String(points, at, GRAM));
        }
        List<String> quoted = new ArrayList<>();
        grams.forEach(gram -> quoted.add(Sqlite.quote(gram)));
        return String.join(" AND ", quoted);
    }
}
