package io.levee.postgres;

import io.levee.ColumnType;
import io.levee.TableSpec;
import io.levee.engine.Term;

/** What a query reads of a row, as SQL: a column, or a place in a json column. Values are never spliced in, names are quoted. */
final class TermSql {
    private final TableSpec spec;
    private final Names names;

    TermSql(TableSpec spec, Names names) {
        this.spec = spec;
        this.names = names;
    }

    /** The value in stored form; of a place its text. */
    String value(Term term) {
        return term.inJson() ? place(SqlFunctions.TEXT, term) + " COLLATE \"C\"" : column(term);
    }

    /** The number at a place in a json column, as {@code numeric}: whole numbers are exact. */
    String number(Term term) {
        return place(SqlFunctions.NUMBER, term);
    }

    /** The value as {@code float8}. */
    String real(Term term) {
        return term.inJson() ? number(term) + "::float8" : column(term) + "::float8";
    }

    private String column(Term term) {
        return Names.column(spec, term.column().name());
    }

    private String place(String function, Term term) {
        StringBuilder path = new StringBuilder();
        for (Object step : term.steps()) {
            path.append(path.isEmpty() ? "" : ", ")
                    .append('\'')
                    .append((step instanceof String ? "." + step : "[" + step).replace("'", "''"))
                    .append('\'');
        }
        return names.catalog(function) + "(" + column(term) + ", ARRAY[" + path + "]::text[])";
    }

    /** Whether no row has null there: the column that tables are partitioned by. */
    boolean never(Term term) {
        return !term.inJson() && column(term).equals(Names.time(spec));
    }

    /** The type of an array of such values. */
    static String arrayType(ColumnType type) {
        return switch (type) {
            case INTEGER, TIMESTAMP, DURATION, BOOLEAN -> "bigint";
            case REAL -> "float8";
            case BLOB -> "bytea";
            case TEXT, DECIMAL, UUID, JSON -> "text";
        };
    }
}
