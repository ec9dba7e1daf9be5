package io.levee.internal.retention;

import io.levee.Bytes;
import io.levee.PartitionInfo;
import io.levee.RetentionEvent.Rule;
import io.levee.RetentionPlan.Drop;
import io.levee.RetentionRule;
import io.levee.engine.Classes;
import io.levee.engine.Period;
import io.levee.internal.time.Micros;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Decides what has to go; touches nothing (practice: a policy decides, one mechanism acts, a plan lies between). */
final class RetentionPolicy {
    private RetentionPolicy() {}

    /** Counts rows of the table. */
    @FunctionalInterface
    interface RowsAfter {
        /**
         * How many there are after a time.
         *
         * @param gone partitions that are not there any more by then: what goes for its class or size may be newer than what stays
         */
        long count(long micros, List<PartitionInfo> gone);
    }

    /**
     * What goes of one table, by age, then by size, then by number of rows, each the oldest first.
     *
     * @param rule the table's promise
     * @param partitions the table's live partitions
     * @param referenceMicros the time that ages are measured against
     * @param rowsAfter asked for rules of number only
     */
    static List<Drop> plan(
            RetentionRule rule, List<PartitionInfo> partitions, long referenceMicros, RowsAfter rowsAfter) {
        List<PartitionInfo> oldestFirst = new ArrayList<>(partitions);
        oldestFirst.sort(Comparator.comparingLong(RetentionPolicy::newest).thenComparing(PartitionInfo::id));
        List<Drop> drops = new ArrayList<>();
        byAge(rule, oldestFirst, referenceMicros, drops);
        bySize(rule.maxBytes(), oldestFirst, drops);
        byNumber(rule, left(oldestFirst, drops), referenceMicros, rowsAfter, drops);
        return drops;
    }

    private static List<PartitionInfo> left(List<PartitionInfo> oldestFirst, List<Drop> drops) {
        List<PartitionInfo> gone = drops.stream().map(Drop::partition).toList();
        return oldestFirst.stream().filter(p -> !gone.contains(p)).toList();
    }

    /**
     * Kept at least: a partition goes when everything in it is past the promise of its class, so that a short promise drops nothing of a
     * long one. An unknown range is never past it.
     */
    private static void byAge(
            RetentionRule rule, List<PartitionInfo> oldestFirst, long referenceMicros, List<Drop> drops) {
        for (PartitionInfo partition : oldestFirst) {
            long floor = promisedFrom(rule, partition, referenceMicros);
            if (partition.rangeKnown() && newest(partition) < floor) {
                drops.add(new Drop(
                        partition,
                        Rule.AGE,
                        (empty(partition) ? "its end (it holds no row), " : "its newest row, of ")
                                + Micros.text(newest(partition)) + ", is older than "
                                + Micros.text(floor) + " (" + promise(rule, partition) + ")"));
            }
        }
    }

    /** From when on rows of a partition are younger than their promised age; {@link Long#MIN_VALUE} where none is promised. */
    static long promisedFrom(RetentionRule rule, PartitionInfo partition, long referenceMicros) {
        // An adopted database has rows of every class: it stays as long as the longest promise.
        Duration age = Classes.age(rule, partition);
        return age == null ? Long.MIN_VALUE : referenceMicros - Micros.of(age);
    }

    private static String promise(RetentionRule rule, PartitionInfo partition) {
        String named = partition.id().retentionClass();
        String whose =
                rule.classes().containsKey(named) ? rule.by() + " " + named : rule.by() == null ? "maxAge" : "default";
        return whose + " " + Classes.age(rule, partition);
    }

    /** Whether it holds no row: it was made ahead, or all its rows were deleted. */
    private static boolean empty(PartitionInfo partition) {
        return partition.rows() == 0 && partition.maxMicros() < partition.minMicros();
    }

    /** Its newest row, or the last row that it could take where it has none: the next period's, made ahead, is not the oldest. */
    static long newest(PartitionInfo partition) {
        return empty(partition) ? Period.parse(partition.id().period()).endMicros() - 1 : partition.maxMicros();
    }

    /** The newest partition with rows is never dropped for its size; one without any would free nothing. */
    private static void bySize(@Nullable Bytes maxBytes, List<PartitionInfo> oldestFirst, List<Drop> drops) {
        if (maxBytes == null) {
            return;
        }
        List<PartitionInfo> left = new ArrayList<>(left(oldestFirst, drops).stream()
                .filter(p -> !empty(p) && !Emergency.notOurs(p))
                .toList());
        long bytes = left.stream().mapToLong(PartitionInfo::bytes).sum();
        while (bytes > maxBytes.value() && left.size() > 1) {
            PartitionInfo oldest = left.remove(0);
            if (!oldest.rangeKnown()) {
                break;
            }
            drops.add(new Drop(
                    oldest,
                    Rule.SIZE,
                    "the table's " + new Bytes(bytes) + " are more than maxBytes " + maxBytes + "; without it "
                            + new Bytes(bytes - oldest.bytes()) + " are left"));
            bytes -= oldest.bytes();
        }
    }

    /**
     * Partitions go as long as there are enough rows after their newest. Of keys that each keep rows of their own only such go as single
     * rows have left empty, from the oldest on: what is below them is refused from then on.
     */
    private static void byNumber(
            RetentionRule rule,
            List<PartitionInfo> oldestFirst,
            long referenceMicros,
            RowsAfter rowsAfter,
            List<Drop> drops) {
        if (rule.keepNewest() == 0 || oldestFirst.isEmpty()) {
            return;
        }
        List<PartitionInfo> candidates = new ArrayList<>();
        for (PartitionInfo partition : oldestFirst.subList(0, oldestFirst.size() - 1)) {
            boolean past = partition.rangeKnown()
                    && !empty(partition)
                    && (partition.state() == PartitionInfo.State.ADOPTED
                            ? partition.maxMicros() < referenceMicros
                            : Period.parse(partition.id().period()).endMicros() <= referenceMicros);
            if (!past || !rule.per().isEmpty() && partition.rows() != 0) {
                break;
            }
            candidates.add(partition);
        }
        List<PartitionInfo> gone = drops.stream().map(Drop::partition).toList();
        int enough = rule.per().isEmpty() ? enough(candidates, rule.keepNewest(), rowsAfter, gone) : candidates.size();
        for (int i = 0; i < candidates.size(); i++) {
            PartitionInfo partition = candidates.get(i);
            if (i < enough) {
                drops.add(new Drop(
                        partition,
                        Rule.NUMBER,
                        (partition.rows() == 0
                                        ? "it holds no row any more: keepNewest "
                                        : "it is older than the newest ")
                                + rule.keepNewest()
                                + (rule.per().isEmpty() ? "" : " of each " + rule.per())));
            }
        }
    }

    /** How many of the oldest have enough rows after them: the older it is, the more. */
    private static int enough(
            List<PartitionInfo> oldestFirst, long wanted, RowsAfter rowsAfter, List<PartitionInfo> gone) {
        int low = 0;
        int high = oldestFirst.size();
        while (low < high) {
            int middle = (low + high + 1) / 2;
            if (rowsAfter.count(oldestFirst.get(middle - 1).maxMicros(), gone) >= wanted) {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        return low;
    }
}
