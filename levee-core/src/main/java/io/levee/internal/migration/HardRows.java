package io.levee.internal.migration;

import io.levee.Column;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.IndexSpec;
import io.levee.LeveeException;
import io.levee.TableSpec;
import io.levee.engine.MigrationRecord;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Rows that an expression of a column or an index is tried on before it is declared: it is computed for each row that is read or written from
 * then on, so that one that ends with an error for some row would make the table unreadable, or have new rows refused.
 */
public final class HardRows {
    private HardRows() {}

    /**
     * The rows: ordinary values of each type and those at which expressions break, such as text that is no JSON, zero, nothing at all.
     *
     * @param expressions what is tried; only columns that they name have values, others are null
     * @return for each row stored values by column, the columns of event time always among them
     */
    public static List<Map<Column, @Nullable Object>> of(TableSpec spec, List<String> expressions) {
        Set<Column> named = new LinkedHashSet<>();
        spec.time().forEach(name -> named.add(spec.column(name)));
        for (String expression : expressions) {
            SqlExpression.parse(expression).columns(spec).forEach(name -> named.add(spec.column(name)));
        }
        List<Map<Column, @Nullable Object>> rows = new ArrayList<>();
        // All columns by turns, then each of them alone beside ordinary ones.
        for (int i = 0; i < 8; i++) {
            rows.add(row(spec, named, null, i));
        }
        for (Column one : named) {
            for (int i = 0; i < values(one.type()).size(); i++) {
                rows.add(row(spec, named, one, i));
            }
        }
        return rows;
    }

    /** The expressions of an index: its parts that are no columns, and its condition. */
    public static List<String> expressions(IndexSpec index) {
        List<String> all = new ArrayList<>();
        index.parts().stream().filter(IndexSpec::expression).forEach(all::add);
        String where = index.where();
        if (where != null) {
            all.add(where);
        }
        return all;
    }

    /**
     * Says that a step is refused, since an expression of it ends with an error for a row.
     *
     * @param cause what the engine said of it
     * @param instead what the expression could be, in the engine's dialect
     */
    public static LeveeException refusal(
            MigrationRecord record,
            List<String> expressions,
            Map<Column, @Nullable Object> row,
            Exception cause,
            String instead) {
        return new LeveeException(
                        ErrorCode.BAD_SPEC,
                        "the migration " + record.id() + " would make rows unreadable, or have them refused: "
                                + expressions + " ends with an error for " + text(row) + ": " + cause.getMessage(),
                        cause)
                .with("migration", record.id())
                .hint("have it give null there, such as " + instead);
    }

    private static Map<String, String> text(Map<Column, @Nullable Object> row) {
        Map<String, String> text = new LinkedHashMap<>();
        row.forEach((column, value) ->
                text.put(column.name(), value instanceof byte[] bytes ? bytes.length + " bytes" : "" + value));
        return text;
    }

    private static Map<Column, @Nullable Object> row(TableSpec spec, Set<Column> named, @Nullable Column only, int i) {
        Map<Column, @Nullable Object> row = new LinkedHashMap<>();
        for (Column column : named) {
            List<@Nullable Object> values = values(column.type());
            int at = only == null || column.equals(only) ? i % values.size() : 0;
            Object value = values.get(at);
            row.put(column, value == null && spec.time().contains(column.name()) ? values.get(0) : value);
        }
        return row;
    }

    /** Stored values of a type, an ordinary one first. */
    private static List<@Nullable Object> values(ColumnType type) {
        return switch (type) {
            case TEXT -> Arrays.asList("{\"a\": 1}", "no json {", "", "0", "-1.5", "ä'\"", null);
            case JSON -> Arrays.asList("{\"a\":1}", "[1]", "\"x\"", "5", "null", null);
            case INTEGER -> Arrays.asList(1L, 0L, -1L, 1L << 33, null);
            case TIMESTAMP, DURATION -> Arrays.asList(1_700_000_000_000_000L, 0L, null);
            case BOOLEAN -> Arrays.asList(1L, 0L, null);
            case REAL -> Arrays.asList(1.5, 0.0, -1.5, 1e300, null);
            case DECIMAL -> Arrays.asList("1.5", "0", "-1", null);
            case UUID -> Arrays.asList("123e4567-e89b-12d3-a456-426614174000", null);
            case BLOB -> Arrays.asList(new byte[] {1}, new byte[0], null);
        };
    }
}
