package io.levee.postgres;

import io.levee.Column;
import io.levee.TableSpec;
import io.levee.engine.MigrationRecord;
import io.levee.internal.migration.HardRows;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Has PostgreSQL compute the expressions of a column or an index for {@link HardRows}, as they are inserted below an index over them. */
final class ExpressionTrial {
    private ExpressionTrial() {}

    /**
     * Refuses a step whose expressions end with an error for some row.
     *
     * @param table an empty table of that spec that has the index; the caller undoes what is done to it
     * @throws io.levee.LeveeException {@code BAD_SPEC} naming the row and what PostgreSQL said of it
     */
    static void run(
            Connection connection,
            Names names,
            MigrationRecord record,
            TableSpec spec,
            String table,
            List<String> expressions)
            throws SQLException {
        for (Map<Column, @Nullable Object> row : HardRows.of(spec, expressions)) {
            try {
                Postgres.run(connection, insert(spec, table, row));
            } catch (SQLException e) {
                if (Postgres.gone(e) || Postgres.busy(e)) {
                    throw e;
                }
                throw HardRows.refusal(record, expressions, row, e, "a / nullif(b, 0), or CASE WHEN … THEN … END");
            }
        }
    }

    private static String insert(TableSpec spec, String table, Map<Column, @Nullable Object> row) {
        StringBuilder columns = new StringBuilder("_seq");
        StringBuilder values = new StringBuilder("1");
        if (spec.separateTime()) {
            columns.append(", _time");
            values.append(", 0");
        }
        if (Names.branched(spec)) {
            columns.append(", ").append(Schema.CLASS);
            values.append(", ''");
        }
        row.forEach((column, value) -> {
            columns.append(", ").append(Names.column(spec, column.name()));
            values.append(", ").append(literal(value));
        });
        return "INSERT INTO " + table + "(" + columns + ") VALUES(" + values + ")";
    }

    /** As text, which the server reads as the column's type. */
    private static String literal(@Nullable Object value) {
        if (value == null) {
            return "NULL";
        }
        String text = value instanceof byte[] bytes ? "\\x" + HexFormat.of().formatHex(bytes) : value.toString();
        return "'" + text.replace("'", "''") + "'";
    }
}
