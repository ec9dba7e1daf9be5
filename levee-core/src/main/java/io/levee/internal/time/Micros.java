package io.levee.internal.time;

import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.time.format.DateTimeFormatter;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** Times and lengths of time as a {@code long} of microseconds: what every engine stores. */
public final class Micros {
    /** What {@link #parseIso} answers for a text without an offset; no time that is accepted anywhere. */
    public static final long NO_OFFSET = Long.MIN_VALUE;

    /** Compiled patterns by their text: bounded by the number of columns ever declared in this process. */
    public static final Map<String, DateTimeFormatter> FORMATTERS = new ConcurrentHashMap<>();

    private static final long PER_SECOND = 1_000_000L;

    private Micros() {}

    /** The microsecond that holds this instant. */
    public static long of(Instant instant) {
        return Math.addExact(
                Math.multiplyExact(instant.getEpochSecond(), PER_SECOND),
                Math.floorDiv((long) instant.getNano(), 1000L));
    }

    /** The whole microseconds of this length. */
    public static long of(Duration duration) {
        return Math.addExact(
                Math.multiplyExact(duration.getSeconds(), PER_SECOND), Math.floorDiv((long) duration.getNano(), 1000L));
    }

    /** The instant of that microsecond. */
    public static Instant instant(long micros) {
        return Instant.ofEpochSecond(Math.floorDiv(micros, PER_SECOND), Math.floorMod(micros, PER_SECOND) * 1000L);
    }

    /** The length of that many microseconds. */
    public static Duration duration(long micros) {
        return Duration.ofSeconds(Math.floorDiv(micros, PER_SECOND), Math.floorMod(micros, PER_SECOND) * 1000L);
    }

    /** ISO-8601 text of that microsecond, UTC, with no more digits than it needs. */
    public static String text(long micros) {
        if (micros == Long.MIN_VALUE) {
            return "-infinity";
        }
        return micros == Long.MAX_VALUE ? "infinity" : instant(micros).toString();
    }

    /**
     * Reads {@code 2026-05-20T10:00:00.123456+02:00}: date and time apart by {@code T} or a blank, seconds and fraction
     * optional, then {@code Z}, {@code ±hh}, {@code ±hhmm} or {@code ±hh:mm}.
     *
     * @return microseconds since the epoch, or {@link #NO_OFFSET} where the text ends without an offset
     * @throws DateTimeException where the text is something else
     */
    public static long parseIso(String text) {
        Cursor cursor = new Cursor(text);
        LocalDateTime local = cursor.dateTime();
        if (cursor.done()) {
            return NO_OFFSET;
        }
        long offsetSeconds = cursor.offset();
        return (local.toEpochSecond(java.time.ZoneOffset.UTC) - offsetSeconds) * PER_SECOND + local.getNano() / 1000;
    }

    /**
     * Reads the same text without its offset.
     *
     * @throws DateTimeException where the text is something else
     */
    public static LocalDateTime parseLocal(String text) {
        return new Cursor(text).dateTime();
    }

    /** One pass over a text; written by hand because {@link DateTimeFormatter} takes a microsecond for each record. */
    private static final class Cursor {
        private final String text;
        private int at;

        Cursor(String text) {
            this.text = text;
        }

        boolean done() {
            return at == text.length();
        }

        LocalDateTime dateTime() {
            int year = digits(4);
            expect('-');
            int month = digits(2);
            expect('-');
            LocalDate date = LocalDate.of(year, month, digits(2));
            if (done()) {
                return date.atStartOfDay();
            }
            char between = text.charAt(at++);
            if (between != 'T' && between != 't' && between != ' ') {
                throw fail();
            }
            int hour = digits(2);
            expect(':');
            int minute = digits(2);
            int second = 0;
            int nano = 0;
            if (!done() && text.charAt(at) == ':') {
                at++;
                second = digits(2);
                nano = fraction();
            }
            if (second == 60) {
                // A leap second has no microsecond of its own: it is the last one of its minute.
                return date.atTime(LocalTime.of(hour, minute, 59, 999_999_000));
            }
            return date.atTime(LocalTime.of(hour, minute, second, nano));
        }

        private int fraction() {
            if (done() || (text.charAt(at) != '.' && text.charAt(at) != ',')) {
                return 0;
            }
            at++;
            int nano = 0;
            int scale = 100_000_000;
            int start = at;
            while (!done() && isDigit(text.charAt(at))) {
                nano += (text.charAt(at) - '0') * scale;
                scale /= 10;
                at++;
            }
            if (at == start) {
                throw fail();
            }
            return nano;
        }

        long offset() {
            char sign = text.charAt(at++);
            if (sign == 'Z' || sign == 'z') {
                if (!done()) {
                    throw fail();
                }
                return 0;
            }
            if (sign != '+' && sign != '-') {
                throw fail();
            }
            int hours = digits(2);
            int minutes = 0;
            if (!done()) {
                if (text.charAt(at) == ':') {
                    at++;
                }
                minutes = digits(2);
            }
            if (!done() || hours > 18 || minutes > 59) {
                throw fail();
            }
            long seconds = hours * 3600L + minutes * 60L;
            return sign == '-' ? -seconds : seconds;
        }

        private int digits(int count) {
            if (at + count > text.length()) {
                throw fail();
            }
            int value = 0;
            for (int end = at + count; at < end; at++) {
                char c = text.charAt(at);
                if (!isDigit(c)) {
                    throw fail();
                }
                value = value * 10 + (c - '0');
            }
            return value;
        }

        private void expect(char wanted) {
            if (done() || text.charAt(at++) != wanted) {
                throw fail();
            }
        }

        private static boolean isDigit(char c) {
            return c >= '0' && c <= '9';
        }

        private DateTimeException fail() {
            return new DateTimeException("no ISO-8601 time at character " + (at + 1) + " of '" + text + "'");
        }
    }
}
