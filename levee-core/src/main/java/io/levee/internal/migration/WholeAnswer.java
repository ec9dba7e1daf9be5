package io.levee.internal.migration;

import io.levee.internal.query.PartialCache;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What a lookup says for each key of the other table, read once as a whole. It holds for rows that were not changed since. Its memory is taken
 * from what else keeps partial aggregates, until it is closed. Confined to the migration thread.
 */
final class WholeAnswer implements AutoCloseable {
    /** More rows are not read as a whole: it would take long before the first row is written. */
    private static final long MOST_ROWS = 10_000_000;

    /** A question for one key without an index costs about what reading so many rows does. */
    private static final long ROWS_PER_KEY = 50;

    /** With an index so many, where the key is found, */
    private static final long ROWS_PER_FOUND_KEY = 8;

    /** and so many in each other partition. */
    private static final long ROWS_PER_LOOK = 4;

    /** Fewer rows to write are not worth reading a table as a whole. */
    private static final long LEAST_ROWS = 2_000;

    private static final long ENTRY_BYTES = 168;
    private static final long VALUE_BYTES = 56;

    private final Map<List<Object>, Object> values;
    private final long throughSeq;
    private final PartialCache room;
    private final long bytes;

    private WholeAnswer(Map<List<Object>, Object> values, long throughSeq, PartialCache room, long bytes) {
        this.values = values;
        this.throughSeq = throughSeq;
        this.room = room;
        this.bytes = bytes;
    }

    /**
     * Whether reading a table as a whole is cheaper than asking it for the keys of so many rows.
     *
     * @param theirs how many rows it has
     * @param partitions in how many partitions
     * @param indexed whether an index finds the rows of a key
     */
    static boolean cheaper(long rows, long theirs, int partitions, boolean indexed) {
        long perKey =
                indexed ? Math.min(ROWS_PER_KEY, ROWS_PER_FOUND_KEY + ROWS_PER_LOOK * (partitions - 1)) : ROWS_PER_KEY;
        return rows >= LEAST_ROWS && theirs <= MOST_ROWS && theirs <= rows * perKey;
    }

    /**
     * Keeps an answer; null where there is no room for it.
     *
     * @param throughSeq rows of the migrated table whose last change has a higher number are newer
     */
    static @Nullable WholeAnswer kept(Map<List<Object>, Object> values, long throughSeq, PartialCache room) {
        long bytes = 0;
        for (List<Object> key : values.keySet()) {
            bytes += ENTRY_BYTES;
            for (Object part : key) {
                bytes += VALUE_BYTES + (part instanceof String text ? text.length() : 0);
            }
        }
        return room.reserve(bytes) ? new WholeAnswer(values, throughSeq, room, bytes) : null;
    }

    /** Whether it holds for a row. */
    boolean holdsFor(long seq, long version) {
        return Math.max(version, seq) <= throughSeq;
    }

    @Nullable
    Object of(List<Object> key) {
        return values.get(key);
    }

    /** Gives its memory back. Once. */
    @Override
    public void close() {
        room.release(bytes);
    }
}
