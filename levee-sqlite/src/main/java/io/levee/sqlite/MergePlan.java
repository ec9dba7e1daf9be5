package io.levee.sqlite;

import io.levee.Bytes;
import io.levee.PartitionBy;
import io.levee.PartitionInfo;
import io.levee.RetentionRule;
import io.levee.TableSpec;
import io.levee.engine.Period;
import io.levee.internal.time.Micros;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Decides which small partitions of a table become one; touches nothing.
 *
 * <ul>
 *   <li>Siblings: the small ones of a period that are idle, where none of the period is open.
 *   <li>Old narrow ones, where a table has many: hours of a day that is over for a week, then days of a month that is over for a
 *       month, where retention would not keep them noticeably longer for it.
 * </ul>
 *
 * @param small most bytes of a sibling that is merged
 * @param together most bytes of a period's siblings that become one: rows that come late are written into it
 * @param widened most bytes of narrow ones that become a wide one
 * @param many a table with fewer partitions keeps its narrow ones
 */
record MergePlan(Bytes small, Bytes together, Bytes widened, int many) {
    /** What maintenance does: SQL over a whole table reads at most 120 partitions. */
    static final MergePlan USUAL = new MergePlan(Bytes.mebi(64), Bytes.mebi(256), Bytes.mebi(64), 100);

    /** How much longer than promised a row may live for being merged, as divisor. */
    private static final int LONGER = 10;

    private static final int LEAST = 2;
    private static final Duration DAY_OVER = Duration.ofDays(7);
    private static final Duration MONTH_OVER = Duration.ofDays(31);

    /**
     * Partitions that become one.
     *
     * @param into the period of the one
     */
    record Group(Period into, List<Partition> sources) {
        String retentionClass() {
            return sources.get(0).id().retentionClass();
        }

        /** Whether rows of other periods come together. */
        boolean widens() {
            return sources.stream().anyMatch(p -> !p.period().equals(into));
        }
    }

    /**
     * What to merge next, or null.
     *
     * @param own all live partitions of the table
     * @param idle whether a closed one was left alone for long enough
     */
    @Nullable
    Group next(TableSpec spec, List<Partition> own, long nowMicros, StorePaths paths, Predicate<Partition> idle) {
        if (own.size() < LEAST) {
            return null;
        }
        Group siblings = siblings(own, paths, idle);
        return siblings != null || own.size() <= many ? siblings : wider(spec, own, nowMicros, paths, idle);
    }

    private @Nullable Group siblings(List<Partition> own, StorePaths paths, Predicate<Partition> idle) {
        for (List<Partition> period : by(own, Partition::period).values()) {
            if (period.size() >= LEAST && period.stream().noneMatch(p -> p.state() == Partition.State.OPEN)) {
                List<Partition> fit = smallest(
                        period.stream()
                                .filter(p -> bytes(p, paths) <= small.value() && ready(p, idle))
                                .toList(),
                        paths,
                        together.value());
                if (fit.size() >= LEAST) {
                    return new Group(fit.get(0).period(), fit);
                }
            }
        }
        return null;
    }

    /** As many as stay within a size together, the smallest first. */
    private static List<Partition> smallest(List<Partition> candidates, StorePaths paths, long most) {
        List<Partition> fit = new ArrayList<>();
        long sum = 0;
        for (Partition partition : candidates.stream()
                .sorted(Comparator.comparingLong(p -> bytes(p, paths)))
                .toList()) {
            sum += bytes(partition, paths);
            if (sum > most) {
                break;
            }
            fit.add(partition);
        }
        return fit;
    }

    private @Nullable Group wider(
            TableSpec spec, List<Partition> own, long nowMicros, StorePaths paths, Predicate<Partition> idle) {
        if (spec.partitionBy() == PartitionBy.AUTO && spec.retention().maxAge() == null) {
            // New rows would get partitions of that width too, after the next opening.
            return null;
        }
        Group days = wider(spec, own, PartitionBy.DAY, DAY_OVER, nowMicros, paths, idle);
        return days != null ? days : wider(spec, own, PartitionBy.MONTH, MONTH_OVER, nowMicros, paths, idle);
    }

    private @Nullable Group wider(
            TableSpec spec,
            List<Partition> own,
            PartitionBy to,
            Duration over,
            long nowMicros,
            StorePaths paths,
            Predicate<Partition> idle) {
        PartitionBy from = to == PartitionBy.DAY ? PartitionBy.HOUR : PartitionBy.DAY;
        List<Partition> narrow = own.stream()
                .filter(p -> p.period().by() == from || p.period().by() == to)
                .toList();
        for (List<Partition> group :
                by(narrow, p -> Period.of(to, p.period().startMicros())).values()) {
            Period into = Period.of(to, group.get(0).period().startMicros());
            long sum = group.stream().mapToLong(p -> bytes(p, paths)).sum();
            boolean fits = group.size() >= LEAST
                    && group.stream().anyMatch(p -> p.period().by() == from)
                    && into.endMicros() + Micros.of(over) < nowMicros
                    && sum <= widened.value()
                    && group.stream().allMatch(p -> ready(p, idle))
                    && keepsPromise(spec.retention(), group.get(0).id().retentionClass(), into, sum);
            if (fits) {
                return new Group(into, group);
            }
        }
        return null;
    }

    private static boolean keepsPromise(RetentionRule rule, String retentionClass, Period into, long sum) {
        Duration age = rule.classes().getOrDefault(retentionClass, rule.maxAge());
        boolean shortLived = age != null && Micros.of(age) / LONGER < into.endMicros() - into.startMicros();
        boolean narrow = rule.maxBytes() != null && rule.maxBytes().value() / LONGER < sum;
        return !shortLived && !narrow;
    }

    private static boolean ready(Partition partition, Predicate<Partition> idle) {
        Partition.Held held = partition.held();
        return partition.state() == Partition.State.CLOSED
                && held.known()
                && held.maxSeq() >= 0
                && idle.test(partition);
    }

    private static long bytes(Partition partition, StorePaths paths) {
        PartitionInfo info = partition.info(paths);
        return info.bytes();
    }

    /** Those of one retention class and one period together, the oldest period first. */
    private static Map<String, List<Partition>> by(
            List<Partition> partitions, java.util.function.Function<Partition, Period> period) {
        Map<String, List<Partition>> groups = new TreeMap<>();
        for (Partition partition : partitions) {
            String key = period.apply(partition).name() + "/" + partition.id().retentionClass();
            groups.computeIfAbsent(key, k -> new ArrayList<>()).add(partition);
        }
        return groups;
    }
}
