package io.levee.internal.write;

import io.levee.engine.SourceMark;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * What waits of one table: rows that could not be written yet, and what has to stay behind them. Guarded by the queue's lock.
 *
 * <p>A locked partition of a keyed table holds back rows of the same key only (and of the same source, whose positions must rise);
 * any other trouble, and every trouble of a table without a key, holds the whole table. Entries leave in the order of their tickets,
 * but for keys that nothing earlier holds.
 */
final class Lane {
    private static final long FIRST_PAUSE = Duration.ofMillis(20).toNanos();
    private static final long LONGEST_PAUSE = Duration.ofSeconds(1).toNanos();

    /** Entries by ticket: what must not be evicted, and the rest. */
    private final TreeMap<Long, Pending> kept = new TreeMap<>();

    private final TreeMap<Long, Pending> loose = new TreeMap<>();
    /** How many entries hold back each key and source. */
    private final Map<Object, Integer> held = new HashMap<>();

    private final boolean keyed;
    private long looseBytes;
    private int uncertain;
    private int changes;
    /** Changes that name no key: everything later waits for them. */
    private int wholeChanges;

    private boolean whole;
    private boolean handedOut;
    private long pauseNanos;
    private long dueNanos;
    /** Where a lane of more than one batch goes on, so that one locked partition does not keep the others from being tried. */
    private long cursor;

    Lane(boolean keyed, long nowNanos) {
        this.keyed = keyed;
        this.dueNanos = nowNanos;
    }

    private boolean byKey() {
        return keyed && !whole && uncertain == 0;
    }

    /** Whether an entry that comes later has to wait. */
    boolean blocks(Pending later) {
        if (isEmpty()) {
            return false;
        }
        if (!byKey() || wholeChanges > 0) {
            return true;
        }
        List<Object> orders = orders(later);
        return orders.isEmpty() || orders.stream().anyMatch(held::containsKey);
    }

    void add(Pending entry) {
        entry.inHand(false);
        entry.delayed(true);
        if (entry.waited() || entry.uncertain()) {
            kept.put(entry.ticket(), entry);
            uncertain += entry.uncertain() ? 1 : 0;
        } else {
            loose.put(entry.ticket(), entry);
            looseBytes += entry.bytes();
        }
        count(entry, 1);
    }

    void remove(Pending entry) {
        if (kept.remove(entry.ticket()) != null) {
            uncertain -= entry.uncertain() ? 1 : 0;
        } else if (loose.remove(entry.ticket()) != null) {
            looseBytes -= entry.bytes();
        }
        count(entry, -1);
    }

    private void count(Pending entry, int sign) {
        changes += entry.record() ? 0 : sign;
        if (!keyed) {
            return;
        }
        List<Object> orders = orders(entry);
        wholeChanges += orders.isEmpty() ? sign : 0;
        orders.forEach(order -> held.merge(order, sign, (a, b) -> a + b == 0 ? null : a + b));
    }

    /** What an entry shares its order with; empty where that is the whole table. */
    private static List<Object> orders(Pending entry) {
        @Nullable Object @Nullable [] key = entry.key();
        if (key == null) {
            return List.of();
        }
        List<Object> parts = new ArrayList<>(key.length);
        for (Object value : key) {
            parts.add(value instanceof byte[] bytes ? ByteBuffer.wrap(bytes) : String.valueOf(value));
        }
        SourceMark source = entry.source();
        return source == null ? List.of(parts) : List.of(parts, source.source());
    }

    /** Fills a batch with what may be tried now. */
    void handOut(Batch batch) {
        int before = batch.room();
        if (byKey()) {
            handOutByKey(batch);
        } else {
            Pending next = next(0);
            while (next != null && batch.takes(next)) {
                take(next, batch);
                next = next(next.ticket());
            }
        }
        handedOut |= batch.room() < before;
    }

