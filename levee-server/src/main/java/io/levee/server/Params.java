package io.levee.server;

import io.levee.Ack;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.ask.Texts;
import io.levee.internal.spec.Durations;
import io.levee.internal.time.Micros;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.util.Fields;
import org.jspecify.annotations.Nullable;

/** The query parameters of one request: each known by name, given at most once, and checked. Not thread-safe. */
final class Params {
    private final Fields fields;

    private Params(Fields fields) {
        this.fields = fields;
    }

    /** Reads them. A name that the route does not know is refused: a misspelt filter must never return everything. */
    static Params of(Request request, String... known) {
        Fields fields;
        try {
            fields = Request.extractQueryParameters(request);
        } catch (RuntimeException e) {
            throw HttpProblem.badRequest(
                    "the query string cannot be read: " + e.getMessage(), "encode it as UTF-8 with %XX");
        }
        Set<String> unknown = new TreeSet<>(fields.getNames());
        List.of(known).forEach(unknown::remove);
        if (!unknown.isEmpty()) {
            throw HttpProblem.badRequest(
                    "unknown query parameters: " + String.join(", ", unknown),
                    known.length == 0 ? "this route takes none" : "known are " + String.join(", ", known));
        }
        for (Fields.Field field : fields) {
            if (field.getValues().size() > 1) {
                throw HttpProblem.badRequest("the query parameter '" + field.getName() + "' is given twice", null);
            }
        }
        return new Params(fields);
    }

    /** A parameter's text, null where it is missing or empty. */
    @Nullable
    String text(String name) {
        String value = fields.getValue(name);
        return value == null || value.isEmpty() ? null : value;
    }

    /** A whole number from 0 to {@code most}. */
    long number(String name, long otherwise, long most) {
        String value = text(name);
        if (value == null) {
            return otherwise;
        }
        try {
            long number = Long.parseLong(value);
            if (number >= 0 && number <= most) {
                return number;
            }
        } catch (NumberFormatException e) {
            // Falls through to the one error below.
        }
        throw HttpProblem.badRequest(
                name + " must be a whole number from 0 to " + most + " (got '" + value + "')", null);
    }

    /** {@code true} or {@code false}; false where it is missing. */
    boolean flag(String name) {
        String value = text(name);
        if (value == null || value.equalsIgnoreCase("false")) {
            return false;
        }
        if (value.equalsIgnoreCase("true")) {
            return true;
        }
        throw HttpProblem.badRequest(name + " must be true or false (got '" + value + "')", null);
    }

    /** The level that {@code ack} asks to wait for; committed where it is missing. */
    Ack ack() {
        String value = text("ack");
        if (value == null) {
            return Ack.COMMITTED;
        }
        for (Ack ack : Ack.values()) {
            if (ack.name().equalsIgnoreCase(value)) {
                return ack;
            }
        }
        throw HttpProblem.badRequest("there is no ack level '" + value + "'", "use accepted, committed or durable");
    }

    /** Names between commas; a name in double quotes may hold commas. */
    List<String> names(String name) {
        return Texts.names(text(name));
    }

    /** A time, read as {@link #micros} says. */
    @Nullable
    Instant instant(String name, Instant now) {
        String value = text(name);
        return value == null ? null : Micros.instant(micros(name, value, now));
    }

    /** Reads ISO-8601 (a time without an offset is UTC), {@code now}, {@code now - 6h} or {@code now + 1d}. */
    static long micros(String name, String value, Instant now) {
        String trimmed = value.trim();
        try {
            if (trimmed.toLowerCase(Locale.ROOT).startsWith("now")) {
                String rest = trimmed.substring(3).trim();
                if (rest.isEmpty()) {
                    return Micros.of(now);
                }
                Duration distance = Durations.parse(rest.substring(1).trim());
                if (rest.charAt(0) == '-') {
                    return Micros.of(now.minus(distance));
                }
                // In a query string a plus that was not encoded arrives as a blank.
                if (rest.charAt(0) == '+') {
                    return Micros.of(now.plus(distance));
                }
            } else {
                long parsed = Micros.parseIso(trimmed);
                return parsed == Micros.NO_OFFSET
                        ? Micros.of(Micros.parseLocal(trimmed).toInstant(ZoneOffset.UTC))
                        : parsed;
            }
        } catch (DateTimeException | ArithmeticException | LeveeException e) {
            // Falls through to the one error below: the text is no time, whatever part of it is at fault.
        }
        throw new LeveeException(ErrorCode.BAD_QUERY, name + " is no time: '" + value + "'")
                .with("parameter", name)
                .hint("write ISO-8601 such as 2026-05-20T10:00:00Z, or now - 6h");
    }
}
