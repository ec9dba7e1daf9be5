package io.levee.internal.spec;

import io.levee.Adoption;
import io.levee.Column;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.IndexSpec;
import io.levee.LeveeException;
import io.levee.Measure;
import io.levee.PartitionBy;
import io.levee.RollupSpec;
import io.levee.TableSpec;
import io.levee.TimeFormat;
import io.levee.internal.json.Json;
import io.levee.internal.row.Values;
import io.levee.internal.time.Micros;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** A {@link TableSpec} as the map that spec files, the HTTP API and the stored copies share, and back. */
public final class SpecCodec {
    private static final String RETENTION = "retention";

    /** Indexes with names. */
    private static final String NAMED = "namedIndexes";
    /** Names that columns had before. */
    private static final String FORMER = "formerNames";
    /** Columns that were dropped. */
    private static final String DROPPED = "droppedColumns";
    /** Defaults and expressions of columns, in {@link #migrated} alone: the first releases refuse entries of columns that they do not know. */
    private static final String FILLED = "filled";

    private static final Set<String> TABLE_ENTRIES = Set.of(
            "table",
            "time",
            "key",
            "partition",
            "columns",
            "indexes",
            "fulltext",
            "retention",
            "unknown",
            "rollups",
            "rollupOf",
            "adopt",
            NAMED,
            FORMER,
            DROPPED,
            FILLED);
    /** What the first releases do not know. Catalogs keep it beside the spec, so that these go on reading what they know. */
    private static final Set<String> ADDED_ENTRIES =
            Set.of("fulltext", "rollups", "rollupOf", "adopt", NAMED, FORMER, DROPPED);

    /** What migrations made of a table: releases before these refuse it among what was added, so that it is kept apart from both. */
    private static final Set<String> MIGRATED_ENTRIES = Set.of(NAMED, FORMER, DROPPED, FILLED);

    private static final String DEFAULT = "default";
    private static final String EXPRESSION = "expression";

    private static final Set<String> COLUMN_ENTRIES =
            Set.of("type", "detail", "required", "format", "unit", "zone", "origin", DEFAULT, EXPRESSION);

    private static final Set<String> ROLLUP_ENTRIES = Set.of("name", "every", "by", "measures", "keep");

    private SpecCodec() {}

    /** See {@link TableSpec#fromMap}. */
    public static TableSpec fromMap(Map<String, ?> map) {
        Entries spec = new Entries("the table spec", map, TABLE_ENTRIES);
        TableSpec.Builder builder = TableSpec.builder(spec.text("table"));
        Object columns = spec.required("columns");
        if (!(columns instanceof Map<?, ?> byName)) {
            throw bad("columns must be a map of names to types").hint("write columns: {task_id: text, …}");
        }
        Map<?, ?> filled = spec.map.get(FILLED) instanceof Map<?, ?> given ? given : Map.of();
        byName.forEach((name, form) -> builder.column(filled(column(String.valueOf(name), form), filled.get(name))));
        time(builder, spec.required("time"), byName);
        builder.key(spec.texts("key").toArray(String[]::new));
        builder.partitionBy(PartitionBy.of(spec.textOr("partition", "auto")));
        indexes(builder, spec.map.get("indexes"));
        migrated(builder, spec.map);
        builder.fulltext(spec.texts("fulltext").toArray(String[]::new));
        builder.retention(RetentionCodec.fromMap(spec.map.get("retention")));
        builder.unknown(unknown(spec.textOr("unknown", "reject")));
        rollups(builder, spec.map.get("rollups"));
        builder.rollupOf(spec.textOrNull("rollupOf"));
        adoptions(builder, spec.map.get("adopt"));
        return builder.build();
    }

    /** What migrations made of a table. */
    private static void migrated(TableSpec.Builder builder, Map<?, ?> spec) {
        if (spec.get(NAMED) instanceof List<?> named) {
            named.forEach(form -> builder.index(index(form)));
        }
        if (spec.get(FORMER) instanceof Map<?, ?> former) {
            former.forEach((column, names) -> builder.formerNames(String.valueOf(column), texts(FORMER, names)));
        }
        if (spec.get(DROPPED) instanceof Map<?, ?> dropped) {
            dropped.forEach((name, form) -> builder.dropped(column(String.valueOf(name), form)));
        }
    }

    private static IndexSpec index(@Nullable Object form) {
        if (!(form instanceof Map<?, ?> map)) {
            throw bad("an index with a name must be a map (got " + form + ")")
                    .hint("write {name: by_state, on: [state, finished_at]}");
        }
        return IndexSpec.fromMap(map);
    }

