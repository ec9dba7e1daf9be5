package io.levee.internal.memory;

import java.util.concurrent.atomic.AtomicLong;

/** One part of the budget: its limit, and what is taken of it now. Thread-safe. */
public final class Share {
    private final long limit;
    private final AtomicLong used = new AtomicLong();

    /**
     * A share of which nothing is taken.
     *
     * @param limit in bytes
     */
    public Share(long limit) {
        this.limit = limit;
    }

    /** Its limit in bytes. */
    public long limit() {
        return limit;
    }

    /** Bytes that are taken now; may pass the limit by what cannot be refused any more. */
    public long used() {
        return used.get();
    }

    /** Takes bytes, or gives them back where negative. */
    public void add(long bytes) {
        used.addAndGet(bytes);
    }

    /** Whether all of it is taken. */
    public boolean full() {
        return used.get() >= limit;
    }

    /** Whether more than half of it is taken. */
    public boolean scarce() {
        return used.get() > limit / 2;
    }
}
