package io.levee.testkit.drill;

import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/** The writer of the old ways: takes all that waits, and commits it at once. Its queue has no bound, as theirs had none. */
final class OldWriter {
    private static final int BATCH = 10_000;

    /** Writes runs in one transaction. */
    interface Batch {
        void write(List<Object[]> runs) throws SQLException;
    }

    private record Entry(Object[] values, Runnable committed) {}

    private final Batch batch;
    private final Thread thread = new Thread(this::run, "old-writer");
    private List<Entry> waiting = new ArrayList<>();
    private boolean busy;
    private volatile boolean over;

    OldWriter(Batch batch) {
        this.batch = batch;
        thread.setDaemon(true);
        thread.start();
    }

    synchronized void accept(Object[] values, Runnable committed) {
        waiting.add(new Entry(values, committed));
        notifyAll();
    }

    private synchronized List<Entry> take() throws InterruptedException {
        busy = false;
        while (waiting.isEmpty()) {
            notifyAll();
            wait();
        }
        busy = true;
        if (waiting.size() <= BATCH) {
            List<Entry> all = waiting;
            waiting = new ArrayList<>();
            return all;
        }
        List<Entry> first = new ArrayList<>(waiting.subList(0, BATCH));
        waiting = new ArrayList<>(waiting.subList(BATCH, waiting.size()));
        return first;
    }

    private void run() {
        try {
            while (!over) {
                List<Entry> taken = take();
                try {
                    batch.write(taken.stream().map(Entry::values).toList());
                } catch (SQLException e) {
                    if (!over) {
                        System.err.println("a batch of " + taken.size() + " is put back: " + e.getMessage());
                    }
                    putBack(taken);
                    LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(100));
                    continue;
                }
                taken.forEach(entry -> entry.committed.run());
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private synchronized void putBack(List<Entry> taken) {
        List<Entry> all = new ArrayList<>(taken);
        all.addAll(waiting);
        waiting = all;
    }

    /** Waits until all is written, but no longer than that; then nothing is written any more. */
    synchronized void finish(long millis) throws InterruptedException {
        long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis);
        for (long left = millis; left > 0 && (busy || !waiting.isEmpty()); ) {
            wait(left);
            left = TimeUnit.NANOSECONDS.toMillis(end - System.nanoTime());
        }
        over = true;
        thread.interrupt();
    }
}
