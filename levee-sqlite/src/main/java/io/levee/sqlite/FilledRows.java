package io.levee.sqlite;

import io.levee.Column;
import io.levee.TableSpec;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Set;

/**
 * Whether all rows of a file have the defaults and expressions of its table's columns. A release before migrations leaves such a column null
 * in what it writes, and adds it without its default. {@code levee_stats} says it: its {@value #SEQ} is changed with {@code max_seq} in every
 * transaction by whoever fills these columns, and by nobody else. Where the two differ, rows are read as if they were not filled yet.
 */
final class FilledRows {
    /** The column of {@code levee_stats}: up to this number, changes included, whoever wrote knew of such columns. */
    static final String SEQ = "filled_seq";

    private FilledRows() {}

    /** Whether a table has columns that are stored with a default or an expression. */
    static boolean any(TableSpec spec) {
        for (Column column : spec.columns()) {
            if (column.filled() && !column.detail()) {
                return true;
            }
        }
        return false;
    }

    /** Whether a file keeps the number. */
    static boolean kept(Connection connection, String schema) throws SQLException {
        Set<String> columns = schema.isEmpty()
                ? PartitionSchema.columns(connection, "levee_stats")
                : PartitionSchema.columns(connection, schema.substring(0, schema.length() - 1), "levee_stats");
        return columns.contains(SEQ);
    }

    /**
     * Whether somebody wrote to a file who does not fill such columns.
     *
     * @param schema empty, or the name that the file is attached by and a dot
     */
    static boolean doubted(Connection connection, String schema) throws SQLException {
        return !kept(connection, schema)
                || Sqlite.number(connection, "SELECT " + SEQ + " IS NOT max_seq FROM " + schema + "levee_stats") != 0;
    }

    /**
     * Notes the columns that have to be filled because somebody wrote who does not; {@link #keep} comes after it, in the same transaction.
     * Returns whether there are any.
     */
    static boolean doubt(Connection connection, TableSpec spec) throws SQLException {
        if (!any(spec) || !doubted(connection, "")) {
            return false;
        }
        boolean found = false;
        for (Column column : spec.columns()) {
            FileColumns there = FileColumns.of(spec, connection);
            if (column.filled() && !column.detail() && there.name(column.name()) != null) {
                PartitionSchema.describe(connection, FileColumns.UNFILLED, there.unfilledWith(column.name(), true));
                found = true;
            }
        }
        return found;
    }

    /** From now on every row is filled, or its column is noted as unfilled. */
    static void keep(Connection connection, TableSpec spec) throws SQLException {
        if (any(spec) && doubted(connection, "")) {
            if (!kept(connection, "")) {
                Sqlite.run(connection, "ALTER TABLE levee_stats ADD COLUMN " + SEQ + " INTEGER");
            }
            Sqlite.run(connection, "UPDATE levee_stats SET " + SEQ + " = max_seq");
        }
    }
}
