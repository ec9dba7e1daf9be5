package io.levee.internal.adopt;

import io.levee.PartitionBy;
import io.levee.PartitionInfo;
import io.levee.TableSpec;
import io.levee.engine.Period;
import io.levee.engine.Slot;
import io.levee.internal.time.Micros;
import io.levee.internal.write.Periods;
import io.levee.internal.write.TimeGuard;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * Which partitions the rows of an adopted database belong to: those that the writer would choose, but that times which no record may have
 * do not make all periods wide. Split thread.
 */
public final class SplitPeriods {
    private static final long EARLIEST = Micros.of(TimeGuard.EARLIEST);
    /** The first year that a period can be of. */
    public static final long YEAR_1 = Micros.of(Instant.parse("0001-01-01T00:00:00Z"));
    /** After the last one. */
    public static final long YEAR_9999 = Micros.of(Instant.parse("9999-01-01T00:00:00Z"));

    private final Function<String, List<PartitionInfo>> partitions;
    private final Map<String, Periods> byClass = new HashMap<>();

    /**
     * Beside the partitions that are there.
     *
     * @param partitions tells those of a table
     */
    public SplitPeriods(Function<String, List<PartitionInfo>> partitions) {
        this.partitions = partitions;
    }

    /**
     * Where a row belongs.
     *
     * @param first the oldest time of a row of the adopted database that has one, and {@code last} the newest: the width is chosen by
     *     these, and not by 1970, as which rows without a time count
     */
    public Slot slot(TableSpec spec, long first, long last, long timeMicros, String retentionClass) {
        if (timeMicros < YEAR_1 || timeMicros >= YEAR_9999) {
            return new Slot(Period.ALL, retentionClass);
        }
        boolean auto = spec.partitionBy() == PartitionBy.AUTO;
        if (auto && timeMicros < EARLIEST) {
            return new Slot(Period.of(PartitionBy.YEAR, timeMicros), retentionClass);
        }
        Periods periods = byClass.computeIfAbsent(retentionClass, c -> {
            Periods made = Periods.resume(spec, c, partitions.apply(spec.name()));
            if (auto && last != Long.MAX_VALUE && last > EARLIEST) {
                made.expect(Math.min(last, Math.max(EARLIEST, first)), Math.min(last, YEAR_9999));
            }
            return made;
        });
        return new Slot(periods.of(timeMicros), retentionClass);
    }
}
