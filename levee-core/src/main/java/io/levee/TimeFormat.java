package io.levee;

import io.levee.internal.time.Micros;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeFormatterBuilder;
import java.time.temporal.ChronoField;
import java.time.temporal.ChronoUnit;
import java.time.temporal.TemporalAccessor;
import java.time.temporal.TemporalQueries;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * How the input of one timestamp or duration column is read: fixed per column, never guessed per value.
 *
 * <p>Either numbers in a {@link Unit} counted from an origin, or ISO-8601 text, or text of a pattern. Text without an offset
 * needs a zone. Digits past the microsecond are cut off. In a clock change, a local time that exists twice means the first,
 * and one that does not exist means the time after the gap. Immutable.
 *
 * @param unit the unit of numbers; null: text
 * @param origin what numbers are counted from (relative clocks); {@link Instant#EPOCH} for ordinary epochs
 * @param pattern a {@link DateTimeFormatter} pattern (English names); null: ISO-8601
 * @param zone the zone of text without an offset; null: such text is refused
 */
public record TimeFormat(
        @Nullable Unit unit,
        Instant origin,
        @Nullable String pattern,
        @Nullable ZoneId zone) {
    /** ISO-8601 text with an offset, such as {@code 2026-05-20T10:00:00.123456Z}. */
    public static final TimeFormat ISO = new TimeFormat(null, Instant.EPOCH, null, null);

    /** The unit of a number that means a time. */
    public enum Unit {
        /** Seconds. */
        S(1_000_000),
        /** Milliseconds. */
        MS(1_000),
        /** Microseconds. */
        US(1),
        /** Nanoseconds, cut to microseconds. */
        NS(0);

        private final long micros;

        Unit(long micros) {
            this.micros = micros;
        }

        /**
         * The unit of that name.
         *
         * @param name s, ms, us or ns
         * @throws LeveeException {@link ErrorCode#BAD_SPEC} for any other
         */
        public static Unit of(String name) {
            for (Unit unit : values()) {
                if (unit.specName().equals(name.toLowerCase(Locale.ROOT))) {
                    return unit;
                }
            }
            throw new LeveeException(ErrorCode.BAD_SPEC, "there is no unit '" + name + "'").hint("use s, ms, us or ns");
        }

        /** The name used in table specs. */
        public String specName() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /**
     * Checks that the parts fit each other.
     *
     * @throws LeveeException {@link ErrorCode#BAD_SPEC}
     */
    public TimeFormat {
        if (unit != null && (pattern != null || zone != null)) {
            throw new LeveeException(ErrorCode.BAD_SPEC, "a time given as a number has no pattern and no zone");
        }
        if (unit == null && !origin.equals(Instant.EPOCH)) {
            throw new LeveeException(ErrorCode.BAD_SPEC, "an origin needs a unit: only numbers are counted from one");
        }
        if (pattern != null) {
            formatter(pattern);
        }
    }

    /** Numbers since the epoch. */
    public static TimeFormat epoch(Unit unit) {
        return new TimeFormat(unit, Instant.EPOCH, null, null);
    }

    /** Numbers since an origin. */
    public static TimeFormat relative(Unit unit, Instant origin) {
        return new TimeFormat(unit, origin, null, null);
    }

    /** ISO-8601 text; where it has no offset, it is in this zone. */
    public static TimeFormat isoIn(ZoneId zone) {
        return new TimeFormat(null, Instant.EPOCH, null, zone);
    }

    /** Text of a pattern. */
    public static TimeFormat pattern(String pattern, @Nullable ZoneId zone) {
        return new TimeFormat(null, Instant.EPOCH, pattern, zone);
    }

    /**
     * A number as a time.
     *
     * @param value the number as given
     * @return microseconds since the epoch
     * @throws LeveeException {@link ErrorCode#BAD_VALUE} where the column takes text, or past the range of 64 bits
     */
    public long fromNumber(long value) {
        return addOrigin(scale(value));
    }

    /**
     * A number with a fraction as a time.
     *
     * @param value the number as given
     * @return microseconds since the epoch
     * @throws LeveeException {@link ErrorCode#BAD_VALUE} as above
     */
    public long fromNumber(BigDecimal value) {
        return addOrigin(scale(value));
    }

    /**
     * A number as a length of time.
     *
     * @param value the number as given
     * @return microseconds
     * @throws LeveeException {@link ErrorCode#BAD_VALUE} where the column takes ISO-8601 text
     */
    public long durationFromNumber(BigDecimal value) {
        return scale(value);
    }

    private long addOrigin(long micros) {
        try {
            return origin.equals(Instant.EPOCH) ? micros : Math.addExact(micros, Micros.of(origin));
        } catch (ArithmeticException e) {
            throw outOfRange(micros + " µs after " + origin, e);
        }
    }

    private Unit requireUnit(Object value) {
        if (unit == null) {
            throw new LeveeException(ErrorCode.BAD_VALUE, "a number (" + value + ") where the column takes text")
                    .hint("declare the unit, such as {type: timestamp, format: epoch-ms}");
        }
        return unit;
    }

    private long scale(long value) {
        Unit known = requireUnit(value);
        try {
            return known == Unit.NS ? Math.floorDiv(value, 1000L) : Math.multiplyExact(value, known.micros);
        } catch (ArithmeticException e) {
            throw outOfRange(value, e);
        }
    }

    private long scale(BigDecimal value) {
        Unit known = requireUnit(value);
        if (value.precision() - value.scale() > 19) {
            throw outOfRange(value, null);
        }
        BigDecimal micros =
                known == Unit.NS ? value.movePointLeft(3) : value.multiply(BigDecimal.valueOf(known.micros));
        try {
            return micros.setScale(0, RoundingMode.FLOOR).longValueExact();
        } catch (ArithmeticException e) {
            throw outOfRange(value, e);
        }
    }

    private static LeveeException outOfRange(Object value, @Nullable Throwable cause) {
        return new LeveeException(ErrorCode.BAD_VALUE, value + " is past the range of a 64-bit time", cause);
    }

    /**
     * Text as a time. Where the column takes numbers, the text is read as one.
     *
     * @param text the text as given
     * @return microseconds since the epoch
     * @throws LeveeException {@link ErrorCode#BAD_VALUE} naming the format
     */
    public long fromText(String text) {
        if (unit != null) {
            return fromNumber(number(text));
        }
        return pattern == null ? iso(text) : parsePattern(text, pattern);
    }

    /**
     * Text as a length of time: {@code PT1.5S}, or a number where a unit is declared.
     *
     * @param text the text as given
     * @return microseconds
     * @throws LeveeException {@link ErrorCode#BAD_VALUE}
     */
    public long durationFromText(String text) {
        if (unit != null) {
            return scale(number(text));
        }
        try {
            return Micros.of(Duration.parse(text));
        } catch (DateTimeException | ArithmeticException e) {
            throw new LeveeException(ErrorCode.BAD_VALUE, "'" + text + "' is no ISO-8601 duration such as PT1.5S", e);
        }
    }

    /**
     * A time as text that {@link #fromText} reads as the same one: a number where a unit is declared.
     *
     * @param micros microseconds since the epoch
     * @return the text
     * @throws LeveeException {@link ErrorCode#BAD_VALUE} where this format cannot tell it to the microsecond
     */
    public String text(long micros) {
        if (unit != null) {
            return scaled(BigDecimal.valueOf(micros).subtract(BigDecimal.valueOf(Micros.of(origin))), unit);
        }
        if (pattern == null) {
            return Micros.text(micros);
        }
        String text;
        try {
            text = formatter(pattern).format(Micros.instant(micros).atZone(zone == null ? ZoneOffset.UTC : zone));
        } catch (DateTimeException e) {
            throw untold(micros, e);
        }
        if (parsePattern(text, pattern) != micros) {
            throw untold(micros, null);
        }
        return text;
    }

    private LeveeException untold(long micros, @Nullable Throwable cause) {
        return new LeveeException(
                        ErrorCode.BAD_VALUE,
                        "the pattern '" + pattern + "' cannot tell " + Micros.text(micros) + " to the microsecond",
                        cause)
                .hint("export with --iso, and take it into a table whose column reads ISO-8601");
    }

    /**
     * A length of time as text that {@link #durationFromText} reads as the same one.
     *
     * @param micros microseconds
     * @return the text
     */
    public String durationText(long micros) {
        return unit == null
                ? Duration.of(micros, ChronoUnit.MICROS).toString()
                : scaled(BigDecimal.valueOf(micros), unit);
    }

    private static String scaled(BigDecimal micros, Unit unit) {
        BigDecimal value = unit == Unit.NS ? micros.movePointRight(3) : micros.divide(BigDecimal.valueOf(unit.micros));
        return value.signum() == 0 ? "0" : value.stripTrailingZeros().toPlainString();
    }

    private static BigDecimal number(String text) {
        try {
            return new BigDecimal(text.trim());
        } catch (NumberFormatException e) {
            throw new LeveeException(ErrorCode.BAD_VALUE, "'" + text + "' is not a number", e);
        }
    }

    private long iso(String text) {
        try {
            long local = Micros.parseIso(text);
            if (local != Micros.NO_OFFSET) {
                return local;
            }
            if (zone == null) {
                throw new LeveeException(ErrorCode.BAD_VALUE, "'" + text + "' has no UTC offset")
                        .hint("declare the column's zone, such as {type: timestamp, zone: Europe/Berlin}");
            }
            return Micros.of(Micros.parseLocal(text).atZone(zone).toInstant());
        } catch (DateTimeException e) {
            throw new LeveeException(ErrorCode.BAD_VALUE, "'" + text + "' is no ISO-8601 time", e);
        }
    }

    private long parsePattern(String text, String knownPattern) {
        try {
            TemporalAccessor parsed = formatter(knownPattern).parse(text);
            if (parsed.isSupported(ChronoField.INSTANT_SECONDS)) {
                return Micros.of(Instant.from(parsed));
            }
            if (zone == null) {
                throw new LeveeException(ErrorCode.BAD_VALUE, "'" + text + "' has no UTC offset")
                        .hint("declare the column's zone, such as zone: Europe/Berlin");
            }
            LocalDate date = LocalDate.from(parsed);
            LocalTime time = parsed.query(TemporalQueries.localTime());
            return Micros.of(LocalDateTime.of(date, time == null ? LocalTime.MIDNIGHT : time)
                    .atZone(zone)
                    .toInstant());
        } catch (ArithmeticException e) {
            throw outOfRange("'" + text + "'", e);
        } catch (DateTimeException e) {
            throw new LeveeException(
                    ErrorCode.BAD_VALUE, "'" + text + "' does not fit the pattern '" + knownPattern + "'", e);
        }
    }

    private static DateTimeFormatter formatter(String pattern) {
        return Micros.FORMATTERS.computeIfAbsent(pattern, p -> {
            try {
                return new DateTimeFormatterBuilder()
                        .parseCaseInsensitive()
                        .appendPattern(p)
                        .toFormatter(Locale.ENGLISH);
            } catch (IllegalArgumentException e) {
                throw new LeveeException(ErrorCode.BAD_SPEC, "'" + p + "' is no date pattern: " + e.getMessage(), e)
                        .hint("use the letters of java.time.format.DateTimeFormatter");
            }
        });
    }
}
