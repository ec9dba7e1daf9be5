package io.levee.sqlite;

import io.levee.Bytes;
import io.levee.engine.Grouping;
import java.util.ArrayList;
import java.util.List;

/**
 * A part of a partition's rows by their numbers.
 *
 * @param from the first number (inclusive)
 * @param to the end (exclusive)
 */
record SeqRange(long from, long to) {
    /** All of them, whatever an index finds them by. */
    static final SeqRange ALL = new SeqRange(Long.MIN_VALUE, Long.MAX_VALUE);

    /** About what is read and grouped within 10 ms where the system has it in memory. */
    private static final long BYTES = Bytes.mebi(8).value();

    private static final long ROWS = 15_000;

    boolean all() {
        return equals(ALL);
    }

    /**
     * A partition in ranges that are read in some milliseconds each, as far as its numbers are spread evenly.
     *
     * <p>Not where an index may find the rows, or a row may change its number between two of them: a keyed one that is written again.
     */
    static List<SeqRange> of(Partition partition, StorePaths paths, Grouping grouping) {
        Partition.Held held = partition.held();
        boolean whole = grouping.where() == null
                && held.minMicros() >= grouping.fromMicros()
                && held.maxMicros() < grouping.toMicros();
        if (!whole || !held.known() || grouping.spec().keyed() || partition.adopted() != null) {
            return List.of(ALL);
        }
        long numbers = held.maxSeq() - held.minSeq() + 1;
        long pieces = Math.max(Partition.size(paths.partition(partition)) / BYTES, held.rows() / ROWS);
        pieces = Math.min(pieces, numbers);
        if (pieces <= 1) {
            return List.of(ALL);
        }
        List<SeqRange> ranges = new ArrayList<>();
        long from = ALL.from;
        for (long i = 1; i < pieces; i++) {
            // The first and the last are open: rows that came since are read too.
            long to = held.minSeq() + numbers / pieces * i;
            ranges.add(new SeqRange(from, to));
            from = to;
        }
        ranges.add(new SeqRange(from, ALL.to));
        return ranges;
    }
}
