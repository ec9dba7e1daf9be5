package io.levee.internal.adopt;

import io.levee.Adoption.TimeUnit;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.LocalDate;
import org.jspecify.annotations.Nullable;

/**
 * How a range of ours is said in the values of a foreign column of times, so that its index is used. What is said so may let more through,
 * never less: the range itself is asked for as well.
 */
public final class ForeignTimes {
    private static final long MICROS_OF_DAY = Duration.ofDays(1).toNanos() / 1000;

    /** Offsets of zones reach 14 hours: so far the day that a text shows may be off. */
    public static final long TEXT_SLACK_MICROS = Duration.ofHours(15).toNanos() / 1000;

    /** Rows without a time are read as of this one. */
    public static final long NO_TIME_MICROS = 0;

    private ForeignTimes() {}

    /** The unit that numbers of the size of a time of today are in. */
    public static TimeUnit unitOf(double time) {
        double size = Math.abs(time);
        return size < 1e11
                ? TimeUnit.SECONDS
                : size < 1e14 ? TimeUnit.MILLIS : size < 1e17 ? TimeUnit.MICROS : TimeUnit.NANOS;
    }

    /** A value that no time of the range is below, in the column's own terms; null where none can be said. */
    public static @Nullable Object atLeast(TimeUnit unit, long fromMicros) {
        if (fromMicros == Long.MIN_VALUE) {
            return null;
        }
        return switch (unit) {
            case SECONDS -> (fromMicros - 2) / 1e6;
            case MILLIS -> (fromMicros - 2) / 1e3;
            case MICROS -> fromMicros - 1;
            case NANOS -> (fromMicros - 2) * 1e3;
            case TEXT -> day(fromMicros, -TEXT_SLACK_MICROS, 0);
        };
    }

    /** A value that all times of the range are below; null where none can be said. */
    public static @Nullable Object below(TimeUnit unit, long toMicros) {
        if (toMicros == Long.MAX_VALUE) {
            return null;
        }
        return switch (unit) {
            case SECONDS -> (toMicros + 2) / 1e6;
            case MILLIS -> (toMicros + 2) / 1e3;
            case MICROS -> toMicros + 1;
            case NANOS -> (toMicros + 2) * 1e3;
            case TEXT -> day(toMicros, TEXT_SLACK_MICROS, 1);
        };
    }

    /** The day of a time as text, so much later; null where its year has not four digits. */
    public static @Nullable String day(long micros, long slackMicros, int moreDays) {
        try {
            LocalDate day =
                    LocalDate.ofEpochDay(Math.floorDiv(Math.addExact(micros, slackMicros), MICROS_OF_DAY) + moreDays);
            return day.getYear() < 1 || day.getYear() > 9999 ? null : day.toString();
        } catch (DateTimeException | ArithmeticException e) {
            return null;
        }
    }
}
