package io.levee.internal.query;

import io.levee.Coverage;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.engine.Execution;
import io.levee.engine.RowSink;
import io.levee.internal.memory.Share;
import io.levee.internal.row.Values;
import java.lang.ref.ReferenceQueue;
import java.lang.ref.WeakReference;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Rows on their way from the query thread to the reader, in chunks through a small queue, bounded in rows and bytes: memory does not grow
 * with the number of rows, and the reader never enters native code. Where the reader is behind, a query that can be resumed gives its
 * thread back; another one waits.
 *
 * <p>The sink belongs to the query thread, the iterator to one reader; {@link #close} is for any thread.
 */
public final class ChunkStream {
    private static final int CHUNK_ROWS = 256;
    private static final long CHUNK_BYTES = 256 << 10;
    private static final int CHUNKS = 4;

    /** A chunk's size where results take much of their share. */
    private static final long SMALL_BYTES = 16 << 10;

    /** At so many chunks the reader has caught up. */
    private static final int DRAINED = 1;

    private static final long ROW_BYTES = 32;

    /** A row waits no longer than this for others. */
    private static final long OLD_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

    private static final long LONGEST_PATIENCE = TimeUnit.SECONDS.toNanos(1);

    /** While others wait for a thread, a query has this part of its patience with its reader, as divisor. */
    private static final int HURRY = 10;

    private static final long LOOK_NANOS = TimeUnit.MILLISECONDS.toNanos(20);

    private final Execution execution;
    private final Supplier<Coverage> coverage;
    private final boolean askedLive;
    private final Slots slots;
    private final Claim claim;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();
    private @Nullable Job job;

    // Guarded by the lock.
    private final Deque<Chunk> chunks = new ArrayDeque<>();
    private boolean ended;
    private boolean closed;
    private @Nullable LeveeException failure;
    private @Nullable Runnable whenReady;

    private volatile @Nullable List<String> columns;
    private volatile @Nullable Coverage covered;
    private volatile boolean fetching;

    // The reader's.
    private Chunk chunk = new Chunk();
    private int at;
    private boolean atEnd;

    private static final class Chunk {
        private final List<@Nullable Object[]> rows = new ArrayList<>();
        private long bytes;
    }

    /** What a stream takes of the results' share; given back also where a reader forgets to close. */
    static final class Claim extends WeakReference<ChunkStream> {
        private static final ReferenceQueue<ChunkStream> FORGOTTEN = new ReferenceQueue<>();

        /** Keeps the claims themselves reachable. */
        private static final Set<Claim> ALL = ConcurrentHashMap.newKeySet();

        private final Share share;
        private final AtomicLong bytes = new AtomicLong();

        Claim(ChunkStream stream, Share share) {
            super(stream, FORGOTTEN);
            this.share = share;
        }

        void add(long more) {
            if (more > 0) {
                ALL.add(this);
            }
            bytes.addAndGet(more);
            share.add(more);
        }

        void end() {
            share.add(-bytes.getAndSet(0));
            ALL.remove(this);
        }

        /** Ends the claims of streams that nobody has any more. */
        static void sweep() {
            while (FORGOTTEN.poll() instanceof Claim claim) {
                claim.end();
            }
        }
    }

    /**
     * A stream.
     *
     * @param coverage tells what is missing in the result's range
     * @param askedLive whether it answers from memory, so that the reader may ask; else the query thread does, before the first row and
     *     after the last
     * @param results the share of memory that its chunks take
     */
    ChunkStream(Execution execution, Supplier<Coverage> coverage, boolean askedLive, Slots slots, Share results) {
        this.execution = execution;
        this.coverage = coverage;
        this.askedLive = askedLive;
        this.slots = slots;
        this.claim = new Claim(this, results);
    }

    /** Who fills it; before it is read. */
    void fedBy(Job filler) {
        job = filler;
    }

    /** The query thread's side: collects rows and hands over full chunks. */
    final class Feeder implements RowSink {
        private final boolean resumable;
        private Chunk filling = new Chunk();
        private long beganNanos;
        private long firstNanos;
        private long oldestNanos;
        private long rows;

        Feeder(boolean resumable) {
            this.resumable = resumable;
        }

        /** The query gets a thread. */
        void begin() {
            beganNanos = slots.nanos();
            firstNanos = 0;
        }

        @Override
        public void columns(List<String> names) {
            columns = List.copyOf(names);
            signal();
        }

        @Override
        public boolean row(@Nullable Object[] values) {
            long now = slots.nanos();
            if (firstNanos == 0) {
                firstNanos = Math.max(1, now - beganNanos);
            }
            if (filling.rows.isEmpty()) {
                oldestNanos = now;
            }
            rows++;
            filling.rows.add(values);
            filling.bytes += ROW_BYTES;
            for (Object value : values) {
                filling.bytes += Values.size(value);
            }
            long most = claim.share.scarce() ? SMALL_BYTES : CHUNK_BYTES;
            boolean on = true;
            if (filling.rows.size() == CHUNK_ROWS || filling.bytes >= most || now - oldestNanos > OLD_NANOS) {
                on = flush();
            }
            if (on && resumable && leaseOver(now)) {
                flush();
                on = false;
            }
            return on;
        }

        /** What took long to find its first row would take that long again: it may go on for longer. */
        private boolean leaseOver(long now) {
            return now - beganNanos > Math.max(slots.leases().reopen().toNanos(), 4 * firstNanos);
        }

        /** A crowd of readers who read nothing would else keep the threads for as long as each of them has patience with it. */
        private long patience() {
            long nanos = slots.leases().patience().toNanos();
            return Math.max(slots.othersWait() ? nanos / HURRY : nanos, Math.min(LONGEST_PATIENCE, firstNanos));
        }

        /** Hands over what is there. Returns whether to go on. */
        private boolean flush() {
            if (filling.rows.isEmpty()) {
                return true;
            }
            Chunk full = filling;
            filling = new Chunk();
            try {
                return hand(full);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new LeveeException(ErrorCode.CANCELLED, "the query thread was interrupted", e);
            } finally {
                fetching = false;
            }
        }

        private boolean hand(Chunk full) throws InterruptedException {
            boolean on = true;
            lock.lockInterruptibly();
            try {
                long since = slots.nanos();
                while (on && !room()) {
                    fetching = true;
                    execution.check();
                    long behind = slots.nanos() - since;
                    long look = LOOK_NANOS;
                    if (resumable) {
                        long left = patience() - behind;
                        on = left > 0;
                        look = Math.min(look, left);
                    } else if (behind > slots.leases().stall().toNanos()
                            && slots.waitedFor(slots.leases().stall())) {
                        throw new LeveeException(
                                        ErrorCode.LEASE_EXPIRED,
                                        "the query's reader was behind for "
                                                + TimeUnit.NANOSECONDS.toMillis(behind)
                                                + " ms while other queries waited for its thread")
                                .with("query", execution.id())
                                .hint("read faster, ask for less at once, or open the store with more queryThreads");
                    }
                    if (on) {
                        changed.awaitNanos(look);
                    }
                }
                if (!closed) {
                    chunks.add(full);
                    claim.add(full.bytes);
                }
                ready();
            } finally {
                lock.unlock();
            }
            execution.check();
            return on;
        }

        /** A first chunk always has room, or nobody would get anything when a few forget to read. */
        private boolean room() {
            return closed || chunks.isEmpty() || chunks.size() < CHUNKS && !claim.share.full();
        }

        /** Asks what is missing, where the reader may not. */
        void cover() {
            if (!askedLive) {
                covered = coverage.get();
            }
        }

        /** All rows are there. */
        void end() {
            // What is left is less than a chunk: it needs no room.
            Chunk last = filling;
            lock.lock();
            try {
                if (!closed && !last.rows.isEmpty()) {
                    chunks.add(last);
                    claim.add(last.bytes);
                }
                ended = true;
                ready();
            } finally {
                lock.unlock();
            }
        }

        /** The query failed; the reader gets the error once it has read what came before. */
        void fail(LeveeException error) {
            lock.lock();
            try {
                failure = error;
                ready();
            } finally {
                lock.unlock();
            }
        }

        private void signal() {
            lock.lock();
            try {
                changed.signalAll();
            } finally {
                lock.unlock();
            }
        }

        /** Under the lock. */
        private void ready() {
            changed.signalAll();
            Runnable told = whenReady;
            if (told != null) {
                whenReady = null;
                told.run();
            }
        }

        /** How many rows there were. */
        long rows() {
            return rows;
        }
    }

    /** Tells once when there is something to read: rows, the end or an error. The listener must not block. */
    void whenReady(Runnable listener) {
        lock.lock();
        try {
            if (chunks.isEmpty() && !ended && failure == null) {
                whenReady = listener;
                return;
            }
        } finally {
            lock.unlock();
        }
        listener.run();
    }

    /** What it failed with, where there is nothing to read before that. */
    @Nullable
    LeveeException failedAtOnce() {
        lock.lock();
        try {
            return chunks.isEmpty() && !ended ? failure : null;
        } finally {
            lock.unlock();
        }
    }

    /** Whether the query waits for its reader. */
    boolean fetching() {
        return fetching;
    }

    /** Whether the reader has caught up. */
    boolean drained() {
        lock.lock();
        try {
            return chunks.isEmpty() || chunks.size() <= DRAINED && !claim.share.full();
        } finally {
            lock.unlock();
        }
    }

    /** The names of the columns. Waits until the query knows them. */
    public List<String> columns() {
        while (columns == null && !atEnd) {
            fetch();
        }
        List<String> known = columns;
        return known == null ? List.of() : known;
    }

    /**
     * Whether there is another row. Waits for it.
     *
     * @throws LeveeException how the query ended, where it did not end well
     */
    public boolean hasNext() {
        while (at == chunk.rows.size() && !atEnd) {
            fetch();
        }
        return at < chunk.rows.size();
    }

    /** The next row. */
    public @Nullable Object[] next() {
        if (!hasNext()) {
            throw new NoSuchElementException();
        }
        return chunk.rows.get(at++);
    }

    @SuppressWarnings("WaitNotInLoop") // The callers are the loop: each asks again what it waits for.
    private void fetch() {
        try {
            lock.lockInterruptibly();
            try {
                Chunk next = chunks.poll();
                if (next != null) {
                    claim.add(-chunk.bytes);
                    chunk = next;
                    at = 0;
                    changed.signalAll();
                } else if (ended) {
                    atEnd = true;
                } else if (failure != null) {
                    throw failure;
                } else if (execution.over()) {
                    Job filler = job;
                    if (filler != null) {
                        // Who is told that a query has ended does not find it among those that run.
                        filler.endIfOver();
                    }
                    execution.check();
                } else {
                    changed.awaitNanos(LOOK_NANOS);
                    return;
                }
            } finally {
                lock.unlock();
            }
        } catch (InterruptedException e) {
            cancel("the reader was interrupted");
            Thread.currentThread().interrupt();
            throw new LeveeException(ErrorCode.CANCELLED, "the reader was interrupted", e);
        }
        Job filler = job;
        if (filler != null && drained()) {
            filler.resume();
        }
    }

    /** What the result can be trusted for, as is known now; final once the last row was read. May wait for the query to begin. */
    public Coverage coverage() {
        if (askedLive) {
            return coverage.get();
        }
        while (covered == null && !atEnd) {
            // Nothing was handed over yet: there is no row to lose here.
            fetch();
        }
        Coverage known = covered;
        return known == null ? Coverage.COMPLETE : known;
    }

    /** Ends the query if it still runs; what was read is kept, what waits to be read is not. Any thread. */
    void cancel(String why) {
        execution.cancel(ErrorCode.CANCELLED, why);
        Job filler = job;
        if (filler != null) {
            filler.endIfOver();
        }
    }

    /** Ends the query if it still runs. Idempotent. */
    public void close() {
        cancel("the result was closed");
        lock.lock();
        try {
            closed = true;
            chunks.clear();
            claim.end();
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }
}
