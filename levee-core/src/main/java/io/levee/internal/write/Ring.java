package io.levee.internal.write;

import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * What is queued and was not yet taken by the writer, in the order of acceptance. Guarded by the queue's lock.
 *
 * <p>Invariants: a slot is null where its record was evicted; slots before {@code firstEvictable} hold no evictable record, so that
 * evicting costs O(1) amortised.
 */
final class Ring {
    private @Nullable Pending[] slots = new Pending[1024];
    private int head;
    private int used;
    private int firstEvictable;
    private int live;
    private int waited;
    private int evictable;
    private long evictableBytes;

    void add(Pending entry) {
        if (used == slots.length) {
            compactOrGrow();
        }
        slots[index(used)] = entry;
        used++;
        live++;
        count(entry, 1);
    }

    /** The oldest entry. */
    @Nullable
    Pending peek() {
        while (used > 0 && slots[head] == null) {
            skip();
        }
        return used == 0 ? null : slots[head];
    }

    /** Takes the oldest entry out, after {@link #peek} has shown it. */
    void remove() {
        Pending entry = slots[head];
        if (entry != null) {
            slots[head] = null;
            live--;
            count(entry, -1);
        }
        skip();
    }

    private void skip() {
        head = index(1);
        used--;
        firstEvictable = Math.max(0, firstEvictable - 1);
    }

    /** Takes out the oldest record that nobody waits for; null where there is none. */
    @Nullable
    Pending evictOldest() {
        for (int i = firstEvictable; i < used; i++) {
            int at = index(i);
            Pending record = slots[at];
            if (record != null && !record.waited()) {
                slots[at] = null;
                firstEvictable = i + 1;
                live--;
                count(record, -1);
                return record;
            }
        }
        firstEvictable = used;
        return null;
    }

    private void count(Pending entry, int sign) {
        if (entry.waited()) {
            waited += sign;
        } else {
            evictable += sign;
            evictableBytes += (long) sign * entry.bytes();
        }
    }

    /** Evictions leave empty slots; they are closed up before the ring grows. */
    private void compactOrGrow() {
        @Nullable Pending[] next = new Pending[live > slots.length / 2 ? slots.length * 2 : slots.length];
        int n = 0;
        for (int i = 0; i < used; i++) {
            Pending entry = slots[index(i)];
            if (entry != null) {
                next[n++] = entry;
            }
        }
        slots = next;
        head = 0;
        used = n;
        firstEvictable = 0;
    }

    private int index(int slot) {
        int at = head + slot;
        return at < slots.length ? at : at - slots.length;
    }

    void forEach(Consumer<Pending> action) {
        for (int i = 0; i < used; i++) {
            Pending entry = slots[index(i)];
            if (entry != null) {
                action.accept(entry);
            }
        }
    }

    /** When the oldest entry was queued; {@link Long#MAX_VALUE} where there is none. */
    long oldestNanos() {
        Pending oldest = peek();
        return oldest == null ? Long.MAX_VALUE : oldest.queuedNanos();
    }

    /** How many entries there are, changes included. */
    int size() {
        return live;
    }

    /** How many of them somebody waits for. */
    int waited() {
        return waited;
    }

    int evictable() {
        return evictable;
    }

    long evictableBytes() {
        return evictableBytes;
    }
}
