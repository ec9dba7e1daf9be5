package io.levee.internal.write;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.Overflow;
import org.jspecify.annotations.Nullable;

/** What becomes of a new record, by the limits and the overflow policy. Guarded by the queue's lock; waits for nobody. */
final class Admission {
    private final Accounts accounts;
    private final Ring ring;
    private final Lanes lanes;
    private final InFlightWindows windows;
    private final @Nullable Spill spill;

    Admission(Accounts accounts, Ring ring, Lanes lanes, InFlightWindows windows, @Nullable Spill spill) {
        this.accounts = accounts;
        this.ring = ring;
        this.lanes = lanes;
        this.windows = windows;
        this.spill = spill;
    }

    /** Where a record goes. */
    enum Way {
        /** There is room for it in the queue now. */
        QUEUE,
        /** It is in a spill file. */
        SPILLED,
        /** There is no room, and the policy is to wait for some. */
        WAIT
    }

    /** Tells {@link WriteService} that the new record itself was shed: accepted, counted as lost, not an error. */
    static final class Shed extends LeveeException {
        private static final long serialVersionUID = 1L;

        Shed() {
            super(ErrorCode.QUEUE_FULL, "the newest record was shed");
        }
    }

    /**
     * Makes room for a record as the policy says.
     *
     * @throws LeveeException {@code QUEUE_FULL}: the record was not accepted; {@link Shed}
     */
    Way way(Pending record, Overflow policy) {
        // A source is read again, and has positions of its own: its rows wait rather than be spilled.
        boolean spillable = !record.waited() && record.source() == null;
        if (spill != null && spill.before(record.table())) {
            accounts.requirePossible(record);
            if (spillable) {
                return spillOrShed(record, spill, policy);
            }
            if (record.table().spec().keyed()) {
                throw behindSpill(record.table());
            }
        }
        if (accounts.fits(record)) {
            return Way.QUEUE;
        }
        accounts.requirePossible(record);
        if (policy instanceof Overflow.Block) {
            return Way.WAIT;
        }
        if (policy instanceof Overflow.Spill && spillable) {
            return spillOrShed(record, requireSpill(), policy);
        }
        makeRoom(record, policy);
        return Way.QUEUE;
    }

    private void makeRoom(Pending record, Overflow policy) {
        if (policy instanceof Overflow.DropOldest) {
            if (!accounts.wouldFit(
                    record, ring.evictable() + lanes.evictable(), ring.evictableBytes() + lanes.evictableBytes())) {
                // Evicting everything would not be enough: then nothing else is lost for it.
                throw record.waited() ? accounts.full() : shed(record);
            }
            while (!accounts.fits(record)) {
                evictOldest();
            }
        } else if (policy instanceof Overflow.DropNewest && !record.waited()) {
            throw shed(record);
        } else {
            throw accounts.full();
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
        SpillSegment file = oldest.spilled();
        if (file != null && spill != null) {
            spill.settled(file);
        }
    }

    private Shed shed(Pending record) {
        accounts.shed(record);
        windows.accepted(record.table().inFlight(), record.timeMicros());
        return new Shed();
    }

    private Spill requireSpill() {
        if (spill == null) {
            throw new LeveeException(ErrorCode.BAD_VALUE, "the store was opened without a place to spill records to")
                    .hint("open it with overflow(Overflow.spill(...))");
        }
        return spill;
    }

    private Way spillOrShed(Pending record, Spill into, Overflow policy) {
        if (into.offer(record)) {
            accounts.spilled();
            windows.accepted(record.table().inFlight(), record.timeMicros());
            return Way.SPILLED;
        }
        if (policy instanceof Overflow.Block || policy instanceof Overflow.Reject) {
            throw accounts.full();
        }
        throw shed(record);
    }

    /** A change by key must not overtake a spilled record of the key. */
    void requireNotBehindSpill(Change change) {
        if (spill != null && change.table().spec().keyed() && change.key() != null && !spill.over()) {
            throw behindSpill(change.table());
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
}
