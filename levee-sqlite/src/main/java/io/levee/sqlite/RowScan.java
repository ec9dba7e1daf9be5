package io.levee.sqlite;

import io.levee.engine.Execution;
import io.levee.engine.RowQuery;
import io.levee.engine.RowSink;
import io.levee.sqlite.ReadHandles.ReadHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Rows of one table in order, from many partitions. One query thread.
 *
 * <p>By event time it is an ordered merge that opens a partition only when its range comes up. By other values it is a merge of all
 * partitions where these are few, else passes: the first so many rows are kept while one partition after another is read, with what is
 * known to be too far behind left out. Limits are pushed down, offsets do not exist (guarantee G57).
 */
final class RowScan {
    /** Most partitions that are read at the same time. */
    static final int MAX_AT_ONCE = 120;

    /** Most partitions that sort at the same time: each may take a megabyte for that. */
    private static final int MAX_SORTING = 8;

    /** Most rows of one pass. */
    private static final int MAX_IN_PASS = 10_000;

    /** Up to so many rows a pass is as good as a merge, and has one partition open instead of all. */
    private static final int FEW = 1_000;

    private final StorePaths paths;
    private final ReadHandles handles;
    private final RowQuery query;
    private final RowOrder order;
    private final Execution execution;
    private final Consumer<Partition> missing;
    private final Sight sight;

    /** The last row sent, or that of the page before: what is opened later begins behind it. */
    private RowQuery.@Nullable Place last;

    /** That row, where its place was not asked for yet: most are asked for none. */
    private @Nullable Object @Nullable [] sent;

    private long left;

    /**
     * A scan.
     *
     * @param missing told of each partition whose file or tables are not there
     * @param sight where rows are found that move meanwhile
     */
    RowScan(
            StorePaths paths,
            ReadHandles handles,
            RowQuery query,
            Execution execution,
            Consumer<Partition> missing,
            Sight sight) {
        this.sight = sight;
        this.missing = missing;
        this.paths = paths;
        this.handles = handles;
        this.query = query;
        this.execution = execution;
        this.order = new RowOrder(query);
        this.last = query.after();
        this.left = query.limit();
    }

    static void cancel(PreparedStatement statement) {
        try {
            statement.cancel();
        } catch (SQLException e) {
            // The statement ended meanwhile; the watchdog looks again.
            System.getLogger("io.levee.sqlite").log(System.Logger.Level.DEBUG, "cancel", e);
        }
    }

    /** Sends the rows of these partitions to the sink. */
    void run(List<Partition> touched, RowSink sink) {
        try {
            if (!query.perKey().isEmpty()) {
                List<Partition> newestFirst = new ArrayList<>(touched);
                newestFirst.sort(
                        Comparator.comparingLong((Partition p) -> p.held().maxMicros())
                                .reversed());
                new NewestPer(paths, handles, query, execution, missing, sight).run(newestFirst, sink);
            } else if (order.byTime()) {
                if (!merge(byRange(touched), MAX_AT_ONCE, sink)) {
                    passes(touched, sink);
                }
            } else if (left <= FEW || touched.size() > MAX_SORTING) {
                passes(touched, sink);
            } else {
                List<Ahead> all = touched.stream().map(p -> new Ahead(p, 0)).toList();
                merge(all, MAX_SORTING, sink);
            }
        } catch (SQLException e) {
            execution.check();
            throw Sqlite.failure("the query failed", paths.root(), e);
        }
    }

    /**
     * A partition that is still to be opened, with the end of its range that is met first, as it was when the query began: a row
     * that comes in late may widen the range meanwhile, and must not turn up behind its place.
     */
    private record Ahead(Partition partition, long bound) {}

    private List<Ahead> byRange(List<Partition> touched) {
        List<Ahead> ahead = new ArrayList<>();
        touched.forEach(p -> ahead.add(new Ahead(
                p, order.newestFirst() ? p.held().maxMicros() : p.held().minMicros())));
        Comparator<Ahead> rising = Comparator.comparingLong(Ahead::bound);
        ahead.sort(order.newestFirst() ? rising.reversed() : rising);
        return ahead;
    }

