package io.levee.internal.migration;

import io.levee.internal.time.MonotonicClock;
import io.levee.internal.write.Latency;
import java.time.Duration;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Whether the writer suffers: the time from append to commit that 99 of 100 records stay below, against what it is while no migration
 * works. Confined to the migration thread.
 *
 * <p>A slice may take {@link Pace#TARGET} on the writer's own thread, so that records wait that long: an idle figure below it counts as it.
 */
final class LoadSignal {
    /** Fewer records say nothing. */
    private static final long LEAST_RECORDS = 20;

    private static final long WINDOW_NANOS = 200_000_000L;
    private static final long FORGET_NANOS = 60_000_000_000L;
    private static final int PAUSE_AT = 2;
    private static final int STOP_AT = 8;
    private static final Duration FIRST_PAUSE = Duration.ofMillis(50);
    private static final Duration LONGEST_PAUSE = Duration.ofSeconds(2);
    private static final Duration STOP = Duration.ofSeconds(5);

    /** In a shorter pause records are committed that waited for the slices before it. */
    private static final Duration LEAST_IDLE = Duration.ofSeconds(1);

    private final @Nullable Latency latency;
    private final MonotonicClock clock;
    private Latency.@Nullable Seen before;
    private long beforeNanos;
    private long idleNanos;
    /** Whether slices have worked since {@link #before}. */
    private boolean worked;

    private Duration pause = FIRST_PAUSE;

    LoadSignal(@Nullable Latency latency, MonotonicClock clock) {
        this.latency = latency;
        this.clock = clock;
        // What comes from the opening of the store to the first migration is what the writer does by itself.
        this.before = latency == null ? null : latency.seen();
        this.beforeNanos = clock.nanos();
    }

    /**
     * What the writer's load asks for.
     *
     * @param pause how long to leave it alone; zero to go on
     * @param why in words; empty to go on
     */
    record Ask(Duration pause, String why) {
        static final Ask GO_ON = new Ask(Duration.ZERO, "");
    }

    /** No migration has worked for a while: what was since is what the writer does by itself. */
    void idle() {
        if (latency == null) {
            return;
        }
        Latency.Seen now = latency.seen();
        Latency.Seen last = before;
        if (last != null && !worked && now.records(last) >= LEAST_RECORDS) {
            idleNanos = now.p99(last);
        }
        worked = false;
        restart(now);
    }

    /**
     * Leaves the writer alone for as long as it asked for. What it does meanwhile is what it does by itself, but for what it has to catch up
     * with first: were that taken for it, a backfill that is too fast would pass for what the writer is used to.
     */
    void rest(Ask ask, Consumer<Duration> sleep) {
        if (ask.pause().compareTo(LEAST_IDLE) < 0) {
            sleep.accept(ask.pause());
            worked = true;
        } else {
            Duration half = ask.pause().dividedBy(2);
            sleep.accept(half);
            worked = true;
            idle();
            sleep.accept(half);
        }
        idle();
    }

    private void restart(Latency.Seen now) {
        before = now;
        beforeNanos = clock.nanos();
    }

    /** Asked between slices. */
    Ask ask() {
        if (latency == null) {
            return Ask.GO_ON;
        }
        worked = true;
        Latency.Seen last = before;
        long length = clock.nanos() - beforeNanos;
        if (last == null || length > FORGET_NANOS) {
            restart(latency.seen());
            return Ask.GO_ON;
        }
        if (length < WINDOW_NANOS) {
            return Ask.GO_ON;
        }
        Latency.Seen now = latency.seen();
        if (now.records(last) < LEAST_RECORDS) {
            return Ask.GO_ON;
        }
        long p99 = now.p99(last);
        long idle = Math.max(idleNanos, Pace.TARGET.toNanos());
        restart(now);
        if (p99 <= PAUSE_AT * idle) {
            pause = FIRST_PAUSE;
            return Ask.GO_ON;
        }
        Duration asked = p99 > STOP_AT * idle ? STOP : pause;
        pause = pause.multipliedBy(2).compareTo(LONGEST_PAUSE) < 0 ? pause.multipliedBy(2) : LONGEST_PAUSE;
        return new Ask(
                asked,
                "the writer is slow: " + p99 / 1_000_000 + " ms from append to commit, " + idle / 1_000_000
                        + " ms without migrations");
    }
}
