package io.levee.internal.migration;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.Migration;
import io.levee.MigrationStatus;
import io.levee.MigrationStatus.State;
import io.levee.MigrationStep;
import io.levee.engine.MigrationRecord;
import io.levee.internal.time.Micros;
import org.jspecify.annotations.Nullable;

/** A migration of an open store: its record, and what of it is in memory alone. Fields are written by whoever {@link Registry} lets. */
final class Live {
    final Progress progress = new Progress();
    /** As the store keeps it. */
    private volatile MigrationRecord record;
    /** With its Java function, where it has one and the program declared it. */
    private volatile @Nullable Migration declared;
    /** Whether the thread works on it now. */
    volatile boolean working;
    /** What it waits for now; empty for nothing. */
    private volatile Wait wait = Wait.NONE;
    /** Rows done, ahead of the record. */
    volatile long rowsDone;

    /**
     * What it waits for.
     *
     * @param why in words; empty for nothing
     * @param trouble what is out of order; null where it is in order to wait
     */
    record Wait(String why, @Nullable ErrorCode trouble) {
        static final Wait NONE = new Wait("", null);

        /** For something that is in order. */
        static Wait of(String why) {
            return why.isEmpty() ? NONE : new Wait(why, null);
        }

        /** For an error to pass. */
        static Wait of(LeveeException e) {
            boolean inOrder = e.code() == ErrorCode.PARTITION_BUSY || e.code() == ErrorCode.STORE_LOCKED;
            return new Wait(e.getMessage(), inOrder ? null : e.code());
        }

        boolean none() {
            return why.isEmpty();
        }
    }

    Live(MigrationRecord record) {
        this.record = record;
        this.rowsDone = record.rowsDone();
    }

    MigrationRecord record() {
        return record;
    }

    void record(MigrationRecord newRecord) {
        record = newRecord;
    }

    void waits(Wait now) {
        wait = now;
    }

    /** It is taken up: a trouble is told until something went well. */
    void taken() {
        if (wait.trouble() == null) {
            wait = Wait.NONE;
        }
    }

    void declared(Migration migration) {
        declared = migration;
    }

    /** What it does, with its Java function where there is one. */
    MigrationStep step() {
        Migration known = declared;
        return known == null ? record.step() : known.step();
    }

    /** Whether it is the program's own function, which was not declared since the opening. */
    boolean lacksFunction() {
        MigrationStep step = record.step();
        boolean java = step instanceof MigrationStep.BackfillRows || step instanceof MigrationStep.Custom;
        return java && declared == null;
    }

    boolean done() {
        return record.state() == State.DONE;
    }

    MigrationStatus status(boolean allPaused, boolean alive, long nowNanos) {
        MigrationRecord now = record;
        State state = now.state();
        if (working) {
            state = State.RUNNING;
        } else if (state == State.RUNNING || state == State.INTERRUPTED) {
            // Of a store that nobody works on, or between two pieces of work.
            state = alive ? State.PENDING : State.INTERRUPTED;
        }
        boolean open = state != State.DONE && state != State.FAILED;
        if (open && (now.paused() || allPaused) && !working) {
            state = State.PAUSED;
        }
        long done = Math.max(rowsDone, now.rowsDone());
        double rate = state == State.RUNNING ? progress.rate(nowNanos) : state == State.DONE ? mean(now) : 0;
        Double eta = state == State.DONE ? Double.valueOf(0) : Progress.eta(done, now.rowsTotal(), rate);
        Wait waits = wait;
        String note = waits.none() ? now.note() : waits.why();
        if (state == State.PAUSED && note.isEmpty()) {
            note = now.paused() ? "it was paused" : "all migrations are paused";
        }
        return new MigrationStatus(
                now.id(),
                now.table(),
                now.step().kind(),
                state,
                done,
                now.rowsTotal() < 0 ? -1 : Math.max(done, now.rowsTotal()),
                now.partitionsDone(),
                Math.max(0, now.partitionsTotal()),
                rate,
                eta,
                now.error(),
                open && state != State.PAUSED ? waits.trouble() : null,
                note,
                Micros.instant(now.updatedMicros()));
    }

    private static double mean(MigrationRecord record) {
        return record.workMicros() <= 0 ? 0 : record.rowsDone() * 1e6 / record.workMicros();
    }
}
