package io.levee.postgres;

import io.levee.Column;
import io.levee.TableSpec;
import io.levee.internal.migration.SqlExpression;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;

/**
 * Columns whose rows have an expression where they are null: those that were stored before the column was added, until a migration has
 * reached them, and new ones that leave it null. Every query reads them through this, so that nobody sees which is which. A column with a
 * default needs none of it, unless a release wrote that leaves such columns null: the server keeps one value for all rows that were there before.
 */
final class Filled {
    /** What a row is called within the expressions. */
    private static final String ROW = "r.";

    private Filled() {}

    /** Whether a table has such a column. */
    static boolean any(TableSpec spec, Names names) {
        return spec.columns().stream().anyMatch(c -> filled(c, names));
    }

    private static boolean filled(Column column, Names names) {
        return column.expression() != null
                || column.defaultValue() != null && names.nulls().get();
    }

    /**
     * What a table's rows are read from: the table, or a statement in parentheses with a name that has the same columns.
     *
     * @param table the parent, or a partition's own table, quoted
     */
    static String from(TableSpec spec, Names names, String table) {
        if (!any(spec, names)) {
            return table;
        }
        Map<String, String> selected = new LinkedHashMap<>();
        selected.put("_seq", ROW + "_seq");
        selected.put(Names.time(spec), ROW + Names.time(spec));
        spec.columns().forEach(c -> selected.putIfAbsent(Names.column(spec, c.name()), value(spec, names, c, ROW)));
        if (spec.keyed()) {
            selected.put("_chg", ROW + "_chg");
        }
        if (Names.branched(spec)) {
            selected.put(Schema.CLASS, ROW + Schema.CLASS);
        }
        List<String> columns = new ArrayList<>();
        selected.forEach((name, value) -> columns.add(value.equals(ROW + name) ? value : value + " AS " + name));
        return "(SELECT " + String.join(", ", columns) + " FROM " + table + " r) filled";
    }

    /**
     * A column's value.
     *
     * @param row what comes before a column's name, such as {@code p.}; may be empty
     */
    static String value(TableSpec spec, Names names, Column column, String row) {
        String own = row + Names.column(spec, column.name());
        Object stored = column.defaultValue();
        String otherwise = stored == null ? made(spec, names, column, row) : StoredSql.literal(stored);
        return filled(column, names) ? "coalesce(" + own + ", " + otherwise + ")" : own;
    }

    /** What a column's expression gives, in the form that the column keeps. */
    static String made(TableSpec spec, Names names, Column column, String row) {
        String expression = column.expression() == null ? "NULL" : column.expression();
        return stored(names, column, of(spec, names, expression, column.name(), row));
    }

    /** The same where another one's columns stand for the row's. */
    static String made(TableSpec spec, Names names, Column column, UnaryOperator<String> values) {
        String expression = column.expression() == null ? "NULL" : column.expression();
        String made = SqlExpression.parse(expression).rewrite(spec, values);
        return stored(names, column, "(" + made + ")");
    }

    /**
     * An expression over a row's columns.
     *
     * @param without a column that it does not see: its own; an empty text for none
     */
    static String of(TableSpec spec, Names names, String expression, String without, String row) {
        return of(spec, names, expression, without, row, name -> null);
    }

    /**
     * The same with names of the caller's, which come before columns of the same name.
     *
     * @param own the SQL of a name; null where it is none of them
     */
    static String of(
            TableSpec spec, Names names, String expression, String without, String row, SqlExpression.Names own) {
        return "("
                + SqlExpression.parse(expression).rewrite(spec.name(), name -> {
                    String given = own.sql(name);
                    String column = given == null ? SqlExpression.column(spec, name) : null;
                    if (column == null || column.equals(without)) {
                        return given;
                    }
                    return value(spec, names, earlier(spec, column, without), row);
                })
                + ")";
    }

    /** A column as another one's expression sees it: those that come behind it are as they are stored, so that no two see each other. */
    private static Column earlier(TableSpec spec, String name, String without) {
        Column column = spec.column(name);
        boolean behind = !without.isEmpty() && spec.position(name) > spec.position(without);
        return behind ? column.withExpression(null) : column;
    }

    /** An expression's value of whatever type in the form in which a column keeps it. */
    static String stored(Names names, Column column, String expression) {
        return switch (column.type()) {
            case INTEGER, TIMESTAMP, DURATION -> names.catalog(StoredSql.WHOLE) + expression;
            case BOOLEAN -> names.catalog(StoredSql.WHOLE) + expression + "::smallint";
            case REAL -> names.catalog(StoredSql.REAL) + expression;
            case TEXT, DECIMAL, UUID, JSON -> "(" + names.catalog(StoredSql.WORD) + expression + " COLLATE \"C\")";
            case BLOB -> expression + "::bytea";
        };
    }
}
