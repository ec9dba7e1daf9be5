package io.levee.internal.write;

import io.levee.engine.SourceMark;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * Records as a spill file keeps them: mark, length and CRC-32C of what follows, then position, event time, table and values in stored
 * form. See {@code docs/format.md}.
 */
final class SpillCodec {
    /** Begins each record, so that what can be read is found again behind what cannot. */
    static final int MARK = 0x4C565350;

    /** Mark, length and checksum. */
    static final int HEAD = 12;

    private static final byte NULL = 0;
    private static final byte LONG = 1;
    private static final byte DOUBLE = 2;
    private static final byte TEXT = 3;
    private static final byte BYTES = 4;

    private SpillCodec() {}

    /** A record read back: what it takes to queue it again. */
    record Spilled(String table, long timeMicros, @Nullable Object[] values, long position) {
        SourceMark mark() {
            return new SourceMark(Spill.SOURCE, position);
        }
    }

    /** The record's bytes, ready to be written. */
    static ByteBuffer encode(Pending record, long position) {
        // What is read back is taken to be laid out by the newest spec: a spec loses no column while anything is
        // spilled.
        record.fit(record.table().spec());
        byte[] table = record.table().spec().name().getBytes(StandardCharsets.UTF_8);
        @Nullable Object[] values = record.values();
        byte[][] texts = new byte[values.length][];
        int size = 8 + 8 + 2 + table.length + 2;
        for (int i = 0; i < values.length; i++) {
            size += 1;
            if (values[i] instanceof String text) {
                texts[i] = text.getBytes(StandardCharsets.UTF_8);
                size += 4 + texts[i].length;
            } else if (values[i] instanceof byte[] bytes) {
                texts[i] = bytes;
                size += 4 + bytes.length;
            } else if (values[i] != null) {
                size += 8;
            }
        }
        ByteBuffer out = ByteBuffer.allocate(HEAD + size);
        out.putInt(MARK).putInt(size).putInt(0);
        out.putLong(position).putLong(record.timeMicros());
        out.putShort((short) table.length).put(table).putShort((short) values.length);
        for (int i = 0; i < values.length; i++) {
            put(out, values[i], texts[i]);
        }
        out.putInt(8, checksum(out, HEAD, size));
        return out.flip();
    }

    private static void put(ByteBuffer out, @Nullable Object value, byte @Nullable [] content) {
        if (content != null) {
            out.put(value instanceof String ? TEXT : BYTES)
                    .putInt(content.length)
                    .put(content);
        } else if (value instanceof Long number) {
            out.put(LONG).putLong(number);
        } else if (value instanceof Double number) {
            out.put(DOUBLE).putDouble(number);
        } else if (value == null) {
            out.put(NULL);
        } else {
            throw new IllegalStateException("not a stored form: " + value.getClass());
        }
    }

    private static int checksum(ByteBuffer in, int from, int length) {
        CRC32C crc = new CRC32C();
        crc.update(in.slice(from, length));
        return (int) crc.getValue();
    }

    /**
     * How long the record at a place is, head included.
     *
     * @return 0 where more bytes are needed to say, -1 where no whole record begins there
     */
    static int length(ByteBuffer in, int at) {
        if (in.limit() - at < HEAD) {
            return 0;
        }
        int size = in.getInt(at + 4);
        if (in.getInt(at) != MARK || size < 20) {
            return -1;
        }
        if (size > in.limit() - at - HEAD) {
            return 0;
        }
        return in.getInt(at + 8) == checksum(in, at + HEAD, size) ? HEAD + size : -1;
    }

    /** The record at a place where {@link #length} found one. */
    static Spilled decode(ByteBuffer in, int at) {
        ByteBuffer record = in.duplicate().position(at + HEAD);
        long position = record.getLong();
        long time = record.getLong();
        byte[] table = new byte[record.getShort()];
        record.get(table);
        @Nullable Object[] values = new Object[record.getShort()];
        for (int i = 0; i < values.length; i++) {
            values[i] = value(record);
        }
        return new Spilled(new String(table, StandardCharsets.UTF_8), time, values, position);
    }

    private static @Nullable Object value(ByteBuffer in) {
        byte tag = in.get();
        switch (tag) {
            case NULL -> {
                return null;
            }
            case LONG -> {
                return in.getLong();
            }
            case DOUBLE -> {
                return in.getDouble();
            }
            default -> {
                byte[] content = new byte[in.getInt()];
                in.get(content);
                return tag == TEXT ? new String(content, StandardCharsets.UTF_8) : content;
            }
        }
    }
}
