package io.levee.internal.write;

import io.levee.Bytes;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.LossReason;
import io.levee.Overflow;
import io.levee.StoreStatus;
import io.levee.engine.InFlight;
import io.levee.internal.time.MonotonicClock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The one bounded queue between callers and the writer, and the books of what was accepted. Thread-safe.
 *
 * <p>Invariants, all under {@code lock}:
 * <ol>
 *   <li>a record counts against both limits from its acceptance until it is settled, so there is no hidden second queue;
 *   <li>accepted = stored + lost + queued (in the ring or in the writer's hands), exactly, at every instant;
 *   <li>a record that somebody waits for is never evicted;
 *   <li>slots before {@code firstEvictable} hold no evictable record, so that evicting costs O(1) amortised.
 * </ol>
 */
public final class WriteQueue {
    /** Records that nobody waits for may gather this long, so that a trickle does not make a commit each. */
    private static final Duration LINGER = Duration.ofMillis(100);

    /** After a batch of this many the next one may gather longer, while records keep coming: group commit under load. */
    private static final int BULK = 500;

    private static final Duration BULK_LINGER = Duration.ofMillis(50);
    private static final Duration BULK_STEP = Duration.ofMillis(2);

    private final int limitRecords;
    private final long limitBytes;
    private final LossLog losses;
    private final MonotonicClock clock;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition notEmpty = lock.newCondition();
    private final Condition room = lock.newCondition();
    private final Condition settled = lock.newCondition();
    private final InFlightWindows windows = new InFlightWindows();

    /** Slots of the ring; null where a record was evicted. Grows to its limit, never past it. */
    private @Nullable Pending[] ring = new Pending[1024];

    private int head;
    private int slots;
    private int firstEvictable;
    private int live;
    private int waited;
    private int lastBatch;
    private int goal;
    private int inHand;
    private long bytes;
    private long evictableBytes;
    /** The lowest ticket in the writer's hands; {@link Long#MAX_VALUE} where they are empty. */
    private long oldestInHand = Long.MAX_VALUE;
    /** Records of later tickets are not handed out yet: a change of single records comes first. */
    private long barrier = Long.MAX_VALUE;

    private long accepted;
    private long stored;
    private long lost;
    private boolean hurry;
    private boolean closed;

    WriteQueue(int limitRecords, Bytes limitBytes, LossLog losses, MonotonicClock clock) {
        this.limitRecords = limitRecords;
        this.limitBytes = limitBytes.value();
        this.losses = losses;
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
            long nanos = clock.nanos();
            makeRoom(record, policy, nanos);
            enqueue(record, nanos);
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
            if (policy instanceof Overflow.Reject) {
                requireRoomForAll(records);
            }
            long nanos = clock.nanos();
            int shed = 0;
            for (int i = 0; i < records.size(); i++) {
                try {
                    makeRoom(records.get(i), policy, nanos);
                    enqueue(records.get(i), nanos);
                } catch (Shed e) {
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

    private void requireRoomForAll(List<Pending> records) {
        requireOpen();
        long sum = records.stream().mapToLong(Pending::bytes).sum();
        if (records.size() > limitRecords || sum > limitBytes) {
            throw new LeveeException(
                            ErrorCode.TOO_LARGE,
                            "a batch of " + records.size() + " records and " + new Bytes(sum)
                                    + " is larger than the whole queue")
                    .hint("send batches of at most " + limitRecords + " records and " + new Bytes(limitBytes));
        }
        if (live + inHand + records.size() > limitRecords || bytes + sum > limitBytes) {
            throw full();
        }
    }

    private void makeRoom(Pending record, Overflow policy, long nanos) {
        requireOpen();
        if (fits(record)) {
            return;
        }
        if (record.bytes() > limitBytes) {
            throw new LeveeException(
                    ErrorCode.TOO_LARGE,
                    "a record of " + new Bytes(record.bytes()) + " is larger than the whole queue of "
                            + new Bytes(limitBytes));
        }
        if (policy instanceof Overflow.Block block) {
            awaitRoom(record, nanos + block.timeout().toNanos());
        } else if (policy instanceof Overflow.DropOldest) {
            if (inHand + waited >= limitRecords || bytes - evictableBytes + record.bytes() > limitBytes) {
                // Evicting everything would not be enough: then nothing is lost for it.
                throw full();
            }
            while (!fits(record) && evictOldest()) {
                // One more is gone; look again.
            }
        } else if (policy instanceof Overflow.DropNewest && record.waiter() == null) {
            accepted++;
            windows.accepted(record.table().inFlight(), record.timeMicros());
            lose(record);
            throw new Shed();
        } else {
            throw full();
        }
    }

    /** Tells {@link WriteService} that the new record itself was shed: accepted, counted as lost, not an error. */
    static final class Shed extends LeveeException {
        private static final long serialVersionUID = 1L;

        Shed() {
            super(ErrorCode.QUEUE_FULL, "the newest record was shed");
        }
    }

    private boolean fits(Pending record) {
        return live + inHand < limitRecords && bytes + record.bytes() <= limitBytes;
    }

    private void awaitRoom(Pending record, long endNanos) {
        hurry();
        while (!fits(record)) {
            long left = endNanos - clock.nanos();
            if (left <= 0) {
                throw full();
            }
            try {
                room.awaitNanos(left);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new LeveeException(ErrorCode.CANCELLED, "interrupted while waiting for room in the queue", e);
            }
            requireOpen();
        }
    }

    private boolean evictOldest() {
        for (int i = Math.max(firstEvictable, 0); i < slots; i++) {
            int at = index(i);
            Pending record = ring[at];
            if (record != null && record.waiter() == null) {
                ring[at] = null;
                firstEvictable = i + 1;
                live--;
                bytes -= record.bytes();
                evictableBytes -= record.bytes();
                lose(record);
                return true;
            }
        }
        firstEvictable = slots;
        return false;
    }

    private void lose(Pending record) {
        lost++;
        losses.note(record.table().spec().name(), record.timeMicros(), LossReason.OVERFLOW);
    }

    private void enqueue(Pending record, long nanos) {
        if (slots == ring.length) {
            compactOrGrow();
        }
        record.queuedNanos(nanos);
        ring[index(slots)] = record;
        slots++;
        live++;
        bytes += record.bytes();
        accepted++;
        record.ticket(accepted);
        windows.accepted(record.table().inFlight(), record.timeMicros());
        if (record.waiter() != null) {
            waited++;
        } else {
            evictableBytes += record.bytes();
        }
        if (live == 1 || live == goal || waited == 1 && record.waiter() != null) {
            notEmpty.signal();
        }
    }

    /** Evictions leave empty slots; they are closed up before the ring grows. */
    private void compactOrGrow() {
        @Nullable Pending[] next = new Pending[live > ring.length / 2 ? ring.length * 2 : ring.length];
        int n = 0;
        for (int i = 0; i < slots; i++) {
            Pending record = ring[index(i)];
            if (record != null) {
                next[n++] = record;
            }
        }
        ring = next;
        head = 0;
        slots = n;
        firstEvictable = 0;
    }

    private int index(int slot) {
        int at = head + slot;
        return at < ring.length ? at : at - ring.length;
    }

    /**
     * Hands records to the writer, in order. Waits until there are some, but no longer than a second and no longer than until
     * {@link #hurry}.
     *
     * @param maxRecords most records
     * @param maxBytes bytes after which no further record is taken
     */
    List<Pending> take(int maxRecords, long maxBytes) throws InterruptedException {
        lock.lock();
        try {
            awaitWork(maxRecords);
            hurry = false;
            List<Pending> batch = new ArrayList<>(Math.min(live, maxRecords));
            long taken = 0;
            while (slots > 0 && batch.size() < maxRecords && taken < maxBytes) {
                Pending record = ring[head];
                if (record != null && record.ticket() > barrier) {
                    break;
                }
                ring[head] = null;
                head = index(1);
                slots--;
                firstEvictable = Math.max(0, firstEvictable - 1);
                if (record != null) {
                    batch.add(record);
                    taken += record.bytes();
                    if (record.waiter() != null) {
                        waited--;
                    } else {
                        evictableBytes -= record.bytes();
                    }
                }
            }
            if (!batch.isEmpty()) {
                oldestInHand = Math.min(oldestInHand, batch.get(0).ticket());
            }
            lastBatch = batch.size();
            live -= batch.size();
            inHand += batch.size();
            return batch;
        } finally {
            lock.unlock();
        }
    }

    private void awaitWork(int maxRecords) throws InterruptedException {
        long idleUntil = clock.nanos() + TimeUnit.SECONDS.toNanos(1);
        while (!hurry && !closed && barrier == Long.MAX_VALUE && live == 0) {
            long left = idleUntil - clock.nanos();
            if (left <= 0) {
                return;
            }
            notEmpty.awaitNanos(left);
        }
        goal = maxRecords / 2;
        long since = oldestNanos();
        while (!hurry && !closed && barrier == Long.MAX_VALUE && waited == 0 && live < goal) {
            long left = since + LINGER.toNanos() - clock.nanos();
            if (left <= 0) {
                return;
            }
            notEmpty.awaitNanos(left);
        }
        int before = 0;
        while (!hurry && !closed && lastBatch >= BULK && live < goal && live > before) {
            // A caller who waits for each batch sends nothing meanwhile: then the writer does not wait either.
            before = live;
            if (clock.nanos() - since > BULK_LINGER.toNanos()) {
                return;
            }
            notEmpty.awaitNanos(BULK_STEP.toNanos());
        }
    }

    private long oldestNanos() {
        for (int i = 0; i < slots; i++) {
            Pending record = ring[index(i)];
            if (record != null) {
                return record.queuedNanos();
            }
        }
        return clock.nanos();
    }

    /** The writer has settled records: they leave the books. */
    void settled(int storedNow, int lostNow, long bytesNow) {
        lock.lock();
        try {
            inHand -= storedNow + lostNow;
            bytes -= bytesNow;
            stored += storedNow;
            lost += lostNow;
            room.signalAll();
            settled.signalAll();
        } finally {
            lock.unlock();
        }
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

    /** Hands nothing out that is accepted from now on, until the barrier is moved. Returns the last ticket before it. */
    long raiseBarrier() {
        lock.lock();
        try {
            requireOpen();
            barrier = Math.min(barrier, accepted);
            hurry = true;
            notEmpty.signal();
            return accepted;
        } finally {
            lock.unlock();
        }
    }

    /** Moves the barrier; {@link Long#MAX_VALUE} takes it away. */
    void moveBarrier(long ticket) {
        lock.lock();
        try {
            barrier = ticket;
        } finally {
            lock.unlock();
        }
    }

    /** Whether everything up to a ticket is settled. */
    boolean settledUpTo(long ticket) {
        lock.lock();
        try {
            return oldestUnsettled() > ticket;
        } finally {
            lock.unlock();
        }
    }

    /** Waits until everything accepted before this call is settled. */
    boolean awaitSettled(Duration timeout) {
        lock.lock();
        try {
            long goal = accepted;
            long end = clock.nanos() + timeout.toNanos();
            while (oldestUnsettled() <= goal) {
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

    /** Records may be settled out of order, so their number does not tell: the lowest ticket does. */
    private long oldestUnsettled() {
        for (int i = 0; i < slots; i++) {
            Pending record = ring[index(i)];
            if (record != null) {
                return Math.min(oldestInHand, record.ticket());
            }
        }
        return oldestInHand;
    }

    /** The writer is done with what it took, but for some records that it will try again; the lowest ticket of these. */
    void stillInHand(long lowestTicket) {
        lock.lock();
        try {
            oldestInHand = lowestTicket;
            settled.signalAll();
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

    private void requireOpen() {
        if (closed) {
            throw new LeveeException(ErrorCode.CLOSED, "the store is closed and takes no more records");
        }
    }

    private LeveeException full() {
        return new LeveeException(
                        ErrorCode.QUEUE_FULL,
                        (live + inHand) + " of " + limitRecords + " records and " + bytes + " of " + limitBytes
                                + " bytes are waiting to be written")
                .with("records", live + inHand)
                .with("limitRecords", limitRecords)
                .with("bytes", bytes)
                .with("limitBytes", limitBytes)
                .hint("try again when the writer has caught up");
    }

    /** Has the ledger look when a record comes whose time it does not cover. */
    void onUncovered(Runnable ask) {
        lock.lock();
        try {
            windows.onUncovered(ask);
        } finally {
            lock.unlock();
        }
    }

    /** Which event times may be in flight. Called by the ledger alone: what it is told is taken for written. */
    List<InFlight> inFlight(long nowMicros) {
        lock.lock();
        try {
            List<InFlight> all = windows.tell(nowMicros);
            if (oldestUnsettled() > windows.olderUpTo()) {
                windows.age(accepted);
            }
            return all;
        } finally {
            lock.unlock();
        }
    }

    /** The books at one instant. */
    public record Books(long accepted, long stored, long lost, StoreStatus.Queue queue) {}

    /** The books at one instant. */
    public Books books() {
        lock.lock();
        try {
            long oldestMs = live == 0 ? 0 : (clock.nanos() - oldestNanos()) / 1_000_000;
            return new Books(
                    accepted,
                    stored,
                    lost,
                    new StoreStatus.Queue(live + inHand, bytes, limitRecords, limitBytes, Math.max(0, oldestMs)));
        } finally {
            lock.unlock();
        }
    }
}
