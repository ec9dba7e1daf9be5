package io.levee.postgres;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.SqlQuery;
import io.levee.TableSpec;
import io.levee.engine.Execution;
import io.levee.engine.RowSink;
import io.levee.internal.query.SqlText;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.postgresql.util.PSQLException;
import org.postgresql.util.ServerErrorMessage;

/**
 * Free SQL over the store's tables. One query thread.
 *
 * <p>Nothing can be written: the text is the argument of a function that opens a cursor for one statement that reads (see
 * {@link SqlFunctions}), the transaction is READ ONLY and always rolled back, and functions that are VOLATILE are refused, because some
 * of them reach past the transaction: they end other sessions, take locks that outlive it, read the server's files.
 */
final class SqlScan {
    /** Functions that are volatile only because their answer changes, or because they wait. */
    private static final String HARMLESS =
            "'random', 'random_normal', 'gen_random_uuid', 'uuidv4', 'uuidv7', 'clock_timestamp',"
                    + " 'timeofday', 'pg_sleep', 'pg_sleep_for', 'pg_sleep_until', 'pg_relation_size', 'pg_table_size',"
                    + " 'pg_indexes_size', 'pg_total_relation_size', 'pg_column_size', 'pg_database_size'";

    private final DataSource source;
    private final Names names;
    private final SqlQuery query;
    private final Execution execution;
    private final List<TableSpec> tables;
    private final Function<TableSpec, List<Adopted>> adopted;

    /**
     * A scan.
     *
     * @param tables all tables of the store
     * @param adopted the adopted ones of each
     */
    SqlScan(
            DataSource source,
            Names names,
            SqlQuery query,
            List<TableSpec> tables,
            Function<TableSpec, List<Adopted>> adopted,
            Execution execution) {
        this.adopted = adopted;
        this.source = source;
        this.names = names;
        this.query = query;
        this.tables = tables;
        this.execution = execution;
    }

    /** Sends the rows to the sink. */
    void run(RowSink sink) {
        SqlFrame frame = SqlFrame.of(query, tables, names);
        String settings = "SET LOCAL cursor_tuple_fraction = 1; SET LOCAL search_path = " + Names.quote(names.schema());
        try (ReadSession session = ReadSession.open(source, execution, settings)) {
            refuseVolatile(session, frame);
            open(session, united(session, frame));
            session.fetch(rows -> reader(rows, sink), sink::row);
        } catch (SQLException e) {
            throw failure(e);
        }
    }

    /** The same with the rows of adopted tables, where there are some of those that it names. */
    private SqlFrame united(ReadSession session, SqlFrame frame) throws SQLException {
        Map<String, String> united = new HashMap<>();
        for (TableSpec table : tables) {
            List<Adopted> all = adopted.apply(table);
            if (!all.isEmpty() && SqlText.mayName(query.sql(), table.name())) {
                AdoptedRead read = AdoptedRead.of(session, names, table, all, query.fromMicros(), query.toMicros());
                SqlBuilder from = read.from(names.rows(table), null, query.fromMicros(), query.toMicros(), null);
                united.put(table.name(), from.text());
            }
        }
        return united.isEmpty()
                ? frame
                : SqlFrame.of(query, tables, names, table -> united.getOrDefault(table.name(), names.rows(table)));
    }

    private void refuseVolatile(ReadSession session, SqlFrame frame) throws SQLException {
        if (frame.functions().isEmpty()) {
            return;
        }
        SqlBuilder sql = new SqlBuilder()
                .add("SELECT DISTINCT proname FROM pg_catalog.pg_proc WHERE provolatile = 'v' AND NOT (pronamespace ="
                        + " 'pg_catalog'::regnamespace AND proname IN (" + HARMLESS + ")) AND (proname = ANY (")
                .parameter(called(frame, true))
                .add("::name[]) OR pg_catalog.pg_function_is_visible(oid) AND proname = ANY (")
                .parameter(called(frame, false))
                .add("::name[])) ORDER BY 1");
        List<String> refused = new ArrayList<>();
        try (PreparedStatement statement = sql.prepare(session.connection(), "")) {
            session.interruptibly(statement, () -> {
                try (ResultSet rows = statement.executeQuery()) {
                    while (rows.next()) {
                        refused.add(rows.getString(1));
                    }
                }
            });
        }
        if (!refused.isEmpty()) {
            throw new LeveeException(
                            ErrorCode.BAD_QUERY, "sql may not call functions that do more than read: " + refused)
                    .hint("a function of your own that only reads has to be declared STABLE or IMMUTABLE");
        }
    }

    private static SqlBuilder.Listed called(SqlFrame frame, boolean qualified) {
        return new SqlBuilder.Listed(
                "text",
                frame.functions().stream()
                        .filter(f -> f.qualified() == qualified)
                        .map(SqlFrame.Called::name)
                        .toArray());
    }

    private void open(ReadSession session, SqlFrame frame) throws SQLException {
        SqlBuilder sql = new SqlBuilder().add("SELECT ");
        if (frame.explain() == null) {
            sql.add(names.catalog(SqlFunctions.READ) + "(");
        } else {
            sql.add(names.catalog(SqlFunctions.EXPLAIN) + "(")
                    .parameter(frame.explain())
                    .add(", ");
        }
        sql.parameter(frame.text()).add(")");
        try (PreparedStatement statement = sql.prepare(session.connection(), "")) {
            session.interruptibly(statement, () -> statement.executeQuery().close());
        }
    }

    private static ReadSession.RowReader reader(ResultSet first, RowSink sink) throws SQLException {
        ResultSetMetaData meta = first.getMetaData();
        int[] types = new int[meta.getColumnCount()];
        List<String> labels = new ArrayList<>();
        for (int i = 0; i < types.length; i++) {
            types[i] = meta.getColumnType(i + 1);
            labels.add(meta.getColumnLabel(i + 1));
        }
        sink.columns(labels);
        return rows -> {
            @Nullable Object[] values = new Object[types.length];
            for (int i = 0; i < types.length; i++) {
                values[i] = Stored.any(rows, i + 1, types[i]);
            }
            return values;
        };
    }

    private LeveeException failure(SQLException e) {
        LeveeException failure = ReadSession.failure("the query failed", execution, e);
        if (failure.code() != ErrorCode.IO_FAILED) {
            return failure;
        }
        String said = String.valueOf(e.getMessage());
        String serversHint = "";
        ServerErrorMessage server = e instanceof PSQLException known ? known.getServerErrorMessage() : null;
        if (server != null && server.getMessage() != null) {
            said = server.getMessage();
            serversHint = server.getHint() == null ? "" : server.getHint() + " ";
        }
        return new LeveeException(ErrorCode.BAD_QUERY, "PostgreSQL refuses the query: " + said, e)
                .hint(serversHint + "tables are named "
                        + tables.stream().map(TableSpec::name).toList()
                        + "; names with capital letters need double quotes");
    }
}
