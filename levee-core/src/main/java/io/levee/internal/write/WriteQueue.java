package io.levee.internal.write;

import io.levee.Bytes;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.Overflow;
import io.levee.engine.InFlight;
import io.levee.internal.time.MonotonicClock;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The one bounded queue between callers and the writer: the lock, and who waits for what. What it holds is {@link Stock}'s.
 * Thread-safe.
 */
public final class WriteQueue {
    private static final long IDLE = Duration.ofSeconds(1).toNanos();

    private final MonotonicClock clock;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition notEmpty = lock.newCondition();
    private final Condition room = lock.newCondition();
    private final Condition settled = lock.newCondition();
    private final Stock stock;
    private final Linger linger = new Linger();
    private boolean hurry;
    private boolean closed;

    WriteQueue(int limitRecords, Bytes limitBytes, LossLog losses, MonotonicClock clock) {
        this(limitRecords, limitBytes, losses, clock, null, name -> null);
    }

    WriteQueue(
            int limitRecords,
            Bytes limitBytes,
            LossLog losses,
            MonotonicClock clock,
            @Nullable Spill spill,
            Function<String, @Nullable TableState> tables) {
        this.stock = new Stock(limitRecords, limitBytes, losses, spill, tables);
        this.clock = clock;
    }

    /**
     * Takes one record, or sheds by the policy.
     *
     * @throws LeveeException {@code QUEUE_FULL} or {@code CLOSED}: the record was not accepted
     */
    void offer(Pending record, Overflow policy) {
        lock.lock();
        try {
            admit(record, policy, clock.nanos());
        } finally {
            lock.unlock();
        }
    }

    /**
     * What became of a batch.
     *
     * @param accepted how many were accepted before the policy said no
     * @param shed how many of these the policy shed at once
     */
    record Offered(int accepted, int shed) {}

    /**
     * Takes records in order. Under {@link Overflow.Reject} all or none.
     *
     * @return how far it came
     * @throws LeveeException as above, where none was taken
     */
    Offered offerAll(List<Pending> records, Overflow policy) {
        lock.lock();
        try {
            requireOpen();
            if (policy instanceof Overflow.Reject) {
                stock.requireRoom(records);
            }
            long nanos = clock.nanos();
            int shed = 0;
            for (int i = 0; i < records.size(); i++) {
                try {
                    admit(records.get(i), policy, nanos);
                } catch (Admission.Shed e) {
                    // Accepted and lost by the policy; the next one may find room.
                    shed++;
                } catch (LeveeException e) {
                    if (i == 0) {
                        throw e;
                    }
                    return new Offered(i, shed);
                }
            }
            return new Offered(records.size(), shed);
        } finally {
            lock.unlock();
        }
    }

    private void admit(Pending record, Overflow policy, long nanos) {
        requireOpen();
        if (!stock.admit(record, policy, nanos) && policy instanceof Overflow.Block block) {
            awaitRoom(record, block, nanos + block.timeout().toNanos());
        }
        signalWork(record);
    }

    private void awaitRoom(Pending record, Overflow.Block policy, long endNanos) {
        hurry();
        boolean admitted = false;
        while (!admitted) {
            long left = endNanos - clock.nanos();
            if (left <= 0) {
                throw stock.full();
            }
            try {
                room.awaitNanos(left);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new LeveeException(ErrorCode.CANCELLED, "interrupted while waiting for room in the queue", e);
            }
            requireOpen();
            admitted = stock.admit(record, policy, clock.nanos());
        }
    }

    private void signalWork(Pending entry) {
        Ring ring = stock.ring();
        if (ring.size() == 0) {
            hurry |= stock.spillWaits();
            notEmpty.signal();
        } else if (ring.size() == 1 || ring.size() == linger.goal() || ring.waited() == 1 && entry.waited()) {
            notEmpty.signal();
        }
    }

    /** Gives a change its place among the records: after what was accepted before, before what is accepted later. */
    void offer(Change change) {
        lock.lock();
        try {
            requireOpen();
            stock.admit(change, clock.nanos());
            hurry();
        } finally {
            lock.unlock();
        }
    }

    /**
     * Hands records to the writer, those first that waited in lanes and are due, or one change. Waits until there are some, but no
     * longer than a second and no longer than until {@link #hurry}.
     *
     * @param maxRecords most records
     * @param maxBytes bytes after which no further record is taken
     * @param untilNanos when to come back in any case
     */
    List<Pending> take(int maxRecords, long maxBytes, long untilNanos) throws InterruptedException {
        lock.lock();
        try {
            awaitWork(maxRecords, untilNanos);
            hurry = false;
            List<Pending> taken = stock.handOut(new Batch(maxRecords, maxBytes), clock.nanos());
            linger.took(taken.size());
            return taken;
        } finally {
            lock.unlock();
        }
    }

