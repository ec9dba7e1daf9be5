package io.levee.internal.query;

import com.dynatrace.hash4j.distinctcount.HyperLogLog;
import com.dynatrace.hash4j.hashing.Hasher64;
import com.dynatrace.hash4j.hashing.Hashing;
import io.levee.Measure;
import java.nio.ByteBuffer;
import java.util.HashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * How many different values there are: themselves up to {@link Measure#EXACT_DISTINCT}, then a HyperLogLog of them. Whatever the order in which values
 * come in and parts are merged, the answer is the same. One thread at a time.
 */
final class DistinctValues {
    /** 2^14 registers: a standard error of 1.037 / 2^7, which is {@link Measure#DISTINCT_ERROR}. */
    private static final int PRECISION = 14;

    /** Bytes that a HyperLogLog takes: 6 bits a register. */
    static final long SKETCH_BYTES = (1L << PRECISION) * 6 / 8 + 64;

    private static final Hasher64 HASHER = Hashing.komihash5_0();

    private @Nullable Set<Object> values = new HashSet<>(4);
    private @Nullable HyperLogLog sketch;

    /**
     * Counts a value, as {@link GroupTable} keeps keys.
     *
     * @return how many bytes more that takes, about
     */
    long add(Object value) {
        Set<Object> known = values;
        if (known == null) {
            sketch().add(hash(value));
            return 0;
        }
        if (!known.add(value)) {
            return 0;
        }
        if (known.size() <= Measure.EXACT_DISTINCT) {
            return 64 + GroupTable.size(value);
        }
        HyperLogLog hashed = sketch();
        known.forEach(one -> hashed.add(hash(one)));
        values = null;
        return SKETCH_BYTES;
    }

    /** As {@link #add}, with all that another one has counted. */
    long merge(DistinctValues other) {
        long bytes = 0;
        Set<Object> others = other.values;
        if (others != null) {
            for (Object value : others) {
                bytes += add(value);
            }
            return bytes;
        }
        Set<Object> known = values;
        values = null;
        HyperLogLog merged = sketch();
        if (known != null) {
            bytes = SKETCH_BYTES;
            known.forEach(one -> merged.add(hash(one)));
        }
        merged.add(other.sketch());
        return bytes;
    }

    private HyperLogLog sketch() {
        HyperLogLog there = sketch;
        if (there == null) {
            there = HyperLogLog.create(PRECISION);
            sketch = there;
        }
        return there;
    }

    private static long hash(Object value) {
        if (value instanceof String text) {
            return HASHER.hashCharsToLong(text);
        }
        if (value instanceof ByteBuffer bytes) {
            byte[] copy = new byte[bytes.remaining()];
            bytes.duplicate().get(copy);
            return HASHER.hashBytesToLong(copy);
        }
        long bits = value instanceof Double real ? Double.doubleToLongBits(real) : ((Number) value).longValue();
        return HASHER.hashLongLongToLong(bits, value instanceof Double ? 1 : 0);
    }

    /** Whether the answer is an estimate. */
    boolean sketched() {
        return values == null;
    }

    /** The answer. */
    long count() {
        Set<Object> known = values;
        return known != null ? known.size() : Math.round(sketch().getDistinctCountEstimate());
    }
}
