package io.levee.sqlite;

import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * The new keys of one batch by their 64-bit hashes: an open-addressed table, since a map of boxed keys would cost as much as the
 * key's index. Not thread-safe.
 *
 * @param <T> what belongs to a key; never null
 */
final class NewKeys<T> {
    private final long[] hashes;
    private final @Nullable Object[] values;
    private final int mask;

    /** A table for at most that many keys. */
    NewKeys(int keys) {
        int size = Integer.highestOneBit(Math.max(8, keys * 2 - 1)) * 2;
        hashes = new long[size];
        values = new Object[size];
        mask = size - 1;
    }

    /**
     * What belongs to a key, or null.
     *
     * @param same tells whether something of the same hash is of the same key
     */
    @SuppressWarnings("unchecked") // put() takes only T.
    @Nullable
    T get(long hash, Predicate<T> same) {
        for (int at = slot(hash); ; at = at + 1 & mask) {
            T value = (T) values[at];
            if (value == null || hashes[at] == hash && same.test(value)) {
                return value;
            }
        }
    }

    /** Adds a key that is not there. */
    void put(long hash, T value) {
        int at = slot(hash);
        while (values[at] != null) {
            at = at + 1 & mask;
        }
        hashes[at] = hash;
        values[at] = value;
    }

    private int slot(long hash) {
        return (int) (hash ^ hash >>> 32) & mask;
    }
}
