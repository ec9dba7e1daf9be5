package io.levee.engine;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.PartitionBy;
import java.time.DateTimeException;
import java.time.DayOfWeek;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.time.temporal.IsoFields;
import java.time.temporal.TemporalAdjusters;
import java.util.Locale;

/**
 * One slice of time: the rows of a partition were appended with event times in it.
 *
 * @param by its width
 * @param name its name, which sorts by time within a width
 * @param startMicros its first microsecond; {@link Long#MIN_VALUE} for {@code all}
 * @param endMicros the first microsecond after it; {@link Long#MAX_VALUE} for {@code all}
 */
public record Period(PartitionBy by, String name, long startMicros, long endMicros) {
    /** The one period of tables that are not partitioned. */
    public static final Period ALL = new Period(PartitionBy.NONE, "all", Long.MIN_VALUE, Long.MAX_VALUE);

    /** The period of databases that were adopted: what they hold is told by their rows alone. */
    public static final Period ADOPTED = new Period(PartitionBy.NONE, "adopted", Long.MIN_VALUE, Long.MAX_VALUE);

    private static final long HOUR_MICROS = 3_600_000_000L;
    private static final long DAY_MICROS = 24 * HOUR_MICROS;

    /**
     * The period of that width that holds a time.
     *
     * @param by any width but {@link PartitionBy#AUTO}
     * @param timeMicros an event time
     */
    public static Period of(PartitionBy by, long timeMicros) {
        if (by == PartitionBy.NONE) {
            return ALL;
        }
        if (by == PartitionBy.HOUR) {
            long start = Math.floorDiv(timeMicros, HOUR_MICROS) * HOUR_MICROS;
            long hour = Math.floorMod(start, DAY_MICROS) / HOUR_MICROS;
            // A store with years of hours parses tens of thousands of these at its start: no formatters.
            String name = date(start) + (hour < 10 ? "T0" : "T") + hour;
            return new Period(by, name, start, start + HOUR_MICROS);
        }
        LocalDate day = date(timeMicros);
        return switch (by) {
            case DAY -> days(by, day, day.plusDays(1), day.toString());
            case WEEK -> {
                LocalDate monday = day.with(TemporalAdjusters.previousOrSame(DayOfWeek.MONDAY));
                String name = String.format(
                        Locale.ROOT,
                        "%04d-W%02d",
                        day.get(IsoFields.WEEK_BASED_YEAR),
                        day.get(IsoFields.WEEK_OF_WEEK_BASED_YEAR));
                yield days(by, monday, monday.plusWeeks(1), name);
            }
            case MONTH -> {
                LocalDate first = day.withDayOfMonth(1);
                yield days(by, first, first.plusMonths(1), first.toString().substring(0, 7));
            }
            case YEAR -> {
                LocalDate first = day.withDayOfYear(1);
                yield days(by, first, first.plusYears(1), first.toString().substring(0, 4));
            }
            default -> throw new IllegalArgumentException("no period of width " + by);
        };
    }

    /**
     * The period of that name.
     *
     * @throws LeveeException {@link ErrorCode#BAD_VALUE} for a text that names none: file names are input too
     */
    public static Period parse(String name) {
        try {
            Period period = parseByShape(name);
            if (period.name.equals(name)) {
                return period;
            }
        } catch (DateTimeException | NumberFormatException | StringIndexOutOfBoundsException e) {
            throw notAPeriod(name);
        }
        throw notAPeriod(name);
    }

    private static Period parseByShape(String name) {
        if (name.equals(ALL.name)) {
            return ALL;
        }
        if (name.equals(ADOPTED.name)) {
            return ADOPTED;
        }
        if (name.indexOf('W') == 5) {
            LocalDate inWeek = LocalDate.of(Integer.parseInt(name.substring(0, 4)), 1, 4)
                    .plusWeeks(Integer.parseInt(name.substring(6)) - 1L);
            return of(PartitionBy.WEEK, micros(inWeek));
        }
        return switch (name.length()) {
            case 4 -> of(PartitionBy.YEAR, micros(LocalDate.of(Integer.parseInt(name), 1, 1)));
            case 7 -> of(PartitionBy.MONTH, micros(day(name + "-01")));
            case 10 -> of(PartitionBy.DAY, micros(day(name)));
            default -> of(PartitionBy.HOUR, micros(day(name)) + Integer.parseInt(name.substring(11)) * HOUR_MICROS);
        };
    }

    /** The day that a name begins with. What it lets pass is not what that day is called, and so no name of a period. */
    private static LocalDate day(String name) {
        return LocalDate.of(
                Integer.parseInt(name.substring(0, 4)),
                Integer.parseInt(name.substring(5, 7)),
                Integer.parseInt(name.substring(8, 10)));
    }

    /** The period after this one. */
    public Period next() {
        return by == PartitionBy.NONE ? ALL : of(by, endMicros);
    }

    private static LeveeException notAPeriod(String name) {
        return new LeveeException(ErrorCode.BAD_VALUE, "'" + name + "' names no period");
    }

    private static Period days(PartitionBy by, LocalDate start, LocalDate end, String name) {
        return new Period(by, name, micros(start), micros(end));
    }

    private static LocalDate date(long micros) {
        return LocalDate.ofEpochDay(Math.floorDiv(micros, DAY_MICROS));
    }

    private static long micros(LocalDate day) {
        return day.atStartOfDay().toEpochSecond(ZoneOffset.UTC) * 1_000_000L;
    }
}
