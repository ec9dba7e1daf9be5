package io.levee;

import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * For each row of the migrated table a figure of the rows of another table (or the same) whose columns match: the newest
 * {@code rx_time} of the observations whose {@code hash} is the row's {@code hash}. Read through the query service over all partitions
 * of that table. Immutable; equal by value.
 *
 * @param table the other table, declared in the same store
 * @param match its columns, and for each the column of the migrated table that it equals; at least one. A row with a null among them
 *     matches nothing
 * @param function the figure
 * @param column its column; null for {@link Function#COUNT} alone
 * @param where which rows of the other table count, in Levee's filter language; null for all
 */
public record Lookup(
        String table,
        Map<String, String> match,
        Function function,
        @Nullable String column,
        @Nullable String where) {
    private static final Set<String> ENTRIES = Set.of("table", "match", "function", "column", "where");

    /** What is made of the rows that match; null where there are none, but for {@link #COUNT}. */
    public enum Function {
        /** How many rows, or how many values that are not null; 0 where there are none. */
        COUNT,
        /** The least value. */
        MIN,
        /** The greatest value. */
        MAX,
        /** The sum. */
        SUM,
        /** The mean. */
        AVG,
        /** One of the values, the least: where all rows that match have the same. */
        ANY;

        /** Its name in spec files, in lower case. */
        public String specName() {
            return name().toLowerCase(Locale.ROOT);
        }

        /**
         * The function of that name, in any case.
         *
         * @throws LeveeException {@link ErrorCode#BAD_SPEC} for any other
         */
        public static Function of(String name) {
            for (Function function : values()) {
                if (function.name().equals(name.toUpperCase(Locale.ROOT))) {
                    return function;
                }
            }
            throw new LeveeException(ErrorCode.BAD_SPEC, "'" + name + "' is no function of a lookup")
                    .hint("use count, min, max, sum, avg or any");
        }
    }

    /**
     * Checks that there is something to match and a column where one is needed.
     *
     * @throws LeveeException {@link ErrorCode#BAD_SPEC}
     */
    public Lookup {
        match = java.util.Collections.unmodifiableMap(new LinkedHashMap<>(match));
        if (match.isEmpty()) {
            throw bad("a lookup in " + table + " matches no column")
                    .hint("write match: {column of " + table + ": column of the migrated table}");
        }
        if (column == null && function != Function.COUNT) {
            throw bad("a lookup of " + function.specName() + " in " + table + " names no column");
        }
    }

    /** The figure over the rows whose column equals one of ours. */
    public static Lookup of(Function function, String table, @Nullable String column, String theirs, String ours) {
        return new Lookup(table, Map.of(theirs, ours), function, column, null);
    }

    /** The form of spec files: {@code {table, match: {theirs: ours}, function, column?, where?}}. */
    public Map<String, Object> toMap() {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("table", table);
        map.put("match", match);
        map.put("function", function.specName());
        if (column != null) {
            map.put("column", column);
        }
        if (where != null) {
            map.put("where", where);
        }
        return map;
    }

    /**
     * Reads {@link #toMap}.
     *
     * @throws LeveeException {@link ErrorCode#BAD_SPEC} naming the entry at fault
     */
    public static Lookup fromMap(Map<?, ?> map) {
        for (Object entry : map.keySet()) {
            if (!ENTRIES.contains(String.valueOf(entry))) {
                throw bad("a lookup has the unknown entry '" + entry + "'").hint("known are " + ENTRIES);
            }
        }
        Object table = map.get("table");
        Object function = map.get("function");
        if (table == null || function == null || !(map.get("match") instanceof Map<?, ?> given)) {
            throw bad("a lookup has a table, a match and a function (got " + map + ")")
                    .hint("write {table: observations, match: {hash: hash}, function: max, column: rx_time}");
        }
        Map<String, String> match = new LinkedHashMap<>();
        given.forEach((theirs, ours) -> match.put(String.valueOf(theirs), String.valueOf(ours)));
        Object column = map.get("column");
        Object where = map.get("where");
        return new Lookup(
                table.toString(),
                match,
                Function.of(function.toString()),
                column == null ? null : column.toString(),
                where == null ? null : where.toString());
    }

    private static LeveeException bad(String what) {
        return new LeveeException(ErrorCode.BAD_SPEC, what);
    }
}
