package io.levee.ingest;

import io.levee.internal.json.Json;
import java.util.Collection;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** The little YAML that specs need: one-line values, quoted only where a reader would take them for something else. */
final class Yaml {
    /** Words with inner blanks, dots, dashes and slashes; also times and patterns, whose colons no blank follows. */
    private static final Pattern PLAIN = Pattern.compile("[A-Za-z_][\\w./+-]*(?:[ :][\\w./+-]+)*|\\d+[A-Za-z]+");

    private static final Pattern TIME = Pattern.compile("\\d{4}-\\d\\d-\\d\\dT[\\d:.]+Z");
    private static final Set<String> WORDS = Set.of("null", "true", "false", "yes", "no", "on", "off");

    private Yaml() {}

    /** A value on one line. */
    static String flow(@Nullable Object value) {
        if (value instanceof Map<?, ?> map) {
            return map.entrySet().stream()
                    .map(e -> scalar(String.valueOf(e.getKey())) + ": " + flow(e.getValue()))
                    .collect(Collectors.joining(", ", "{", "}"));
        }
        if (value instanceof Collection<?> list) {
            return list.stream().map(Yaml::flow).collect(Collectors.joining(", ", "[", "]"));
        }
        return value instanceof Boolean || value instanceof Number ? value.toString() : scalar(String.valueOf(value));
    }

    /** Text, quoted where it must be. */
    static String scalar(String text) {
        boolean plain = (PLAIN.matcher(text).matches() || TIME.matcher(text).matches())
                && !WORDS.contains(text.toLowerCase(Locale.ROOT))
                && !text.matches("\\d+[eE]\\d+|0[xo].*");
        if (plain) {
            return text;
        }
        return text.indexOf('\'') < 0 && text.chars().noneMatch(c -> c < 0x20 || c == '\\')
                ? "'" + text + "'"
                : Json.write(text);
    }
}
