package io.levee.sqlite;

import io.levee.internal.adopt.RowHash;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * A set of keys that may answer "perhaps" for a key that it does not hold, about once in a hundred, and never "no" for one that it
 * holds: a blocked Bloom filter (Putze, Sanders, Singler 2007: one cache line a key) that grows by layers. Not thread-safe.
 */
final class KeyFilter {
    private static final int BITS_PER_KEY = 12;
    private static final int WORDS_PER_BLOCK = 8;
    private static final int PROBES = 6;
    private static final int GROWTH = 4;

    private final List<long[]> layers = new ArrayList<>();
    private long capacityOfLast;
    private long keysInLast;

    /** An empty filter. */
    KeyFilter(long expectedKeys) {
        addLayer(Math.max(256, expectedKeys));
    }

    private KeyFilter() {}

    private void addLayer(long keys) {
        long blocks = Math.max(1, (keys * BITS_PER_KEY + 511) / 512);
        layers.add(new long[Math.toIntExact(blocks * WORDS_PER_BLOCK)]);
        capacityOfLast = blocks * 512 / BITS_PER_KEY;
        keysInLast = 0;
    }

    /** Whether no key was added. */
    boolean empty() {
        return layers.size() == 1 && keysInLast == 0;
    }

    /** Adds a key by its hash. */
    void add(long hash) {
        if (keysInLast >= capacityOfLast) {
            addLayer(capacityOfLast * GROWTH);
        }
        long[] words = layers.get(layers.size() - 1);
        int block = block(hash, words.length);
        long bits = bits(hash);
        for (int i = 0; i < PROBES; i++) {
            int bit = (int) (bits >>> (i * 9)) & 511;
            words[block + (bit >>> 6)] |= 1L << bit;
        }
        keysInLast++;
    }

    /** Whether a key may be in it. */
    boolean mayContain(long hash) {
        long bits = bits(hash);
        for (int layer = layers.size() - 1; layer >= 0; layer--) {
            if (inLayer(layers.get(layer), hash, bits)) {
                return true;
            }
        }
        return false;
    }

    private static boolean inLayer(long[] words, long hash, long bits) {
        int block = block(hash, words.length);
        for (int i = 0; i < PROBES; i++) {
            int bit = (int) (bits >>> (i * 9)) & 511;
            if ((words[block + (bit >>> 6)] & 1L << bit) == 0) {
                return false;
            }
        }
        return true;
    }

    private static int block(long hash, int words) {
        int blocks = words / WORDS_PER_BLOCK;
        return (int) (((hash >>> 32) * blocks) >>> 32) * WORDS_PER_BLOCK;
    }

    /** Other bits than those that chose the block. */
    private static long bits(long hash) {
        long mixed = hash * 0x9E3779B97F4A7C15L;
        return mixed ^ (mixed >>> 29);
    }

    /** Memory that it takes. */
    long bytes() {
        long words = 0;
        for (long[] layer : layers) {
            words += layer.length;
        }
        return words * 8;
    }

    /** Its layers as bytes, to be stored beside the keys. */
    List<byte[]> toBytes() {
        List<byte[]> all = new ArrayList<>();
        for (long[] layer : layers) {
            ByteBuffer buffer = ByteBuffer.allocate(layer.length * 8);
            buffer.asLongBuffer().put(layer);
            all.add(buffer.array());
        }
        return all;
    }

    /** A stored filter. It takes no further keys into its full layers but a new one. */
    static KeyFilter fromBytes(List<byte[]> stored) {
        KeyFilter filter = new KeyFilter();
        long keys = 0;
        for (byte[] bytes : stored) {
            long[] words = new long[bytes.length / 8];
            ByteBuffer.wrap(bytes).asLongBuffer().get(words);
            filter.layers.add(words);
            keys = words.length * 64L / BITS_PER_KEY;
        }
        filter.capacityOfLast = keys;
        filter.keysInLast = keys;
        return filter;
    }

    /** The hash of a key's values: 64 bits, well mixed. */
    static long hash(Object[] values) {
        return RowHash.hash(values);
    }
}
