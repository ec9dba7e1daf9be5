package io.levee.internal.time;

import io.levee.ManualClock;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Watches whether the wall clock goes as fast as the monotonic one, and remembers which line it was on before it jumped. Looked at each
 * second. Thread-safe.
 *
 * <p>The clock is suspect from a jump of more than {@link #TOLERANCE} on, until it was back on its old line for a minute, or went evenly
 * for a day on the new one, or a person accepts it. On Linux the monotonic clock is the machine's up-time, which counts what the
 * machine slept: a laptop that wakes up has not jumped.
 */
public final class ClockWatch {
    /** What clocks may differ by, such as while one is being slewed. */
    static final Duration TOLERANCE = Duration.ofMinutes(1);

    /** How long a clock has to be back on its old line. */
    static final Duration BACK = Duration.ofMinutes(1);

    /** How long both clocks have to agree before the wall clock is trusted. */
    public static final Duration TRUST_AFTER = Duration.ofHours(24);

    /** A store that was not written for longer than this may also have been opened under a wrong clock. */
    static final Duration LONGEST_REST = Duration.ofDays(366);

    /** A clock may be slewed for ever: what it gained by that is forgotten each hour. */
    private static final Duration REBASE = Duration.ofHours(1);

    private static final long LOOK_NANOS = TimeUnit.SECONDS.toNanos(1);
    private static final System.Logger LOG = System.getLogger("io.levee.clock");
    private static final Path UPTIME = Path.of("/proc/uptime");

    private final Clock wall;
    private final MonotonicClock even;
    private final boolean cheap;
    private volatile long looked;
    private Line line;
    private Line seen;
    private @Nullable Long backNanos;
    private long slackMicros = Micros.of(TOLERANCE);
    private volatile View view;

    /** A clock that goes evenly since some moment; {@code sinceNanos} is when that began. */
    private record Line(long micros, long nanos, long sinceNanos) {
        long at(long now) {
            return micros + (now - nanos) / 1000;
        }
    }

    /**
     * What is known of the wall clock.
     *
     * @param trusted whether ages may be measured by it alone
     * @param suspicion why it is suspect, or null
     * @param lineMicros what it would show had it not jumped
     */
    public record View(boolean trusted, @Nullable Suspicion suspicion, long lineMicros) {}

    /**
     * Why the wall clock is suspect.
     *
     * @param sinceMicros when it jumped, by the line that it left
     * @param what what it did, with both times
     */
    public record Suspicion(long sinceMicros, String what) {}

    /**
     * Starts to watch.
     *
     * @param wall the wall clock
     * @param lastSeenMicros what it showed when the store was last written, {@link Long#MIN_VALUE} where nobody knows
     */
    public ClockWatch(Clock wall, long lastSeenMicros) {
        this.wall = wall;
        this.cheap = wall instanceof ManualClock;
        this.even = wall instanceof ManualClock manual ? manual::nanos : ClockWatch::upNanos;
        long nanos = even.nanos();
        long now = Micros.of(wall.instant());
        this.seen = new Line(now, nanos, nanos);
        this.line = seen;
        this.looked = MonotonicClock.SYSTEM.nanos();
        this.view = new View(false, null, now);
        boolean known = lastSeenMicros != Long.MIN_VALUE;
        if (known && (now < lastSeenMicros - Micros.of(TOLERANCE) || now > lastSeenMicros + Micros.of(LONGEST_REST))) {
            line = new Line(lastSeenMicros, nanos, nanos);
            slackMicros = Micros.of(LONGEST_REST);
            suspect(
                    nanos,
                    "it shows " + Micros.text(now) + ", and the store was last written at "
                            + Micros.text(lastSeenMicros));
        }
    }

    /** Nanoseconds that the machine is up, those that it slept included; the JVM's own clock where there is no such file. */
    private static long upNanos() {
        try {
            String text = Files.readString(UPTIME);
            return (long) (Double.parseDouble(text.substring(0, text.indexOf(' '))) * 1e9);
        } catch (IOException | RuntimeException e) {
            // Not Linux, or no /proc: then a machine that slept looks like a clock that jumped, which is the safe side.
            return MonotonicClock.SYSTEM.nanos();
        }
    }

    /** What is known, as of the last look; looks where that was more than a second ago. */
    public View view() {
        if (cheap || MonotonicClock.SYSTEM.nanos() - looked > LOOK_NANOS) {
            look();
        }
        return view;
    }

    /** Looks now. */
    public synchronized View look() {
        looked = MonotonicClock.SYSTEM.nanos();
        long nanos = even.nanos();
        long now = Micros.of(wall.instant());
        long drift = now - seen.at(nanos);
        if (Math.abs(drift) > Micros.of(TOLERANCE)) {
            boolean first = view.suspicion() == null;
            if (first) {
                line = seen;
                slackMicros = Micros.of(TOLERANCE);
            }
            seen = new Line(now, nanos, nanos);
            backNanos = null;
            if (first) {
                suspect(
                        nanos,
                        "it jumped by " + Duration.ofSeconds(drift / 1_000_000) + " to " + Micros.text(now)
                                + " where it should show " + Micros.text(line.at(nanos)));
            }
        }
        if (view.suspicion() != null) {
            mayEnd(nanos, now);
        } else if (nanos - seen.nanos() > REBASE.toNanos()) {
            seen = new Line(now, nanos, seen.sinceNanos());
        }
        Suspicion left = view.suspicion();
        view = new View(
                left == null && nanos - seen.sinceNanos() >= TRUST_AFTER.toNanos(),
                left,
                left == null ? now : line.at(nanos));
        return view;
    }

    private void suspect(long nanos, String what) {
        view = new View(false, new Suspicion(line.at(nanos), what), line.at(nanos));
        LOG.log(System.Logger.Level.WARNING, "the wall clock is suspect, and retention waits: {0}", what);
    }

    private void mayEnd(long nanos, long now) {
        long should = line.at(nanos);
        boolean back = now >= should - Micros.of(TOLERANCE) && now <= should + slackMicros;
        if (!back) {
            backNanos = null;
        } else if (backNanos == null) {
            backNanos = nanos;
        }
        if (backNanos != null && nanos - backNanos >= BACK.toNanos()) {
            // It was trusted for as long as before: what it showed meanwhile does not count.
            end(new Line(now, nanos, line.sinceNanos()), "it is back where it was");
        } else if (nanos - seen.sinceNanos() >= TRUST_AFTER.toNanos()) {
            end(seen, "it went evenly for " + TRUST_AFTER.toHours() + " h");
        }
    }

    private void end(Line from, String why) {
        seen = from;
        backNanos = null;
        view = new View(false, null, from.micros());
        LOG.log(System.Logger.Level.INFO, "the wall clock is not suspect any more: {0}", why);
    }

    /** A person says that the wall clock is right. Answers whether it was suspect. */
    public synchronized boolean accept() {
        boolean was = look().suspicion() != null;
        if (was) {
            long nanos = even.nanos();
            end(new Line(Micros.of(wall.instant()), nanos, nanos - TRUST_AFTER.toNanos()), "it was accepted");
            look();
        }
        return was;
    }
}
