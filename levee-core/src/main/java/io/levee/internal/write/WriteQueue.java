package io.levee.internal.write;

import io.levee.Bytes;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.LossReason;
import io.levee.Overflow;
import io.levee.engine.InFlight;
import io.levee.engine.WriteRow.Outcome;
import io.levee.internal.time.MonotonicClock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The one bounded queue between callers and the writer. Thread-safe.
 *
 * <p>Invariants, all under {@code lock}:
 * <ol>
 *   <li>a record counts against both limits from its acceptance until it is settled, whether it is in the ring, in a lane or in the
 *       writer's hands, so there is no hidden second queue;
 *   <li>accepted = stored + queued + lost + uncertain, exactly, at every instant ({@link Accounts});
 *   <li>a record that somebody waits for, that is uncertain, or that the writer has in its hands is never evicted;
 *   <li>what is in a lane or in the writer's hands is older than what is in the ring.
 * </ol>
 */
public final class WriteQueue {
    /** Entries that one take looks at and finds blocked: producers must not wait for long. */
    private static final int MOST_BLOCKED = 20_000;

    private static final long IDLE = Duration.ofSeconds(1).toNanos();

    private final LossLog losses;
    private final MonotonicClock clock;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition notEmpty = lock.newCondition();
    private final Condition room = lock.newCondition();
    private final Condition settled = lock.newCondition();
    private final Accounts accounts;
    private final @Nullable Spill spill;
    private final Function<String, @Nullable TableState> tables;
    private final Ring ring = new Ring();
    private final Lanes lanes = new Lanes();
    private final Linger linger = new Linger();
    private final InFlightWindows windows = new InFlightWindows();
    /** What the writer took last; what of it is settled or went to a lane says so itself. */
    private List<Pending> hand = List.of();

