package io.levee.sqlite;

import io.levee.Bytes;
import io.levee.Column;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.MigrationStep;
import io.levee.PartitionId;
import io.levee.TableSpec;
import io.levee.engine.MigrationRecord;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;

/** Tries what a migration would have SQLite do on an empty partition in memory, before anything is declared. Any thread. */
final class MigrationCheck {
    private MigrationCheck() {}

    /**
     * Refuses what SQLite would.
     *
     * @param after the table's spec with the step
     * @throws LeveeException {@code BAD_SPEC} with SQLite's words
     */
    static void run(MigrationRecord record, TableSpec after) {
        try (Connection connection = Connections.memory(Bytes.mebi(1), 1)) {
            try {
                // Also makes the table's indexes: what no index can be over is refused here.
                PartitionSchema.prepare(connection, after, new PartitionId(after.name(), "", "all", 1), Instant.EPOCH);
                FileColumns columns = FileColumns.of(after, connection);
                if (record.step() instanceof MigrationStep.AddColumn add
                        && add.column().expression() != null) {
                    Column column = after.column(add.column().name());
                    compile(
                            connection,
                            "SELECT " + columns.otherwise(column) + " FROM " + Sqlite.quote(after.name()) + " m");
                } else if (record.step() instanceof MigrationStep.Backfill fill) {
                    compile(connection, backfill(after, columns, fill));
                }
                new ExpressionTrial(connection, after).run(record);
            } catch (SQLException e) {
                throw new LeveeException(
                                ErrorCode.BAD_SPEC,
                                "SQLite refuses the migration " + record.id() + ": " + e.getMessage(),
                                e)
                        .with("migration", record.id())
                        .hint("expressions are in SQLite's dialect and read the row's own columns");
            }
        } catch (SQLException e) {
            throw new LeveeException(ErrorCode.IO_FAILED, "a migration cannot be tried: " + e.getMessage(), e);
        }
    }

    private static String backfill(TableSpec after, FileColumns columns, MigrationStep.Backfill fill) {
        Map<String, String> given = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
        fill.lookups().keySet().forEach(name -> given.put(name, "?" + (given.size() + 1)));
        Map<Column, String> values = new LinkedHashMap<>();
        fill.set().forEach((name, expression) -> {
            Column column = after.column(name);
            values.put(column, MigrationSlice.computed(after, columns, column, expression, given));
        });
        long details = values.keySet().stream().filter(Column::detail).count();
        if (details > 0 && details < values.size()) {
            throw new LeveeException(
                            ErrorCode.NOT_SUPPORTED,
                            "a backfill sets either hot columns or details, not both: "
                                    + fill.set().keySet())
                    .hint("make two migrations of it");
        }
        return MigrationSlice.setting(after, columns, values, " WHERE m._seq = 0");
    }

    private static void compile(Connection connection, String sql) throws SQLException {
        connection.prepareStatement(sql).close();
    }
}
