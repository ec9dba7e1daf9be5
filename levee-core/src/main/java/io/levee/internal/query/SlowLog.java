package io.levee.internal.query;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.SlowQuery;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The newest of the queries that took long (guarantees G51, G55). Thread-safe. */
final class SlowLog {
    /** How many are kept. */
    static final int KEPT = 100;

    private final Duration longerThan;
    private final Clock clock;
    private final Deque<SlowQuery> newest = new ArrayDeque<>();

    SlowLog(Duration longerThan, Clock clock) {
        this.longerThan = longerThan;
        this.clock = clock;
    }

    /**
     * Notes a query that has ended, if it was slow.
     *
     * @param took since it was submitted
     * @param waited how long of that it waited for a thread
     * @param failure what ended it, or null
     * @param plan how it was run, in words
     */
    void ended(
            long id,
            String what,
            Duration took,
            Duration waited,
            long rows,
            @Nullable LeveeException failure,
            String plan) {
        if (took.compareTo(longerThan) < 0) {
            return;
        }
        ErrorCode code = failure == null ? null : failure.code();
        SlowQuery slow = new SlowQuery(
                id,
                what,
                clock.instant().minus(took),
                waited,
                took.minus(waited),
                rows,
                code == null ? "DONE" : code.name(),
                plan);
        synchronized (newest) {
            newest.addFirst(slow);
            if (newest.size() > KEPT) {
                newest.removeLast();
            }
        }
    }

    /** The newest first. */
    List<SlowQuery> all() {
        synchronized (newest) {
            return new ArrayList<>(newest);
        }
    }
}