    private long tickets;
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
        this.spill = spill;
        this.tables = tables;
        this.accounts = new Accounts(limitRecords, limitBytes, losses);
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
            if (policy instanceof Overflow.Reject) {
                requireOpen();
                accounts.requireRoom(
                        records.size(),
                        records.stream().mapToLong(Pending::bytes).sum());
            }
            long nanos = clock.nanos();
            int shed = 0;
            for (int i = 0; i < records.size(); i++) {
                try {
                    admit(records.get(i), policy, nanos);
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

    private void admit(Pending record, Overflow policy, long nanos) {
        requireOpen();
        if (spill != null && spill.before(record.table())) {
            if (!record.waited() && record.source() == null) {
                spillOrShed(record, spill, policy);
                return;
            }
            if (record.table().spec().keyed()) {
                throw behindSpill(record.table());
            }
        }
        if (!accounts.fits(record)) {
            accounts.requirePossible(record);
            if (policy instanceof Overflow.Spill && !record.waited() && record.source() == null) {
                spillOrShed(record, requireSpill(), policy);
                return;
            }
            makeRoom(record, policy, nanos);
        }
        accounts.accepted(record);
        windows.accepted(record.table().inFlight(), record.timeMicros());
        enqueue(record, nanos);
    }

    private Spill requireSpill() {
        if (spill == null) {
            throw new LeveeException(ErrorCode.BAD_VALUE, "the store was opened without a place to spill records to")
                    .hint("open it with overflow(Overflow.spill(...))");
        }
        return spill;
    }

    private void spillOrShed(Pending record, Spill into, Overflow policy) {
        if (into.offer(record)) {
            accounts.spilled();
            windows.accepted(record.table().inFlight(), record.timeMicros());
            if (ring.size() == 0 && accounts.halfEmpty()) {
                hurry();
            }
        } else if (policy instanceof Overflow.Block || policy instanceof Overflow.Reject) {
            throw accounts.full();
        } else {
            shed(record);
        }
    }

    private static LeveeException behindSpill(TableState table) {
        return new LeveeException(
                        ErrorCode.QUEUE_FULL,
                        "records of " + table.spec().name()
                                + " that were accepted before are in the spill file and must be written first")
                .with("table", table.spec().name())
                .hint("try again when the writer has caught up");
    }

    private void shed(Pending record) {
        accounts.shed(record);
        windows.accepted(record.table().inFlight(), record.timeMicros());
        throw new Shed();
    }

    private void makeRoom(Pending record, Overflow policy, long nanos) {
        if (policy instanceof Overflow.Block block) {
            awaitRoom(record, nanos + block.timeout().toNanos());
        } else if (policy instanceof Overflow.DropOldest) {
            if (!accounts.wouldFit(
                    record, ring.evictable() + lanes.evictable(), ring.evictableBytes() + lanes.evictableBytes())) {
                // Evicting everything would not be enough: then nothing is lost for it.
                throw accounts.full();
            }
            while (!accounts.fits(record)) {
                evictOldest();
            }
        } else if (policy instanceof Overflow.DropNewest && !record.waited()) {
            shed(record);
        } else {
            throw accounts.full();
        }
    }

    /** Tells {@link WriteService} that the new record itself was shed: accepted, counted as lost, not an error. */
    static final class Shed extends LeveeException {
        private static final long serialVersionUID = 1L;

        Shed() {
            super(ErrorCode.QUEUE_FULL, "the newest record was shed");
        }
    }

    private void awaitRoom(Pending record, long endNanos) {
        hurry();
        while (!accounts.fits(record)) {
            long left = endNanos - clock.nanos();
            if (left <= 0) {
                throw accounts.full();
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

    /** What waits in a lane is older than all of the ring. */
    private void evictOldest() {
        Pending oldest = lanes.evictOldest();
        if (oldest == null) {
            oldest = ring.evictOldest();
        }
        if (oldest == null) {
            throw accounts.full();
        }
        accounts.evicted(oldest);
        leftSpill(oldest);
    }

    private void leftSpill(Pending record) {
        SpillSegment segment = record.spilled();
        if (segment != null && spill != null) {
            spill.settled(segment);
        }
    }

    /** Queues again some of what was spilled, as far as there is room. Writer thread. Returns whether there is room for more. */
    boolean refill() {
        if (spill == null) {
            return false;
        }
        SpillSegment from;
        lock.lock();
        try {
            if (!accounts.halfEmpty() || !spill.unreadLeft()) {
                return false;
            }
            spill.flush();
            from = spill.toRead();
        } finally {
            lock.unlock();
        }
        List<SpillCodec.Spilled> read = from == null ? List.of() : spill.read(from);
        lock.lock();
        try {
            if (from != null) {
                spill.ahead(from, read);
            }
            long nanos = clock.nanos();
            for (Spill.Read next = spill.peek(); next != null; next = spill.peek()) {
                if (!readBack(next, nanos)) {
                    break;
                }
                spill.handed();
            }
            spill.free();
            return from != null && !read.isEmpty() && spill.peek() == null;
        } finally {
            lock.unlock();
        }
    }

    /** Queues a record of a spill file again; false where there is no room. */
    private boolean readBack(Spill.Read next, long nanos) {
        SpillCodec.Spilled from = next.record();
        TableState table = tables.apply(from.table());
        if (table == null) {
            accounts.homeless(from);
            return true;
        }
        Pending record = new Pending(table, from.values(), from.timeMicros(), WriteService.bytes(from.values()), null);
        if (!accounts.fits(record)) {
            return false;
        }
        record.source(from.mark());
        record.spilled(next.segment());
        if (next.segment().inherited()) {
            accounts.accepted(record);
            windows.accepted(table.inFlight(), record.timeMicros());
        } else {
            accounts.readBack(record);
        }
        enqueue(record, nanos);
        return true;
    }

    private void enqueue(Pending entry, long nanos) {
        tickets++;
        entry.queued(tickets, nanos);
        ring.add(entry);
        if (ring.size() == 1 || ring.size() == linger.goal() || ring.waited() == 1 && entry.waited()) {
            notEmpty.signal();
        }
    }

    /** Gives a change its place among the records: after what was accepted before, before what is accepted later. */
    void offer(Change change) {
        lock.lock();
        try {
            requireOpen();
            if (spill != null && change.table().spec().keyed() && change.key() != null && !spill.over()) {
                throw behindSpill(change.table());
            }
            enqueue(change, clock.nanos());
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
            Batch batch = new Batch(maxRecords, maxBytes);
            long nanos = clock.nanos();
            lanes.handOutDue(batch, nanos);
            takeFromRing(batch, nanos);
            hand = batch.entries();
            linger.took(hand.size());
            return hand;
        } finally {
            lock.unlock();
        }
    }

    private void takeFromRing(Batch batch, long nanos) {
        int blocked = 0;
        for (Pending next = ring.peek(); next != null && blocked < MOST_BLOCKED; next = ring.peek()) {
            if (lanes.blocks(next)) {
                ring.remove();
                lanes.add(next, nanos);
                blocked++;
            } else if (batch.takes(next)) {
                ring.remove();
                batch.add(next);
            } else {
                return;
            }
        }
    }

    private void awaitWork(int maxRecords, long untilNanos) throws InterruptedException {
        long latest = Math.min(untilNanos, clock.nanos() + IDLE);
        linger.begin(maxRecords);
        while (!hurry && !(closed && (ring.size() > 0 || lanes.isEmpty()))) {
            long nanos = clock.nanos();
            long left = lanes.nextDueNanos(latest) - nanos;
            if (ring.size() > 0 && spill != null && spill.unreadLeft()) {
                return;
            } else if (ring.size() > 0) {
                left = Math.min(left, linger.leftNanos(ring, nanos));
            }
            if (left <= 0) {
                return;
            }
            notEmpty.awaitNanos(left);
        }
    }

    /**
     * The writer has tried rows of one table: what is settled leaves the books, the rest waits in the table's lane.
     *
     * @param rows all rows of the table that it was handed at once
     */
    void tried(TableState table, List<Pending> rows) {
        lock.lock();
        try {
            for (Pending row : rows) {
                row.inHand(false);
                if (accounts.tried(row)) {
                    leftSpill(row);
                }
            }
            if (spill != null) {
                spill.free();
            }
            lanes.tried(table, rows, clock.nanos());
            for (Pending row : rows) {
                if (row.outcome() == Outcome.RETRY) {
                    row.settle(Outcome.PENDING, 0, null);
                }
            }
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
            change.inHand(false);
            lanes.tried(change.table(), List.of(), clock.nanos());
            settled.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** What waits in lanes, and somebody waits for it since before a time: now in the writer's hands, but for uncertain records. */
    List<Pending> overdue(Duration patience) {
        lock.lock();
        try {
            List<Pending> late = lanes.overdue(clock.nanos() - patience.toNanos());
            hand = late.isEmpty() ? hand : late;
            return late;
        } finally {
            lock.unlock();
        }
    }

    /** What a writer that failed had in its hands and did not settle. */
    List<Pending> leftInHand() {
        lock.lock();
        try {
            return hand.stream().filter(Pending::inHand).toList();
        } finally {
            lock.unlock();
        }
    }

    /** Takes everything that is left, to be given up. */
    List<Pending> takeAll() {
        lock.lock();
        try {
            List<Pending> all = new ArrayList<>();
            lanes.handOutAll(all);
            for (Pending next = ring.peek(); next != null; next = ring.peek()) {
                ring.remove();
                next.inHand(true);
                all.add(next);
            }
            return all;
        } finally {
            lock.unlock();
        }
    }

    /** The writer hangs and the store closes: whether what it has in its hands was written, nobody knows. */
    void doubtHand() {
        lock.lock();
        try {
            for (Pending row : hand) {
                if (row.inHand() && row.record()) {
                    accounts.doubt(row);
                    losses.note(row.table().spec().name(), row.timeMicros(), LossReason.UNCERTAIN);
                }
            }
        } finally {
            lock.unlock();
        }
    }

    /** Whether nothing is left to do. */
    boolean drained() {
        lock.lock();
        try {
            return accounts.unsettled() == 0
                    && ring.size() == 0
                    && lanes.isEmpty()
                    && (spill == null || !spill.unreadLeft());
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

    /** Waits until everything accepted before this call is settled. */
    boolean awaitSettled(Duration timeout) {
        lock.lock();
        try {
            long goal = tickets;
            long spilledUpTo = spill == null ? 0 : spill.lastPosition();
            boolean spilled = spill != null;
            long end = clock.nanos() + timeout.toNanos();
            while (spilled || oldestUnsettled() <= goal) {
                if (spilled && spill != null && spill.readUpTo(spilledUpTo)) {
                    // What was spilled before this call has its places in the queue by now.
                    spilled = false;
                    goal = tickets;
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

    /** Records may be settled out of order, so their number does not tell: the lowest ticket does. */
    private long oldestUnsettled() {
        long oldest = lanes.oldest();
        for (Pending entry : hand) {
            if (entry.inHand() && entry.ticket() < oldest) {
                oldest = entry.ticket();
            }
        }
        Pending first = ring.peek();
        return first == null ? oldest : Math.min(oldest, first.ticket());
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
                windows.age(tickets);
            }
            return all;
        } finally {
            lock.unlock();
        }
    }

    /** Begins a new spill file, so that what is spilled by now leaves the disk once it is settled. Returns the last position of it. */
    long sealSpill() {
        lock.lock();
        try {
            if (spill == null) {
                return 0;
            }
            spill.seal();
            return spill.lastPosition();
        } finally {
            lock.unlock();
        }
    }

    /** Whether records up to a position are still in spill files. */
    boolean spillHolds(long position) {
        lock.lock();
        try {
            return spill != null && spill.holds(position);
        } finally {
            lock.unlock();
        }
    }

    /** Closes the spill files, after the writer's end. Returns what failed, or null. */
    @Nullable
    String closeSpill() {
        lock.lock();
        try {
            return spill == null ? null : spill.close();
        } finally {
            lock.unlock();
        }
    }

    /** What keeps the spill from working, or null. */
    @Nullable
    String spillTrouble() {
        return spill == null ? null : spill.trouble();
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
        lock.lock();
        try {
            long oldest = Math.min(lanes.oldestNanos(), ring.oldestNanos());
            long now = clock.nanos();
            return accounts.books(
                    oldest == Long.MAX_VALUE ? 0 : (now - oldest) / 1_000_000,
                    spill == null ? 0 : spill.bytes(),
                    spill == null ? 0 : spill.limitBytes());
        } finally {
            lock.unlock();
        }
    }
}
