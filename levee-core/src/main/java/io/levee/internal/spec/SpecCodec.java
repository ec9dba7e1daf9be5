package io.levee.internal.spec;

import io.levee.Adoption;
import io.levee.Column;
import io.levee.IndexSpec;
import io.levee.Measure;
import io.levee.PartitionBy;
import io.levee.RollupSpec;
import io.levee.TableSpec;
import io.levee.TimeFormat;
import java.time.Duration;
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

    private static final Set<String> ROLLUP_ENTRIES = Set.of("name", "every", "by", "measures", "keep");

    private SpecCodec() {}

    /** See {@link TableSpec#fromMap}. */
    public static TableSpec fromMap(Map<String, ?> map) {
        SpecEntries spec = new SpecEntries("the table spec", map, TABLE_ENTRIES);
        TableSpec.Builder builder = TableSpec.builder(spec.text("table"));
        Object columns = spec.required("columns");
        if (!(columns instanceof Map<?, ?> byName)) {
            throw SpecEntries.bad("columns must be a map of names to types").hint("write columns: {task_id: text, …}");
        }
        Map<?, ?> filled = spec.map.get(FILLED) instanceof Map<?, ?> given ? given : Map.of();
        byName.forEach((name, form) ->
                builder.column(ColumnCodec.filled(ColumnCodec.column(String.valueOf(name), form), filled.get(name))));
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
            former.forEach(
                    (column, names) -> builder.formerNames(String.valueOf(column), SpecEntries.texts(FORMER, names)));
        }
        if (spec.get(DROPPED) instanceof Map<?, ?> dropped) {
            dropped.forEach((name, form) -> builder.dropped(ColumnCodec.column(String.valueOf(name), form)));
        }
    }

    private static IndexSpec index(@Nullable Object form) {
        if (!(form instanceof Map<?, ?> map)) {
            throw SpecEntries.bad("an index with a name must be a map (got " + form + ")")
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
                throw SpecEntries.bad("adopt must be a map or a list of maps (got " + one + ")")
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
            throw SpecEntries.bad("rollups must be a list of rollups")
                    .hint("write rollups: [{name: hourly, every: 1h, by: [state]}]");
        }
        for (Object one : list) {
            SpecEntries rollup = new SpecEntries("a rollup", one, ROLLUP_ENTRIES);
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

    /** {@code time: column}, {@code time: [a, b]} or {@code time: {column: c, unit: us, origin: …}}. */
    private static void time(TableSpec.Builder builder, Object form, Map<?, ?> columns) {
        if (form instanceof Map<?, ?>) {
            SpecEntries time = new SpecEntries("time", form, Set.of("column", "format", "unit", "zone", "origin"));
            String name = time.text("column");
            builder.time(name);
            TimeFormat format = ColumnCodec.format(time);
            if (format != null && columns.containsKey(name)) {
                builder.column(ColumnCodec.column(name, columns.get(name)).withFormat(format));
            }
        } else {
            builder.time(SpecEntries.texts("time", form).toArray(String[]::new));
        }
    }

    private static void indexes(TableSpec.Builder builder, @Nullable Object form) {
        if (form == null) {
            return;
        }
        if (!(form instanceof List<?> list)) {
            throw SpecEntries.bad("indexes must be a list of lists of columns");
        }
        for (Object index : list) {
            if (index instanceof Map<?, ?>) {
                builder.index(index(index));
            } else {
                builder.index(SpecEntries.texts("indexes", index).toArray(String[]::new));
            }
        }
    }

    private static TableSpec.Unknown unknown(String text) {
        for (TableSpec.Unknown unknown : TableSpec.Unknown.values()) {
            if (unknown.name().equals(text.toUpperCase(Locale.ROOT))) {
                return unknown;
            }
        }
        throw SpecEntries.bad("unknown: '" + text + "' is none of extra, reject and ignore");
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
        spec.columns().forEach(column -> columns.put(column.name(), ColumnCodec.form(column)));
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
            spec.droppedColumns().forEach((name, column) -> dropped.put(name, ColumnCodec.form(column)));
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
                .forEach(column -> columns.put(
                        column.name(), ColumnCodec.form(column.withDefault(null).withExpression(null))));
        map.put("columns", columns);
        if (map.containsKey(RETENTION)) {
            map.put(RETENTION, RetentionCodec.plain(spec.retention()));
        }
        return map;
    }

    /** SpecEntries that came before migrations, for a place of their own; empty for most tables. All three together are what {@link #fromMap} reads. */
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
                .forEach(column -> filled.put(column.name(), ColumnCodec.fill(column, new LinkedHashMap<>())));
        if (!filled.isEmpty()) {
            // Beside the columns, not with them: a release that adds a column knows nothing of these, and keeps them.
            map.put(FILLED, filled);
        }
        return map;
    }
}
