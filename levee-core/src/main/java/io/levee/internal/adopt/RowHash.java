package io.levee.internal.adopt;

/** A hash of values as they are stored, the same on every machine and in every release: what is kept of it is compared later. */
public final class RowHash {
    private RowHash() {}

    /** Of texts, whole numbers, reals and bytes, in their order. */
    public static long hash(Object[] values) {
        long hash = 0x51_7C_C1_B7_27_22_0A_95L;
        for (Object value : values) {
            hash = mix(hash ^ hash(value));
        }
        return hash;
    }

    private static long hash(Object value) {
        if (value instanceof String text) {
            long hash = text.length();
            for (int i = 0; i < text.length(); i++) {
                hash = hash * 0x100000001B3L + text.charAt(i);
            }
            return mix(hash);
        }
        if (value instanceof byte[] bytes) {
            long hash = bytes.length;
            for (byte b : bytes) {
                hash = hash * 0x100000001B3L + b;
            }
            return mix(hash);
        }
        return value instanceof Long number ? mix(number) : mix(Double.doubleToLongBits((Double) value));
    }

    /** The finaliser of MurmurHash3 (Appleby). */
    private static long mix(long value) {
        long x = value;
        x = (x ^ (x >>> 33)) * 0xFF51AFD7ED558CCDL;
        x = (x ^ (x >>> 33)) * 0xC4CEB9FE1A85EC53L;
        return x ^ (x >>> 33);
    }
}