    private void awaitWork(int maxRecords, long untilNanos) throws InterruptedException {
        Ring ring = stock.ring();
        Lanes lanes = stock.lanes();
        long latest = Math.min(untilNanos, clock.nanos() + IDLE);
        linger.begin(maxRecords);
        while (!hurry && !(closed && (ring.size() > 0 || lanes.isEmpty()))) {
            long nanos = clock.nanos();
            long left = lanes.nextDueNanos(latest) - nanos;
            if (ring.size() > 0) {
                left = stock.spillWaits() ? 0 : Math.min(left, linger.leftNanos(ring, nanos));
            }
            if (left <= 0) {
                return;
            }
            notEmpty.awaitNanos(left);
        }
    }

    /**
     * Queues again some of what was spilled, as far as there is room. Writer thread.
     *
     * @return whether there may be room for more
     */
    boolean readBackSpilled() {
        SpillSegment from;
        lock.lock();
        try {
            from = stock.toReadBack();
        } finally {
            lock.unlock();
        }
        // Files are read without the lock: producers do not wait for it.
        List<SpillCodec.Spilled> read = from == null ? List.of() : stock.read(from);
        lock.lock();
        try {
            stock.readBack(from, read, clock.nanos());
        } finally {
            lock.unlock();
        }
        return !read.isEmpty();
    }

    /**
     * The writer has tried rows of one table: what is settled leaves the books, the rest waits in the table's lane.
     *
     * @param rows all rows of the table that it was handed at once
     */
    void tried(TableState table, List<Pending> rows) {
        lock.lock();
        try {
            stock.tried(table, rows, clock.nanos());
            room.signalAll();
            settled.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** The writer has made a change, or given it up. */
    void made(Change change) {
        lock.lock();
        try {
            stock.made(change, clock.nanos());
            settled.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** What waits in lanes, and somebody waits for it for too long: now in the writer's hands, but for uncertain records. */
    List<Pending> overdue(Duration patience) {
        return locked(() -> stock.overdue(clock.nanos() - patience.toNanos()));
    }

    /** What a writer that failed had in its hands and did not settle. */
    List<Pending> leftInHand() {
        return locked(() -> stock.inHand());
    }

    private <T> T locked(Supplier<T> action) {
        lock.lock();
        try {
            return action.get();
        } finally {
            lock.unlock();
        }
    }

    /** Takes everything that is left, to be given up. */
    List<Pending> takeAll() {
        return locked(() -> stock.takeAll());
    }

    /** The writer hangs and the store closes: whether what it has in its hands was written, nobody knows. */
    void doubtHand() {
        lock.lock();
        try {
            stock.doubtHand();
        } finally {
            lock.unlock();
        }
    }

    /** Whether nothing is left to do. */
    boolean drained() {
        return locked(() -> stock.drained());
    }

    /** Makes the writer look now. */
    void hurry() {
        lock.lock();
        try {
            hurry = true;
            notEmpty.signal();
        } finally {
            lock.unlock();
        }
    }

    /** Waits until everything accepted before this call is settled, what is spilled included. */
    boolean awaitSettled(Duration timeout) {
        lock.lock();
        try {
            Spill spill = stock.spill();
            long goal = stock.lastTicket();
            long spilledUpTo = spill == null ? 0 : spill.lastPosition();
            boolean inFiles = spill != null;
            long end = clock.nanos() + timeout.toNanos();
            while (inFiles || stock.oldestUnsettled() <= goal) {
                if (inFiles && (spill == null || spill.readUpTo(spilledUpTo))) {
                    // What was spilled before this call has its places in the queue by now.
                    inFiles = false;
                    goal = stock.lastTicket();
                    continue;
                }
                hurry();
                long left = end - clock.nanos();
                if (left <= 0) {
                    return false;
                }
                settled.awaitNanos(Math.min(left, TimeUnit.MILLISECONDS.toNanos(200)));
            }
            return true;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        } finally {
            lock.unlock();
        }
    }

    /** Has the ledger look when a record comes whose time it does not cover. */
    void onUncovered(Runnable ask) {
        lock.lock();
        try {
            stock.windows().onUncovered(ask);
        } finally {
            lock.unlock();
        }
    }

    /** Which event times may be in flight. Called by the ledger alone: what it is told is taken for written. */
    List<InFlight> inFlight(long nowMicros) {
        return locked(() -> stock.inFlight(nowMicros));
    }

    /**
     * Does something with the spill files.
     *
     * @param otherwise the answer where there are none
     */
    <T> T withSpill(T otherwise, Function<Spill, T> action) {
        lock.lock();
        try {
            Spill spill = stock.spill();
            return spill == null ? otherwise : action.apply(spill);
        } finally {
            lock.unlock();
        }
    }

    /** Refuses new records from now on. */
    void close() {
        lock.lock();
        try {
            closed = true;
            notEmpty.signalAll();
            room.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** Throws {@code CLOSED} once {@link #close} was called. */
    void checkOpen() {
        lock.lock();
        try {
            requireOpen();
        } finally {
            lock.unlock();
        }
    }

    private void requireOpen() {
        if (closed) {
            throw new LeveeException(ErrorCode.CLOSED, "the store is closed and takes no more records");
        }
    }

    /** The books at one instant. */
    Books books() {
        return locked(() -> stock.books(clock.nanos()));
    }
}
