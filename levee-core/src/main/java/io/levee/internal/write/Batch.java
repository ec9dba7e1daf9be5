package io.levee.internal.write;

import java.util.ArrayList;
import java.util.List;

/** What the writer takes at once: records up to a limit, or one change. */
final class Batch {
    private final List<Pending> entries = new ArrayList<>();
    private final int maxRecords;
    private final long maxBytes;
    private long bytes;
    private boolean closed;

    /**
     * An empty batch.
     *
     * @param maxRecords most records
     * @param maxBytes bytes after which no further record is taken
     */
    Batch(int maxRecords, long maxBytes) {
        this.maxRecords = maxRecords;
        this.maxBytes = maxBytes;
    }

    /** Whether this can go in: a change goes alone, so that all before it is settled when it runs. */
    boolean takes(Pending entry) {
        return !full() && (entry.record() || entries.isEmpty());
    }

    boolean full() {
        return closed || entries.size() >= maxRecords || bytes >= maxBytes;
    }

    void add(Pending entry) {
        entries.add(entry);
        bytes += entry.bytes();
        closed = !entry.record();
        entry.inHand(true);
    }

    boolean isEmpty() {
        return entries.isEmpty();
    }

    /** How many more records fit. */
    int room() {
        return maxRecords - entries.size();
    }

    List<Pending> entries() {
        return entries;
    }
}
