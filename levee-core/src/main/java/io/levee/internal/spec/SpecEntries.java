package io.levee.internal.spec;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The entries of one map of a spec, each looked at once, with unknown ones refused. */
final class SpecEntries {
    /** What they are of, for messages. */
    final String what;

    final Map<?, ?> map;

    SpecEntries(String what, @Nullable Object form, Set<String> known) {
        if (!(form instanceof Map<?, ?> entries)) {
            throw bad(what + " must be a map (got " + form + ")");
        }
        this.what = what;
        this.map = entries;
        List<String> unknown = new ArrayList<>();
        entries.keySet().forEach(name -> {
            if (!known.contains(String.valueOf(name))) {
                unknown.add(String.valueOf(name));
            }
        });
        if (!unknown.isEmpty()) {
            throw bad(what + " has unknown entries " + unknown).hint("known are " + known);
        }
    }

    Object required(String name) {
        Object value = map.get(name);
        if (value == null) {
            throw bad(what + " lacks '" + name + "'");
        }
        return value;
    }

    String text(String name) {
        Object value = required(name);
        if (value instanceof Map || value instanceof List) {
            throw bad(what + ": '" + name + "' must be text (got " + value + ")");
        }
        return String.valueOf(value);
    }

    @Nullable
    String textOrNull(String name) {
        return map.get(name) == null ? null : text(name);
    }

    String textOr(String name, String fallback) {
        return map.get(name) == null ? fallback : text(name);
    }

    List<String> texts(String name) {
        return map.get(name) == null ? List.of() : texts(name, map.get(name));
    }

    boolean flag(String name) {
        Object value = map.get(name);
        if (value == null || value instanceof Boolean) {
            return Boolean.TRUE.equals(value);
        }
        throw bad(what + ": '" + name + "' must be true or false (got " + value + ")");
    }

    /** One text, or a list of them. */
    static List<String> texts(String what, @Nullable Object form) {
        if (form instanceof String one) {
            return List.of(one);
        }
        if (form instanceof List<?> list && list.stream().allMatch(String.class::isInstance)) {
            return list.stream().map(String.class::cast).toList();
        }
        throw bad(what + " must be a column or a list of columns (got " + form + ")");
    }

    /** An error of the spec. */
    static LeveeException bad(String what) {
        return new LeveeException(ErrorCode.BAD_SPEC, what);
    }
}
