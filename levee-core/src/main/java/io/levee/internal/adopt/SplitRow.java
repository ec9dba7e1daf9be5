package io.levee.internal.adopt;

import io.levee.TableSpec;
import org.jspecify.annotations.Nullable;

/**
 * A row of an adopted database as it becomes one of ours.
 *
 * @param rowNumber its number in the database
 * @param seq its number in the table: the same before and after it moves
 * @param timeMicros its event time
 * @param timeless whether it has none that can be read
 * @param overridden whether the table had a later version of it
 * @param unreadable how many of its values are not of their column's kind
 * @param values its stored values, in the order of the spec
 */
public record SplitRow(
        long rowNumber,
        long seq,
        long timeMicros,
        boolean timeless,
        boolean overridden,
        long unreadable,
        @Nullable Object[] values) {
    private static final int VALUE_BYTES = 16;

    /** The values of its key; null where one of them is missing. */
    public Object @Nullable [] key(TableSpec spec) {
        Object[] key = new Object[spec.key().size()];
        for (int i = 0; i < key.length; i++) {
            Object value = values[spec.position(spec.key().get(i))];
            if (value == null) {
                return null;
            }
            key[i] = value;
        }
        return key;
    }

    /** About what it takes in memory. */
    public long bytes() {
        long bytes = VALUE_BYTES;
        for (Object value : values) {
            bytes += VALUE_BYTES
                    + (value instanceof String text
                            ? text.length() * 2L
                            : value instanceof byte[] array ? array.length : 0);
        }
        return bytes;
    }

    /** A hash of all that it holds as a row of ours. */
    public long hash() {
        return hash(seq, timeMicros, values);
    }

    /** A hash of all that a row of ours holds. */
    public static long hash(long seq, long timeMicros, @Nullable Object[] values) {
        Object[] all = new Object[values.length + 2];
        for (int i = 0; i < values.length; i++) {
            Object value = values[i];
            // SQLite keeps no sign of zero. Nothing else is this text.
            all[i] = value == null ? "\0null" : value instanceof Double real && real == 0 ? (Object) 0.0 : value;
        }
        all[values.length] = seq;
        all[values.length + 1] = timeMicros;
        return RowHash.hash(all);
    }
}
