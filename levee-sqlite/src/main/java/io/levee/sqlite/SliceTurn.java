package io.levee.sqlite;

import io.levee.Ack;
import io.levee.engine.MigrationRecord;
import io.levee.engine.SliceOrder;
import io.levee.engine.SliceOutcome;
import io.levee.internal.time.MonotonicClock;
import java.sql.SQLException;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** A migration's turn in one partition: opens it for writing, and works a slice within a transaction. Writer thread. */
final class SliceTurn {
    private final MigrationRecord record;
    private final SliceOrder order;
    private final Partition partition;
    private final Transactions transactions;
    private final @Nullable PartitionWriter writer;
    private final long bound;
    private final Instant now;
    private final long begun = MonotonicClock.SYSTEM.nanos();

    /**
     * A turn.
     *
     * @param bound numbers from here on were given after the declaration
     */
    SliceTurn(
            MigrationRecord record,
            SliceOrder order,
            OpenPartitions open,
            StorePaths paths,
            Partition partition,
            long bound,
            Instant now) {
        this.record = record;
        this.order = order;
        this.partition = partition;
        this.transactions = new Transactions(open, paths);
        this.writer = partition.state() == Partition.State.DROPPED ? null : open.forUpdates(order.spec(), partition);
        this.bound = bound;
        this.now = now;
    }

    /**
     * Begins with a partition before rows of it are read: what comes to it from then on is noted, since nobody will read it on the way by
     * numbers.
     *
     * @return whether it has begun; the next slice tells why not
     */
    boolean begin() {
        if (writer == null || !transactions.begin(writer, Ack.COMMITTED)) {
            return false;
        }
        return within(writer, "begin", () -> {
            MigrationSlice slice = new MigrationSlice(record, order, writer, bound, now);
            if (slice.begun() == null) {
                slice.begin().write(writer.connection(), record.id());
            }
            return true;
        });
    }

    /** Works a slice. */
    SliceOutcome work() {
        if (partition.state() == Partition.State.DROPPED) {
            return new SliceOutcome(0, 0, 0, true, 0, "");
        }
        if (writer == null || !transactions.begin(writer, Ack.COMMITTED)) {
            return SliceOutcome.waiting(
                    partition.id() + " is in use: it is being rewritten, or another process reads it");
        }
        Worked worked = within(writer, "write", () -> work(writer));
        MigrationMark mark = worked.mark;
        if (mark.done()) {
            MigrationMark done = mark;
            mark = transactions.begin(writer, Ack.DURABLE)
                    ? within(writer, "write", () -> {
                        done.write(writer.connection(), record.id());
                        return done;
                    })
                    : open(mark);
        }
        return new SliceOutcome(
                mark.seen() - worked.seenBefore,
                worked.changed,
                mark.seen(),
                mark.done(),
                MonotonicClock.SYSTEM.nanos() - begun,
                "");
    }

    private record Worked(MigrationMark mark, long seenBefore, long changed) {}

    private Worked work(PartitionWriter own) throws SQLException {
        MigrationSlice slice = new MigrationSlice(record, order, own, bound, now);
        MigrationMark before = slice.begun();
        MigrationMark mark = slice.run();
        if (mark.done() && (before == null || !before.done())) {
            // Said by the next transaction, which is synced.
            open(mark).write(own.connection(), record.id());
        }
        return new Worked(mark, before == null ? 0 : before.seen(), slice.changed());
    }

    private static MigrationMark open(MigrationMark mark) {
        return mark.after(mark.cursor(), 0, 0, false);
    }

    @FunctionalInterface
    private interface Body<T> {
        T run() throws SQLException;
    }

    /** Does something within the transaction that was begun, and commits it; undoes it where that fails. */
    private <T> T within(PartitionWriter own, String what, Body<T> body) {
        boolean committing = false;
        boolean ended = false;
        try {
            T made = body.run();
            committing = true;
            own.commit(partition.held(), 0);
            ended = true;
            return made;
        } catch (SQLException e) {
            own.rollback();
            ended = true;
            throw transactions
                    .trouble(own, "the migration " + record.id() + " cannot " + what, e, committing)
                    .error();
        } finally {
            if (!ended) {
                own.rollback();
            }
        }
    }
}
