package io.levee.sqlite;

import io.levee.Column;
import io.levee.TableSpec;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
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
record SplitRow(
        long rowNumber,
        long seq,
        long timeMicros,
        boolean timeless,
        boolean overridden,
        long unreadable,
        @Nullable Object[] values) {
    private static final int VALUE_BYTES = 16;

    /** The columns of a SELECT that {@link #read} reads. */
    static String select(AdoptedTable table, TableSpec spec) {
        List<String> selected = new ArrayList<>();
        spec.columns().forEach(c -> selected.add(table.column(spec, c)));
        selected.add(table.rowNumber());
        selected.add(table.time(spec));
        selected.add(table.readableTime(spec) + " IS NULL");
        selected.add(table.unreadable(spec));
        selected.add(table.overridden());
        return "SELECT " + String.join(", ", selected) + table.from();
    }

    static SplitRow read(ResultSet rows, TableSpec spec, AdoptedTable table) throws SQLException {
        int width = spec.columns().size();
        @Nullable Object[] all = Stored.row(rows, width + 5);
        @Nullable Object[] values = new Object[width];
        for (int i = 0; i < width; i++) {
            Column column = spec.columns().get(i);
            values[i] = Stored.checked(all[i], column);
        }
        long number = LedgerState.number(all[width]);
        return new SplitRow(
                number,
                table.seq(number),
                LedgerState.number(all[width + 1]),
                LedgerState.number(all[width + 2]) != 0,
                LedgerState.number(all[width + 4]) != 0,
                LedgerState.number(all[width + 3]),
                values);
    }

    /** The values of its key; null where one of them is missing. */
    Object @Nullable [] key(TableSpec spec) {
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
    long bytes() {
        long bytes = VALUE_BYTES;
        for (Object value : values) {
            bytes += VALUE_BYTES
                    + (value instanceof String text
                            ? text.length() * 2L
                            : value instanceof byte[] array ? array.length : 0);
        }
        return bytes;
    }

    long hash() {
        return hash(seq, timeMicros, values);
    }

    /** A hash of all that a row of ours holds. */
    static long hash(long seq, long timeMicros, @Nullable Object[] values) {
        Object[] all = new Object[values.length + 2];
        for (int i = 0; i < values.length; i++) {
            Object value = values[i];
            // SQLite keeps no sign of zero. Nothing else is this text.
            all[i] = value == null ? "\0null" : value instanceof Double real && real == 0 ? (Object) 0.0 : value;
        }
        all[values.length] = seq;
        all[values.length + 1] = timeMicros;
        return KeyFilter.hash(all);
    }
}
