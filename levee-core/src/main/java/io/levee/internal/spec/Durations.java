package io.levee.internal.spec;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import java.time.Duration;
import java.time.format.DateTimeParseException;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Lengths of time as people write them: {@code 30d}, {@code 6h}, {@code 1m30s}, {@code 500ms}. */
public final class Durations {
    private static final Pattern PART = Pattern.compile("(\\d+)(ms|us|s|m|h|d|w)");

    private Durations() {}

    /**
     * Reads {@code 30d}, {@code 1h30m} or ISO-8601 {@code PT5S}.
     *
     * @throws LeveeException {@link ErrorCode#BAD_VALUE}
     */
    public static Duration parse(String text) {
        String trimmed = text.trim().toLowerCase(Locale.ROOT);
        try {
            if (trimmed.startsWith("p")) {
                return Duration.parse(trimmed);
            }
            Duration sum = Duration.ZERO;
            Matcher parts = PART.matcher(trimmed);
            int at = 0;
            while (parts.find() && parts.start() == at) {
                sum = sum.plus(part(Long.parseLong(parts.group(1)), parts.group(2)));
                at = parts.end();
            }
            if (at == trimmed.length() && at > 0) {
                return sum;
            }
        } catch (DateTimeParseException | ArithmeticException | NumberFormatException e) {
            // Falls through to the one error below: the text is no length of time, whatever part of it is at fault.
        }
        throw new LeveeException(ErrorCode.BAD_VALUE, "'" + text + "' is no length of time")
                .hint("write a number and ms, s, m, h, d or w, such as 30d or 1h30m");
    }

    private static Duration part(long amount, String unit) {
        return switch (unit) {
            case "us" -> Duration.ofNanos(Math.multiplyExact(amount, 1000L));
            case "ms" -> Duration.ofMillis(amount);
            case "s" -> Duration.ofSeconds(amount);
            case "m" -> Duration.ofMinutes(amount);
            case "h" -> Duration.ofHours(amount);
            case "d" -> Duration.ofDays(amount);
            default -> Duration.ofDays(Math.multiplyExact(amount, 7L));
        };
    }

    /** The shortest text that {@link #parse} reads back as the same length. */
    public static String text(Duration duration) {
        if (duration.getNano() != 0) {
            return duration.getNano() % 1_000_000 == 0 ? duration.toMillis() + "ms" : duration.toString();
        }
        long seconds = duration.getSeconds();
        if (seconds % 86_400 == 0) {
            return seconds / 86_400 + "d";
        }
        if (seconds % 3600 == 0) {
            return seconds / 3600 + "h";
        }
        return seconds % 60 == 0 ? seconds / 60 + "m" : seconds + "s";
    }
}
