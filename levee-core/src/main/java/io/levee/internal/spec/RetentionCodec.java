package io.levee.internal.spec;

import io.levee.Bytes;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.RetentionRule;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A {@link RetentionRule} as the entry {@code retention} of a spec, and back: {@code {maxAge: 30d, maxBytes: 20GiB}},
 * {@code {keepNewest: 1000, per: [monitor]}}, {@code {by: state, FAILURE: 90d, default: 7d}}, {@code {unbounded: true}}.
 */
final class RetentionCodec {
    private static final String DEFAULT = "default";
    private static final String CLASSES = "classes";
    private static final Set<String> PLAIN = Set.of("maxAge", "maxBytes", "keepNewest", "per", "unbounded");
    /** Beside {@code by}, every other entry is the value of a class. */
    private static final Set<String> WITH_CLASSES =
            Set.of("maxAge", "maxBytes", "keepNewest", "per", "unbounded", "by", DEFAULT, CLASSES);

    private RetentionCodec() {}

    static RetentionRule fromMap(@Nullable Object form) {
        if (form == null) {
            return RetentionRule.KEEP_ALL;
        }
        if (!(form instanceof Map<?, ?> map)) {
            throw bad("must be a map (got " + form + ")").hint("write retention: {maxAge: 30d}");
        }
        RetentionRule.Builder rule = RetentionRule.builder();
        boolean byClass = map.get("by") != null;
        if (byClass) {
            rule.by(text("by", map.get("by")));
        }
        map.forEach((key, value) -> {
            String name = String.valueOf(key);
            if (!PLAIN.contains(name) && !(byClass && WITH_CLASSES.contains(name))) {
                if (!byClass) {
                    throw bad("has the unknown entry '" + name + "'")
                            .hint("known are " + PLAIN + "; classes of records need the column: by");
                }
                rule.keep(name, age(name, value));
            }
        });
        if (byClass && map.get(CLASSES) instanceof Map<?, ?> classes) {
            classes.forEach((name, value) -> rule.keep(String.valueOf(name), age(String.valueOf(name), value)));
        } else if (byClass && map.get(CLASSES) != null) {
            rule.keep(CLASSES, age(CLASSES, map.get(CLASSES)));
        }
        bounds(rule, map, byClass);
        return rule.build();
    }

    private static void bounds(RetentionRule.Builder rule, Map<?, ?> map, boolean byClass) {
        Object age = map.get("maxAge");
        Object fallback = byClass ? map.get(DEFAULT) : null;
        if (age != null && fallback != null) {
            throw bad("has both default and maxAge, which are one").hint("beside by, write default: 7d");
        }
        if (age != null || fallback != null) {
            rule.maxAge(age != null ? age("maxAge", age) : age(DEFAULT, fallback));
        }
        if (map.get("maxBytes") != null) {
            rule.maxBytes(Bytes.parse(text("maxBytes", map.get("maxBytes"))));
        }
        List<String> per = map.get("per") == null ? List.of() : SpecEntries.texts("per", map.get("per"));
        if (map.get("keepNewest") != null) {
            rule.keepNewest(number(map.get("keepNewest")), per.toArray(String[]::new));
        } else if (!per.isEmpty()) {
            throw bad("per " + per + " needs keepNewest").hint("write retention: {keepNewest: 1000, per: " + per + "}");
        }
        Object unbounded = map.get("unbounded");
        if (Boolean.TRUE.equals(unbounded)) {
            rule.unbounded();
        } else if (unbounded != null && !Boolean.FALSE.equals(unbounded)) {
            throw bad("unbounded must be true or false (got " + unbounded + ")");
        }
    }

    /** All of it; empty for a rule that says nothing. */
    static Map<String, Object> toMap(RetentionRule rule) {
        Map<String, Object> map = plain(rule);
        if (rule.keepNewest() > 0) {
            map.put("keepNewest", rule.keepNewest());
        }
        if (!rule.per().isEmpty()) {
            map.put("per", rule.per());
        }
        if (rule.unbounded()) {
            map.put("unbounded", true);
        }
        return map;
    }

    /**
     * What the first releases read, or, of classes, refuse by name: they would drop a long promise's rows with a short one's. What is left
     * out drops less in their hands.
     */
    static Map<String, Object> plain(RetentionRule rule) {
        Map<String, Object> map = new LinkedHashMap<>();
        if (rule.by() != null) {
            map.put("by", rule.by());
            Map<String, Object> classes = new LinkedHashMap<>();
            rule.classes().forEach((name, age) -> classes.put(name, Durations.text(age)));
            if (classes.keySet().stream().anyMatch(WITH_CLASSES::contains)) {
                map.put(CLASSES, classes);
            } else {
                map.putAll(classes);
            }
        }
        Duration age = rule.maxAge();
        if (age != null) {
            map.put(rule.by() == null ? "maxAge" : DEFAULT, Durations.text(age));
        }
        Bytes bytes = rule.maxBytes();
        if (bytes != null) {
            map.put("maxBytes", Long.toString(bytes.value()));
        }
        return map;
    }

    private static Duration age(String name, @Nullable Object value) {
        return SpecCodec.age(text(name, value));
    }

    private static String text(String name, @Nullable Object value) {
        if (value == null || value instanceof Map || value instanceof List) {
            throw bad("'" + name + "' must be text (got " + value + ")");
        }
        return String.valueOf(value);
    }

    private static long number(@Nullable Object value) {
        try {
            return Long.parseLong(String.valueOf(value));
        } catch (NumberFormatException e) {
            throw bad("keepNewest must be a whole number of rows (got " + value + ")");
        }
    }

    private static LeveeException bad(String what) {
        return new LeveeException(ErrorCode.BAD_SPEC, "retention " + what);
    }
}
