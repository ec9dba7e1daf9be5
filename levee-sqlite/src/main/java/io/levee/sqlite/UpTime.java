package io.levee.sqlite;

import io.levee.internal.time.MonotonicClock;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.concurrent.TimeUnit;

/**
 * How long a store has been open for writing, in all its lives together: what has a grace has it by this clock, so that neither a wall
 * clock that jumps nor a store that was closed for long takes it away. A kill loses what came since the last {@link #write}: then a
 * grace is longer by that. Thread-safe.
 */
final class UpTime {
    private static final String KEY = "up_time";

    private final MonotonicClock clock;
    private final long before;
    private final long begunNanos;

    private UpTime(MonotonicClock clock, long before) {
        this.clock = clock;
        this.before = before;
        this.begunNanos = clock.nanos();
    }

    /** Goes on where the catalog says that the last writer was. */
    static UpTime read(Connection catalog, MonotonicClock clock) throws SQLException {
        return new UpTime(clock, noted(catalog));
    }

    /** What a writer noted last, in milliseconds. */
    static long noted(Connection catalog) throws SQLException {
        Object known = Catalog.value(catalog, KEY);
        return known == null ? 0 : Long.parseLong(known.toString());
    }

    /** Milliseconds. */
    long millis() {
        return before + TimeUnit.NANOSECONDS.toMillis(clock.nanos() - begunNanos);
    }

    /** Keeps it for the next writer. */
    void write(Connection catalog) throws SQLException {
        Catalog.put(catalog, KEY, Long.toString(millis()));
    }
}
