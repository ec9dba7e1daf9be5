package io.levee;

import io.levee.internal.query.ChunkStream;
import java.util.Arrays;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import org.jspecify.annotations.Nullable;

/**
 * The rows of a free SQL query, streamed. Values are {@link Long}, {@link Double}, {@link String}, {@code byte[]} or null, as
 * the engine stores them. Used by one thread; {@link #close} may be called by any, and has to be called.
 */
public final class SqlResult implements Iterable<List<@Nullable Object>>, AutoCloseable {
    private final ChunkStream rows;
    private final long limit;
    private long delivered;
    private boolean more;

    SqlResult(ChunkStream rows, long limit) {
        this.rows = rows;
        this.limit = limit;
    }

    /** The names of the result's columns. */
    public List<String> columns() {
        return rows.columns();
    }

    @Override
    public Iterator<List<@Nullable Object>> iterator() {
        return new Iterator<>() {
            @Override
            public boolean hasNext() {
                if (delivered < limit) {
                    return rows.hasNext();
                }
                if (!more && rows.hasNext()) {
                    more = true;
                    rows.close();
                }
                return false;
            }

            @Override
            public List<@Nullable Object> next() {
                if (!hasNext()) {
                    throw new NoSuchElementException();
                }
                delivered++;
                return Collections.unmodifiableList(Arrays.asList(rows.next()));
            }
        };
    }

    /** Whether the limit left rows out; known once the last row was read. */
    public boolean more() {
        return more;
    }

    /** What the result can be trusted for. */
    public Coverage coverage() {
        return rows.coverage();
    }

    /** Ends the query if it still runs, and gives its slot back. Idempotent. */
    @Override
    public void close() {
        rows.close();
    }
}