    /** Without what is begun where it is declared, and known from then on: releases of before do not know the word. */
    private static Map<String, Object> adoption(Adoption adoption) {
        Map<String, Object> map = adoption.toMap();
        map.remove("split");
        return map;
    }

    /** One, or a list of them. */
    private static void adoptions(TableSpec.Builder builder, @Nullable Object form) {
        if (form == null) {
            return;
        }
        for (Object one : form instanceof List<?> list ? list : List.of(form)) {
            if (!(one instanceof Map<?, ?> map)) {
                throw bad("adopt must be a map or a list of maps (got " + one + ")")
                        .hint("write adopt: {database: /var/lib/app/app.db, source: events, time: at}");
            }
            builder.adopt(Adoption.fromMap(map));
        }
    }

    private static void rollups(TableSpec.Builder builder, @Nullable Object form) {
        if (form == null) {
            return;
        }
        if (!(form instanceof List<?> list)) {
            throw bad("rollups must be a list of rollups")
                    .hint("write rollups: [{name: hourly, every: 1h, by: [state]}]");
        }
        for (Object one : list) {
            Entries rollup = new Entries("a rollup", one, ROLLUP_ENTRIES);
            RollupSpec.Builder made = RollupSpec.builder(rollup.text("name"))
                    .every(Durations.parse(rollup.text("every")))
                    .by(rollup.texts("by").toArray(String[]::new));
            rollup.texts("measures").forEach(text -> made.measures(Measure.parse(text)));
            String keep = rollup.textOrNull("keep");
            if (keep != null) {
                made.keep(age(keep));
            }
            builder.rollup(made.build());
        }
    }

    /** A length, or whole years of 365 days. */
    static Duration age(String text) {
        return text.matches("[1-9][0-9]{0,3}y")
                ? Duration.ofDays(365L * Integer.parseInt(text.substring(0, text.length() - 1)))
                : Durations.parse(text);
    }

    private static Map<String, Object> form(RollupSpec rollup) {
        Map<String, Object> form = new LinkedHashMap<>();
        form.put("name", rollup.name());
        form.put("every", Durations.text(rollup.every()));
        if (!rollup.by().isEmpty()) {
            form.put("by", rollup.by());
        }
        form.put("measures", rollup.measures().stream().map(Measure::name).toList());
        Duration keep = rollup.keep();
        if (keep != null) {
            form.put("keep", Durations.text(keep));
        }
        return form;
    }

    /** A column of migration files: as those of a table, with its name. */
    static Column column(Map<?, ?> form) {
        Map<Object, @Nullable Object> rest = new LinkedHashMap<>(form);
        Object name = rest.remove("name");
        if (name == null) {
            throw bad("a column lacks its name (got " + form + ")").hint("write {name: state, type: text}");
        }
        return column(name.toString(), rest);
    }

    /** The reverse. */
    static Map<String, Object> named(Column column) {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("name", column.name());
        Object form = form(column);
        if (form instanceof Map<?, ?> entries) {
            entries.forEach((entry, value) -> map.put(String.valueOf(entry), value));
        } else {
            map.put("type", form);
        }
        return map;
    }

    private static Column filled(Column column, @Nullable Object form) {
        if (!(form instanceof Map<?, ?> entries)) {
            return column;
        }
        Object expression = entries.get(EXPRESSION);
        return column.withDefault(read(column, entries.get(DEFAULT)))
                .withExpression(expression == null ? null : expression.toString());
    }

    private static Column column(String name, @Nullable Object form) {
        if (form instanceof String type) {
            return new Column(name, ColumnType.of(type), false, false, null);
        }
        Entries column = new Entries("column '" + name + "'", form, COLUMN_ENTRIES);
        Column plain = new Column(
                name,
                ColumnType.of(column.text("type")),
                column.flag("detail"),
                column.flag("required"),
                format(column));
        return filled(plain, column.map);
    }

    private static @Nullable TimeFormat format(Entries form) {
        String format = form.textOrNull("format");
        String unit = form.textOrNull("unit");
        String zone = form.textOrNull("zone");
        String origin = form.textOrNull("origin");
        if (format == null && unit == null && zone == null && origin == null) {
            return null;
        }
        if (format != null && format.startsWith("epoch-")) {
            unit = format.substring("epoch-".length());
            format = null;
        }
        try {
            return new TimeFormat(
                    unit == null ? null : TimeFormat.Unit.of(unit),
                    origin == null ? Instant.EPOCH : Instant.parse(origin),
                    format == null || format.equals("iso") ? null : format,
                    zone == null ? null : ZoneId.of(zone));
        } catch (DateTimeException e) {
            throw bad(form.what + ": " + e.getMessage());
        }
    }

