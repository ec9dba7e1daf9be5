package io.levee.sqlite;

import java.util.ArrayList;
import java.util.List;
import java.util.PriorityQueue;
import org.jspecify.annotations.Nullable;

/** The first rows of an order out of any number of rows, bounded in number and in bytes. Not thread-safe. */
final class TopRows {
    /** What the rows may take: past that, fewer are kept, and the rest is read in another pass. */
    static final long MAX_BYTES = 8L << 20;

    private static final int ROW_OVERHEAD = 64;

    private final RowOrder order;
    private final PriorityQueue<@Nullable Object[]> kept;
    private int most;
    private long bytes;
    private boolean left;

    TopRows(RowOrder order, int most) {
        this.order = order;
        this.most = most;
        this.kept = new PriorityQueue<>(order.reversed());
    }

    /** How many rows it keeps. */
    int most() {
        return most;
    }

    /** The last of the rows that are kept, where no more have room; else null. */
    @Nullable
    Object @Nullable [] worst() {
        return kept.size() < most ? null : kept.peek();
    }

    /** Keeps a row if it is among the first; false where it is not, and none behind it is. */
    boolean offer(@Nullable Object[] row) {
        @Nullable Object[] worst = worst();
        if (worst != null && order.compare(row, worst) >= 0) {
            left = true;
            return false;
        }
        kept.add(row);
        bytes += bytes(row);
        while (kept.size() > most || bytes > MAX_BYTES && kept.size() > 1) {
            @Nullable Object[] last = kept.remove();
            bytes -= bytes(last);
            left = true;
            most = Math.min(most, Math.max(1, kept.size()));
        }
        return true;
    }

    /** Whether some row was left out, so that there is more behind the last one that was kept. */
    boolean left() {
        return left || kept.size() >= most;
    }

    /** What it keeps, in order. */
    List<@Nullable Object[]> sorted() {
        List<@Nullable Object[]> rows = new ArrayList<>(kept);
        rows.sort(order);
        return rows;
    }

    private static long bytes(@Nullable Object[] row) {
        long bytes = ROW_OVERHEAD;
        for (Object value : row) {
            bytes += value instanceof String text
                    ? 48 + 2L * text.length()
                    : value instanceof byte[] blob ? 24 + blob.length : 24;
        }
        return bytes;
    }
}
