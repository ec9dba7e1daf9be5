package io.levee.internal.write;

import io.levee.Gap;
import io.levee.LossReason;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Counted ranges of event time by table and reason: bounded, with exact counts. A record within a minute of a range widens it. Past
 * {@link #MAX_RANGES} the pair with the most ranges doubles its minute until a quarter of its ranges is gone, so that merging costs
 * O(1) a note in the long run, whatever times come. Not thread-safe.
 */
final class LossRanges {
    /** Most ranges kept, unless there are more pairs of table and reason. */
    static final int MAX_RANGES = 1000;

    private static final long NEAR_MICROS = 60_000_000L;

    private final Map<String, Map<LossReason, Series>> byTable = new HashMap<>();
    private int total;

    /** Notes one record. */
    void note(String table, long timeMicros, LossReason reason) {
        Series series = byTable.computeIfAbsent(table, first -> new EnumMap<>(LossReason.class))
                .computeIfAbsent(reason, first -> new Series());
        if (series.note(timeMicros)) {
            total++;
            if (total > MAX_RANGES) {
                compact();
            }
        }
    }

    private void compact() {
        Series largest = null;
        for (Map<LossReason, Series> ofTable : byTable.values()) {
            for (Series series : ofTable.values()) {
                if (largest == null || series.size > largest.size) {
                    largest = series;
                }
            }
        }
        if (largest != null && largest.size > 1) {
            total -= largest.shrink(largest.size * 3 / 4);
        }
    }

    boolean isEmpty() {
        return total == 0;
    }

    /** The ranges, by table, reason and time. */
    List<Gap> gaps() {
        List<Gap> gaps = new ArrayList<>(total);
        byTable.forEach((table, ofTable) -> ofTable.forEach((reason, series) -> series.addTo(gaps, table, reason)));
        return gaps;
    }

    /** The ranges of one table and reason: sorted, and none within another. */
    private static final class Series {
        private long[] from = new long[4];
        private long[] to = new long[4];
        private long[] count = new long[4];
        private int size;
        private int last;
        private long near = NEAR_MICROS;

        /** Notes one record; answers whether it made a range. */
        boolean note(long time) {
            if (size > 0 && time >= from[last] && time <= to[last]) {
                count[last]++;
                return false;
            }
            int at = after(time);
            if (at > 0 && time - to[at - 1] <= near) {
                last = at - 1;
                to[last] = Math.max(to[last], time);
                count[last]++;
                return false;
            }
            if (at < size && from[at] - time <= near) {
                last = at;
                from[last] = time;
                count[last]++;
                return false;
            }
            insert(at, time);
            return true;
        }

        /** The position of the first range that begins after a time. Losses mostly come in order: the last one is looked at first. */
        private int after(long time) {
            if (size > 0 && from[last] <= time && (last + 1 == size || from[last + 1] > time)) {
                return last + 1;
            }
            int low = 0;
            int high = size;
            while (low < high) {
                int middle = (low + high) >>> 1;
                if (from[middle] <= time) {
                    low = middle + 1;
                } else {
                    high = middle;
                }
            }
            return low;
        }

        private void insert(int at, long time) {
            if (size == from.length) {
                from = Arrays.copyOf(from, size * 2);
                to = Arrays.copyOf(to, size * 2);
                count = Arrays.copyOf(count, size * 2);
            }
            System.arraycopy(from, at, from, at + 1, size - at);
            System.arraycopy(to, at, to, at + 1, size - at);
            System.arraycopy(count, at, count, at + 1, size - at);
            from[at] = time;
            to[at] = time;
            count[at] = 1;
            size++;
            last = at;
        }

        /** Merges neighbours until no more than so many are left; answers how many went. */
        int shrink(int most) {
            int before = size;
            while (size > Math.max(1, most)) {
                near = near > Long.MAX_VALUE / 4 ? Long.MAX_VALUE / 2 : near * 2;
                mergeNear();
            }
            return before - size;
        }

        private void mergeNear() {
            int kept = 0;
            for (int i = 1; i < size; i++) {
                if (from[i] - to[kept] <= near) {
                    to[kept] = Math.max(to[kept], to[i]);
                    count[kept] += count[i];
                } else {
                    kept++;
                    from[kept] = from[i];
                    to[kept] = to[i];
                    count[kept] = count[i];
                }
            }
            size = kept + 1;
            last = 0;
        }

        void addTo(List<Gap> gaps, String table, LossReason reason) {
            for (int i = 0; i < size; i++) {
                gaps.add(new Gap(table, from[i], to[i], count[i], reason));
            }
        }
    }
}
