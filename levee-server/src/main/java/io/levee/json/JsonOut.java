package io.levee.json;

import io.levee.Column;
import io.levee.ColumnType;
import io.levee.Coverage;
import io.levee.DroppedPartition;
import io.levee.Gap;
import io.levee.LeveeException;
import io.levee.PartitionInfo;
import io.levee.Row;
import io.levee.TableSpec;
import io.levee.Tail;
import io.levee.engine.Finding;
import io.levee.engine.Quarantined;
import io.levee.engine.Verification;
import io.levee.internal.time.Micros;
import java.io.ByteArrayOutputStream;
import java.io.OutputStream;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.ObjectWriteContext;
import tools.jackson.core.StreamWriteFeature;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.core.json.JsonWriteFeature;

/**
 * Writes JSON to a stream, value by value: nothing is kept in memory but a small buffer. Used by one thread.
 *
 * <p>Times are ISO-8601, UTC; durations ISO-8601; JSON columns real nested JSON; decimals numbers with all their digits; bytes
 * base64. Infinite numbers, which JSON lacks, are text.
 */
public final class JsonOut implements AutoCloseable {
    private static final JsonFactory FACTORY = JsonFactory.builder()
            .enable(JsonWriteFeature.COMBINE_UNICODE_SURROGATES_IN_UTF8)
            .enable(StreamWriteFeature.WRITE_BIGDECIMAL_AS_PLAIN)
            .disable(StreamWriteFeature.AUTO_CLOSE_TARGET)
            .disable(StreamWriteFeature.AUTO_CLOSE_CONTENT)
            .build();

    private final JsonGenerator out;
    private @Nullable TableSpec lastSpec;
    private @Nullable List<String> lastColumns;
    private int[] positions = {};

    /**
     * Writes to a stream.
     *
     * @param out the stream; never closed
     */
    public JsonOut(OutputStream out) {
        // The blank that would separate root values is left out: newline() says where a line ends.
        this.out = FACTORY.createGenerator(new Context(), out);
    }

    /** Root values are separated by what the caller writes. */
    private static final class Context extends ObjectWriteContext.Base {
        @Override
        public tools.jackson.core.@Nullable SerializableString getRootValueSeparator(
                tools.jackson.core.@Nullable SerializableString defaultSeparator) {
            return null;
        }
    }

