package io.levee.internal.memory;

import io.levee.Bytes;
import io.levee.StoreOptions;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The one memory budget of a store ({@link StoreOptions#memory}), divided by code, so that a host of 2 GB and one of 512 GB set one option
 * (guarantees G34, G40). Bytes. The first three parts are the writer's: readers cannot take them.
 *
 * @param queue records that wait to be written
 * @param writerCache page caches of partitions that are being written
 * @param keyFilters what tells which partitions may hold a key
 * @param readerCache page caches of read handles, those of attached schemas counted one by one
 * @param sorters what running statements sort in memory, before they go on in files
 * @param groups groups of running aggregations
 * @param partials kept partial aggregates of closed partitions
 * @param results rows on their way to their readers
 * @param temporary not memory but disk: most that sorts may keep in temporary files
 */
public record Budget(
        long queue,
        long writerCache,
        long keyFilters,
        long readerCache,
        long sorters,
        long groups,
        long partials,
        long results,
        long temporary) {
    /**
     * Most of one query's cache, on any host: a cancel waits while a sort fills it (690 ms at 64 MB, 4.6 s at 400 MB).
     */
    public static final Bytes LARGEST_CACHE = Bytes.mebi(16);

    /**
     * What a process takes beside its Java heap and the budget: code, class data, stacks, buffers of the collector and the compiler.
     */
    public static final Bytes MARGIN = Bytes.mebi(384);

    private static final int TEMPORARY_FACTOR = 8;
    private static final long LEAST_TEMPORARY = Bytes.gibi(1).value();

    /** The division for a store's options. */
    public static Budget of(StoreOptions options) {
        long memory = options.memory().value();
        Bytes disk = options.disk();
        long temporary = Math.max(LEAST_TEMPORARY, TEMPORARY_FACTOR * memory);
        return new Budget(
                memory / 4,
                memory / 4,
                memory / 8,
                memory / 8,
                memory / 32,
                memory / 32 * 3,
                memory / 32 * 3,
                memory / 32,
                disk == null ? temporary : Math.min(temporary, Math.max(1, disk.value() / 4)));
    }

    /** All parts together: the budget. */
    public long total() {
        return queue + writerCache + keyFilters + readerCache + sorters + groups + partials + results;
    }

    /** The parts of memory with their limits, by the names that {@code status} shows. */
    public Map<String, Long> limits() {
        Map<String, Long> limits = new LinkedHashMap<>();
        limits.put("queue", queue);
        limits.put("writerCache", writerCache);
        limits.put("keyFilters", keyFilters);
        limits.put("readerCache", readerCache);
        limits.put("sorters", sorters);
        limits.put("groups", groups);
        limits.put("partials", partials);
        limits.put("results", results);
        return limits;
    }

    /**
     * From so many bytes of resident memory on a process is larger than it should ever be: the largest Java heap, the budget, and a
     * {@link #MARGIN}, which grows with the heap.
     */
    public long alarm() {
        long heap = Runtime.getRuntime().maxMemory();
        return heap + total() + Math.max(MARGIN.value(), heap / 8);
    }
}
