package io.levee.internal.write;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.ManualClock;
import io.levee.StoreOptions;
import io.levee.TableSpec;
import io.levee.engine.StorageEngine;
import io.levee.internal.time.Micros;
import io.levee.internal.time.MonotonicClock;
import java.time.Duration;
import java.time.Instant;

/**
 * The one reference time of a store, and what may be appended by it (guarantee G16). Thread-safe.
 *
 * <p>Retention measures ages against the wall clock once wall and monotonic clock have agreed for a day, else against the lesser
 * of the wall clock and the table's newest record, so that one wrong clock reading cannot expire a table. With {@code asOf}
 * it is the newest record, and at least that time. Records may lie up to {@code maxFutureSkew} past the wall clock (or
 * {@code asOf}, if later): measuring the future from the newest record would shut a store out that was idle for longer.
 */
public final class TimeGuard {
    /** What units mistaken for each other come out as lies before this: 1970, whatever the mistake. */
    public static final Instant EARLIEST = Instant.parse("1980-01-01T00:00:00Z");

    private static final long EARLIEST_MICROS = Micros.of(EARLIEST);
    private static final Duration TRUST_AFTER = Duration.ofHours(24);
    private static final Duration TOLERANCE = Duration.ofMinutes(1);

    private final StoreOptions options;
    private final StorageEngine engine;
    private final MonotonicClock monotonic;
    private final long asOfMicros;
    private final long skewMicros;
    private long trustNanos;
    private long trustWall;

    TimeGuard(StorageEngine engine, StoreOptions options) {
        this.engine = engine;
        this.options = options;
        this.monotonic = options.clock() instanceof ManualClock manual ? manual::nanos : MonotonicClock.SYSTEM;
        this.asOfMicros = options.asOf() == null ? Long.MIN_VALUE : Micros.of(options.asOf());
        this.skewMicros = Micros.of(options.maxFutureSkew());
        this.trustNanos = monotonic.nanos();
        this.trustWall = wallMicros();
    }

    private long wallMicros() {
        return Micros.of(options.clock().instant());
    }

    /** The time that a table's ages are measured against. */
    public long referenceMicros(TableState table) {
        long newest = table.newestMicros();
        if (asOfMicros != Long.MIN_VALUE) {
            return Math.max(asOfMicros, newest);
        }
        long wall = wallMicros();
        return newest == Long.MIN_VALUE || trusted(wall) ? wall : Math.min(wall, newest);
    }

    /** Whether the wall clock has gone as fast as the monotonic one for long enough. */
    private synchronized boolean trusted(long wall) {
        long nanos = monotonic.nanos();
        long drift = (wall - trustWall) - (nanos - trustNanos) / 1000;
        if (Math.abs(drift) > Micros.of(TOLERANCE)) {
            trustNanos = nanos;
            trustWall = wall;
        }
        return nanos - trustNanos >= TRUST_AFTER.toNanos();
    }

    /**
     * What a table takes at one moment, so that a batch asks the clock once.
     *
     * @param toMicros the latest time taken
     * @param fromMicros the earliest time that retention would not drop at once
     */
    record Bounds(TableSpec spec, long fromMicros, long toMicros) {}

    Bounds bounds(TableState table) {
        TableSpec spec = table.spec();
        Duration maxAge = spec.retention().maxAge();
        long from = maxAge == null ? Long.MIN_VALUE : referenceMicros(table) - Micros.of(maxAge);
        return new Bounds(
                spec, Math.max(from, engine.floorMicros(spec.name())), Math.max(wallMicros(), asOfMicros) + skewMicros);
    }

    /**
     * Checks an event time.
     *
     * @throws LeveeException {@link ErrorCode#TIME_REFUSED} with the range that is taken
     */
    void check(Bounds bounds, long timeMicros) {
        TableSpec spec = bounds.spec();
        if (timeMicros > bounds.toMicros()) {
            throw refused(spec, timeMicros, "is later than " + Micros.text(bounds.toMicros()))
                    .hint("check the column's unit and format, or the clocks; maxFutureSkew is "
                            + options.maxFutureSkew());
        }
        if (timeMicros < EARLIEST_MICROS) {
            throw refused(spec, timeMicros, "is earlier than " + EARLIEST)
                    .hint("check the column's unit; a relative clock needs an origin");
        }
        if (timeMicros < bounds.fromMicros()) {
            throw refused(
                            spec,
                            timeMicros,
                            "is older than " + Micros.text(bounds.fromMicros()) + ": retention has been there already")
                    .hint("import history with --as-of, or into a table without maxAge");
        }
    }

    private static LeveeException refused(TableSpec spec, long timeMicros, String why) {
        return new LeveeException(
                        ErrorCode.TIME_REFUSED,
                        "event time " + Micros.text(timeMicros) + " of " + spec.name() + "." + spec.time() + " " + why)
                .with("time", Micros.text(timeMicros));
    }
}
