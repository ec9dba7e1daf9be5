package io.levee.postgres;

import io.levee.Column;
import io.levee.ColumnType;
import io.levee.TableSpec;
import io.levee.engine.WriteRow;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.postgresql.PGConnection;
import org.postgresql.copy.CopyIn;

/**
 * Sends rows to one partition's table by {@code COPY} in the binary form: the columns as they are stored, without text between. Used
 * by one thread, within a transaction.
 */
final class CopyWriter {
    private static final byte[] HEADER = {
        'P', 'G', 'C', 'O', 'P', 'Y', '\n', (byte) 0xff, '\r', '\n', 0, 0, 0, 0, 0, 0, 0, 0, 0
    };

    /** How much is handed to the driver at once. */
    private static final int CHUNK = 64 << 10;

    private final Names names;
    private byte[] buffer = new byte[CHUNK];
    private int length;

    CopyWriter(Names names) {
        this.names = names;
    }

    /** One row to be sent. */
    interface Line {
        WriteRow row();

        /** Its number. */
        long seq();

        /** The number of its last change; 0 for a row that was never changed. */
        long change();
    }

    void copy(Connection connection, TableSpec spec, Leaf leaf, List<? extends Line> lines) throws SQLException {
        CopyIn copy = connection
                .unwrap(PGConnection.class)
                .getCopyAPI()
                .copyIn("COPY " + names.in(leaf.name()) + "(" + columns(spec) + ") FROM STDIN (FORMAT BINARY)");
        boolean done = false;
        try {
            send(copy, spec, lines);
            copy.endCopy();
            done = true;
        } finally {
            length = 0;
            if (!done) {
                cancel(copy);
            }
        }
    }

    private static void cancel(CopyIn copy) {
        try {
            if (copy.isActive()) {
                copy.cancelCopy();
            }
        } catch (SQLException e) {
            // What ended the copy is on its way to the caller; the transaction is rolled back.
            System.getLogger("io.levee.postgres").log(System.Logger.Level.DEBUG, "cancelling a COPY", e);
        }
    }

    private String columns(TableSpec spec) {
        List<String> columns = new ArrayList<>();
        columns.add("_seq");
        if (spec.separateTime()) {
            columns.add("_time");
        }
        spec.columns().forEach(c -> columns.add(Names.column(spec, c.name())));
        if (spec.keyed()) {
            columns.add("_chg");
        }
        return String.join(", ", columns);
    }

    private void send(CopyIn copy, TableSpec spec, List<? extends Line> lines) throws SQLException {
        boolean[] small = smallInts(spec);
        int fields = small.length + 1 + (spec.separateTime() ? 1 : 0) + (spec.keyed() ? 1 : 0);
        put(HEADER);
        for (Line line : lines) {
            room(2);
            buffer[length++] = (byte) (fields >> 8);
            buffer[length++] = (byte) fields;
            putLong(line.seq());
            if (spec.separateTime()) {
                putLong(line.row().timeMicros());
            }
            @Nullable Object[] values = line.row().values();
            for (int i = 0; i < small.length; i++) {
                // Columns that the table got after the row was appended are null, or what rows have that leave them so.
                Object value = i < values.length ? values[i] : null;
                putValue(value == null ? spec.columns().get(i).defaultValue() : value, small[i]);
            }
            if (spec.keyed()) {
                putValue(line.change() == 0 ? null : line.change(), false);
            }
            if (length >= CHUNK) {
                flush(copy);
            }
        }
        room(2);
        buffer[length++] = (byte) 0xff;
        buffer[length++] = (byte) 0xff;
        flush(copy);
    }

    /** Which columns hold numbers of two bytes. */
    private static boolean[] smallInts(TableSpec spec) {
        boolean[] small = new boolean[spec.columns().size()];
        for (int i = 0; i < small.length; i++) {
            Column column = spec.columns().get(i);
            small[i] = column.type() == ColumnType.BOOLEAN;
        }
        return small;
    }

    private void flush(CopyIn copy) throws SQLException {
        copy.writeToCopy(buffer, 0, length);
        length = 0;
        if (buffer.length > 16 * CHUNK) {
            // One huge text must not be kept as memory for ever.
            buffer = new byte[CHUNK];
        }
    }

    private void putValue(@Nullable Object value, boolean small) {
        if (value == null) {
            room(4);
            putInt(-1);
        } else if (value instanceof Long number) {
            if (small) {
                room(6);
                putInt(2);
                buffer[length++] = (byte) (number >> 8);
                buffer[length++] = (byte) (long) number;
            } else {
                putLong(number);
            }
        } else if (value instanceof String text) {
            putBytes(text.getBytes(StandardCharsets.UTF_8));
        } else if (value instanceof Double number) {
            putLong(Double.doubleToLongBits(number));
        } else if (value instanceof byte[] bytes) {
            putBytes(bytes);
        } else {
            throw new IllegalArgumentException("a stored value of " + value.getClass());
        }
    }

    private void putBytes(byte[] bytes) {
        room(4);
        putInt(bytes.length);
        put(bytes);
    }

    private void put(byte[] bytes) {
        room(bytes.length);
        System.arraycopy(bytes, 0, buffer, length, bytes.length);
        length += bytes.length;
    }

    /** A field of eight bytes, with its length. */
    private void putLong(long value) {
        room(12);
        putInt(8);
        putInt((int) (value >> 32));
        putInt((int) value);
    }

    private void putInt(int value) {
        buffer[length] = (byte) (value >> 24);
        buffer[length + 1] = (byte) (value >> 16);
        buffer[length + 2] = (byte) (value >> 8);
        buffer[length + 3] = (byte) value;
        length += 4;
    }

    private void room(int more) {
        if (buffer.length - length < more) {
            buffer = java.util.Arrays.copyOf(buffer, Math.max(buffer.length * 2, length + more));
        }
    }
}
