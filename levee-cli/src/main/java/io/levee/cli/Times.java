package io.levee.cli;

import io.levee.LeveeException;
import io.levee.internal.spec.Durations;
import io.levee.internal.time.Micros;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** Times as people type them. */
final class Times {
    private Times() {}

    /**
     * Reads ISO-8601 with or without offset, a date, {@code now}, {@code now - 6h}, {@code now + 1d} or {@code 6h} (ago).
     *
     * @param text the text
     * @param zone the zone of times without an offset
     * @param now what {@code now} means
     * @return the time, or null where the text is none
     */
    static @Nullable Instant parse(String text, ZoneId zone, Instant now) {
        String trimmed = text.trim();
        try {
            if (trimmed.toLowerCase(Locale.ROOT).startsWith("now")) {
                return relative(trimmed.substring(3).trim(), now);
            }
            if (!trimmed.isEmpty() && trimmed.chars().anyMatch(Character::isLetter) && !trimmed.contains("-")) {
                return now.minus(Durations.parse(trimmed));
            }
            long micros = Micros.parseIso(trimmed);
            return micros == Micros.NO_OFFSET
                    ? Micros.parseLocal(trimmed).atZone(zone).toInstant()
                    : Micros.instant(micros);
        } catch (DateTimeException | ArithmeticException | LeveeException e) {
            // Whatever part of it is at fault, the text is no time: the caller names the option.
            return null;
        }
    }

    private static @Nullable Instant relative(String rest, Instant now) {
        if (rest.isEmpty()) {
            return now;
        }
        Duration distance = Durations.parse(rest.substring(1).trim());
        return switch (rest.charAt(0)) {
            case '-' -> now.minus(distance);
            case '+' -> now.plus(distance);
            default -> null;
        };
    }
}
