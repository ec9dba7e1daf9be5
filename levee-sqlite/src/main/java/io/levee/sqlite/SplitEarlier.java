package io.levee.sqlite;

import io.levee.LeveeException;
import io.levee.TableSpec;
import io.levee.internal.adopt.MovedRows;
import io.levee.internal.adopt.SplitCount;
import io.levee.internal.adopt.SplitPace;
import io.levee.internal.adopt.SplitRow;
import io.levee.internal.time.MonotonicClock;
import java.sql.SQLException;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Rows of one adopted database that have moved, and make way for later ones of their keys that were added there since. They go, durably,
 * before the later ones leave the database, where everybody reads those meanwhile: so whatever ends the process, or keeps the step from
 * being made, a key is never without its latest row. What a record has changed since it moved stays. Split thread; the writer's does it.
 */
final class SplitEarlier {
    private static final int ROWS_AT_ONCE = 500;

    /** Each is synced by itself. */
    private static final int PARTITIONS_AT_ONCE = 8;

    private static final Duration LOOK = Duration.ofMillis(10);

    private final SplitStep.Parts parts;
    private final Moves moves;

    /** How many have gone since a step was last made, also for one that had to be thrown away. */
    private long gone;

    SplitEarlier(SplitStep.Parts parts, Moves moves) {
        this.parts = parts;
        this.moves = moves;
    }

    /** What became of rows that were counted as moved. */
    SplitCount count() {
        return new SplitCount(0, 0, gone, 0, 0, 0, 0, Long.MAX_VALUE, Long.MIN_VALUE);
    }

    /** A step was made, and has counted them. */
    void counted() {
        gone = 0;
    }

    /**
     * Has rows make way.
     *
     * @param moved what has moved
     * @param later rows whose keys the table has
     * @return of which of these it has them no longer
     */
    boolean[] makeWay(TableSpec spec, MovedRows moved, List<SplitRow> later, SplitPace pace) {
        boolean[] made = new boolean[later.size()];
        int done = 0;
        while (done < made.length) {
            int first = done;
            done = pace.aside(() -> parts.writer().ask(open -> some(open, spec, moved, later, made, first)));
        }
        return made;
    }

    /** Of some of them; returns which is the next. Writer thread. */
    private int some(
            OpenPartitions open, TableSpec spec, MovedRows moved, List<SplitRow> later, boolean[] made, int first) {
        LeveeException twice = moves.settleAll(spec);
        if (twice != null) {
            throw twice;
        }
        TableKeys keys = open.keys(spec);
        keys.forgetDropped();
        long begun = MonotonicClock.SYSTEM.nanos();
        Map<Partition, Map<Integer, Long>> earlier = new LinkedHashMap<>();
        int next = first;
        do {
            SplitRow row = later.get(next);
            KeyLookup.Found found = find(keys, spec, row);
            if (found == null) {
                made[next] = true;
            } else if (found.seq() < row.seq() && moved.holds(found.seq() - row.seq() + row.rowNumber())) {
                earlier.computeIfAbsent(found.partition(), p -> new LinkedHashMap<>())
                        .put(next, found.seq());
            }
            next++;
        } while (next < made.length
                && next - first < ROWS_AT_ONCE
                && earlier.size() < PARTITIONS_AT_ONCE
                && MonotonicClock.SYSTEM.nanos() - begun < LOOK.toNanos());
        earlier.forEach((in, rows) -> {
            Set<Long> went = moves.makeWay(spec, in, rows.values());
            gone += went.size();
            rows.forEach((at, seq) -> made[at] = went.contains(seq));
        });
        return next;
    }

    /** See {@link Moves#requireDown}. Writer thread. */
    void requireDown(TableSpec spec) {
        moves.requireDown(spec);
    }

    private KeyLookup.@Nullable Found find(TableKeys keys, TableSpec spec, SplitRow row) {
        Object[] key = Objects.requireNonNull(row.key(spec));
        try {
            return parts.lookup().find(spec, keys, key, KeyFilter.hash(key));
        } catch (SQLException e) {
            throw Sqlite.failure("a key cannot be looked up", parts.paths().root(), e);
        }
    }
}
