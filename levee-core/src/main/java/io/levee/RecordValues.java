package io.levee;

import io.levee.internal.json.Json;
import java.lang.reflect.Constructor;
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
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** Column values as the Java types of record components. */
final class RecordValues {
    private RecordValues() {}

    /** A value as {@link Row#get} gives it, as a component of that type; null as 0 or false for primitives. */
    static @Nullable Object fromColumn(@Nullable Object value, Type javaType) {
        Class<?> raw = RecordCodec.raw(javaType);
        if (raw == Optional.class) {
            return Optional.ofNullable(fromColumn(value, argument(javaType, 0)));
        }
        if (value == null) {
            return raw.isPrimitive() ? zero(raw) : null;
        }
        if (value instanceof Number number) {
            return number(number, raw);
        }
        if (value instanceof Instant instant && raw == LocalDateTime.class) {
            return LocalDateTime.ofInstant(instant, ZoneOffset.UTC);
        }
        if (value instanceof String text && raw != String.class) {
            return fromText(text, raw, javaType);
        }
        return value;
    }

    private static @Nullable Object fromText(String text, Class<?> raw, Type javaType) {
        if (raw == char.class || raw == Character.class) {
            return text.isEmpty() ? '\0' : text.charAt(0);
        }
        return raw.isEnum() ? constant(raw, text) : fromJson(Json.parse(text), javaType);
    }

    private static Object constant(Class<?> type, String name) {
        for (Object constant : type.getEnumConstants()) {
            if (((Enum<?>) constant).name().equals(name)) {
                return constant;
            }
        }
        throw new LeveeException(ErrorCode.BAD_VALUE, "'" + name + "' is no " + type.getName());
    }

    private static Object number(Number number, Class<?> raw) {
        if (raw == int.class || raw == Integer.class) {
            return Math.toIntExact(exact(number));
        }
        if (raw == short.class || raw == Short.class) {
            return (short) Math.toIntExact(exact(number));
        }
        if (raw == byte.class || raw == Byte.class) {
            return (byte) Math.toIntExact(exact(number));
        }
        if (raw == long.class || raw == Long.class) {
            return exact(number);
        }
        if (raw == double.class || raw == Double.class) {
            return number.doubleValue();
        }
        if (raw == float.class || raw == Float.class) {
            return number.floatValue();
        }
        if (raw == BigInteger.class) {
            return new BigDecimal(number.toString()).toBigIntegerExact();
        }
        return raw == BigDecimal.class ? new BigDecimal(number.toString()) : number;
    }

    private static long exact(Number number) {
        return number instanceof Long whole ? whole : new BigDecimal(number.toString()).longValueExact();
    }

    private static Object zero(Class<?> raw) {
        if (raw == boolean.class) {
            return false;
        }
        return raw == char.class ? (Object) '\0' : number(0L, raw);
    }

    private static @Nullable Object fromJson(@Nullable Object json, Type javaType) {
        Class<?> raw = RecordCodec.raw(javaType);
        if (json instanceof Map<?, ?> map && raw.isRecord()) {
            return nested(map, raw);
        }
        if (json instanceof Map<?, ?> map) {
            Map<String, @Nullable Object> copy = new LinkedHashMap<>();
            map.forEach((name, element) -> copy.put(String.valueOf(name), fromJson(element, argument(javaType, 1))));
            return copy;
        }
        if (json instanceof List<?> list) {
            List<@Nullable Object> copy = new ArrayList<>();
            list.forEach(element -> copy.add(fromJson(element, argument(javaType, 0))));
            return Set.class.isAssignableFrom(raw) ? new LinkedHashSet<>(copy) : copy;
        }
        if (json instanceof String text) {
            if (raw == Instant.class) {
                return Instant.parse(text);
            }
            if (raw == LocalDateTime.class) {
                return LocalDateTime.parse(text);
            }
            if (raw == Duration.class) {
                return Duration.parse(text);
            }
            if (raw == UUID.class) {
                return UUID.fromString(text);
            }
        }
        return json instanceof String && (raw == String.class || raw == Object.class)
                ? json
                : fromColumn(json, javaType);
    }

    private static Object nested(Map<?, ?> map, Class<?> type) {
        RecordComponent[] components = type.getRecordComponents();
        Class<?>[] types = new Class<?>[components.length];
        @Nullable Object[] arguments = new Object[components.length];
        for (int i = 0; i < components.length; i++) {
            types[i] = components[i].getType();
            Object element = map.get(components[i].getName());
            arguments[i] = element == null
                    ? fromColumn(null, components[i].getGenericType())
                    : fromJson(element, components[i].getGenericType());
        }
        try {
            Constructor<?> constructor = type.getDeclaredConstructor(types);
            constructor.setAccessible(true);
            return constructor.newInstance(arguments);
        } catch (ReflectiveOperationException e) {
            throw new LeveeException(ErrorCode.BAD_VALUE, "a nested " + type.getName() + " cannot be made: " + e, e);
        }
    }

    private static Type argument(Type javaType, int index) {
        return javaType instanceof ParameterizedType generic && generic.getActualTypeArguments().length > index
                ? generic.getActualTypeArguments()[index]
                : Object.class;
    }
}
