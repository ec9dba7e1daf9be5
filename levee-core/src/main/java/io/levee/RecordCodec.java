package io.levee;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * Java records as rows: components become columns by name and type, nested records, lists and maps become JSON.
 *
 * @param <T> the record type
 */
final class RecordCodec<T extends Record> implements RowCodec<T> {
    private final Class<T> type;
    private final TableSpec spec;
    private final List<Part> parts;
    private final MethodHandle constructor;

    /** One component: how it is read from a record, and the Java type it is made of. */
    private record Part(String column, MethodHandle accessor, Type javaType, boolean plain) {}

    private RecordCodec(Class<T> type, TableSpec spec, List<Part> parts, MethodHandle constructor) {
        this.type = type;
        this.spec = spec;
        this.parts = parts;
        this.constructor = constructor;
    }

    static <T extends Record> RecordCodec<T> of(Class<T> type, TableOptions options) {
        String name = options.name();
        TableSpec.Builder spec = TableSpec.builder(name == null ? snake(type.getSimpleName()) : name)
                .partitionBy(options.partitionBy())
                .retention(options.retention());
        RecordComponent[] components = type.getRecordComponents();
        Class<?>[] raw = new Class<?>[components.length];
        List<Part> parts = new ArrayList<>();
        List<String> times = new ArrayList<>();
        List<String> keys = new ArrayList<>();
        try {
            MethodHandles.Lookup lookup = MethodHandles.privateLookupIn(type, MethodHandles.lookup());
            for (int i = 0; i < components.length; i++) {
                RecordComponent component = components[i];
                raw[i] = component.getType();
                String column = snake(component.getName());
                spec.column(column(type, component, column));
                MethodHandle accessor = lookup.unreflect(component.getAccessor())
                        .asType(MethodType.methodType(Object.class, Object.class));
                parts.add(new Part(column, accessor, component.getGenericType(), plain(raw[i])));
                if (component.isAnnotationPresent(Time.class)) {
                    times.add(column);
                }
                if (component.isAnnotationPresent(Key.class)) {
                    keys.add(column);
                }
            }
            spec.time(times.toArray(String[]::new)).key(keys.toArray(String[]::new));
            for (String[] index : options.indexes()) {
                String[] columns = new String[index.length];
                for (int i = 0; i < index.length; i++) {
                    columns[i] = snake(index[i]);
                }
                spec.index(columns);
            }
            options.rollups().forEach(spec::rollup);
            options.adoptions().forEach(spec::adopt);
            MethodHandle constructor = lookup.unreflectConstructor(type.getDeclaredConstructor(raw));
            return new RecordCodec<>(type, spec.build(), parts, constructor);
        } catch (ReflectiveOperationException e) {
            throw new LeveeException(ErrorCode.BAD_SPEC, "record " + type.getName() + " cannot be read: " + e, e)
                    .hint("make it visible to Levee: public, or opened by its module");
        }
    }

    private static Column column(Class<?> owner, RecordComponent component, String column) {
        boolean detail = component.isAnnotationPresent(Detail.class);
        TimeFormat format = component.getType() == LocalDateTime.class ? TimeFormat.isoIn(ZoneOffset.UTC) : null;
        return new Column(column, columnType(owner, component.getGenericType()), detail, false, format);
    }

    private static ColumnType columnType(Class<?> owner, Type javaType) {
        Class<?> raw = raw(javaType);
        if (raw == Optional.class) {
            return columnType(owner, ((ParameterizedType) javaType).getActualTypeArguments()[0]);
        }
        if (raw == String.class || raw == char.class || raw == Character.class || raw.isEnum()) {
            return ColumnType.TEXT;
        }
        if (Set.of(long.class, Long.class, int.class, Integer.class, short.class, Short.class, byte.class, Byte.class)
                .contains(raw)) {
            return ColumnType.INTEGER;
        }
        if (Set.of(double.class, Double.class, float.class, Float.class).contains(raw)) {
            return ColumnType.REAL;
        }
        if (raw == boolean.class || raw == Boolean.class) {
            return ColumnType.BOOLEAN;
        }
        if (raw == Instant.class || raw == LocalDateTime.class) {
            return ColumnType.TIMESTAMP;
        }
        if (raw == Duration.class) {
            return ColumnType.DURATION;
        }
        if (raw == BigDecimal.class || raw == BigInteger.class) {
            return ColumnType.DECIMAL;
        }
        if (raw == UUID.class) {
            return ColumnType.UUID;
        }
        if (raw == byte[].class) {
            return ColumnType.BLOB;
        }
        if (raw.isRecord() || Map.class.isAssignableFrom(raw) || Collection.class.isAssignableFrom(raw)) {
            return ColumnType.JSON;
        }
        throw new LeveeException(
                        ErrorCode.BAD_SPEC,
                        "record " + owner.getName() + ": no column type for " + javaType.getTypeName())
                .hint("see docs/types.md, or write a RowCodec");
    }

