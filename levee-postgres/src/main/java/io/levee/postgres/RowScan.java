package io.levee.postgres;

import io.levee.Column;
import io.levee.engine.Execution;
import io.levee.engine.RowQuery;
import io.levee.engine.RowSink;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/**
 * Rows of one table in the order of time and number: one statement on the parent, of which the server opens a partition only when
 * its turn comes. One query thread.
 */
final class RowScan {
    private final DataSource source;
    private final Names names;
    private final RowQuery query;
    private final Execution execution;

    RowScan(DataSource source, Names names, RowQuery query, Execution execution) {
        this.source = source;
        this.names = names;
        this.query = query;
        this.execution = execution;
    }

    /** Sends the rows to the sink. */
    void run(RowSink sink) {
        try (ReadSession session = ReadSession.open(source, execution, "")) {
            session.stream(statement(), this::read, sink::row);
        } catch (SQLException e) {
            throw ReadSession.failure("the query of " + query.spec().name() + " failed", execution, e);
        }
    }

    private @Nullable Object[] read(ResultSet rows) throws SQLException {
        List<Column> columns = query.columns();
        @Nullable Object[] values = new Object[columns.size() + 2];
        for (int i = 0; i < columns.size(); i++) {
            values[i] = Stored.read(rows, i + 1, columns.get(i));
        }
        values[columns.size()] = rows.getLong(columns.size() + 1);
        values[columns.size() + 1] = rows.getLong(columns.size() + 2);
        return values;
    }

    private SqlBuilder statement() {
        String time = Names.time(query.spec());
        List<String> selected = new ArrayList<>();
        query.columns().forEach(c -> selected.add(Names.column(query.spec(), c.name())));
        selected.add(time);
        selected.add("_seq");
        SqlBuilder sql =
                new SqlBuilder().add("SELECT " + String.join(", ", selected) + " FROM " + names.parent(query.spec()));
        FilterSql.where(query.spec(), query.fromMicros(), query.toMicros(), query.where(), sql);
        RowQuery.Place after = query.after();
        if (after != null) {
            String past = query.newestFirst() ? "<" : ">";
            // The comparison of pairs alone would leave no partition out.
            sql.add(" AND " + time + " " + past + "= ").parameter(after.timeMicros());
            sql.add(" AND (" + time + ", _seq) " + past + " (").parameter(after.timeMicros());
            sql.add(", ").parameter(after.seq()).add(")");
        }
        String order = query.newestFirst() ? " DESC" : "";
        sql.add(" ORDER BY " + time + order + ", _seq" + order);
        return query.limit() == Long.MAX_VALUE ? sql : sql.add(" LIMIT ").parameter(query.limit());
    }
}