    /** {@code time: column}, {@code time: [a, b]} or {@code time: {column: c, unit: us, origin: …}}. */
    private static void time(TableSpec.Builder builder, Object form, Map<?, ?> columns) {
        if (form instanceof Map<?, ?>) {
            Entries time = new Entries("time", form, Set.of("column", "format", "unit", "zone", "origin"));
            String name = time.text("column");
            builder.time(name);
            TimeFormat format = format(time);
            if (format != null && columns.containsKey(name)) {
                builder.column(column(name, columns.get(name)).withFormat(format));
            }
        } else {
            builder.time(texts("time", form).toArray(String[]::new));
        }
    }

    private static void indexes(TableSpec.Builder builder, @Nullable Object form) {
        if (form == null) {
            return;
        }
        if (!(form instanceof List<?> list)) {
            throw bad("indexes must be a list of lists of columns");
        }
        for (Object index : list) {
            if (index instanceof Map<?, ?>) {
                builder.index(index(index));
            } else {
                builder.index(texts("indexes", index).toArray(String[]::new));
            }
        }
    }

    private static TableSpec.Unknown unknown(String text) {
        for (TableSpec.Unknown unknown : TableSpec.Unknown.values()) {
            if (unknown.name().equals(text.toUpperCase(Locale.ROOT))) {
                return unknown;
            }
        }
        throw bad("unknown: '" + text + "' is none of extra, reject and ignore");
    }

    /** See {@link TableSpec#toMap}. */
    public static Map<String, Object> toMap(TableSpec spec) {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("table", spec.name());
        map.put("time", spec.separateTime() ? spec.time() : spec.time().get(0));
        if (spec.keyed()) {
            map.put("key", spec.key().size() == 1 ? spec.key().get(0) : spec.key());
        }
        map.put("partition", spec.partitionBy().specName());
        Map<String, Object> columns = new LinkedHashMap<>();
        spec.columns().forEach(column -> columns.put(column.name(), form(column)));
        map.put("columns", columns);
        if (!spec.indexes().isEmpty()) {
            map.put("indexes", spec.indexes());
        }
        if (!spec.namedIndexes().isEmpty()) {
            map.put(NAMED, spec.namedIndexes().stream().map(IndexSpec::toMap).toList());
        }
        if (!spec.formerNames().isEmpty()) {
            map.put(FORMER, spec.formerNames());
        }
        if (!spec.droppedColumns().isEmpty()) {
            Map<String, Object> dropped = new LinkedHashMap<>();
            spec.droppedColumns().forEach((name, column) -> dropped.put(name, form(column)));
            map.put(DROPPED, dropped);
        }
        if (!spec.fulltext().isEmpty()) {
            map.put("fulltext", spec.fulltext());
        }
        Map<String, Object> retention = RetentionCodec.toMap(spec.retention());
        if (!retention.isEmpty()) {
            map.put(RETENTION, retention);
        }
        map.put("unknown", spec.unknown().name().toLowerCase(Locale.ROOT));
        if (!spec.adoptions().isEmpty()) {
            map.put("adopt", spec.adoptions().stream().map(SpecCodec::adoption).toList());
        }
        if (!spec.rollups().isEmpty()) {
            map.put("rollups", spec.rollups().stream().map(SpecCodec::form).toList());
        }
        String rollupOf = spec.rollupOf();
        if (rollupOf != null) {
            map.put("rollupOf", rollupOf);
        }
        return map;
    }

    /** The entries of {@link #toMap} that every release of the format reads. */
    public static Map<String, Object> plain(TableSpec spec) {
        Map<String, Object> map = toMap(spec);
        map.keySet().removeAll(ADDED_ENTRIES);
        Map<String, Object> columns = new LinkedHashMap<>();
        spec.columns()
                .forEach(column ->
                        columns.put(column.name(), form(column.withDefault(null).withExpression(null))));
        map.put("columns", columns);
        if (map.containsKey(RETENTION)) {
            map.put(RETENTION, RetentionCodec.plain(spec.retention()));
        }
        return map;
    }

