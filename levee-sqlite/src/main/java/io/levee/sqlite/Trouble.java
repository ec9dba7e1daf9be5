package io.levee.sqlite;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.engine.WriteRow;
import io.levee.engine.WriteRow.Outcome;
import java.util.List;

/**
 * What kept a transaction from being committed.
 *
 * @param kind what follows from it
 * @param error as it is told
 */
record Trouble(Kind kind, LeveeException error) {
    /** What follows from a failure, the rungs of the ladder (design section 5). */
    enum Kind {
        /** Somebody else holds the lock: a sibling takes new rows. */
        BUSY,
        /** The volume is full, or read-only, or nothing works: the rows are kept until that ends. */
        LATER,
        /** Reading or writing this file failed before the commit: it is sealed off, and a sibling takes new rows. */
        BROKEN,
        /** What the file holds is damaged: it is set aside, and a sibling takes new rows. */
        DAMAGED,
        /** The commit failed, and may have taken effect. */
        UNCERTAIN,
        /** Trying again will not help. */
        REFUSED
    }

    /** What an error means that came while something else than a partition was to be written. */
    static Trouble of(LeveeException e) {
        return new Trouble(later(e) ? Kind.LATER : Kind.REFUSED, e);
    }

    /** Whether what failed may be tried again as it is: nothing that waiting can cure may cost a row. */
    static boolean later(LeveeException e) {
        return switch (e.code()) {
            case DISK_FULL, PARTITION_BUSY, VOLUME_READ_ONLY, IO_FAILED, CORRUPT, CANCELLED -> true;
            default -> false;
        };
    }

    /** Whether a sibling may take what is new. */
    boolean elsewhere() {
        return kind == Kind.BUSY || kind == Kind.BROKEN || kind == Kind.DAMAGED;
    }

    /** Settles rows that were not written, or nobody knows. */
    void settle(List<? extends WriteRow> rows) {
        for (WriteRow row : rows) {
            switch (kind) {
                case UNCERTAIN -> row.settle(Outcome.UNCERTAIN, row.seq(), error);
                case REFUSED -> row.settle(Outcome.FAILED, 0, error);
                default -> row.settle(Outcome.RETRY, 0, error);
            }
        }
    }

    static Trouble busy(Partition partition) {
        return new Trouble(
                Kind.BUSY,
                new LeveeException(ErrorCode.PARTITION_BUSY, partition.id() + " is locked by a reader")
                        .with("partition", partition.id().toString()));
    }
}
