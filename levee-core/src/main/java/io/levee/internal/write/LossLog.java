package io.levee.internal.write;

import io.levee.Coverage;
import io.levee.Gap;
import io.levee.LossReason;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/**
 * What was accepted and then given up, as ranges of event time. Kept in memory only: noting a loss never writes (guarantee
 * G4). Thread-safe.
 *
 * <p>Ranges of one table and reason that touch or follow each other within a minute are one; past {@value #MAX_RANGES} ranges
 * the two nearest of the oldest are merged, so that counts stay exact and memory bounded.
 */
public final class LossLog {
    /** Most ranges kept. */
    static final int MAX_RANGES = 1000;

    private static final long NEAR_MICROS = 60_000_000L;

    private final List<Gap> gaps = new ArrayList<>();
    private final Map<LossReason, Long> totals = new EnumMap<>(LossReason.class);

    /** Notes one lost record. */
    public synchronized void note(String table, long timeMicros, LossReason reason) {
        totals.merge(reason, 1L, Long::sum);
        for (int i = gaps.size() - 1; i >= 0 && i >= gaps.size() - 8; i--) {
            Gap gap = gaps.get(i);
            if (gap.reason() == reason
                    && gap.table().equals(table)
                    && timeMicros >= gap.fromMicros() - NEAR_MICROS
                    && timeMicros <= gap.toMicros() + NEAR_MICROS) {
                gaps.set(i, merged(gap, new Gap(table, timeMicros, timeMicros, 1, reason)));
                return;
            }
        }
        gaps.add(new Gap(table, timeMicros, timeMicros, 1, reason));
        if (gaps.size() > MAX_RANGES) {
            mergeOldest();
        }
    }

    private static Gap merged(Gap a, Gap b) {
        return new Gap(
                a.table(),
                Math.min(a.fromMicros(), b.fromMicros()),
                Math.max(a.toMicros(), b.toMicros()),
                a.count() + b.count(),
                a.reason());
    }

    /** The oldest range and the next one of its table and reason become one; there is one among so many ranges. */
    private void mergeOldest() {
        for (int i = 0; i < gaps.size(); i++) {
            Gap first = gaps.get(i);
            for (int j = i + 1; j < gaps.size(); j++) {
                Gap second = gaps.get(j);
                if (first.reason() == second.reason() && first.table().equals(second.table())) {
                    gaps.set(i, merged(first, second));
                    gaps.remove(j);
                    return;
                }
            }
        }
    }

    /** How many records were lost, by reason. */
    public synchronized Map<LossReason, Long> totals() {
        return new EnumMap<>(totals);
    }

    /** All ranges. */
    public synchronized List<Gap> gaps() {
        return List.copyOf(gaps);
    }

    /** The ranges of one table that touch a half-open range of time. */
    public synchronized Coverage coverage(String table, long fromMicros, long toMicros) {
        if (gaps.isEmpty()) {
            return Coverage.COMPLETE;
        }
        return new Coverage(gaps.stream()
                .filter(g -> g.table().equals(table) && g.fromMicros() < toMicros && g.toMicros() >= fromMicros)
                .toList());
    }
}
