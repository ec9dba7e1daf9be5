package io.levee;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * An index with a name, as {@link MigrationStep.AddIndex} makes it in every partition. Immutable; equal by value.
 *
 * @param name a letter or underscore, then letters, digits and underscores, at most 40; unique among the table's indexes
 * @param parts what it sorts by: names of hot columns, or SQL expressions over the row's own columns in parentheses, such as
 *     {@code (lower(name))}
 * @param where an SQL condition over the row's own columns: only rows that meet it are in the index; null for all rows
 */
public record IndexSpec(
        String name, List<String> parts, @Nullable String where) {
    private static final Pattern NAME = Pattern.compile("[A-Za-z_][A-Za-z0-9_]{0,39}");
    private static final Set<String> ENTRIES = Set.of("name", "on", "where");

    /**
     * Checks the name; whether the columns are there is checked with the table.
     *
     * @throws LeveeException {@link ErrorCode#BAD_SPEC}
     */
    public IndexSpec {
        parts = List.copyOf(parts);
        if (!NAME.matcher(name).matches()) {
            throw new LeveeException(ErrorCode.BAD_SPEC, "'" + name + "' is no name of an index")
                    .with("index", name)
                    .hint("use a letter or underscore, then letters, digits and underscores, at most 40");
        }
        if (parts.isEmpty() || Set.copyOf(parts).size() != parts.size()) {
            throw new LeveeException(
                            ErrorCode.BAD_SPEC, "the index " + name + " names one or more parts, each once: " + parts)
                    .with("index", name);
        }
    }

    /** An index of columns over all rows. */
    public static IndexSpec of(String name, String... parts) {
        return new IndexSpec(name, List.of(parts), null);
    }

    /** The same for the rows alone that meet a condition. */
    public IndexSpec where(@Nullable String condition) {
        return new IndexSpec(name, parts, condition);
    }

    /** Whether a part is an expression, not a column's name. */
    public static boolean expression(String part) {
        return part.startsWith("(") && part.endsWith(")");
    }

    /** The form of spec files: {@code {name, on: [..], where?}}. */
    public Map<String, Object> toMap() {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("name", name);
        map.put("on", parts);
        if (where != null) {
            map.put("where", where);
        }
        return map;
    }

    /**
     * Reads {@link #toMap}; {@code on} may be one text.
     *
     * @throws LeveeException {@link ErrorCode#BAD_SPEC} naming the entry at fault
     */
    public static IndexSpec fromMap(Map<?, ?> map) {
        for (Object entry : map.keySet()) {
            if (!ENTRIES.contains(String.valueOf(entry))) {
                throw new LeveeException(ErrorCode.BAD_SPEC, "an index has the unknown entry '" + entry + "'")
                        .hint("known are " + ENTRIES);
            }
        }
        Object name = map.get("name");
        Object on = map.get("on");
        if (name == null || on == null) {
            throw new LeveeException(ErrorCode.BAD_SPEC, "an index lacks '" + (name == null ? "name" : "on") + "'")
                    .hint("write {name: by_state, on: [state, finished_at]}");
        }
        List<String> parts = new ArrayList<>();
        (on instanceof List<?> list ? list : List.of(on)).forEach(part -> parts.add(Objects.toString(part)));
        Object where = map.get("where");
        return new IndexSpec(name.toString(), parts, where == null ? null : where.toString());
    }
}
