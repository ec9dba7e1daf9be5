package io.levee.sqlite;

import io.levee.engine.Execution;
import io.levee.engine.RowQuery;
import io.levee.sqlite.ReadHandles.ReadHandle;
import io.levee.sqlite.RowOrder.Stage;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayDeque;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/** One partition's rows in the order of a query, standing on one of them. Has a handle until it is closed. One query thread. */
final class RowSource {
    private final RowQuery query;
    private final RowOrder order;
    private final Partition partition;
    private final ReadHandles handles;
    private final ReadHandle handle;
    private final Execution execution;
    private final @Nullable Object @Nullable [] worst;
    private final Deque<Stage> stages;
    private final @Nullable AdoptedWindows windows;
    private HeldRange range;
    private long inWindow;
    private @Nullable PreparedStatement statement;
    private String text = "";
    private @Nullable ResultSet rows;
    private @Nullable Object[] row = new Object[0];
    private boolean utf8;
    private boolean sound = true;
    private boolean any;

    /**
     * A source, before its first row.
     *
     * @param query behind what row, and at most how many of this partition
     * @param worst a row behind which none is wanted, or null
     * @param handle given back by {@link #close}
     */
    RowSource(
            RowQuery query,
            RowOrder order,
            @Nullable Object @Nullable [] worst,
            Partition partition,
            ReadHandles handles,
            ReadHandle handle,
            Execution execution) {
        this.query = query;
        this.order = order;
        this.worst = worst;
        this.partition = partition;
        this.handles = handles;
        this.handle = handle;
        this.execution = execution;
        this.stages = new ArrayDeque<>(order.stages(query.after()));
        this.windows = windows();
        HeldRange first = windows == null ? null : windows.next(0);
        this.range =
                first != null ? first : HeldRange.of(partition, query.fromMicros(), query.toMicros(), handles.live());
    }

    /** What lies before the page, or behind what is wanted, is in no piece. */
    private @Nullable AdoptedWindows windows() {
        if (!order.byTime()) {
            return null;
        }
        RowQuery.Place after = query.after();
        boolean falls = order.newestFirst();
        long from = query.fromMicros();
        long to = query.toMicros();
        if (after != null && falls) {
            to = Math.min(to, after.timeMicros() == Long.MAX_VALUE ? Long.MAX_VALUE : after.timeMicros() + 1);
        } else if (after != null) {
            from = Math.max(from, after.timeMicros());
        }
        if (worst != null && falls) {
            from = Math.max(from, order.time(worst));
        } else if (worst != null) {
            to = Math.min(to, order.time(worst) + 1);
        }
        return from < to ? AdoptedWindows.of(partition, falls, from, to) : null;
    }

    /** Goes on with the next piece of an adopted database; false where there is none. */
    private boolean nextWindow() {
        HeldRange next = windows == null ? null : windows.next(inWindow);
        inWindow = 0;
        if (next == null) {
            return false;
        }
        range = next;
        return true;
    }

    /** Steps to the next row; false at the end. An error leaves it unsound: its handle is not used again. */
    boolean step() throws SQLException {
        sound = false;
        try {
            while (!stages.isEmpty()) {
                if (stepIn(stages.peek())) {
                    inWindow++;
                    sound = true;
                    any = true;
                    return true;
                }
                closeStatement();
                execution.check();
                if (!nextWindow()) {
                    stages.remove();
                }
            }
            if (!any) {
                handles.facts().learn(query.spec(), query.where(), partition, range, handle, execution);
            }
        } catch (SQLException e) {
            handles.met(partition, e);
            throw e;
        }
        sound = true;
        return false;
    }

    private boolean stepIn(Stage stage) throws SQLException {
        if (rows == null) {
            start(stage);
            if (!range.holds(partition)) {
                // It was opened for writing meanwhile, and may hold rows out of the range now.
                closeStatement();
                range = HeldRange.whole(query.fromMicros(), query.toMicros());
                start(stage);
            }
        }
        ResultSet open = rows;
        boolean[] more = new boolean[1];
        PreparedStatement running = statement;
        if (open != null && running != null) {
            execution.<SQLException>interruptibly(() -> RowScan.cancel(running), () -> {
                more[0] = open.next();
                if (more[0]) {
                    row = order.read(open, utf8);
                }
            });
        }
        return more[0];
    }

    private void start(Stage stage) throws SQLException {
        PartitionSql sql = sql(query, order, handle, range, stage, worst);
        PreparedStatement prepared = sql.prepare(handle);
        text = sql.text();
        statement = prepared;
        utf8 = handle.utf8();
        execution.<SQLException>interruptibly(() -> RowScan.cancel(prepared), () -> rows = prepared.executeQuery());
    }

    /** The statement of a stage. */
    static PartitionSql sql(
            RowQuery query,
            RowOrder order,
            ReadHandle handle,
            HeldRange range,
            Stage stage,
            @Nullable Object @Nullable [] worst)
            throws SQLException {
        PartitionSql sql = new PartitionSql(query.spec(), handle);
        order.select(sql);
        sql.from(order.details());
        sql.where(range.fromMicros(), range.toMicros(), query.where());
        order.behind(sql, query.after(), stage);
        if (worst != null) {
            order.within(sql, worst);
        }
        order.orderBy(sql);
        return query.limit() == Long.MAX_VALUE ? sql : sql.add(" LIMIT ?", query.limit());
    }

    /** The row it stands on. */
    @Nullable
    Object[] row() {
        return row;
    }

    private void closeStatement() throws SQLException {
        PreparedStatement open = statement;
        ResultSet read = rows;
        statement = null;
        rows = null;
        if (read != null) {
            read.close();
        }
        if (open != null) {
            handle.done(text, open);
        }
    }

    /** Gives the handle back. */
    void close() {
        try {
            closeStatement();
        } catch (SQLException e) {
            sound = false;
        }
        handles.giveBack(handle, sound);
    }
}
