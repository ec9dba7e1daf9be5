package io.levee.internal.write;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.StoreOptions;
import io.levee.TableSpec;
import io.levee.engine.StorageEngine;
import io.levee.internal.time.ClockWatch;
import io.levee.internal.time.Micros;
import io.levee.internal.time.MonotonicClock;
import java.time.Duration;
import java.time.Instant;
import java.util.EnumMap;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * The one reference time of a store, and what may be appended by it (guarantee G16). Thread-safe.
 *
 * <p>Retention measures ages against the wall clock once wall and monotonic clock have agreed for a day, else against the lesser
 * of the wall clock and the table's newest record, so that one wrong clock reading cannot expire a table; while the clock is suspect,
 * against the least of both and what it would show had it not jumped. With {@code asOf}
 * it is the newest record, and at least that time. Records may lie up to {@code maxFutureSkew} past the wall clock (or
 * {@code asOf}, if later): measuring the future from the newest record would shut a store out that was idle for longer.
 */
public final class TimeGuard {
    /** What units mistaken for each other come out as lies before this: 1970, whatever the mistake. */
    public static final Instant EARLIEST = Instant.parse("1980-01-01T00:00:00Z");

    private static final long EARLIEST_MICROS = Micros.of(EARLIEST);
    private static final Duration LOG_EVERY = Duration.ofMinutes(1);
    private static final System.Logger LOG = System.getLogger("io.levee.guard");

    private final StoreOptions options;
    private final StorageEngine engine;
    private final ClockWatch watch;
    private final long asOfMicros;
    private final long skewMicros;
    private final Map<Refusal, AtomicLong> refused = new EnumMap<>(Refusal.class);
    private final AtomicLong loggedNanos = new AtomicLong(Long.MIN_VALUE);

    /** Why an event time is refused. */
    enum Refusal {
        /** Later than {@code maxFutureSkew} allows. */
        FUTURE,
        /** Before 1980: a unit mistaken for another, or a clock that was never set. */
        BEFORE_1980,
        /** Older than what the table keeps. */
        TOO_OLD
    }

    TimeGuard(StorageEngine engine, StoreOptions options, ClockWatch watch) {
        this.engine = engine;
        this.options = options;
        this.watch = watch;
        this.asOfMicros = options.asOf() == null ? Long.MIN_VALUE : Micros.of(options.asOf());
        this.skewMicros = Micros.of(options.maxFutureSkew());
        for (Refusal reason : Refusal.values()) {
            refused.put(reason, new AtomicLong());
        }
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
        ClockWatch.View view = watch.view();
        long wall = wallMicros();
        if (view.suspicion() != null) {
            // Neither the clock nor records that were stamped by it can be believed; the lowest of all expires the
            // least.
            wall = Math.min(wall, view.lineMicros());
        }
        return newest == Long.MIN_VALUE || view.trusted() ? wall : Math.min(wall, newest);
    }

    /** What a table takes at one moment, so that a batch asks the clock once, and for its floor once a run of one class. One thread. */
    final class Bounds {
        private final TableSpec spec;
        private final long referenceMicros;

        /** The latest time taken. */
        private final long toMicros;

        private @Nullable String lastClass;
        private long lastFromMicros;

        private Bounds(TableSpec spec, long referenceMicros, long toMicros) {
            this.spec = spec;
            this.referenceMicros = referenceMicros;
            this.toMicros = toMicros;
        }

        /** The earliest time that retention would not drop at once; a class with a short life refuses what one with a long life still takes. */
        private long from(String retentionClass) {
            if (!retentionClass.equals(lastClass)) {
                Duration age = spec.retention().ageOf(retentionClass);
                long from = age == null ? Long.MIN_VALUE : referenceMicros - Micros.of(age);
                lastFromMicros = Math.max(from, engine.floorMicros(spec.name(), retentionClass));
                lastClass = retentionClass;
            }
            return lastFromMicros;
        }
    }

    Bounds bounds(TableState table) {
        TableSpec spec = table.spec();
        ClockWatch.View view = watch.view();
        // Records go on being taken while the clock is suspect: those of the line that it left, and those that it
        // stamps now.
        long now = view.suspicion() == null ? wallMicros() : Math.max(wallMicros(), view.lineMicros());
        return new Bounds(spec, referenceMicros(table), Math.max(now, asOfMicros) + skewMicros);
    }

    /**
     * Checks an event time.
     *
     * @param retentionClass the class of the record
     * @throws LeveeException {@link ErrorCode#TIME_REFUSED} with the range that is taken
     */
    void check(Bounds bounds, String retentionClass, long timeMicros) {
        TableSpec spec = bounds.spec;
        if (timeMicros > bounds.toMicros) {
            throw refused(Refusal.FUTURE, spec, timeMicros, "is later than " + Micros.text(bounds.toMicros))
                    .hint("check the column's unit and format, or the clocks; maxFutureSkew is "
                            + options.maxFutureSkew());
        }
        if (timeMicros < EARLIEST_MICROS) {
            throw refused(Refusal.BEFORE_1980, spec, timeMicros, "is earlier than " + EARLIEST)
                    .hint("check the column's unit; a relative clock needs an origin");
        }
        long from = bounds.from(retentionClass);
        if (timeMicros < from) {
            String whose =
                    retentionClass.isEmpty() ? "" : " of " + spec.retention().by() + " " + retentionClass;
            throw refused(
                            Refusal.TOO_OLD,
                            spec,
                            timeMicros,
                            "is older than " + Micros.text(from) + ": retention" + whose + " has been there already")
                    .hint("import history with --as-of, or into a table without maxAge");
        }
    }

    private LeveeException refused(Refusal reason, TableSpec spec, long timeMicros, String why) {
        String what = "event time " + Micros.text(timeMicros) + " of " + spec.name() + "." + spec.time() + " " + why;
        long count = Objects.requireNonNull(refused.get(reason)).incrementAndGet();
        long nanos = MonotonicClock.SYSTEM.nanos();
        long logged = loggedNanos.get();
        if ((logged == Long.MIN_VALUE || nanos - logged > LOG_EVERY.toNanos())
                && loggedNanos.compareAndSet(logged, nanos)) {
            // One a minute: a producer with a wrong clock sends thousands.
            LOG.log(System.Logger.Level.WARNING, "refused ({0} {1} so far): {2}", count, reason, what);
        }
        return new LeveeException(ErrorCode.TIME_REFUSED, what).with("time", Micros.text(timeMicros));
    }

    /** How many records were refused for their time since the store was opened, by reason; reasons without one are left out. */
    Map<String, Long> refused() {
        Map<String, Long> counts = new TreeMap<>();
        refused.forEach((reason, count) -> {
            if (count.get() > 0) {
                counts.put(reason.name(), count.get());
            }
        });
        return counts;
    }
}
