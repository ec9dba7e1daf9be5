package io.levee.internal.spec;

import io.levee.Column;
import io.levee.ColumnType;
import io.levee.LeveeException;
import io.levee.TimeFormat;
import io.levee.internal.json.Json;
import io.levee.internal.row.Values;
import io.levee.internal.time.Micros;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.ZoneId;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** A {@link Column} as an entry of a spec, with its format of times, its default and its expression, and back. */
final class ColumnCodec {
    private static final String DEFAULT = "default";
    private static final String EXPRESSION = "expression";

    private static final Set<String> COLUMN_ENTRIES =
            Set.of("type", "detail", "required", "format", "unit", "zone", "origin", DEFAULT, EXPRESSION);

    private ColumnCodec() {}

    /** A column of migration files: as those of a table, with its name. */
    static Column column(Map<?, ?> form) {
        Map<Object, @Nullable Object> rest = new LinkedHashMap<>(form);
        Object name = rest.remove("name");
        if (name == null) {
            throw SpecEntries.bad("a column lacks its name (got " + form + ")").hint("write {name: state, type: text}");
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

    /** With the default and the expression of a form that has them. */
    static Column filled(Column column, @Nullable Object form) {
        if (!(form instanceof Map<?, ?> entries)) {
            return column;
        }
        Object expression = entries.get(EXPRESSION);
        return column.withDefault(read(column, entries.get(DEFAULT)))
                .withExpression(expression == null ? null : expression.toString());
    }

    /** The column that an entry of {@code columns} describes: its type, or a map. */
    static Column column(String name, @Nullable Object form) {
        if (form instanceof String type) {
            return new Column(name, ColumnType.of(type), false, false, null);
        }
        SpecEntries column = new SpecEntries("column '" + name + "'", form, COLUMN_ENTRIES);
        Column plain = new Column(
                name,
                ColumnType.of(column.text("type")),
                column.flag("detail"),
                column.flag("required"),
                format(column));
        return filled(plain, column.map);
    }

    /** How times are written; null where nothing is said. */
    static @Nullable TimeFormat format(SpecEntries form) {
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
            throw SpecEntries.bad(form.what + ": " + e.getMessage());
        }
    }

    /** Adds the default and the expression to a form. */
    static Map<String, Object> fill(Column column, Map<String, Object> form) {
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

    /** The reverse of {@link #column(String, Object)}. */
    static Object form(Column column) {
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
}
