package io.levee.sqlite;

import io.levee.Adoption;
import io.levee.internal.adopt.MovedRows;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;

/**
 * What a partition that is an adopted database has beyond others. Immutable; the range is the partition's.
 *
 * @param adoption how it is read, its unit of time known
 * @param base what is taken from its row numbers, so that they are below every own one and below those that were adopted before it
 * @param baseBefore that of the one adopted before it, 0 for none: numbers from less that on are of others, also where those were let go
 * @param rowsEstimate about how many rows it has
 * @param timeIndexed whether an index begins with its time
 * @param timeless whether it may have rows without a time that can be read: they count as of 1970
 * @param firstMicros the oldest time of a row that has one: by this, and not by 1970, it is known how close its rows lie.
 *     {@link Long#MIN_VALUE} where that is unknown
 * @param stamp of its files when it was last looked at; other ones mean that somebody has written to it since
 * @param moved which of its rows are in the store's own partitions, and are not read here any more
 */
record Adopted(
        Adoption adoption,
        long base,
        long baseBefore,
        long rowsEstimate,
        boolean timeIndexed,
        boolean timeless,
        long firstMicros,
        Stamp stamp,
        MovedRows moved) {
    /** Rows without a time are read as of this one. */
    static final long NO_TIME_MICROS = 0;

    /** One of which no row has moved, and whose range is unknown. */
    Adopted(
            Adoption adoption,
            long base,
            long baseBefore,
            long rowsEstimate,
            boolean timeIndexed,
            boolean timeless,
            Stamp stamp) {
        this(adoption, base, baseBefore, rowsEstimate, timeIndexed, timeless, Long.MIN_VALUE, stamp, MovedRows.NONE);
    }

    /** From when on it may have rows, those without a time included. */
    long minMicros() {
        return timeless && firstMicros != Long.MIN_VALUE ? Math.min(firstMicros, NO_TIME_MICROS) : firstMicros;
    }

    /** The same with other rows moved. */
    Adopted moved(MovedRows now) {
        return new Adopted(adoption, base, baseBefore, rowsEstimate, timeIndexed, timeless, firstMicros, stamp, now);
    }

    /** Whether it still answers for the row of a number of ours. */
    boolean holds(long seq) {
        return mayHave(seq) && !moved.holds(seq + base);
    }

    /** Whether a number of ours can be one of its rows'. */
    boolean mayHave(long seq) {
        return seq < -baseBefore && seq + base >= 0;
    }

    /** Size and time of change of a database and its WAL. An empty WAL is none: readers make them. */
    record Stamp(long size, long modified, long walSize, long walModified) {
        private static final Stamp NONE = new Stamp(-1, 0, 0, 0);

        static Stamp of(Path file) {
            try {
                BasicFileAttributes database = Files.readAttributes(file, BasicFileAttributes.class);
                Path wal = StorePaths.wal(file);
                long walSize = Partition.size(wal);
                return new Stamp(
                        database.size(),
                        database.lastModifiedTime().toMillis(),
                        walSize,
                        walSize == 0 ? 0 : Files.getLastModifiedTime(wal).toMillis());
            } catch (IOException e) {
                // It is missing, or goes just now.
                return NONE;
            }
        }

        String text() {
            return size + " " + modified + " " + walSize + " " + walModified;
        }

        static Stamp parse(String text) {
            String[] parts = text.split(" ", -1);
            return parts.length != 4
                    ? NONE
                    : new Stamp(
                            Long.parseLong(parts[0]),
                            Long.parseLong(parts[1]),
                            Long.parseLong(parts[2]),
                            Long.parseLong(parts[3]));
        }
    }

    Path file() {
        return Path.of(adoption.database());
    }
}
