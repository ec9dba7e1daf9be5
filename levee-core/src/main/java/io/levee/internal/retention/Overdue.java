package io.levee.internal.retention;

import io.levee.PartitionInfo;
import io.levee.RetentionRule;
import io.levee.StoreOptions;
import io.levee.TableSpec;
import io.levee.internal.time.Micros;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.ToLongFunction;

/**
 * Whether records are still there that are past their promise: looked at by who asks for the status, so that retention that never runs
 * shows as well (pain 8). Touches nothing.
 */
final class Overdue {
    /** A pass may take its time, and one may be missed. */
    private static final Duration LEAST_GRACE = Duration.ofMinutes(10);

    private static final int PASSES = 3;

    private Overdue() {}

    /** How long after its promise a partition may still be there. */
    static Duration grace(StoreOptions options) {
        Duration passes = options.retentionEvery().multipliedBy(PASSES);
        return passes.compareTo(LEAST_GRACE) < 0 ? LEAST_GRACE : passes;
    }

    /**
     * By table, for how long the one that is longest past its promise should have been gone; tables without such are left out.
     *
     * @param reference the time that a table's ages are measured against
     */
    static Map<String, Duration> of(
            List<TableSpec> specs,
            List<PartitionInfo> partitions,
            ToLongFunction<TableSpec> reference,
            Duration grace) {
        Map<String, Duration> overdue = new LinkedHashMap<>();
        for (TableSpec spec : specs) {
            RetentionRule rule = spec.retention();
            if (rule.maxAge() == null && rule.classes().isEmpty()) {
                continue;
            }
            long now = reference.applyAsLong(spec);
            long longest = 0;
            for (PartitionInfo partition : partitions) {
                if (!partition.id().table().equals(spec.name()) || partition.rows() == 0 || !partition.rangeKnown()) {
                    continue;
                }
                long promised = RetentionPolicy.promisedFrom(rule, partition, now);
                if (promised != Long.MIN_VALUE) {
                    longest = Math.max(longest, promised - partition.maxMicros());
                }
            }
            if (longest > Micros.of(grace)) {
                overdue.put(spec.name(), Micros.duration(longest));
            }
        }
        return overdue;
    }

    /** For health, in a sentence. */
    static String text(String table, Duration late, String why) {
        return "retention.overdue: records of " + table + " should have gone " + Duration.ofSeconds(late.toSeconds())
                + " ago" + (why.isEmpty() ? "" : "; the last pass: " + why);
    }

    /** What grows without a bound, and nobody said that it may. */
    static String unbounded(TableSpec spec) {
        RetentionRule rule = spec.retention();
        return rule.by() == null
                ? "the table " + spec.name() + " has no bound and grows for ever: give it a retention, or say"
                        + " retention: {unbounded: true}"
                : "records of " + spec.name() + " whose " + Objects.requireNonNull(rule.by()) + " is none of "
                        + rule.classes().keySet()
                        + " are kept for ever: give the retention a default, or say unbounded: true";
    }
}
