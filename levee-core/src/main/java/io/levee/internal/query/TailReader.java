package io.levee.internal.query;

import io.levee.Column;
import io.levee.Coverage;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.TableSpec;
import io.levee.Tail;
import io.levee.engine.TailQuery;
import io.levee.internal.time.MonotonicClock;
import io.levee.internal.write.TableState;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Reads a table's records behind a cursor, and waits for more. In the writer's process a commit wakes it; in another one it looks
 * again every {@link #LOOK_EVERY}. Used by one thread but for {@link #close}.
 */
public final class TailReader {
    /** Most records of one page. */
    static final int PAGE = 1000;

    private static final Duration LOOK_EVERY = Duration.ofMillis(200);

    private final QueryService queries;
    private final TableState table;
    private final boolean wokenByWriter;
    private final MonotonicClock clock = MonotonicClock.SYSTEM;
    private long after;
    private long toldMissed;
    private volatile boolean closed;

    /**
     * A reader.
     *
     * @param after the last number that is known, or {@link Tail#NOW}
     * @param wokenByWriter whether the writer is in this process
     */
    public TailReader(QueryService queries, TableState table, long after, boolean wokenByWriter) {
        this(queries, table, after, 0, wokenByWriter);
    }

    /**
     * A reader that goes on.
     *
     * @param toldMissed up to which it was told what was dropped unread
     */
    public TailReader(QueryService queries, TableState table, long after, long toldMissed, boolean wokenByWriter) {
        this.queries = queries;
        this.table = table;
        this.wokenByWriter = wokenByWriter;
        this.toldMissed = toldMissed;
        this.after = after == Tail.NOW ? queries.highestSeq(table.spec()) : after;
    }

    /** Up to which it has told what was dropped unread. */
    public long toldMissed() {
        return toldMissed;
    }

    /** One row with the number of its last change; values by the position of the table's columns. */
    public record Stored(@Nullable Object[] values, long timeMicros, long seq, long number) {}

    /** What came; {@code missedUpTo} is 0 where nothing was missed. */
    public record Page(List<Stored> rows, long missedAfter, long missedUpTo) {}

    /** The table. */
    public TableSpec spec() {
        return table.spec();
    }

    /** The last number that is known. */
    public long position() {
        return after;
    }

    /** See {@link Tail#poll}. */
    public Page poll(Duration timeout) {
        long end = clock.nanos() + timeout.toNanos();
        while (true) {
            if (closed) {
                throw new LeveeException(ErrorCode.CLOSED, "the tail of " + spec().name() + " is closed");
            }
            long changes = table.changes();
            Page page = read();
            long left = end - clock.nanos();
            if (!page.rows().isEmpty() || page.missedUpTo() != 0 || left <= 0) {
                return page;
            }
            try {
                // Also woken now and then in the writer's process: close() has to be noticed.
                Duration wait = wokenByWriter ? Duration.ofSeconds(1) : LOOK_EVERY;
                table.awaitChange(changes, Duration.ofNanos(Math.min(left, wait.toNanos())));
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new LeveeException(ErrorCode.CANCELLED, "the wait for records was interrupted", e);
            }
        }
    }

    private Page read() {
        TableSpec spec = spec();
        List<Stored> rows = new ArrayList<>();
        List<Column> columns = spec.columns();
        long before = after;
        long dropped = 0;
        ChunkStream stream = queries.tail(new TailQuery(spec, before, PAGE, columns));
        try {
            while (stream.hasNext()) {
                @Nullable Object[] row = stream.next();
                if (row.length == 1) {
                    dropped = number(row[0]);
                } else {
                    rows.add(stored(row, columns.size()));
                }
            }
        } finally {
            stream.close();
        }
        if (!rows.isEmpty()) {
            after = rows.get(rows.size() - 1).number();
        }
        if (dropped > before && dropped > toldMissed) {
            toldMissed = dropped;
            return new Page(rows, before, dropped);
        }
        return new Page(rows, 0, 0);
    }

    private static Stored stored(@Nullable Object[] row, int width) {
        @Nullable Object[] values = new Object[width];
        System.arraycopy(row, 0, values, 0, width);
        return new Stored(values, number(row[width]), number(row[width + 1]), number(row[width + 2]));
    }

    private static long number(@Nullable Object value) {
        return value instanceof Long number ? number : 0;
    }

    /** See {@link Tail#coverage}. */
    public Coverage coverage() {
        return queries.coverage(spec());
    }

    /** Ends a poll that waits. */
    public void close() {
        closed = true;
    }
}
