package io.levee.sqlite;

import io.levee.LeveeException;
import io.levee.TableSpec;
import io.levee.internal.adopt.SplitPace;
import io.levee.internal.time.MonotonicClock;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.function.LongPredicate;
import org.jspecify.annotations.Nullable;

/**
 * Which keys of a step the table has already, and which came while the step was made. Split thread; the writer's looks them up, since the
 * filters and files are its own.
 */
final class SplitKeys {
    /** So long the writer looks keys up at once: rows wait behind it, and among hundreds of partitions each key takes its time. */
    private static final Duration LOOK = Duration.ofMillis(10);

    private final SplitStep.Parts parts;
    private final TableSpec spec;
    private final SplitEarlier earlier;
    private final SplitPace pace;
    private LongPredicate movedFromHere = seq -> false;
    private @Nullable TableKeys keys;
    private @Nullable KeyFilter watch;

    SplitKeys(SplitStep.Parts parts, TableSpec spec, SplitEarlier earlier, SplitPace pace) {
        this.parts = parts;
        this.spec = spec;
        this.earlier = earlier;
        this.pace = pace;
    }

    /**
     * The database has each key once: the rest of it has none that has moved.
     *
     * @param moved whether the lowest number of a partition says that what it has of numbers below the table's own has moved from there
     */
    void eachOnce(LongPredicate moved) {
        movedFromHere = moved;
    }

    /** From now on keys that are inserted are noted. */
    void beginWatch() {
        if (spec.keyed()) {
            watch = new KeyFilter(1 << 16);
            keys = parts.writer().ask(open -> {
                earlier.requireDown(spec);
                TableKeys own = open.keys(spec);
                own.watch(watch);
                return own;
            });
        }
    }

    /** The step was made, or thrown away. */
    void endWatch() {
        TableKeys watched = keys;
        if (watched != null) {
            keys = null;
            try {
                parts.writer().ask(open -> {
                    watched.watch(null);
                    return true;
                });
            } catch (LeveeException e) {
                // The writer ends, or comes to it no more: then nobody writes.
                System.getLogger("io.levee.sqlite").log(System.Logger.Level.DEBUG, "the watch of keys stays", e);
            }
        }
    }

    /** Which of some keys own partitions have. */
    boolean[] known(List<Object[]> asked, long[] hashes) {
        boolean[] known = new boolean[asked.size()];
        int done = 0;
        while (done < known.length) {
            int first = done;
            done = pace.aside(() -> parts.writer().ask(open -> look(open, asked, hashes, known, first)));
        }
        return known;
    }

    /** Looks some keys up; returns which is the next. */
    private int look(OpenPartitions open, List<Object[]> asked, long[] hashes, boolean[] known, int first) {
        long begun = MonotonicClock.SYSTEM.nanos();
        int next = first;
        do {
            known[next] = known(open, asked.get(next), hashes[next]);
            next++;
        } while (next < known.length && MonotonicClock.SYSTEM.nanos() - begun < LOOK.toNanos());
        return next;
    }

    private boolean known(OpenPartitions open, Object[] key, long hash) {
        try {
            return parts.lookup().find(spec, open.keys(spec), key, hash, this::mayHaveKeys) != null;
        } catch (SQLException e) {
            throw Sqlite.failure("a key cannot be looked up", parts.paths().root(), e);
        }
    }

    /**
     * Whether a partition may have a key of the step. One that has only rows of this splitting has other keys than the rest of a database
     * that has each key once; yet of four hundred of them some filter always says perhaps, and the writer would look into their files.
     */
    private boolean mayHaveKeys(Partition own) {
        Partition.Held held = own.held();
        boolean onlyMoved = own.state() == Partition.State.CLOSED
                && held.minSeq() < 0
                && held.maxSeq() == 0
                && movedFromHere.test(held.minSeq());
        return !onlyMoved;
    }

    /** Whether a key of the step was inserted since it began; the filter says so of one in a hundred others too. Writer thread. */
    boolean writtenMeanwhile(OpenPartitions open, List<long[]> hashes) {
        KeyFilter noted = watch;
        if (noted == null || open.keys(spec) != keys || keys == null || keys.watched() != noted) {
            return noted != null;
        }
        return !noted.empty()
                && hashes.stream().anyMatch(some -> Arrays.stream(some).anyMatch(noted::mayContain));
    }
}
