package io.levee.sqlite;

import io.levee.Column;
import io.levee.MigrationStep;
import io.levee.TableSpec;
import io.levee.engine.MigrationRecord;
import io.levee.internal.migration.HardRows;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Computes the expressions of a column or an index for {@link HardRows}, in a partition in memory. Used by one thread. */
final class ExpressionTrial {
    private final Connection connection;
    private final TableSpec spec;

    ExpressionTrial(Connection connection, TableSpec spec) {
        this.connection = connection;
        this.spec = spec;
    }

    /**
     * Refuses a step whose expressions end with an error for some row.
     *
     * @throws io.levee.LeveeException {@code BAD_SPEC} naming the row and what SQLite said of it
     */
    void run(MigrationRecord record) throws SQLException {
        List<String> expressions = new ArrayList<>();
        String computed = null;
        if (record.step() instanceof MigrationStep.AddColumn add && add.column().expression() != null) {
            Column column = spec.column(add.column().name());
            expressions.add(String.valueOf(column.expression()));
            computed = FileColumns.of(spec, connection).otherwise(column);
        } else if (record.step() instanceof MigrationStep.AddIndex add) {
            expressions.addAll(HardRows.expressions(add.index()));
        }
        if (expressions.isEmpty()) {
            return;
        }
        for (Map<Column, @Nullable Object> row : HardRows.of(spec, expressions)) {
            try {
                attempt(row, computed);
            } catch (SQLException e) {
                throw HardRows.refusal(
                        record, expressions, row, e, "CASE WHEN json_valid(x) THEN json_extract(x, '$.a') END");
            }
        }
    }

    /** Indexes are computed as the row is inserted, a column as it is read. */
    private void attempt(Map<Column, @Nullable Object> row, @Nullable String computed) throws SQLException {
        List<Column> hot = row.keySet().stream().filter(c -> !c.detail()).toList();
        List<Column> details = row.keySet().stream().filter(Column::detail).toList();
        Sqlite.run(connection, "DELETE FROM " + Sqlite.quote(spec.name()));
        insert(spec.name(), hot, row, spec.separateTime());
        if (!details.isEmpty()) {
            Sqlite.run(connection, "DELETE FROM " + Sqlite.quote(PartitionSchema.details(spec)));
            insert(PartitionSchema.details(spec), details, row, false);
        }
        if (computed != null) {
            Sqlite.value(connection, "SELECT " + computed + " FROM " + Sqlite.quote(spec.name()) + " m");
        }
    }

    private void insert(String table, List<Column> columns, Map<Column, @Nullable Object> row, boolean time)
            throws SQLException {
        StringBuilder names = new StringBuilder("_seq");
        columns.forEach(column -> names.append(", ").append(Sqlite.quote(column.name())));
        String values = "1" + ", ?".repeat(columns.size()) + (time ? ", 0" : "");
        names.append(time ? ", " + PartitionSchema.timeColumn(spec) : "");
        try (PreparedStatement insert = connection.prepareStatement(
                "INSERT INTO " + Sqlite.quote(table) + "(" + names + ") VALUES(" + values + ")")) {
            int i = 1;
            for (Column column : columns) {
                RowStatements.bind(insert, i++, row.get(column));
            }
            insert.executeUpdate();
        }
    }
}