    private void handOutByKey(Batch batch) {
        if (changes > 0 && batch.isEmpty()) {
            Pending change = freeChange();
            if (change != null) {
                take(change, batch);
                return;
            }
        }
        long from = size() > batch.room() ? cursor : 0;
        Set<Object> earlier = new HashSet<>();
        for (Pending next = next(0); next != null && !batch.full(); next = next(next.ticket())) {
            List<Object> orders = orders(next);
            boolean whole = orders.isEmpty();
            boolean free = whole ? earlier.isEmpty() : orders.stream().noneMatch(earlier::contains);
            if (next.ticket() > from && free && batch.takes(next)) {
                take(next, batch);
                cursor = next.ticket();
            } else if (whole) {
                break;
            } else {
                earlier.addAll(orders);
            }
        }
        if (!batch.full()) {
            cursor = 0;
        }
    }

    /** A change that nothing earlier holds back: it must go alone, or a locked row before it would keep it from ever going. */
    private @Nullable Pending freeChange() {
        Set<Object> earlier = new HashSet<>();
        for (Pending next = next(0); next != null; next = next(next.ticket())) {
            List<Object> orders = orders(next);
            boolean free =
                    orders.isEmpty() ? earlier.isEmpty() : orders.stream().noneMatch(earlier::contains);
            if (free && !next.record()) {
                return next;
            }
            if (orders.isEmpty()) {
                return null;
            }
            earlier.addAll(orders);
        }
        return null;
    }

    private void take(Pending entry, Batch batch) {
        remove(entry);
        batch.add(entry);
    }

    private @Nullable Pending next(long after) {
        Map.Entry<Long, Pending> one = kept.higherEntry(after);
        Map.Entry<Long, Pending> other = loose.higherEntry(after);
        if (one == null || other == null) {
            return one != null ? one.getValue() : other == null ? null : other.getValue();
        }
        return one.getKey() < other.getKey() ? one.getValue() : other.getValue();
    }

    /**
     * The writer has tried a batch of the table.
     *
     * @param back rows that have to be tried again
     * @param wholeTable whether their trouble holds the whole table
     * @param progress whether a row that had waited is settled
     */
    void tried(List<Pending> back, boolean wholeTable, boolean progress, long nowNanos) {
        boolean first = isEmpty() && !handedOut;
        back.forEach(this::add);
        whole = back.isEmpty() ? whole && !handedOut : wholeTable;
        if (first || handedOut) {
            boolean better = first || progress || back.isEmpty();
            pauseNanos = better ? FIRST_PAUSE : Math.min(LONGEST_PAUSE, Math.max(FIRST_PAUSE, pauseNanos * 2));
            dueNanos = back.isEmpty() ? nowNanos : nowNanos + pauseNanos;
        }
        handedOut = false;
    }

    long dueNanos() {
        return dueNanos;
    }

    /** Takes out the oldest record that nobody waits for. */
    Pending evictOldest() {
        Pending oldest = loose.firstEntry().getValue();
        remove(oldest);
        return oldest;
    }

    /** The ticket of the oldest record that may be evicted; {@link Long#MAX_VALUE} where there is none. */
    long oldestLoose() {
        return loose.isEmpty() ? Long.MAX_VALUE : loose.firstKey();
    }

    /** The oldest ticket; {@link Long#MAX_VALUE} where it is empty. */
    long oldest() {
        return Math.min(kept.isEmpty() ? Long.MAX_VALUE : kept.firstKey(), oldestLoose());
    }

    /** When the oldest entry was queued; {@link Long#MAX_VALUE} where it is empty. */
    long oldestNanos() {
        Pending oldest = next(0);
        return oldest == null ? Long.MAX_VALUE : oldest.queuedNanos();
    }

    void forEach(Consumer<Pending> action) {
        kept.values().forEach(action);
        loose.values().forEach(action);
    }

    /** What somebody waits for since before a time. */
    void overdue(long beforeNanos, List<Pending> into) {
        for (Pending entry : kept.values()) {
            if (entry.queuedNanos() - beforeNanos >= 0) {
                return;
            }
            // A row of a source is read again rather than given up: were a later one of its period committed after it
            // was, the replay
            // would take it for stored.
            if (entry.waited() && entry.source() == null) {
                into.add(entry);
            }
        }
    }

    /** Whether nothing waits, and nothing that waited is being tried. */
    boolean over() {
        return isEmpty() && !handedOut;
    }

    boolean isEmpty() {
        return kept.isEmpty() && loose.isEmpty();
    }

    int size() {
        return kept.size() + loose.size();
    }

    int evictable() {
        return loose.size();
    }

    long evictableBytes() {
        return looseBytes;
    }
}
