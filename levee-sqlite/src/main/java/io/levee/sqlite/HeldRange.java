package io.levee.sqlite;

/**
 * The part of a query's range that a partition's rows have to be asked for: where the range covers what a closed partition holds, there
 * is nothing to ask, its indexes need not have the event time, and its answer is the same for every such range.
 *
 * @param fromMicros the first event time (inclusive); {@link Long#MIN_VALUE} for any
 * @param toMicros the end of the event times (exclusive); {@link Long#MAX_VALUE} for any
 * @param openings of the closed partition that this was read off; -1 where nothing was left out and the partition may be open
 */
record HeldRange(long fromMicros, long toMicros, int openings) {
    /**
     * The range of a partition.
     *
     * @param live whether this process writes to the store: only then what it knows of a closed partition is true now
     */
    static HeldRange of(Partition partition, long fromMicros, long toMicros, boolean live) {
        int openings = partition.openings();
        Partition.Held held = partition.held();
        // The state is read after the figures: where it is still closed, they are of this closing.
        if (!live || partition.state() != Partition.State.CLOSED || !held.known() || partition.openings() != openings) {
            return new HeldRange(fromMicros, toMicros, -1);
        }
        return new HeldRange(
                held.minMicros() >= fromMicros ? Long.MIN_VALUE : fromMicros,
                held.maxMicros() < toMicros ? Long.MAX_VALUE : toMicros,
                openings);
    }

    /**
     * Whether it still says what to ask for. To be asked when the statement has its snapshot: the writer says that a partition is open
     * before it opens the file.
     */
    boolean holds(Partition partition) {
        return openings < 0 || partition.state() == Partition.State.CLOSED && partition.openings() == openings;
    }

    /** The whole range, for any state. */
    static HeldRange whole(long fromMicros, long toMicros) {
        return new HeldRange(fromMicros, toMicros, -1);
    }

    /** What is another text whenever the rows of the range may be others; only for a closed partition. */
    String version(Partition partition) {
        return partition.id() + "#" + openings
                + (fromMicros == Long.MIN_VALUE ? "" : " from " + fromMicros)
                + (toMicros == Long.MAX_VALUE ? "" : " to " + toMicros);
    }
}
