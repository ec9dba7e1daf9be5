package io.levee.internal.write;

import io.levee.Bytes;
import io.levee.LeveeException;
import io.levee.LossReason;
import io.levee.Overflow;
import io.levee.engine.InFlight;
import io.levee.engine.WriteRow.Outcome;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * What the queue holds: ring, lanes, the writer's hands and the spill, with the books of all. Guarded by the queue's lock; waits for
 * nobody.
 *
 * <p>Invariants:
 * <ol>
 *   <li>a record counts against both limits from its acceptance until it is settled, whether it is in the ring, in a lane or in the
 *       writer's hands, so there is no hidden second queue;
 *   <li>a record that somebody waits for, that is uncertain, or that the writer has in its hands is never evicted;
 *   <li>what is in a lane or in the writer's hands is older than what is in the ring, and that is older than what is spilled.
 * </ol>
 */
final class Stock {
    /** Entries that one look finds blocked: producers must not wait for long. */
    private static final int MOST_BLOCKED = 20_000;

    private final Accounts accounts;
    private final LossLog losses;
    private final @Nullable Spill spill;
    private final Function<String, @Nullable TableState> tables;
    private final Ring ring = new Ring();
    private final Lanes lanes = new Lanes();
    private final InFlightWindows windows = new InFlightWindows();
    private final Admission admission;
    /** What the writer took last; what of it is settled or went to a lane says so itself. */
    private List<Pending> hand = List.of();

    private long tickets;

    Stock(
            int limitRecords,
            Bytes limitBytes,
            LossLog losses,
            @Nullable Spill spill,
            Function<String, @Nullable TableState> tables) {
        this.accounts = new Accounts(limitRecords, limitBytes, losses);
        this.losses = losses;
        this.spill = spill;
        this.tables = tables;
        this.admission = new Admission(accounts, ring, lanes, windows, spill);
    }

    /**
     * Takes a record, or sheds by the policy.
     *
     * @return false where the policy is to wait for room
     * @throws LeveeException {@code QUEUE_FULL}: the record was not accepted; {@link Admission.Shed}
     */
    boolean admit(Pending record, Overflow policy, long nanos) {
        Admission.Way way = admission.way(record, policy);
        if (way == Admission.Way.QUEUE) {
            accounts.accepted(record);
            windows.accepted(record.table().inFlight(), record.timeMicros());
            enqueue(record, nanos);
        }
        return way != Admission.Way.WAIT;
    }

    /** Refuses a batch that does not fit as a whole. */
    void requireRoom(List<Pending> records) {
        accounts.requireRoom(
                records.size(), records.stream().mapToLong(Pending::bytes).sum());
    }

    LeveeException full() {
        return accounts.full();
    }

    /** Gives a change its place: after what was accepted before, before what is accepted later. */
    void admit(Change change, long nanos) {
        admission.requireNotBehindSpill(change);
        enqueue(change, nanos);
    }

    private void enqueue(Pending entry, long nanos) {
        tickets++;
        entry.queued(tickets, nanos);
        ring.add(entry);
    }

