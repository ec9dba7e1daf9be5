package io.levee.testkit.memory;

import io.levee.TableSpec;
import io.levee.engine.Term;
import io.levee.internal.json.Json;
import io.levee.testkit.memory.MemoryStore.Held;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What a row has under a column's name or at a place in a json column: the definition of what places mean.
 *
 * <p>Numbers read as they are written ({@code 1.50}). A text that is no JSON, or that holds NUL or half of a character, has no places.
 */
final class Places {
    private Places() {}

    /** The value in stored form; of a place in a json column its text. */
    static @Nullable Object value(Term term, TableSpec spec, Held row) {
        Object value = row.value(spec.position(term.column().name()));
        return term.inJson() ? text(raw(value, term)) : value;
    }

    /** The same as a number ({@link Long} or {@link Double}), null where it is none. */
    static @Nullable Object number(Term term, TableSpec spec, Held row) {
        Object value = row.value(spec.position(term.column().name()));
        return term.inJson() ? number(raw(value, term)) : value instanceof Number ? value : null;
    }

    private static @Nullable String text(@Nullable String raw) {
        if (raw == null || raw.equals("null") || raw.startsWith("{") || raw.startsWith("[")) {
            return null;
        }
        return raw.startsWith("\"") ? (String) Json.parse(raw) : raw;
    }

    private static @Nullable Object number(@Nullable String raw) {
        if (raw == null || "-0123456789".indexOf(raw.charAt(0)) < 0) {
            return null;
        }
        try {
            return Long.valueOf(raw);
        } catch (NumberFormatException e) {
            // It has a fraction or an exponent, or is past 64 bits.
            double real = Double.parseDouble(raw);
            return real == 0 ? 0.0 : real;
        }
    }

    /** The text of the value at a place, or null where there is nothing. */
    private static @Nullable String raw(@Nullable Object document, Term term) {
        if (!(document instanceof String text) || !sound(text)) {
            return null;
        }
        String raw = text.strip();
        for (Object step : term.steps()) {
            raw = raw == null ? null : below(raw, step);
        }
        return raw;
    }

    private static boolean sound(String text) {
        try {
            return sound(Json.parse(text));
        } catch (IllegalArgumentException e) {
            // It is no JSON.
            return false;
        }
    }

    private static boolean sound(@Nullable Object parsed) {
        if (parsed instanceof Map<?, ?> map) {
            return map.entrySet().stream().allMatch(e -> sound(e.getKey()) && sound(e.getValue()));
        }
        if (parsed instanceof List<?> list) {
            return list.stream().allMatch(Places::sound);
        }
        return !(parsed instanceof String text)
                || text.codePoints().noneMatch(c -> c == 0 || Character.getType(c) == Character.SURROGATE);
    }

    /** The member or element of a valid object or array. */
    private static @Nullable String below(String raw, Object step) {
        boolean members = raw.startsWith("{");
        if (!members && !raw.startsWith("[") || members != step instanceof String) {
            return null;
        }
        String found = null;
        int at = blanks(raw, 1);
        for (int i = 0; raw.charAt(at) != '}' && raw.charAt(at) != ']'; i++) {
            Object name = i;
            if (members) {
                int end = end(raw, at);
                name = Json.parse(raw.substring(at, end));
                at = blanks(raw, blanks(raw, end) + 1);
            }
            int end = end(raw, at);
            found = step.equals(name) ? raw.substring(at, end) : found;
            at = blanks(raw, end);
            at = raw.charAt(at) == ',' ? blanks(raw, at + 1) : at;
        }
        return found;
    }

    private static int blanks(String raw, int at) {
        int end = at;
        while (end < raw.length() && " \t\r\n".indexOf(raw.charAt(end)) >= 0) {
            end++;
        }
        return end;
    }

    /** The end of the value that begins there. */
    private static int end(String raw, int at) {
        int depth = 0;
        int end = at;
        do {
            char c = raw.charAt(end);
            if (c == '"') {
                for (end++; raw.charAt(end) != '"'; end++) {
                    end += raw.charAt(end) == '\\' ? 1 : 0;
                }
                end++;
            } else if ("{}[]".indexOf(c) >= 0) {
                depth += c == '{' || c == '[' ? 1 : -1;
                end++;
            } else {
                do {
                    end++;
                } while (end < raw.length() && ",:[]{} \t\r\n\"".indexOf(raw.charAt(end)) < 0);
            }
        } while (depth > 0);
        return end;
    }
}
