package io.levee.internal.query;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * Groups of parts that are not written to, as they were computed: asked again, only what changed since is read. The least recently used go
 * first when it is full. Thread-safe; the tables in it change no more.
 */
public final class PartialCache {
    private static final long ENTRY_BYTES = 200;

    private final long maxBytes;
    private final Map<Object, GroupTable> tables = new LinkedHashMap<>(16, 0.75f, true);
    private final AtomicLong hits = new AtomicLong();
    private final AtomicLong misses = new AtomicLong();
    private long bytes;
    private long reserved;

    /**
     * An empty cache.
     *
     * @param maxBytes most that it takes
     */
    public PartialCache(long maxBytes) {
        this.maxBytes = maxBytes;
    }

    /** A shape of grouping whose hash is computed once, for all parts of a query. */
    static final class Shape {
        private final Fold fold;
        private final int hash;

        Shape(Fold fold) {
            this.fold = fold;
            this.hash = fold.hashCode();
        }

        @Override
        public boolean equals(@Nullable Object other) {
            return this == other || (other instanceof Shape shape && hash == shape.hash && fold.equals(shape.fold));
        }

        @Override
        public int hashCode() {
            return hash;
        }
    }

    /**
     * Whose groups.
     *
     * @param part the part's name
     * @param version what it was then, see {@link io.levee.engine.ScanPart#version}
     * @param shape what was asked, with the range as far as it matters to the part
     */
    record Key(String part, String version, Shape shape) {}

    /**
     * The groups of a part, or of several together.
     *
     * @param key a {@link Key}, or a list of them
     */
    synchronized @Nullable GroupTable get(Object key) {
        GroupTable table = tables.get(key);
        (table == null ? misses : hits).incrementAndGet();
        return table;
    }

    /** Whether it has the groups; that does not count as a use. */
    synchronized boolean has(Object key) {
        return tables.containsKey(key);
    }

    /** Keeps a table, unless it is so large that it would throw everything else out. Returns whether it does. */
    synchronized boolean put(Object key, GroupTable table) {
        long size = ENTRY_BYTES + table.bytes();
        if (size > maxBytes / 4) {
            return false;
        }
        GroupTable before = tables.put(key, table);
        bytes += size - (before == null ? 0 : ENTRY_BYTES + before.bytes());
        makeRoom();
        return true;
    }

    private void makeRoom() {
        var oldest = tables.entrySet().iterator();
        while (bytes + reserved > maxBytes && oldest.hasNext()) {
            bytes -= ENTRY_BYTES + oldest.next().getValue().bytes();
            oldest.remove();
        }
    }

    /** Takes room for aggregates that are kept elsewhere; false where that would be more than three quarters of it. */
    public synchronized boolean reserve(long more) {
        if (reserved + more > maxBytes / 4 * 3) {
            return false;
        }
        reserved += more;
        makeRoom();
        return true;
    }

    /** Gives back what {@link #reserve} took. */
    public synchronized void release(long less) {
        reserved -= less;
    }

    /** Bytes that are taken, about. */
    public synchronized long bytes() {
        return bytes + reserved;
    }

    /** The most that it takes. */
    public long maxBytes() {
        return maxBytes;
    }

    /** How many parts were answered from it. */
    public long hits() {
        return hits.get();
    }

    /** How many parts could have been, and were not in it. */
    public long misses() {
        return misses.get();
    }

    /** Forgets everything, such as when memory is short. */
    public synchronized void clear() {
        tables.clear();
        bytes = 0;
    }
}
