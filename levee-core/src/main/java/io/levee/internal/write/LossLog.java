package io.levee.internal.write;

import io.levee.Gap;
import io.levee.LossReason;
import io.levee.internal.time.Micros;
import io.levee.internal.time.MonotonicClock;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/**
 * What was accepted and then given up, as ranges of event time. Noting a loss never writes and allocates nothing but now and then a
 * range (guarantee G4); {@link Ledger} carries to the disk what was noted since it last looked. Thread-safe.
 *
 * <p>Two sets of ranges grow with each note: those of this life, which answer queries, and those that the ledger has not got yet.
 * What was lost before this opening is the engine's to tell and stays apart, so that totals and close report are of this life.
 */
public final class LossLog {
    /** Most ranges kept of this life, unless there are more pairs of table and reason. */
    static final int MAX_RANGES = LossRanges.MAX_RANGES;

    /** Losses further apart than this are two bursts. */
    private static final Duration BURST = Duration.ofMinutes(1);

    /** Ranges that are told as a whole and are no further apart become one. */
    private static final Duration NEAR = Duration.ofHours(1);

    private final List<Gap> before;
    private final MonotonicClock clock;
    private final Clock wall;
    private final LossRanges life = new LossRanges();
    private final Map<LossReason, Counter> counters = new EnumMap<>(LossReason.class);
    private LossRanges fresh = new LossRanges();
    /** Ranges that nobody could count. */
    private final List<Gap> uncounted = new ArrayList<>();

    private final List<Gap> freshUncounted = new ArrayList<>();
    private List<Gap> handed = List.of();

    /** The losses of one reason. */
    private static final class Counter {
        private long total;
        private long burst;
        private long burstMicros;
        private long lastNanos;
    }

    /**
     * Losses of one reason that happened just now, with less than a minute between any two.
     *
     * @param reason why
     * @param count how many
     * @param sinceMicros when the first of them was given up
     */
    public record Recent(LossReason reason, long count, long sinceMicros) {}

    /**
     * A log.
     *
     * @param before what the ledger says was lost before this opening
     */
    LossLog(List<Gap> before, MonotonicClock clock, Clock wall) {
        this.before = List.copyOf(before);
        this.clock = clock;
        this.wall = wall;
    }

    /** Notes one lost record. */
    public synchronized void note(String table, long timeMicros, LossReason reason) {
        Counter counter = counters.computeIfAbsent(reason, first -> new Counter());
        long nanos = clock.nanos();
        if (counter.burst == 0 || nanos - counter.lastNanos > BURST.toNanos()) {
            counter.burst = 0;
            counter.burstMicros = Micros.of(wall.instant());
        }
        counter.total++;
        counter.burst++;
        counter.lastNanos = nanos;
        life.note(table, timeMicros, reason);
        fresh.note(table, timeMicros, reason);
    }

    /** How many records were lost in this life, by reason; reasons without a loss are left out. */
    public synchronized Map<LossReason, Long> totals() {
        Map<LossReason, Long> map = new EnumMap<>(LossReason.class);
        counters.forEach((reason, counter) -> map.put(reason, counter.total));
        return map;
    }

    /** What was lost within the last minute. */
    public synchronized List<Recent> recent() {
        long nanos = clock.nanos();
        List<Recent> recent = new ArrayList<>();
        counters.forEach((reason, counter) -> {
            if (nanos - counter.lastNanos <= BURST.toNanos()) {
                recent.add(new Recent(reason, counter.burst, counter.burstMicros));
            }
        });
        return recent;
    }

    /** Notes a range of records that nobody could count. */
    public synchronized void note(Gap gap) {
        add(uncounted, gap);
        add(freshUncounted, gap);
    }

    /** A range beside the last of its kind, as that of one partition after another, becomes one with it. */
    private static void add(List<Gap> gaps, Gap gap) {
        if (!gaps.isEmpty()) {
            Gap last = gaps.get(gaps.size() - 1);
            boolean bounded = last.fromMicros() != Long.MIN_VALUE
                    && last.toMicros() != Long.MAX_VALUE
                    && gap.fromMicros() != Long.MIN_VALUE
                    && gap.toMicros() != Long.MAX_VALUE;
            if (bounded
                    && last.sameKind(gap)
                    && gap.fromMicros() - last.toMicros() <= NEAR.toNanos() / 1000
                    && last.fromMicros() - gap.toMicros() <= NEAR.toNanos() / 1000) {
                gaps.set(gaps.size() - 1, last.merged(gap));
                return;
            }
        }
        gaps.add(gap);
    }

    /** The ranges of this life. */
    public synchronized List<Gap> gaps() {
        List<Gap> all = new ArrayList<>(life.gaps());
        all.addAll(uncounted);
        return all;
    }

    /** All ranges, those of earlier lives first. */
    public List<Gap> all() {
        List<Gap> all = new ArrayList<>(before);
        all.addAll(gaps());
        return all;
    }

    /** Whether {@link #handOver} has anything to hand over. */
    synchronized boolean pending() {
        return !handed.isEmpty() || !fresh.isEmpty() || !freshUncounted.isEmpty();
    }

    /**
     * What the ledger has to get next. The same list again until {@link #written} was called, and only then what was noted meanwhile:
     * so a write that failed is repeated as it was, and nothing is left out or written twice.
     */
    synchronized List<Gap> handOver() {
        if (handed.isEmpty()) {
            handed = new ArrayList<>(fresh.gaps());
            handed.addAll(freshUncounted);
            freshUncounted.clear();
            fresh = new LossRanges();
        }
        return handed;
    }

    /** The ledger has what was handed over. */
    synchronized void written() {
        handed = List.of();
    }
}
