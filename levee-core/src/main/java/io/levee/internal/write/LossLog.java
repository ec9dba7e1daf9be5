package io.levee.internal.write;

import io.levee.Gap;
import io.levee.LossReason;
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

    private final List<Gap> before;
    private final LossRanges life = new LossRanges();
    private final Map<LossReason, long[]> totals = new EnumMap<>(LossReason.class);
    private LossRanges fresh = new LossRanges();
    private List<Gap> handed = List.of();

    /** A log of a store that lost nothing before. */
    public LossLog() {
        this(List.of());
    }

    /**
     * A log.
     *
     * @param before what the ledger says was lost before this opening
     */
    public LossLog(List<Gap> before) {
        this.before = List.copyOf(before);
    }

    /** Notes one lost record. */
    public synchronized void note(String table, long timeMicros, LossReason reason) {
        totals.computeIfAbsent(reason, first -> new long[1])[0]++;
        life.note(table, timeMicros, reason);
        fresh.note(table, timeMicros, reason);
    }

    /** How many records were lost in this life, by reason; reasons without a loss are left out. */
    public synchronized Map<LossReason, Long> totals() {
        Map<LossReason, Long> map = new EnumMap<>(LossReason.class);
        totals.forEach((reason, count) -> map.put(reason, count[0]));
        return map;
    }

    /** The ranges of this life. */
    public synchronized List<Gap> gaps() {
        return life.gaps();
    }

    /** All ranges, those of earlier lives first. */
    public List<Gap> all() {
        List<Gap> all = new ArrayList<>(before);
        all.addAll(gaps());
        return all;
    }

    /** Whether {@link #handOver} has anything to hand over. */
    synchronized boolean pending() {
        return !handed.isEmpty() || !fresh.isEmpty();
    }

    /**
     * What the ledger has to get next. The same list again until {@link #written} was called, and only then what was noted meanwhile:
     * so a write that failed is repeated as it was, and nothing is left out or written twice.
     */
    synchronized List<Gap> handOver() {
        if (handed.isEmpty() && !fresh.isEmpty()) {
            handed = fresh.gaps();
            fresh = new LossRanges();
        }
        return handed;
    }

    /** The ledger has what was handed over. */
    synchronized void written() {
        handed = List.of();
    }
}
