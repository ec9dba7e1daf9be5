package io.levee.sqlite;

import io.levee.Ack;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.TableSpec;
import io.levee.engine.WriteRow;
import io.levee.internal.time.MonotonicClock;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Commits that failed without saying whether they took effect, until that was looked up. Owned by the writer thread.
 *
 * <p>A commit is all or nothing, and statistics are committed with the rows: the highest number tells. Before it is believed that
 * a commit is <em>not</em> there, something is committed in its place: frames of it that lie behind the end of the WAL would
 * come to life in the recovery after a crash. Where rows were to be durable, the partition has to leave WAL mode first: a sync
 * that failed once is never trusted when it is repeated, and moving the pages writes and syncs them anew.
 */
final class Doubts {
    /** How long a partition is asked before it is set aside as damaged. */
    private static final Duration PATIENCE = Duration.ofSeconds(5);

    private final OpenPartitions open;
    private final Transactions transactions;
    private final MonotonicClock clock = MonotonicClock.SYSTEM;
    private final List<Doubt> doubts = new ArrayList<>();

    Doubts(OpenPartitions open, Transactions transactions) {
        this.open = open;
        this.transactions = transactions;
    }

    private static final class Doubt {
        private final TableSpec spec;
        private final Partition partition;
        private final Group group;
        private final Ack level;
        private final long maxSeq;
        private final long sinceNanos;

        Doubt(TableSpec spec, Partition partition, Group group, Ack level, long maxSeq, long sinceNanos) {
            this.spec = spec;
            this.partition = partition;
            this.group = group;
            this.level = level;
            this.maxSeq = maxSeq;
            this.sinceNanos = sinceNanos;
        }
    }

    /** Told for each commit that did take effect. */
    @FunctionalInterface
    interface Stored {
        void in(TableSpec spec, Partition partition, Group group);
    }

    /** Adds a commit that failed; its connection is closed. */
    void add(TableSpec spec, Partition partition, Group group, Ack level, long maxSeq) {
        doubts.add(new Doubt(spec, partition, group, level, maxSeq, clock.nanos()));
    }

    /**
     * Looks up what can be looked up of a table: rows that are there are settled as stored, rows that are not become pending.
     *
     * @return the rows that are not to be written now: they are there, or nobody knows yet
     */
    Set<WriteRow> resolve(TableSpec spec, Stored stored) {
        Set<WriteRow> done = Collections.newSetFromMap(new IdentityHashMap<>());
        for (Iterator<Doubt> all = doubts.iterator(); all.hasNext(); ) {
            Doubt doubt = all.next();
            if (!doubt.spec.name().equals(spec.name())) {
                continue;
            }
            LeveeException[] why = new LeveeException[1];
            Boolean there = there(spec, doubt, stored, why);
            if (there == null) {
                doubt.group.rows().forEach(row -> row.settle(WriteRow.Outcome.UNCERTAIN, row.seq(), why[0]));
                doubt.group.rows().forEach(done::add);
                continue;
            }
            all.remove();
            if (there) {
                doubt.group.stored();
                doubt.group.rows().forEach(done::add);
                stored.in(spec, doubt.partition, doubt.group);
            } else {
                doubt.group.rows().forEach(row -> row.settle(WriteRow.Outcome.PENDING, 0, null));
            }
        }
        return done;
    }

    boolean none() {
        return doubts.isEmpty();
    }

    /**
     * Why nothing is written to a partition now, or null: what is committed there before a doubt is looked up would have higher numbers, and
     * the failed commit would be taken for one that is there.
     */
    @Nullable
    Trouble about(Partition partition) {
        return first(doubt -> doubt.partition == partition);
    }

    /** Why a row of a key cannot be written now, or null: it may have come to life by a commit in doubt, and must not be stored beside that. */
    @Nullable
    Trouble about(TableSpec spec, long hash) {
        return first(doubt -> doubt.spec.name().equals(spec.name()) && doubt.group.brings(hash));
    }

    private @Nullable Trouble first(Predicate<Doubt> of) {
        return doubts.stream().filter(of).findFirst().map(Doubts::unknown).orElse(null);
    }

    private static Trouble unknown(Doubt doubt) {
        String partition = doubt.partition.id().toString();
        return new Trouble(
                Trouble.Kind.LATER,
                new LeveeException(
                                ErrorCode.PARTITION_BUSY,
                                "a commit failed in " + partition + ", and whether it took effect is not known yet")
                        .with("partition", partition));
    }

    /** Whether the commit took effect; null, with the reason, where that cannot be known yet. */
    private @Nullable Boolean there(TableSpec spec, Doubt doubt, Stored stored, @Nullable LeveeException[] why) {
        Partition partition = doubt.partition;
        if (partition.state() == Partition.State.DROPPED) {
            return false;
        }
        try {
            PartitionWriter writer = open.forUpdates(spec, partition);
            if (writer == null) {
                why[0] = Trouble.busy(partition).error();
                return null;
            }
            Trouble trouble = transactions.tryBegin(writer, Ack.COMMITTED);
            if (trouble == null) {
                trouble = commitAnew(writer);
            }
            if (trouble != null) {
                why[0] = trouble.error();
                return gone(doubt, trouble) ? Boolean.FALSE : null;
            }
            boolean there = partition.held().maxSeq() >= doubt.maxSeq;
            if (there && doubt.level == Ack.DURABLE) {
                // Its keys before its key filter is stored, or nobody would find them after the next opening.
                stored.in(spec, partition, doubt.group);
                String left = open.close(writer);
                if (!left.isEmpty()) {
                    why[0] = Trouble.busy(partition).error();
                    return null;
                }
            }
            return there;
        } catch (LeveeException e) {
            why[0] = e;
            return gone(doubt, Trouble.of(e)) ? Boolean.FALSE : null;
        }
    }

    /** Reads the statistics, and commits them again as they are. */
    private @Nullable Trouble commitAnew(PartitionWriter writer) {
        boolean committing = false;
        try {
            Partition.Held now = PartitionSchema.held(writer.connection());
            committing = true;
            writer.commitAnew(now);
            writer.partition().held(now);
            return null;
        } catch (SQLException e) {
            writer.rollback();
            return transactions.trouble(writer, "a commit in doubt cannot be looked up", e, committing);
        }
    }

    /** A partition that is damaged, or that cannot be read for so long, is set aside: then its rows are to be written again. */
    private boolean gone(Doubt doubt, Trouble trouble) {
        boolean hopeless = trouble.kind() == Trouble.Kind.DAMAGED
                || trouble.error().code() == ErrorCode.CORRUPT
                || trouble.error().code() == ErrorCode.IO_FAILED
                        && clock.nanos() - doubt.sinceNanos > PATIENCE.toNanos();
        return hopeless
                && open.setAside(
                        doubt.partition,
                        "a commit failed in it: " + trouble.error().what());
    }
}