    /** Merges; false where more than so many partitions would have to be open, with what was sent behind {@link #last}. */
    private boolean merge(List<Ahead> ahead, int atOnce, RowSink sink) throws SQLException {
        PriorityQueue<RowSource> sources = new PriorityQueue<>((a, b) -> order.compare(a.row(), b.row()));
        int next = 0;
        try {
            while (left > 0) {
                while (next < ahead.size() && comesUp(ahead.get(next), sources.peek())) {
                    if (sources.size() >= atOnce) {
                        return false;
                    }
                    RowSource source = open(ahead.get(next++).partition, query.from(last(), left), null);
                    if (source != null) {
                        advance(source, sources);
                    }
                }
                // It stays in the queue until its row is taken: where nobody wants more, it is closed with the others.
                RowSource first = sources.peek();
                if (first == null || !send(first.row(), sink)) {
                    return true;
                }
                sources.remove();
                advance(first, sources);
            }
            return true;
        } finally {
            sources.forEach(RowSource::close);
        }
    }

    private boolean send(@Nullable Object[] row, RowSink sink) {
        sent = row;
        left -= left == Long.MAX_VALUE ? 0 : 1;
        return sink.row(row);
    }

    private RowQuery.@Nullable Place last() {
        @Nullable Object @Nullable [] row = sent;
        if (row != null) {
            last = order.place(row);
            sent = null;
        }
        return last;
    }

    private boolean comesUp(Ahead ahead, @Nullable RowSource first) {
        if (first == null || !order.byTime()) {
            return true;
        }
        int behind = Long.compare(ahead.bound, order.time(first.row()));
        return order.newestFirst() ? behind >= 0 : behind <= 0;
    }

    /** Puts a source back into the merge on its next row, or closes it at its end. */
    private static void advance(RowSource source, PriorityQueue<RowSource> sources) throws SQLException {
        boolean more = false;
        try {
            more = source.step();
        } finally {
            if (!more) {
                source.close();
            }
        }
        if (more) {
            sources.add(source);
        }
    }

    /** Reads one partition after another, as often as it takes. */
    private void passes(List<Partition> touched, RowSink sink) throws SQLException {
        List<Ahead> ahead = byRange(touched);
        boolean more = true;
        while (more && left > 0) {
            TopRows top = new TopRows(order, (int) Math.min(left, MAX_IN_PASS));
            for (Ahead one : ahead) {
                execution.check();
                collect(one, top);
            }
            more = top.left();
            for (@Nullable Object[] row : top.sorted()) {
                if (!send(row, sink)) {
                    return;
                }
            }
        }
    }

    private void collect(Ahead ahead, TopRows top) throws SQLException {
        @Nullable Object[] worst = top.worst();
        if (worst != null && order.byTime()) {
            int behind = Long.compare(ahead.bound, order.time(worst));
            if (order.newestFirst() ? behind < 0 : behind > 0) {
                return;
            }
        }
        RowSource source = open(ahead.partition, query.from(last(), top.most()), worst);
        if (source == null) {
            return;
        }
        try {
            boolean wanted = true;
            while (wanted && source.step()) {
                wanted = top.offer(source.row());
            }
        } finally {
            source.close();
        }
    }

    private @Nullable RowSource open(Partition partition, RowQuery wanted, @Nullable Object @Nullable [] worst)
            throws SQLException {
        Path file = paths.partition(partition);
        if (Files.notExists(file)) {
            missing.accept(partition);
            return null;
        }
        if (handles.ruledOut(partition, query.where())) {
            return null;
        }
        ReadHandle handle = handles.takeUnlessGone(partition, execution);
        if (handle == null) {
            missing.accept(partition);
            return null;
        }
        boolean there = false;
        try {
            sight.begin(partition, handle);
            boolean table = new PartitionSql(query.spec(), handle).tableThere();
            if (table && order.byTime() && order.newestFirst()) {
                AdoptedRest.look(partition, query.spec(), handle, execution);
            }
            there = table;
        } catch (SQLException e) {
            handles.met(partition, e);
            throw e;
        } finally {
            if (!there) {
                handles.giveBack(handle, true);
            }
        }
        if (!there) {
            missing.accept(partition);
            return null;
        }
        return new RowSource(wanted, order, worst, partition, handles, handle, execution);
    }
}