    @Override
    public TableSpec spec() {
        return spec;
    }

    @Override
    public void encode(T value, RowBuilder row) {
        for (int i = 0; i < parts.size(); i++) {
            // A component's position is its column's: both are in the order of their declaration.
            Part part = parts.get(i);
            Object given = read(part, value);
            row.set(i, part.plain ? given : toColumn(given));
        }
    }

    private @Nullable Object read(Part part, T value) {
        try {
            return part.accessor.invokeExact((Object) value);
        } catch (Throwable e) {
            throw new LeveeException(
                    ErrorCode.BAD_VALUE, type.getName() + "." + part.column + " cannot be read: " + e, e);
        }
    }

    /** Whether values of the type are stored as they are. */
    private static boolean plain(Class<?> raw) {
        return raw == String.class
                || raw == Instant.class
                || raw == long.class
                || raw == double.class
                || raw == int.class;
    }

    private static @Nullable Object toColumn(@Nullable Object value) {
        if (value instanceof Optional<?> optional) {
            return toColumn(optional.orElse(null));
        }
        if (value instanceof Character c) {
            return c.toString();
        }
        if (value instanceof Float f) {
            return Double.parseDouble(f.toString());
        }
        return value instanceof Record || value instanceof Map || value instanceof Collection ? toJson(value) : value;
    }

    /** Nested values as maps, lists, text, numbers and booleans. */
    private static @Nullable Object toJson(@Nullable Object value) {
        if (value instanceof Record nested) {
            Map<String, @Nullable Object> map = new LinkedHashMap<>();
            for (RecordComponent component : nested.getClass().getRecordComponents()) {
                try {
                    component.getAccessor().setAccessible(true);
                    map.put(component.getName(), toJson(component.getAccessor().invoke(nested)));
                } catch (ReflectiveOperationException e) {
                    throw new LeveeException(ErrorCode.BAD_VALUE, "a nested record cannot be read: " + e, e);
                }
            }
            return map;
        }
        if (value instanceof Map<?, ?> map) {
            Map<String, @Nullable Object> copy = new LinkedHashMap<>();
            map.forEach((name, element) -> copy.put(String.valueOf(name), toJson(element)));
            return copy;
        }
        if (value instanceof Collection<?> list) {
            List<@Nullable Object> copy = new ArrayList<>();
            list.forEach(element -> copy.add(toJson(element)));
            return copy;
        }
        if (value instanceof Optional<?> optional) {
            return toJson(optional.orElse(null));
        }
        if (value instanceof Double d && !Double.isFinite(d)) {
            throw new LeveeException(ErrorCode.BAD_VALUE, "a nested " + d + " has no form in JSON");
        }
        if (value instanceof Enum<?> constant) {
            return constant.name();
        }
        if (value == null || value instanceof Number || value instanceof Boolean) {
            return value;
        }
        if (value instanceof CharSequence
                || value instanceof Character
                || value instanceof UUID
                || value instanceof Instant
                || value instanceof Duration
                || value instanceof LocalDateTime) {
            return value.toString();
        }
        throw new LeveeException(
                ErrorCode.BAD_VALUE, "a nested " + value.getClass().getName() + " has no form in JSON");
    }

    @Override
    public T decode(Row row) {
        @Nullable Object[] arguments = new Object[parts.size()];
        for (int i = 0; i < arguments.length; i++) {
            Part part = parts.get(i);
            arguments[i] = RecordValues.fromColumn(row.get(part.column), part.javaType);
        }
        try {
            return type.cast(constructor.invokeWithArguments(arguments));
        } catch (Throwable e) {
            throw new LeveeException(
                            ErrorCode.BAD_VALUE, "a row of " + spec.name() + " is no " + type.getName() + ": " + e, e)
                    .with("seq", row.seq());
        }
    }

    static Class<?> raw(Type javaType) {
        if (javaType instanceof Class<?> plain) {
            return plain;
        }
        if (javaType instanceof ParameterizedType generic) {
            return raw(generic.getRawType());
        }
        return Object.class;
    }

    /** {@code taskName} as {@code task_name}, {@code jobID} as {@code job_id}. */
    static String snake(String camel) {
        return io.levee.internal.query.Names.snake(camel);
    }
}
