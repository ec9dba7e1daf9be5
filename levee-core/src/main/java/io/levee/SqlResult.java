package io.levee;

import io.levee.internal.query.ChunkStream;
import java.util.Arrays;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The rows of a free SQL query, streamed. Values are {@link Long}, {@link Double}, {@link String}, {@code byte[]} or null, as
 * the engine stores them. Used by one thread; {@link #close} may be called by any, and has to be called.
 */
public final class SqlResult implements Iterable<List<@Nullable Object>>, AutoCloseable {
    private final ChunkStream rows;

    SqlResult(ChunkStream rows) {
        this.rows = rows;
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
                return rows.hasNext();
            }

            @Override
            public List<@Nullable Object> next() {
                return Collections.unmodifiableList(Arrays.asList(rows.next()));
            }
        };
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