    /** A value of the kinds that {@link #value} takes, as text. */
    public static String text(@Nullable Object value) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (JsonOut out = new JsonOut(bytes)) {
            out.value(value);
        }
        return bytes.toString(StandardCharsets.UTF_8);
    }

    /** Begins an object. */
    public JsonOut beginObject() {
        out.writeStartObject();
        return this;
    }

    /** Ends the object. */
    public JsonOut endObject() {
        out.writeEndObject();
        return this;
    }

    /** Begins an array. */
    public JsonOut beginArray() {
        out.writeStartArray();
        return this;
    }

    /** Ends the array. */
    public JsonOut endArray() {
        out.writeEndArray();
        return this;
    }

    /** Names the next value of an object. */
    public JsonOut name(String name) {
        out.writeName(name);
        return this;
    }

    /** Ends a line between values: for NDJSON. */
    public JsonOut newline() {
        out.writeRaw('\n');
        return this;
    }

    /**
     * Writes maps, collections, text, numbers, booleans, times, durations, bytes and null; anything else as its text.
     *
     * @param value the value
     */
    public JsonOut value(@Nullable Object value) {
        if (value == null) {
            out.writeNull();
        } else if (value instanceof Map<?, ?> map) {
            out.writeStartObject();
            map.forEach((name, entry) -> name(String.valueOf(name)).value(entry));
            out.writeEndObject();
        } else if (value instanceof Iterable<?> list) {
            out.writeStartArray();
            list.forEach(this::value);
            out.writeEndArray();
        } else if (value instanceof Number number) {
            number(number);
        } else if (value instanceof Boolean flag) {
            out.writeBoolean(flag);
        } else if (value instanceof byte[] bytes) {
            out.writeBinary(bytes);
        } else {
            // Instant, Duration and UUID have the wanted form as their text.
            out.writeString(value.toString());
        }
        return this;
    }

    /** Writes text that is JSON already, as it is. */
    public JsonOut json(String text) {
        out.writeRawValue(text);
        return this;
    }

    private void number(Number number) {
        if (number instanceof Double || number instanceof Float) {
            out.writeNumber(number.doubleValue());
        } else if (number instanceof BigDecimal decimal) {
            out.writeNumber(decimal);
        } else if (number instanceof BigInteger integer) {
            out.writeNumber(integer);
        } else {
            out.writeNumber(number.longValue());
        }
    }

    /**
     * Writes a row as an object: {@code _seq} first, then these columns.
     *
     * @param row the row
     * @param columns the columns, by name; those that the row does not have are left out
     */
    public JsonOut row(Row row, List<String> columns) {
        out.writeStartObject();
        return values(row, columns);
    }

    /**
     * Writes a record that was followed as an object: {@code _number} first, which is what to continue after, then as {@link #row}.
     *
     * @param entry the record and the number of its last change
     * @param columns as for {@link #row}
     */
    public JsonOut entry(Tail.Entry<Row> entry, List<String> columns) {
        out.writeStartObject();
        out.writeName("_number");
        out.writeNumber(entry.number());
        return values(entry.value(), columns);
    }

    private JsonOut values(Row row, List<String> columns) {
        remember(row.spec(), columns);
        out.writeName("_seq");
        out.writeNumber(row.seq());
        for (int i = 0; i < positions.length; i++) {
            if (positions[i] >= 0) {
                Column column = row.spec().columns().get(positions[i]);
                out.writeName(column.name());
                stored(column, row, positions[i]);
            }
        }
        out.writeEndObject();
        return this;
    }

    private void stored(Column column, Row row, int position) {
        Object stored = row.stored(position);
        if (stored == null) {
            out.writeNull();
        } else if (column.type() == ColumnType.JSON) {
            out.writeRawValue((String) stored);
        } else {
            switch (column.type()) {
                case TIMESTAMP -> out.writeString(Micros.text((Long) stored));
                case TEXT, UUID -> out.writeString((String) stored);
                case DECIMAL -> out.writeNumber((String) stored);
                default -> value(row.get(column.name()));
            }
        }
    }

    @SuppressWarnings("ReferenceEquality") // A cache: one result has one spec and one list of columns.
    private void remember(TableSpec spec, List<String> columns) {
        if (spec != lastSpec || columns != lastColumns) {
            positions = columns.stream().mapToInt(spec::position).toArray();
            lastSpec = spec;
            lastColumns = columns;
        }
    }

    /** A coverage as the contract has it: {@code complete} and {@code gaps}. */
    public static Map<String, Object> form(Coverage coverage) {
        return form(coverage.gaps());
    }

    /** Gaps as in a coverage: {@code complete} and {@code gaps}. */
    public static Map<String, Object> form(List<Gap> gaps) {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("complete", gaps.isEmpty());
        map.put("gaps", gaps.stream().map(Gap::toMap).toList());
        return map;
    }

    /** A partition in quarantine: {@code table, partition, where, reason, since, from, to, rows}, null where unknown. */
    public static Map<String, @Nullable Object> form(Quarantined one) {
        Map<String, @Nullable Object> map = new LinkedHashMap<>();
        map.put("table", one.id().table());
        map.put("partition", one.id().toString());
        map.put("where", one.where());
        map.put("reason", one.reason());
        map.put("since", Micros.text(one.since()));
        map.put("from", one.minMicros() == Long.MIN_VALUE ? null : Micros.text(one.minMicros()));
        map.put("to", one.maxMicros() == Long.MAX_VALUE ? null : Micros.text(one.maxMicros()));
        map.put("rows", one.rows() < 0 ? null : one.rows());
        return map;
    }

    /** What checking one partition showed: {@code table, partition, state, bytes, detail}. */
    public static Map<String, Object> form(Verification one) {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("table", one.id().table());
        map.put("partition", one.id().toString());
        map.put("state", one.state().name().toLowerCase(Locale.ROOT));
        map.put("bytes", one.bytes());
        map.put("detail", one.detail());
        return map;
    }

    /** What checking partitions showed: {@code ok, damaged, unchecked, bytes, partitions}. */
    public static Map<String, @Nullable Object> verified(List<Verification> all) {
        Map<String, @Nullable Object> map = new LinkedHashMap<>();
        for (Verification.State state : Verification.State.values()) {
            map.put(
                    state.name().toLowerCase(Locale.ROOT),
                    all.stream().filter(v -> v.state() == state).count());
        }
        map.put("bytes", all.stream().mapToLong(Verification::bytes).sum());
        map.put("partitions", all.stream().map(JsonOut::form).toList());
        return map;
    }

    /** What a follower has missed: {@code after, upTo, reason}. */
    public static Map<String, Object> form(Tail.Missed missed) {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("after", missed.after());
        map.put("upTo", missed.upTo());
        map.put("reason", missed.reason().name());
        return map;
    }

    /** A partition: {@code table, partition, class, period, n, state, from, to, rows, bytes}, null where unknown. */
    public static Map<String, @Nullable Object> form(PartitionInfo partition) {
        Map<String, @Nullable Object> map = new LinkedHashMap<>();
        map.put("table", partition.id().table());
        map.put("partition", partition.id().toString());
        map.put("class", partition.id().retentionClass());
        map.put("period", partition.id().period());
        map.put("n", partition.id().n());
        map.put("state", partition.state().name().toLowerCase(Locale.ROOT));
        map.put("from", partition.minMicros() == Long.MIN_VALUE ? null : Micros.text(partition.minMicros()));
        map.put("to", partition.maxMicros() == Long.MAX_VALUE ? null : Micros.text(partition.maxMicros()));
        map.put("rows", partition.rows() < 0 ? null : partition.rows());
        map.put("bytes", partition.bytes());
        return map;
    }

    /** A dropped one: as {@link #form(PartitionInfo)}, with {@code graceLeftMs}, null where that is not known. */
    public static Map<String, @Nullable Object> form(DroppedPartition dropped) {
        Map<String, @Nullable Object> map = form(dropped.partition());
        Duration left = dropped.graceLeft();
        map.put("graceLeftMs", left == null ? null : left.toMillis());
        return map;
    }

    /** What a check of the surroundings found: {@code level, what, hint}. */
    public static Map<String, Object> form(Finding finding) {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("level", finding.level().name());
        map.put("what", finding.what());
        map.put("hint", finding.hint());
        return map;
    }

    /** An error: {@code code, message, hint, details}. */
    public static Map<String, @Nullable Object> form(LeveeException error) {
        Map<String, @Nullable Object> map = new LinkedHashMap<>();
        map.put("code", error.code().text());
        map.put("message", error.what());
        map.put("hint", error.hint());
        map.put("details", error.details());
        return map;
    }

    /** Hands what was written so far to the stream, and flushes that. */
    public void flush() {
        out.flush();
    }

    /** Flushes; the stream stays open. */
    @Override
    public void close() {
        out.close();
    }
}
