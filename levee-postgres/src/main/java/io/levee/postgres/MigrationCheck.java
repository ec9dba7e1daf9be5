package io.levee.postgres;

import io.levee.Column;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.Lookup;
import io.levee.MigrationStep.AddColumn;
import io.levee.MigrationStep.AddIndex;
import io.levee.MigrationStep.Backfill;
import io.levee.TableSpec;
import io.levee.engine.MigrationRecord;
import io.levee.internal.migration.HardRows;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Lets the server judge the expressions of a migration on an empty table like its own, in a transaction that is rolled back. An expression
 * that rows are read by has to be immutable, as one of an index: so it is tried as such.
 */
final class MigrationCheck {
    private static final String EMPTY = "levee-check";

    private final Catalog catalog;
    private final Names names;

    MigrationCheck(Catalog catalog) {
        this.catalog = catalog;
        this.names = catalog.names();
    }

    /** Throws what is wrong with it. */
    void run(Connection connection, MigrationRecord record, TableSpec after) throws SQLException {
        connection.setAutoCommit(false);
        try {
            new Schema(names).createLike(connection, after, EMPTY);
            String table = names.in(EMPTY);
            if (record.step() instanceof AddColumn add && add.column().expression() != null) {
                Column column = after.column(add.column().name());
                String made = Filled.made(after, names, column, "");
                attempt(connection, add.column().expression(), "CREATE INDEX ON " + table + " ((" + made + "))");
                List<String> tried = List.of(String.valueOf(column.expression()));
                ExpressionTrial.run(connection, names, record, after, table, tried);
            } else if (record.step() instanceof AddIndex add) {
                attempt(
                        connection,
                        add.index().toMap().toString(),
                        "CREATE INDEX ON " + table + " " + NamedIndexes.definition(after, names, add.index()));
                ExpressionTrial.run(connection, names, record, after, table, HardRows.expressions(add.index()));
            } else if (record.step() instanceof Backfill fill) {
                backfill(connection, after, fill, table);
            }
        } finally {
            connection.rollback();
            connection.setAutoCommit(true);
        }
    }

    private void backfill(Connection connection, TableSpec after, Backfill fill, String table) throws SQLException {
        Map<String, String> given = new HashMap<>();
        for (Map.Entry<String, Lookup> lookup : fill.lookups().entrySet()) {
            given.put(
                    lookup.getKey().toLowerCase(Locale.ROOT),
                    "NULL::"
                            + Names.sqlType(type(connection, lookup.getValue())).replace(" COLLATE \"C\"", ""));
        }
        for (Map.Entry<String, String> one : fill.set().entrySet()) {
            if (one.getValue().toUpperCase(Locale.ROOT).contains("SELECT")) {
                // Its select becomes a lookup, which the caller judges.
                continue;
            }
            Column column = after.column(one.getKey());
            String made =
                    Filled.of(after, names, one.getValue(), "", "", name -> given.get(name.toLowerCase(Locale.ROOT)));
            attempt(
                    connection,
                    one.getValue(),
                    "SELECT " + Filled.stored(names, column, made) + " FROM " + table + " LIMIT 0");
        }
    }

    /** The type of a lookup's value. */
    private ColumnType type(Connection connection, Lookup lookup) throws SQLException {
        if (lookup.function() == Lookup.Function.COUNT) {
            return ColumnType.INTEGER;
        }
        if (lookup.function() == Lookup.Function.AVG) {
            return ColumnType.REAL;
        }
        TableSpec other = catalog.table(connection, lookup.table());
        String column = lookup.column();
        return other == null || column == null || other.position(column) < 0
                ? ColumnType.TEXT
                : other.column(column).type();
    }

    private static void attempt(Connection connection, @Nullable String expression, String sql) throws SQLException {
        try {
            Postgres.run(connection, sql);
        } catch (SQLException e) {
            if (Postgres.gone(e) || Postgres.busy(e)) {
                throw e;
            }
            throw new LeveeException(
                            ErrorCode.BAD_SPEC,
                            "PostgreSQL refuses the expression '" + expression + "': " + e.getMessage(),
                            e)
                    .with("expression", String.valueOf(expression))
                    .hint("times are whole numbers of microseconds here, truth values 0 and 1; see docs/migrations.md");
        }
    }
}
