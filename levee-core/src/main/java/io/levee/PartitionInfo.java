package io.levee;

import java.util.Set;

/**
 * What is known about one partition without opening it. While a partition is open its figures are at least what was committed.
 *
 * @param id which partition
 * @param state where it is in its life
 * @param minMicros the oldest event time it may hold; {@link Long#MIN_VALUE} where unknown
 * @param maxMicros the newest event time it may hold; {@link Long#MAX_VALUE} where unknown
 * @param rows how many rows, or -1 where unknown; of an {@link State#ADOPTED} one about how many
 * @param bytes what it takes on disk, with its WAL
 * @param apart of a partition of no named class: the values of the table's {@link RetentionRule#by} column that no row in it has, since
 *     such rows had partitions of their own all the time; empty where none is known, and of a partition of a named class
 */
public record PartitionInfo(
        PartitionId id, State state, long minMicros, long maxMicros, long rows, long bytes, Set<String> apart) {
    /** Copies the set. */
    public PartitionInfo {
        apart = Set.copyOf(apart);
    }

    /** One that may hold rows of any class, or of its own. */
    public PartitionInfo(PartitionId id, State state, long minMicros, long maxMicros, long rows, long bytes) {
        this(id, state, minMicros, maxMicros, rows, bytes, Set.of());
    }

    /** Where a partition is in its life. */
    public enum State {
        /** Written to, or not yet closed for good. */
        OPEN,
        /** One plain file that changes no more. */
        CLOSED,
        /**
         * An older database that is read where it lies and never written to; see {@link Store#adopt}. Its rows are an estimate, its bytes 0
         * unless the store may delete it.
         */
        ADOPTED
    }

    /** Whether it may hold rows of the half-open range. */
    public boolean touches(long fromMicros, long toMicros) {
        return minMicros < toMicros && maxMicros >= fromMicros;
    }

    /** Whether the held range is known. */
    public boolean rangeKnown() {
        return minMicros != Long.MIN_VALUE && maxMicros != Long.MAX_VALUE;
    }
}
