package io.levee.ingest;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/** Checks that bytes are UTF-8, strictly: parsers let overlong forms and halves of characters through. */
final class Utf8 {
    private static final VarHandle LONGS = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
    private static final long HIGH_BITS = 0x8080808080808080L;

    private Utf8() {}

    /** The position of the first byte that is not UTF-8, or -1. */
    static int firstInvalid(byte[] bytes, int from, int to) {
        int at = from;
        while (at < to) {
            while (at + 8 <= to && ((long) LONGS.get(bytes, at) & HIGH_BITS) == 0) {
                at += 8;
            }
            while (at < to && bytes[at] >= 0) {
                at++;
                if (at + 8 <= to && ((long) LONGS.get(bytes, at) & HIGH_BITS) == 0) {
                    break;
                }
            }
            if (at < to && bytes[at] < 0) {
                int length = length(bytes, at, to);
                if (length == 0) {
                    return at;
                }
                at += length;
            }
        }
        return -1;
    }

    /** Bytes of the character at that position, or 0 where it is none. */
    private static int length(byte[] bytes, int at, int to) {
        int first = bytes[at] & 0xFF;
        int second = at + 1 < to ? bytes[at + 1] & 0xFF : 0;
        if (first >= 0xC2 && first <= 0xDF) {
            return continues(second) ? 2 : 0;
        }
        if (first >= 0xE0 && first <= 0xEF) {
            boolean overlong = first == 0xE0 && second < 0xA0;
            boolean surrogate = first == 0xED && second >= 0xA0;
            return continues(second) && !overlong && !surrogate && continuesAt(bytes, at + 2, to) ? 3 : 0;
        }
        if (first >= 0xF0 && first <= 0xF4) {
            boolean overlong = first == 0xF0 && second < 0x90;
            boolean tooHigh = first == 0xF4 && second >= 0x90;
            return continues(second)
                            && !overlong
                            && !tooHigh
                            && continuesAt(bytes, at + 2, to)
                            && continuesAt(bytes, at + 3, to)
                    ? 4
                    : 0;
        }
        return 0;
    }

    private static boolean continuesAt(byte[] bytes, int at, int to) {
        return at < to && continues(bytes[at] & 0xFF);
    }

    private static boolean continues(int b) {
        return (b & 0xC0) == 0x80;
    }
}