    /** Entries that came before migrations, for a place of their own; empty for most tables. All three together are what {@link #fromMap} reads. */
    public static Map<String, Object> added(TableSpec spec) {
        Map<String, Object> map = toMap(spec);
        Map<String, Object> retention = RetentionCodec.toMap(spec.retention());
        map.keySet().retainAll(ADDED_ENTRIES);
        map.keySet().removeAll(MIGRATED_ENTRIES);
        if (!retention.equals(RetentionCodec.plain(spec.retention()))) {
            // Whole: it takes the place of the entry that every release reads.
            map.put(RETENTION, retention);
        }
        return map;
    }

    /** What migrations made of the table, for a place where releases before them do not look; empty for most tables. */
    public static Map<String, Object> migrated(TableSpec spec) {
        Map<String, Object> map = toMap(spec);
        map.keySet().retainAll(MIGRATED_ENTRIES);
        Map<String, Object> filled = new LinkedHashMap<>();
        spec.columns().stream()
                .filter(Column::filled)
                .forEach(column -> filled.put(column.name(), fill(column, new LinkedHashMap<>())));
        if (!filled.isEmpty()) {
            // Beside the columns, not with them: a release that adds a column knows nothing of these, and keeps them.
            map.put(FILLED, filled);
        }
        return map;
    }

    private static Map<String, Object> fill(Column column, Map<String, Object> form) {
        Object stored = column.defaultValue();
        if (stored != null) {
            form.put(DEFAULT, written(column, stored));
        }
        String expression = column.expression();
        if (expression != null) {
            form.put(EXPRESSION, expression);
        }
        return form;
    }

    /** A default as given: times in ISO form whatever the column's format is, or else in that. */
    private static @Nullable Object read(Column column, @Nullable Object given) {
        boolean time = column.type() == ColumnType.TIMESTAMP || column.type() == ColumnType.DURATION;
        if (time && given instanceof String) {
            try {
                return Values.store(column.withFormat(TimeFormat.ISO), given);
            } catch (LeveeException e) {
                return Values.store(column, given);
            }
        }
        return Values.store(column, given);
    }

    /** What {@link #read} reads as the stored value. */
    private static Object written(Column column, Object stored) {
        return switch (column.type()) {
            case BOOLEAN -> Long.valueOf(1).equals(stored);
            case TIMESTAMP ->
                stored instanceof Long micros ? Micros.instant(micros).toString() : stored;
            case DURATION ->
                stored instanceof Long micros ? Micros.duration(micros).toString() : stored;
            case JSON -> json(stored.toString());
            default -> stored;
        };
    }

    /** An object or a list is written as such: text that is read again would become a JSON string. */
    private static Object json(String text) {
        Object parsed = Json.parse(text);
        return parsed == null ? text : parsed;
    }

    private static Object form(Column column) {
        Map<String, Object> form = new LinkedHashMap<>();
        form.put("type", column.type().specName());
        if (column.detail()) {
            form.put("detail", true);
        }
        if (column.required()) {
            form.put("required", true);
        }
        TimeFormat format = column.format();
        if (format != null && !format.equals(TimeFormat.ISO)) {
            if (format.unit() != null) {
                form.put("format", "epoch-" + format.unit().specName());
            }
            if (format.pattern() != null) {
                form.put("format", format.pattern());
            }
            if (format.zone() != null) {
                form.put("zone", format.zone().getId());
            }
            if (!format.origin().equals(Instant.EPOCH)) {
                form.put("origin", format.origin().toString());
            }
        }
        fill(column, form);
        return form.size() == 1 ? column.type().specName() : form;
    }

    static List<String> texts(String what, @Nullable Object form) {
        if (form instanceof String one) {
            return List.of(one);
        }
        if (form instanceof List<?> list && list.stream().allMatch(String.class::isInstance)) {
            return list.stream().map(String.class::cast).toList();
        }
        throw bad(what + " must be a column or a list of columns (got " + form + ")");
    }

    private static LeveeException bad(String what) {
        return new LeveeException(ErrorCode.BAD_SPEC, what);
    }

    /** The entries of one map, each looked at once, with unknown ones refused. */
    private static final class Entries {
        private final String what;
        private final Map<?, ?> map;

        Entries(String what, @Nullable Object form, Set<String> known) {
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
            return map.get(name) == null ? List.of() : SpecCodec.texts(name, map.get(name));
        }

        boolean flag(String name) {
            Object value = map.get(name);
            if (value == null || value instanceof Boolean) {
                return Boolean.TRUE.equals(value);
            }
            throw bad(what + ": '" + name + "' must be true or false (got " + value + ")");
        }
    }
}
