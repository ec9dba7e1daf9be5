package io.levee;

import io.levee.internal.json.Json;
import io.levee.internal.row.Values;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Collects and checks the values of rows. Not thread-safe; reusable after {@link #build}.
 *
 * <p>Positions are those of {@link TableSpec#position}. Every setter throws {@link ErrorCode#BAD_VALUE}, naming the column,
 * for a value that the column's type and format do not take; the builder then still holds what was set before, and
 * {@link #clear} starts over.
 */
public final class RowBuilder {
    private final TableSpec spec;
    private final int[] timeAt;
    private final int[] keyAt;
    private final int extraAt;
    private @Nullable Object[] stored;
    private final List<String> extra = new ArrayList<>();

    RowBuilder(TableSpec spec) {
        this.spec = spec;
        this.timeAt = spec.timeAt();
        this.keyAt = spec.keyAt();
        this.extraAt = spec.unknown() == TableSpec.Unknown.EXTRA ? spec.position(TableSpec.EXTRA_COLUMN) : -1;
        this.stored = new Object[spec.columns().size()];
    }

    /** The table. */
    public TableSpec spec() {
        return spec;
    }

    /** Forgets all that was set since the last row. */
    public void clear() {
        stored = new Object[stored.length];
        extra.clear();
    }

    /**
     * Sets any Java value by the column's name; a name that is no column is treated as the table's {@code unknown} says.
     *
     * @param column the column's name
     * @param value text, a number, a boolean, a time, a duration, a map, a collection, {@code byte[]} or null
     * @return this
     */
    public RowBuilder set(String column, @Nullable Object value) {
        int at = spec.position(column);
        if (at < 0) {
            setUnknown(column, Json.write(value));
        } else {
            stored[at] = Values.store(spec.columns().get(at), value);
        }
        return this;
    }

    /**
     * Sets any Java value by the column's position.
     *
     * @param at the column's position
     * @param value as for {@link #set(String, Object)}
     */
    public void set(int at, @Nullable Object value) {
        stored[at] = Values.store(spec.columns().get(at), value);
    }

    /** Sets a value that is in stored form already. */
    void setStored(int at, @Nullable Object value) {
        stored[at] = value;
    }

    /** Sets null. */
    public void setNull(int at) {
        stored[at] = null;
    }

    /** Sets text; for a column of another type, the text is read as that type. */
    public void setText(int at, String value) {
        stored[at] = Values.fromText(spec.columns().get(at), value);
    }

    /** Sets a whole number. */
    public void setLong(int at, long value) {
        stored[at] = Values.fromLong(spec.columns().get(at), value);
    }

    /** Sets a floating point number. */
    public void setDouble(int at, double value) {
        stored[at] = Values.fromDouble(spec.columns().get(at), value);
    }

    /** Sets a number with all the digits of its text. */
    public void setNumber(int at, String token) {
        stored[at] = Values.fromNumber(spec.columns().get(at), token);
    }

    /** Sets a boolean. */
    public void setBoolean(int at, boolean value) {
        stored[at] = Values.fromBoolean(spec.columns().get(at), value);
    }

    /** Sets a JSON column to compact JSON text, which the caller has checked. */
    public void setJson(int at, String json) {
        stored[at] = Values.fromJson(spec.columns().get(at), json);
    }

    /**
     * Takes a field that is no column, as the table's {@code unknown} says.
     *
     * @param name the field's name
     * @param json its value as compact JSON text
     * @throws LeveeException {@link ErrorCode#UNKNOWN_COLUMN} where unknown fields are refused
     */
    public void setUnknown(String name, String json) {
        switch (spec.unknown()) {
            case IGNORE -> {}
            case EXTRA -> {
                extra.add(Json.write(name));
                extra.add(json);
            }
            case REJECT -> spec.column(name);
        }
    }

    /**
     * Checks and returns the row, and clears the builder.
     *
     * @throws LeveeException {@link ErrorCode#NO_TIME}, {@link ErrorCode#NO_KEY} or {@link ErrorCode#BAD_VALUE} for a
     *     required column without a value; the builder is cleared all the same
     */
    public Row build() {
        try {
            if (!extra.isEmpty()) {
                stored[extraAt] = mergedExtra();
            }
            long time = time();
            for (int at : keyAt) {
                if (stored[at] == null) {
                    throw missing(ErrorCode.NO_KEY, at, "is part of the key and has no value");
                }
            }
            for (int i = 0; i < stored.length; i++) {
                if (stored[i] == null && spec.columns().get(i).required()) {
                    throw missing(ErrorCode.BAD_VALUE, i, "is required and has no value");
                }
            }
            return new Row(spec, stored, time, 0);
        } finally {
            clear();
        }
    }

    private long time() {
        for (int at : timeAt) {
            if (stored[at] instanceof Long time) {
                return time;
            }
        }
        throw new LeveeException(ErrorCode.NO_TIME, "no event time: " + spec.time() + " is null")
                .with("column", spec.time().get(0));
    }

    /** The record's own {@code extra} object, if it has one, and the unknown fields after it. */
    private String mergedExtra() {
        StringBuilder merged = new StringBuilder("{");
        if (stored[extraAt] instanceof String own) {
            if (own.startsWith("{")) {
                merged.append(own, 1, own.length() - 1);
            } else {
                merged.append("\"extra\":").append(own);
            }
        }
        for (int i = 0; i < extra.size(); i += 2) {
            if (merged.length() > 1) {
                merged.append(',');
            }
            merged.append(extra.get(i)).append(':').append(extra.get(i + 1));
        }
        return (String)
                Values.fromJson(spec.columns().get(extraAt), merged.append('}').toString());
    }

    private LeveeException missing(ErrorCode code, int at, String what) {
        String column = spec.columns().get(at).name();
        return new LeveeException(code, "column '" + column + "' " + what).with("column", column);
    }
}
