package io.levee.internal.retention;

import io.levee.Bytes;
import io.levee.StoreStatus;
import io.levee.internal.time.MonotonicClock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * How fast a store grows, from figures of up to a day, and what that means for its disk (guarantee G93). What was dropped is counted as
 * grown: it came in. Thread-safe.
 */
public final class Growth {
    /** Figures of a shorter time say nothing about a day. */
    static final Duration LEAST = Duration.ofSeconds(10);

    private static final Duration LONGEST = Duration.ofDays(1);
    private static final Duration FIRST_SPACING = Duration.ofSeconds(5);
    private static final int MOST_SAMPLES = 128;
    private static final double DAY_NANOS = 86_400e9;

    private final MonotonicClock clock;
    private final @Nullable Bytes minFree;
    private final List<Sample> samples = new ArrayList<>();
    private long spacing = FIRST_SPACING.toNanos();
    private long dropped;

    private record Sample(long nanos, long bytes, long dropped, long stored) {}

    /**
     * A growth.
     *
     * @param minFree what has to stay free on the volume, or null
     */
    public Growth(MonotonicClock clock, @Nullable Bytes minFree) {
        this.clock = clock;
        this.minFree = minFree;
    }

    /** Retention or want of space gave something back. */
    public synchronized void dropped(long bytes) {
        dropped += bytes;
    }

    /** Whether a figure is due. */
    public synchronized boolean due() {
        return samples.isEmpty() || clock.nanos() - samples.get(samples.size() - 1).nanos >= spacing;
    }

    /**
     * Takes a figure where one is due, and says how fast it goes.
     *
     * @param stored records stored or updated since the store was opened
     * @return null as long as there are too few figures
     */
    public synchronized StoreStatus.@Nullable Growth seen(StoreStatus.Disk disk, long stored) {
        long now = clock.nanos();
        Sample sample = new Sample(now, disk.bytes(), dropped, stored);
        if (due()) {
            add(sample);
        }
        Sample first = samples.get(0);
        long nanos = now - first.nanos;
        if (nanos < LEAST.toNanos()) {
            return null;
        }
        double days = nanos / DAY_NANOS;
        double net = (sample.bytes - first.bytes) / days;
        double gross = (sample.bytes + sample.dropped - first.bytes - first.dropped) / days;
        long limit = limit(disk);
        return new StoreStatus.Growth(
                Duration.ofNanos(nanos).toSeconds(),
                (sample.stored - first.stored) / (nanos / 1e9),
                Math.max(0, Math.round(gross)),
                Math.round(net),
                limit,
                net < 1 || limit == Long.MAX_VALUE ? null : Math.max(0, (limit - sample.bytes) / net));
    }

    /** Half of the figures go when there are too many: the rest lies twice as far apart. */
    private void add(Sample sample) {
        samples.add(sample);
        if (samples.size() > MOST_SAMPLES) {
            for (int i = samples.size() - 2; i > 0; i -= 2) {
                samples.remove(i);
            }
            spacing *= 2;
        }
        while (samples.size() > 2 && sample.nanos - samples.get(1).nanos > LONGEST.toNanos()) {
            samples.remove(0);
        }
    }

    /** What the store may take: its cap, or what it has and the volume has free, whichever is less. */
    private long limit(StoreStatus.Disk disk) {
        long volume = disk.freeBytes() < 0
                ? Long.MAX_VALUE
                : Math.max(0, disk.bytes() + disk.freeBytes() - (minFree == null ? 0 : minFree.value()));
        return disk.limitBytes() > 0 ? Math.min(disk.limitBytes(), volume) : volume;
    }
}
