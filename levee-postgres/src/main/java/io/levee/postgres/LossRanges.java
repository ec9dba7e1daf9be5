package io.levee.postgres;

import io.levee.Gap;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The ledger's ranges by their ids, the oldest first. Ranges of one table and reason within a minute of each other are one; past
 * {@value #MAX} the two oldest of a table and reason are, so that counts stay exact and the table small. Never changes.
 */
final class LossRanges {
    /** Most ranges kept, unless there are more tables and reasons. */
    static final int MAX = 1000;

    private static final long NEAR_MICROS = 60_000_000;

    private final Map<Long, Gap> ranges;

    LossRanges(Map<Long, Gap> ranges) {
        this.ranges = ranges;
    }

    List<Gap> gaps() {
        return List.copyOf(ranges.values());
    }

    /** These and more. */
    LossRanges plus(List<Gap> more) {
        if (more.isEmpty()) {
            return this;
        }
        Map<Long, Gap> all = new LinkedHashMap<>(ranges);
        long next = all.keySet().stream().mapToLong(id -> id).max().orElse(0) + 1;
        for (Gap gap : more) {
            Long near = near(all, gap);
            if (near == null) {
                all.put(next++, gap);
                if (all.size() > MAX) {
                    mergeOldest(all);
                }
            } else {
                all.merge(near, gap, Gap::merged);
            }
        }
        return new LossRanges(all);
    }

    private static @Nullable Long near(Map<Long, Gap> all, Gap gap) {
        for (Map.Entry<Long, Gap> range : all.entrySet()) {
            Gap known = range.getValue();
            if (known.sameKind(gap)
                    && gap.fromMicros() - NEAR_MICROS <= known.toMicros()
                    && gap.toMicros() + NEAR_MICROS >= known.fromMicros()) {
                return range.getKey();
            }
        }
        return null;
    }

    private static void mergeOldest(Map<Long, Gap> all) {
        List<Map.Entry<Long, Gap>> list = new ArrayList<>(all.entrySet());
        for (int i = 0; i < list.size(); i++) {
            for (int j = i + 1; j < list.size(); j++) {
                if (list.get(i).getValue().sameKind(list.get(j).getValue())) {
                    Gap both = list.get(i).getValue().merged(list.get(j).getValue());
                    all.remove(list.get(j).getKey());
                    all.put(list.get(i).getKey(), both);
                    return;
                }
            }
        }
    }

    /** The ids that the other has no more. */
    List<Long> idsNotIn(LossRanges other) {
        return ranges.keySet().stream()
                .filter(id -> !other.ranges.containsKey(id))
                .toList();
    }

    /** Those that differ from the other's, or all. */
    Map<Long, Gap> changedSince(@Nullable LossRanges other) {
        Map<Long, Gap> changed = new LinkedHashMap<>(ranges);
        if (other != null) {
            changed.entrySet().removeIf(range -> range.getValue().equals(other.ranges.get(range.getKey())));
        }
        return changed;
    }
}
