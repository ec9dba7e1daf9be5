package io.levee;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * An older database and how its rows are read as those of a table; see {@link Store#adopt}. Immutable; equal by value. Columns of the same
 * name need no word; a column that the database lacks reads as null.
 *
 * @param database where it lies, such as {@code /var/lib/app/app.db}; empty for the one that the store itself is in (PostgreSQL)
 * @param source its table; in PostgreSQL with its schema, such as {@code public.events}
 * @param time its columns that hold the event time: the first that is not null counts; empty for those named as the table's own
 * @param timeUnit how its times are written; null: the newest one is looked at when it is adopted, and the unit is kept
 * @param details its table of details, one row at most for each of {@code source}; null for none. May be missing
 * @param detailsKey the column that joins the two; null for the table's key
 * @param columns for columns of other names: ours, then theirs
 * @param take whether the database becomes the store's own, and is deleted once its newest row is past retention
 * @param split whether its rows move into the store's own partitions from then on, in the background; see {@link Store#split}. Begun
 *     once: what somebody has stopped stays so. Where there is too little room it is tried again when the table is declared next
 */
public record Adoption(
        String database,
        String source,
        List<String> time,
        @Nullable TimeUnit timeUnit,
        @Nullable String details,
        @Nullable String detailsKey,
        Map<String, String> columns,
        boolean take,
        boolean split) {
    private static final Set<String> ENTRIES =
            Set.of("database", "source", "time", "timeUnit", "details", "detailsKey", "map", "take", "split");

    /** How an older database writes its times. */
    public enum TimeUnit {
        /** ISO-8601 text, with {@code T} or a blank, with or without a zone (UTC then). */
        TEXT("text", 0),
        /** Seconds since 1970, whole or not. */
        SECONDS("s", 1_000_000),
        /** Milliseconds since 1970. */
        MILLIS("ms", 1_000),
        /** Microseconds since 1970. */
        MICROS("us", 1),
        /** Nanoseconds since 1970. */
        NANOS("ns", 0);

        private final String specName;
        private final long micros;

        TimeUnit(String specName, long micros) {
            this.specName = specName;
            this.micros = micros;
        }

        /** Its name in spec files: text, s, ms, us, ns. */
        public String specName() {
            return specName;
        }

        /** How many microseconds it has; 0 for text and for nanoseconds. */
        public long micros() {
            return micros;
        }

        /**
         * The unit of that name.
         *
         * @throws LeveeException {@link ErrorCode#BAD_SPEC} for any other
         */
        public static TimeUnit of(String name) {
            for (TimeUnit unit : values()) {
                if (unit.specName.equals(name.toLowerCase(Locale.ROOT))) {
                    return unit;
                }
            }
            throw new LeveeException(ErrorCode.BAD_SPEC, "'" + name + "' is no unit of time")
                    .hint("units are text, s, ms, us and ns");
        }
    }

    /** Copies the collections. */
    public Adoption {
        time = List.copyOf(time);
        columns = Map.copyOf(columns);
        if (source.isBlank()) {
            throw new LeveeException(ErrorCode.BAD_SPEC, "an adoption names a table");
        }
    }

    /** One that stays where it lies. */
    public Adoption(
            String database,
            String source,
            List<String> time,
            @Nullable TimeUnit timeUnit,
            @Nullable String details,
            @Nullable String detailsKey,
            Map<String, String> columns,
            boolean take) {
        this(database, source, time, timeUnit, details, detailsKey, columns, take, false);
    }

    /** A table of the database that the store itself is in, such as {@code public.events} in PostgreSQL. */
    public static Adoption ofTable(String source) {
        return new Adoption("", source, List.of(), null, null, null, Map.of(), false);
    }

    /** A table of an SQLite database; its time columns named as the store's table has them. */
    public static Adoption of(Path database, String source) {
        return new Adoption(
                database.toAbsolutePath().normalize().toString(), source, List.of(), null, null, null, Map.of(), false);
    }

    /** The same with the columns that hold the event time: the first that is not null counts. */
    public Adoption time(String... names) {
        return new Adoption(database, source, List.of(names), timeUnit, details, detailsKey, columns, take, split);
    }

    /** The same with a unit of its times. */
    public Adoption timeUnit(@Nullable TimeUnit unit) {
        return new Adoption(database, source, time, unit, details, detailsKey, columns, take, split);
    }

    /** The same with a table of details, and the column that both tables have. */
    public Adoption details(@Nullable String table, @Nullable String key) {
        return new Adoption(database, source, time, timeUnit, table, key, columns, take, split);
    }

    /** The same with a column of another name. */
    public Adoption map(String ours, String theirs) {
        Map<String, String> more = new LinkedHashMap<>(columns);
        more.put(ours, theirs);
        return new Adoption(database, source, time, timeUnit, details, detailsKey, more, take, split);
    }

    /** The same as a database that becomes the store's own. */
    public Adoption taken() {
        return new Adoption(database, source, time, timeUnit, details, detailsKey, columns, true, split);
    }

    /** The same, with its rows moving into the store's own partitions from then on. */
    public Adoption thenSplit() {
        return new Adoption(database, source, time, timeUnit, details, detailsKey, columns, take, true);
    }

    /** The form of spec files: {@code database, source, time, timeUnit, details, detailsKey, map, take, split}. */
    public Map<String, Object> toMap() {
        Map<String, Object> map = new LinkedHashMap<>();
        if (!database.isBlank()) {
            map.put("database", database);
        }
        map.put("source", source);
        if (!time.isEmpty()) {
            map.put("time", time.size() == 1 ? time.get(0) : time);
        }
        if (timeUnit != null) {
            map.put("timeUnit", timeUnit.specName());
        }
        if (details != null) {
            map.put("details", details);
        }
        if (detailsKey != null) {
            map.put("detailsKey", detailsKey);
        }
        if (!columns.isEmpty()) {
            map.put("map", new java.util.TreeMap<>(columns));
        }
        if (take) {
            map.put("take", true);
        }
        if (split) {
            map.put("split", true);
        }
        return map;
    }

    /**
     * Reads {@link #toMap}.
     *
     * @throws LeveeException {@link ErrorCode#BAD_SPEC} naming the entry at fault
     */
    public static Adoption fromMap(Map<?, ?> map) {
        for (Object entry : map.keySet()) {
            if (!ENTRIES.contains(String.valueOf(entry))) {
                throw bad("adopt has the unknown entry '" + entry + "'").hint("known are " + ENTRIES);
            }
        }
        Map<String, String> columns = new LinkedHashMap<>();
        if (map.get("map") instanceof Map<?, ?> given) {
            given.forEach((ours, theirs) -> columns.put(String.valueOf(ours), String.valueOf(theirs)));
        }
        String unit = text(map, "timeUnit");
        String database = text(map, "database");
        String source = text(map, "source");
        if (source == null) {
            throw bad("adopt lacks 'source'");
        }
        return new Adoption(
                database == null ? "" : database,
                source,
                texts(map.get("time")),
                unit == null ? null : TimeUnit.of(unit),
                text(map, "details"),
                text(map, "detailsKey"),
                columns,
                Boolean.TRUE.equals(map.get("take")),
                Boolean.TRUE.equals(map.get("split")));
    }

    private static @Nullable String text(Map<?, ?> map, String entry) {
        Object value = map.get(entry);
        if (value instanceof Map || value instanceof List) {
            throw bad("adopt: '" + entry + "' must be text (got " + value + ")");
        }
        return value == null ? null : String.valueOf(value);
    }

    private static List<String> texts(@Nullable Object form) {
        if (form == null) {
            return List.of();
        }
        List<String> texts = new ArrayList<>();
        (form instanceof List<?> list ? list : List.of(form)).forEach(one -> texts.add(String.valueOf(one)));
        return texts;
    }

    private static LeveeException bad(String what) {
        return new LeveeException(ErrorCode.BAD_SPEC, what);
    }
}
