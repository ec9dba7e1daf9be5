package io.levee;

import io.levee.internal.query.PageReader;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The rows of a query, streamed: memory does not grow with their number. Used by one thread; {@link #close} may be called by
 * any. It has to be closed: until its deadline an open result keeps partitions that were dropped on disk. A reader who is behind holds no
 * thread of the store.
 *
 * @param <T> what a row is read as
 */
public final class Result<T> implements Iterable<T>, AutoCloseable {
    private final PageReader rows;
    private final Function<Row, T> decoder;
    private boolean iterated;

    Result(PageReader rows, Function<Row, T> decoder) {
        this.rows = rows;
        this.decoder = decoder;
    }

    /**
     * The rows, once.
     *
     * @throws IllegalStateException when called a second time
     */
    @Override
    public Iterator<T> iterator() {
        if (iterated) {
            throw new IllegalStateException("a result is read once; run the query again");
        }
        iterated = true;
        return new Iterator<>() {
            @Override
            public boolean hasNext() {
                return rows.hasNext();
            }

            @Override
            public T next() {
                PageReader.Stored stored = rows.next();
                return decoder.apply(new Row(rows.spec(), stored.values(), stored.timeMicros(), stored.seq()));
            }
        };
    }

    /** Reads the remaining rows into memory: for pages, not for unlimited results. */
    public List<T> toList() {
        List<T> list = new ArrayList<>();
        forEach(list::add);
        return list;
    }

    /** What the result can be trusted for. */
    public Coverage coverage() {
        return rows.coverage();
    }

    /**
     * Where the next page begins: given to {@link Query.Builder#after}.
     *
     * @return the cursor, or null before all rows of the page were read, and where there are no more
     */
    public @Nullable String next() {
        return rows.nextCursor();
    }

    /** Ends the query if it still runs, and gives its slot back. Idempotent. */
    @Override
    public void close() {
        rows.close();
    }
}
