package io.levee;

import io.levee.internal.row.Values;
import io.levee.internal.time.Micros;
import java.time.Instant;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** One record of a table, with its values by column. Immutable; made by a {@link RowBuilder} or read by a query. */
public final class Row {
    private final TableSpec spec;
    private final @Nullable Object[] stored;
    private final long timeMicros;
    private final long seq;

    Row(TableSpec spec, @Nullable Object[] stored, long timeMicros, long seq) {
        this.spec = spec;
        this.stored = stored;
        this.timeMicros = timeMicros;
        this.seq = seq;
    }

    /**
     * Starts a row of a table.
     *
     * @param spec the table
     * @return a builder that can make many rows, one after another
     */
    public static RowBuilder of(TableSpec spec) {
        return new RowBuilder(spec);
    }

    /** The table. */
    public TableSpec spec() {
        return spec;
    }

    /** The event time. */
    public Instant time() {
        return Micros.instant(timeMicros);
    }

    /** The event time in microseconds since the epoch. */
    public long timeMicros() {
        return timeMicros;
    }

    /** The row's number in its table, 0 for a row that was not read from a store. */
    public long seq() {
        return seq;
    }

    /**
     * A value by its column: text and JSON as {@link String}, then {@link Long}, {@link Double}, {@link Boolean},
     * {@link Instant}, {@link java.time.Duration}, {@link java.math.BigDecimal}, {@link java.util.UUID} or {@code byte[]}.
     *
     * @throws LeveeException {@link ErrorCode#UNKNOWN_COLUMN}
     */
    public @Nullable Object get(String column) {
        Column known = spec.column(column);
        return Values.read(known, stored[spec.position(column)]);
    }

    /** A value in stored form by its column's position. */
    public @Nullable Object stored(int position) {
        return stored[position];
    }

    /** All values by column, in the table's order, null where there is none. */
    public Map<String, @Nullable Object> toMap() {
        Map<String, @Nullable Object> map = new LinkedHashMap<>();
        for (int i = 0; i < stored.length; i++) {
            Column column = spec.columns().get(i);
            map.put(column.name(), Values.read(column, stored[i]));
        }
        return Collections.unmodifiableMap(map);
    }

    @Override
    public String toString() {
        return spec.name() + toMap();
    }
}
