package io.levee.internal.retention;

import io.levee.Bytes;
import io.levee.PartitionInfo;
import io.levee.RetentionPlan.Drop;
import io.levee.RetentionRule;
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

    /**
     * What goes of one table: first what is past its age, oldest first, then what is past its size, oldest first.
     *
     * @param rule the table's promise
     * @param partitions the table's live partitions
     * @param referenceMicros the time that ages are measured against
     */
    static List<Drop> plan(RetentionRule rule, List<PartitionInfo> partitions, long referenceMicros) {
        List<PartitionInfo> oldestFirst = new ArrayList<>(partitions);
        oldestFirst.sort(Comparator.comparingLong(RetentionPolicy::newest).thenComparing(PartitionInfo::id));
        List<Drop> drops = new ArrayList<>();
        byAge(rule.maxAge(), oldestFirst, referenceMicros, drops);
        bySize(rule.maxBytes(), oldestFirst, drops);
        return drops;
    }

    /** Kept at least: a partition goes when everything in it is past the promise. An unknown range is never past it. */
    private static void byAge(
            @Nullable Duration maxAge, List<PartitionInfo> oldestFirst, long referenceMicros, List<Drop> drops) {
        if (maxAge == null) {
            return;
        }
        long floor = referenceMicros - Micros.of(maxAge);
        for (PartitionInfo partition : oldestFirst) {
            if (partition.rangeKnown() && newest(partition) < floor) {
                drops.add(new Drop(
                        partition,
                        (empty(partition) ? "its end (it holds no row), " : "its newest row, of ")
                                + Micros.text(newest(partition)) + ", is older than "
                                + Micros.text(floor) + " (maxAge " + maxAge + ")"));
            }
        }
    }

    /** Whether it holds no row: it was made ahead, or all its rows were deleted. */
    private static boolean empty(PartitionInfo partition) {
        return partition.rows() == 0 && partition.maxMicros() < partition.minMicros();
    }

    /** Its newest row, or the last row that it could take where it has none: the next period's, made ahead, is not the oldest. */
    private static long newest(PartitionInfo partition) {
        return empty(partition) ? Period.parse(partition.id().period()).endMicros() - 1 : partition.maxMicros();
    }

    /** The newest partition with rows is never dropped for its size; one without any would free nothing. */
    private static void bySize(@Nullable Bytes maxBytes, List<PartitionInfo> oldestFirst, List<Drop> drops) {
        if (maxBytes == null) {
            return;
        }
        List<PartitionInfo> gone = drops.stream().map(Drop::partition).toList();
        List<PartitionInfo> left = new ArrayList<>(
                oldestFirst.stream().filter(p -> !gone.contains(p) && !empty(p)).toList());
        long bytes = left.stream().mapToLong(PartitionInfo::bytes).sum();
        while (bytes > maxBytes.value() && left.size() > 1) {
            PartitionInfo oldest = left.remove(0);
            if (!oldest.rangeKnown()) {
                break;
            }
            drops.add(new Drop(oldest, "the table's " + new Bytes(bytes) + " are more than maxBytes " + maxBytes));
            bytes -= oldest.bytes();
        }
    }
}
