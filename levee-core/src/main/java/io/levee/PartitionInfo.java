package io.levee;

/**
 * What is known about one partition without opening it. While a partition is open its figures are at least what was committed.
 *
 * @param id which partition
 * @param state where it is in its life
 * @param minMicros the oldest event time it may hold; {@link Long#MIN_VALUE} where unknown
 * @param maxMicros the newest event time it may hold; {@link Long#MAX_VALUE} where unknown
 * @param rows how many rows, or -1 where unknown; of an {@link State#ADOPTED} one about how many
 * @param bytes what it takes on disk, with its WAL
 */
public record PartitionInfo(PartitionId id, State state, long minMicros, long maxMicros, long rows, long bytes) {
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
