package io.levee.postgres;

import io.levee.Column;
import io.levee.TableSpec;
import io.levee.engine.Execution;
import io.levee.engine.RowSink;
import io.levee.engine.TailQuery;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/**
 * Rows behind a cursor, in the order of their numbers. One query thread.
 *
 * <p>Nothing is skipped: one writer gives the numbers in the order of its commits, so whoever sees a number sees all rows below it
 * that will ever be there, as long as everything is read in one snapshot. That is why the transaction is REPEATABLE READ; the
 * catalog's highest numbers are of the same commits as the rows, and name the partitions worth opening.
 */
final class TailScan {
    private static final String ONE_SNAPSHOT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ";

    /** A window without rows is followed by one that is this much wider: numbers are dense, but for a crash or a drop. */
    private static final long WIDER = 4;

    private static final int TRIES = 3;

    private final DataSource source;
    private final Names names;
    private final TailQuery query;
    private final Execution execution;
    private int sent;

    TailScan(DataSource source, Names names, TailQuery query, Execution execution) {
        this.source = source;
        this.names = names;
        this.query = query;
        this.execution = execution;
    }

    /** A partition's table that may have rows behind the cursor. */
    private record Leaf(String table, long maxSeq) {}

    /** Sends the rows to the sink. */
    void run(RowSink sink) {
        for (int tries = 1; ; tries++) {
            try (ReadSession session = ReadSession.open(source, execution, ONE_SNAPSHOT)) {
                run(session, sink);
                return;
            } catch (SQLException e) {
                // A partition was freed between the look at the catalog and the statement: the next look does not find
                // it.
                if (!Postgres.missing(e) || sent > 0 || tries == TRIES) {
                    throw ReadSession.failure("reading on in " + query.spec().name() + " failed", execution, e);
                }
            }
        }
    }

    private void run(ReadSession session, RowSink sink) throws SQLException {
        List<Leaf> leaves = leaves(session);
        long highest = leaves.stream().mapToLong(Leaf::maxSeq).max().orElse(0);
        long below = query.after();
        long width = query.limit();
        while (below < highest && sent < query.limit()) {
            long from = below;
            long to = highest - below > width ? below + width : highest;
            List<Leaf> touched = leaves.stream().filter(l -> l.maxSeq() > from).toList();
            session.stream(statement(touched, from, to), this::read, row -> {
                sent++;
                return sink.row(row);
            });
            session.run("CLOSE " + ReadSession.CURSOR);
            below = to;
            width = width > Long.MAX_VALUE / WIDER ? Long.MAX_VALUE : width * WIDER;
        }
    }

    private List<Leaf> leaves(ReadSession session) throws SQLException {
        List<Leaf> leaves = new ArrayList<>();
        try (PreparedStatement statement = session.connection()
                .prepareStatement("SELECT leaf, max_seq FROM " + names.catalog("partitions")
                        + " WHERE table_name = ? AND max_seq > ? AND state IN ('open', 'closed')")) {
            statement.setString(1, query.spec().name());
            statement.setLong(2, query.after());
            session.interruptibly(statement, () -> {
                try (ResultSet rows = statement.executeQuery()) {
                    while (rows.next()) {
                        leaves.add(new Leaf(rows.getString(1), rows.getLong(2)));
                    }
                }
            });
        }
        return leaves;
    }

    private SqlBuilder statement(List<Leaf> leaves, long after, long to) {
        SqlBuilder sql = new SqlBuilder().add("SELECT * FROM (");
        String between = "";
        for (Leaf leaf : leaves) {
            sql.add(between);
            part(sql, leaf, "_seq", query.spec().keyed() ? " AND _chg IS NULL" : "", after, to);
            if (query.spec().keyed()) {
                sql.add(" UNION ALL ");
                part(sql, leaf, "_chg", "", after, to);
            }
            between = " UNION ALL ";
        }
        return sql.add(") AS behind ORDER BY " + (query.columns().size() + 3) + " LIMIT " + (query.limit() - sent));
    }

    private void part(SqlBuilder sql, Leaf leaf, String number, String only, long after, long to) {
        List<String> selected = new ArrayList<>();
        query.columns().forEach(c -> selected.add(Names.column(query.spec(), c.name())));
        selected.add(Names.time(query.spec()));
        selected.add("_seq");
        selected.add(number);
        sql.add("(SELECT " + String.join(", ", selected) + " FROM " + rows(leaf) + " WHERE " + number
                + " > " + after + " AND " + number + " <= " + to + only + " ORDER BY " + number + " LIMIT "
                + (query.limit() - sent) + ")");
    }

    private String rows(Leaf leaf) {
        return Filled.from(query.spec(), names, names.in(leaf.table()));
    }

    private @Nullable Object[] read(ResultSet rows) throws SQLException {
        List<Column> columns = query.columns();
        @Nullable Object[] values = new Object[columns.size() + 3];
        for (int i = 0; i < columns.size(); i++) {
            values[i] = Stored.read(rows, i + 1, columns.get(i));
        }
        for (int i = columns.size(); i < values.length; i++) {
            values[i] = rows.getLong(i + 1);
        }
        return values;
    }

    /** The highest number that any row has or had: one that is dropped is no news to a cursor that begins now. */
    static long highestSeq(DataSource source, Names names, TableSpec spec, Execution execution) {
        long[] highest = new long[1];
        try (ReadSession session = ReadSession.open(source, execution, "");
                PreparedStatement statement = session.connection()
                        .prepareStatement("SELECT greatest(max(max_seq), (SELECT dropped_seq FROM "
                                + names.catalog("tables") + " WHERE name = ?)) FROM " + names.catalog("partitions")
                                + " WHERE table_name = ?")) {
            statement.setString(1, spec.name());
            statement.setString(2, spec.name());
            session.interruptibly(statement, () -> {
                try (ResultSet rows = statement.executeQuery()) {
                    highest[0] = rows.next() ? rows.getLong(1) : 0;
                }
            });
        } catch (SQLException e) {
            throw ReadSession.failure("the highest number of " + spec.name() + " cannot be read", execution, e);
        }
        return highest[0];
    }
}
