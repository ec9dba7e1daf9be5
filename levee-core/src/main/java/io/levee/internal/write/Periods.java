package io.levee.internal.write;

import io.levee.PartitionBy;
import io.levee.PartitionId;
import io.levee.PartitionInfo;
import io.levee.TableSpec;
import io.levee.engine.Period;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Which period an event time belongs to, for the rows of one class. Owned by one thread: the writer, or whoever moves rows in bulk.
 *
 * <p>For {@link PartitionBy#AUTO} the width is the smallest that gives at most {@value #WANTED} partitions over the retention of the
 * class or, without one, over the span seen; when the span outgrows the width, new periods are wider, and the narrow partitions
 * stay as they are.
 */
public final class Periods {
    /** Most partitions that {@code auto} aims at. */
    static final int WANTED = 60;

    private static final PartitionBy[] WIDTHS = {
        PartitionBy.HOUR, PartitionBy.DAY, PartitionBy.WEEK, PartitionBy.MONTH, PartitionBy.YEAR
    };
    private static final Duration[] LENGTHS = {
        Duration.ofHours(1), Duration.ofDays(1), Duration.ofDays(7), Duration.ofDays(28), Duration.ofDays(365)
    };

    private final TableSpec spec;
    private final boolean bySpan;
    private final Set<String> seen = new HashSet<>();
    private @Nullable PartitionBy width;
    private @Nullable Period last;
    private long oldest = Long.MAX_VALUE;
    private long newest = Long.MIN_VALUE;

    /** The spec it was made for. */
    TableSpec spec() {
        return spec;
    }

    private Periods(TableSpec spec, String retentionClass) {
        this.spec = spec;
        Duration maxAge = spec.retention().ageOf(retentionClass);
        this.bySpan = spec.partitionBy() == PartitionBy.AUTO && maxAge == null;
        if (spec.partitionBy() != PartitionBy.AUTO) {
            width = spec.partitionBy();
        } else if (maxAge != null) {
            width = smallest(maxAge);
        }
    }

    /** Goes on where the partitions that are there end, those of one class. */
    public static Periods resume(TableSpec spec, String retentionClass, List<PartitionInfo> partitions) {
        Periods periods = new Periods(spec, retentionClass);
        for (PartitionInfo partition : partitions) {
            PartitionId id = partition.id();
            if (periods.bySpan
                    && partition.state() != PartitionInfo.State.ADOPTED
                    && id.table().equals(spec.name())
                    && id.retentionClass().equals(retentionClass)) {
                Period period = Period.parse(partition.id().period());
                periods.widen(period.by());
                periods.count(period);
            }
        }
        return periods;
    }

    /** Looks at a batch's times before its first period is chosen, so that a long import does not begin with hours. */
    public void expect(long oldestMicros, long newestMicros) {
        if (bySpan) {
            oldest = Math.min(oldest, oldestMicros);
            newest = Math.max(newest, newestMicros);
            widen(smallest(Duration.of(newest - oldest, ChronoUnit.MICROS)));
        }
    }

    /** The period that a new row of that time belongs to. */
    public Period of(long micros) {
        if (last != null && last.by() == width && micros >= last.startMicros() && micros < last.endMicros()) {
            return last;
        }
        if (width == null) {
            width = PartitionBy.DAY;
        }
        Period period = Period.of(width, micros);
        if (bySpan && !seen.contains(period.name()) && seen.size() >= WANTED) {
            expect(micros, micros);
            period = Period.of(width, micros);
        }
        count(period);
        last = period;
        return period;
    }

    private void count(Period period) {
        seen.add(period.name());
        if (!period.equals(Period.ALL)) {
            oldest = Math.min(oldest, period.startMicros());
            newest = Math.max(newest, period.endMicros());
        }
    }

    private void widen(PartitionBy to) {
        if (width == null || to.compareTo(width) > 0) {
            width = to;
            seen.clear();
        }
    }

    private static PartitionBy smallest(Duration span) {
        for (int i = 0; i < WIDTHS.length; i++) {
            if (LENGTHS[i].multipliedBy(WANTED - 1L).compareTo(span) >= 0) {
                return WIDTHS[i];
            }
        }
        return PartitionBy.YEAR;
    }
}