    /** Fills a batch: with what waited in lanes and is due, then from the ring. */
    List<Pending> handOut(Batch batch, long nanos) {
        lanes.handOutDue(batch, nanos);
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
                break;
            }
        }
        hand = batch.entries();
        return hand;
    }

    /** The writer has tried rows of one table: what is settled leaves the books, the rest waits in the table's lane. */
    void tried(TableState table, List<Pending> rows, long nanos) {
        for (Pending row : rows) {
            row.inHand(false);
            SpillSegment file = row.spilled();
            if (accounts.tried(row) && file != null) {
                requireSpill().settled(file);
            }
        }
        if (spill != null) {
            spill.free();
        }
        lanes.tried(table, rows, nanos);
        for (Pending row : rows) {
            if (row.outcome() == Outcome.RETRY) {
                row.settle(Outcome.PENDING, 0, null);
            }
        }
    }

    /** The writer has made a change, or given it up. */
    void made(Change change, long nanos) {
        change.inHand(false);
        lanes.tried(change.table(), List.of(), nanos);
    }

    /** Takes out what waits in lanes, and somebody waits for it since before a time; uncertain records are only shown. */
    List<Pending> overdue(long beforeNanos) {
        List<Pending> late = lanes.overdue(beforeNanos);
        hand = late.isEmpty() ? hand : late;
        return late;
    }

    /** What the writer has in its hands and did not settle. */
    List<Pending> inHand() {
        return hand.stream().filter(Pending::inHand).toList();
    }

    /** Takes everything that is left, to be given up. */
    List<Pending> takeAll() {
        List<Pending> all = new ArrayList<>();
        lanes.handOutAll(all);
        for (Pending next = ring.peek(); next != null; next = ring.peek()) {
            ring.remove();
            next.inHand(true);
            all.add(next);
        }
        return all;
    }

    /** Whether what the writer has in its hands was written, nobody will know. */
    void doubtHand() {
        for (Pending row : inHand()) {
            if (row.record()) {
                accounts.doubt(row);
                losses.note(row.table().spec().name(), row.timeMicros(), LossReason.UNCERTAIN);
            }
        }
    }

    /** The spill file to read next, or null where there is nothing to read or no room for it. */
    @Nullable
    SpillSegment toReadBack() {
        if (spill == null || !accounts.halfEmpty() || !spill.unreadLeft()) {
            return null;
        }
        spill.flush();
        return spill.toRead();
    }

    private Spill requireSpill() {
        return Objects.requireNonNull(spill, "something was spilled without a spill");
    }

    /** Reads on in a spill file. Writer thread, without the lock. */
    List<SpillCodec.Spilled> read(SpillSegment from) {
        return requireSpill().read(from);
    }

    /** Queues again what was read, and what did not fit before. */
    void readBack(@Nullable SpillSegment from, List<SpillCodec.Spilled> read, long nanos) {
        if (spill == null) {
            return;
        }
        if (from != null) {
            spill.ahead(from, read);
        }
        Spill.Read next = spill.peek();
        while (next != null && readBack(next, nanos)) {
            spill.handed();
            next = spill.peek();
        }
        spill.free();
    }

    /** Queues a record of a spill file again; false where there is no room. */
    private boolean readBack(Spill.Read next, long nanos) {
        SpillCodec.Spilled from = next.record();
        TableState table = tables.apply(from.table());
        Pending record = table == null
                ? null
                : new Pending(table, from.values(), from.timeMicros(), WriteService.bytes(from.values()), null);
        if (table == null || record == null) {
            accounts.homeless(from);
            requireSpill().settled(next.segment());
            return true;
        }
        if (!accounts.fits(record) && !accounts.empty()) {
            // One that is larger than today's whole queue goes alone, or it would hold up the file for good.
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

    /** Whether something spilled was not read back yet, and there is room for it. */
    boolean spillWaits() {
        return spill != null && spill.unreadLeft() && accounts.halfEmpty();
    }

    /** Whether nothing is left to do. */
    boolean drained() {
        return accounts.unsettled() == 0
                && ring.size() == 0
                && lanes.isEmpty()
                && (spill == null || !spill.unreadLeft());
    }

    /** Records may be settled out of order, so their number does not tell: the lowest ticket does. */
    long oldestUnsettled() {
        long oldest = lanes.oldest();
        for (Pending entry : hand) {
            if (entry.inHand() && entry.ticket() < oldest) {
                oldest = entry.ticket();
            }
        }
        Pending first = ring.peek();
        return first == null ? oldest : Math.min(oldest, first.ticket());
    }

    /** The last ticket given. */
    long lastTicket() {
        return tickets;
    }

    Ring ring() {
        return ring;
    }

    Lanes lanes() {
        return lanes;
    }

    @Nullable
    Spill spill() {
        return spill;
    }

    InFlightWindows windows() {
        return windows;
    }

    /** Which event times may be in flight. */
    List<InFlight> inFlight(long nowMicros) {
        List<InFlight> all = windows.tell(nowMicros);
        if (oldestUnsettled() > windows.olderUpTo() && (spill == null || !spill.unreadLeft())) {
            windows.age(tickets);
        }
        return all;
    }

    Books books(long nanos) {
        long oldest = Math.min(lanes.oldestNanos(), ring.oldestNanos());
        return accounts.books(
                oldest == Long.MAX_VALUE ? 0 : (nanos - oldest) / 1_000_000,
                spill == null ? 0 : spill.bytes(),
                spill == null ? 0 : spill.limitBytes());
    }
}
