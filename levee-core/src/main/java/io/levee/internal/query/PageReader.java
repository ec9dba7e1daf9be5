package io.levee.internal.query;

import io.levee.Coverage;
import io.levee.LeveeException;
import io.levee.TableSpec;
import io.levee.engine.RowQuery;
import java.util.Arrays;
import java.util.NoSuchElementException;
import org.jspecify.annotations.Nullable;

/** The rows of one table, in order, with the cursor of the next page. Used by one thread but for {@link #close}. */
public final class PageReader {
    private final RowQuery query;
    private final ChunkStream stream;
    private final long limit;
    private final int[] positions;
    private long delivered;
    private @Nullable Object @Nullable [] last;
    private boolean more;

    /** A query that asks the engine for one row more than wanted shows whether there is a next page. */
    PageReader(RowQuery query, ChunkStream stream, long limit) {
        this.query = query;
        this.stream = stream;
        this.limit = limit;
        this.positions = query.columns().stream()
                .mapToInt(c -> query.spec().position(c.name()))
                .toArray();
    }

    /**
     * One row as it is stored.
     *
     * @param values stored values by the position of the table's columns; null for columns that were not asked for
     */
    public record Stored(@Nullable Object[] values, long timeMicros, long seq) {}

    /** The table. */
    public TableSpec spec() {
        return query.spec();
    }

    /** Whether there is another row of this page. Waits for it. */
    public boolean hasNext() {
        if (delivered < limit) {
            return stream.hasNext();
        }
        if (!more && stream.hasNext()) {
            more = true;
            stream.close();
        }
        return false;
    }

    /** The next row. */
    public Stored next() {
        if (!hasNext()) {
            throw new NoSuchElementException();
        }
        @Nullable Object[] row = stream.next();
        int wanted = positions.length;
        @Nullable Object[] values = new Object[query.spec().columns().size()];
        for (int i = 0; i < wanted; i++) {
            values[positions[i]] = row[i];
        }
        long time = number(row[wanted]);
        long seq = number(row[wanted + 1]);
        last = row;
        delivered++;
        return new Stored(values, time, seq);
    }

    private static long number(@Nullable Object value) {
        return value instanceof Long number ? number : 0;
    }

    /** The cursor of the next page; null before the last row of this page was read, and where there is no next page. */
    public @Nullable String nextCursor() {
        @Nullable Object @Nullable [] row = last;
        return more && row != null ? Cursor.text(query, place(row)) : null;
    }

    private RowQuery.Place place(@Nullable Object[] row) {
        int wanted = positions.length;
        return query.sorts().isEmpty()
                ? RowQuery.Place.of(number(row[wanted]), number(row[wanted + 1]))
                : new RowQuery.Place(Arrays.asList(row).subList(wanted + 2, row.length), number(row[wanted + 1]));
    }

    /** What the result can be trusted for. */
    public Coverage coverage() {
        return stream.coverage();
    }

    /** Tells once, on a thread that may be anybody's, when there is something to read: rows, the end or an error. */
    void whenReady(Runnable listener) {
        stream.whenReady(listener);
    }

    /** What the query failed with before there was anything to read; null where there is something, or nothing went wrong. */
    public @Nullable LeveeException failure() {
        return stream.failedAtOnce();
    }

    /** Ends the query; who reads it gets {@code CANCELLED}. */
    public void cancel() {
        stream.cancel("the query was cancelled by its caller");
    }

    /** Ends the query if it still runs. Idempotent. */
    public void close() {
        stream.close();
    }
}
