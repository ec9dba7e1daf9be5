package io.levee.sqlite;

import io.levee.Ack;
import io.levee.LeveeException;
import io.levee.PartitionId;
import io.levee.TableSpec;
import java.sql.SQLException;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/** The copies that rows left behind when they moved: which there are, and how they go. Owned by the writer thread. */
final class LeftCopies {
    private static final System.Logger LOG = System.getLogger("io.levee.sqlite");

    private final Manifest manifest;
    private final OpenPartitions open;
    private final StorePaths paths;
    private final Homes homes;
    private final Transactions transactions;
    private final Overrides overrides;

    LeftCopies(
            Manifest manifest,
            OpenPartitions open,
            StorePaths paths,
            Homes homes,
            Transactions transactions,
            Overrides overrides) {
        this.overrides = overrides;
        this.manifest = manifest;
        this.open = open;
        this.paths = paths;
        this.homes = homes;
        this.transactions = transactions;
    }

    /**
     * Tells queries which copies do not count, by what a partition notes of rows that came to it.
     *
     * @param nobody whether nobody reads yet
     */
    void tell(TableSpec spec, Partition to, Map<PartitionId, Map<Long, Long>> notes, boolean nobody)
            throws SQLException {
        homes.forgetLeaving(to.id());
        for (Map.Entry<PartitionId, Map<Long, Long>> note : notes.entrySet()) {
            Partition from = manifest.get(note.getKey());
            if (from == null || from.adopted() == null && Partition.size(paths.partition(from)) == 0) {
                continue;
            }
            Map<Long, Long> moved = note.getValue();
            for (long number : older(spec, from, moved)) {
                long change = Objects.requireNonNull(moved.get(number));
                if (nobody) {
                    homes.leftBefore(from.id(), number, change);
                } else {
                    homes.arrived(homes.leaving(from.id(), to.id(), List.of(number), change));
                }
            }
        }
    }

    /** Those of which it has a copy that does not count. */
    private List<Long> older(TableSpec spec, Partition from, Map<Long, Long> moved) throws SQLException {
        Adopted adopted = from.adopted();
        if (adopted != null) {
            return moved.keySet().stream()
                    .filter(seq -> adopted.holds(seq) && !overrides.holds(from.id(), seq + adopted.base()))
                    .toList();
        }
        PartitionWriter writer = open.get(from.id());
        return writer == null
                ? MoveNotes.older(paths.partition(from), spec.name(), moved)
                : MoveNotes.older(writer.connection(), spec.name(), moved);
    }

    /** Deletes what these left behind, which no query needs any more; false where that cannot be done now. */
    boolean finish(TableSpec spec, List<Homes.Trip> over) {
        Map<Long, Long> moved = new HashMap<>();
        for (Homes.Trip trip : over) {
            trip.numbers().forEach(number -> moved.merge(number, trip.change(), Math::max));
        }
        Partition from = manifest.get(over.get(0).from());
        try {
            if (from != null && !delete(spec, from, moved, Ack.COMMITTED)) {
                return false;
            }
        } catch (LeveeException e) {
            if (!Trouble.later(e)) {
                throw e;
            }
            LOG.log(System.Logger.Level.DEBUG, "rows that were moved stay where they were for now", e);
            return false;
        }
        over.forEach(homes::ended);
        return true;
    }

    /**
     * Deletes at once and durably what rows left behind that are to be deleted, whoever reads: else it would be there again when the row
     * is gone.
     *
     * @throws LeveeException {@code PARTITION_BUSY} where that cannot be done now
     */
    void forget(TableSpec spec, Set<Long> numbers) {
        Map<PartitionId, Map<Long, Long>> copies = new LinkedHashMap<>();
        for (Homes.Trip trip : homes.of(spec.name(), numbers)) {
            trip.numbers().stream()
                    .filter(n -> numbers.contains(n) && homes.left(trip.from(), n))
                    .forEach(n -> copies.computeIfAbsent(trip.from(), f -> new HashMap<>())
                            .merge(n, trip.change(), Math::max));
        }
        copies.forEach((id, moved) -> {
            Partition from = manifest.get(id);
            if (from != null && !delete(spec, from, moved, Ack.DURABLE)) {
                throw Trouble.busy(from).error();
            }
        });
    }

    /** Deletes copies durably; false where a reader or another process keeps that from being done now. */
    boolean deleteDurably(TableSpec spec, Partition from, Map<Long, Long> moved) throws SQLException {
        if (from.adopted() != null) {
            return delete(spec, from, moved, Ack.DURABLE);
        }
        PartitionWriter writer = open.get(from.id());
        boolean closed = writer == null && from.state() == Partition.State.CLOSED;
        if (closed && MoveNotes.older(paths.partition(from), spec.name(), moved).isEmpty()) {
            return true;
        }
        if (writer != null
                && writer.unsyncedFrom() > writer.unsyncedTo()
                && !writer.dirty()
                && MoveNotes.older(writer.connection(), spec.name(), moved).isEmpty()) {
            return true;
        }
        // Durable: the note goes next, and with it the only other place that knows.
        return delete(spec, from, moved, Ack.DURABLE);
    }

    /** Deletes rows that no record has changed, durably; returns which. */
    Set<Long> deleteUnchanged(TableSpec spec, Partition from, Collection<Long> numbers) {
        Map<Long, Long> unchanged = new HashMap<>();
        numbers.forEach(number -> unchanged.put(number, Moves.FIRST_CHANGE));
        try {
            unchanged.keySet().retainAll(older(spec, from, unchanged));
        } catch (SQLException e) {
            throw Volume.failure("rows cannot be looked up", paths.partition(from), paths, e);
        }
        if (!unchanged.isEmpty() && !delete(spec, from, unchanged, Ack.DURABLE)) {
            throw Trouble.busy(from).error();
        }
        return unchanged.keySet();
    }

    /** Deletes copies that are older than the change that took their rows away; false where that cannot be done now. */
    private boolean delete(TableSpec spec, Partition from, Map<Long, Long> moved, Ack level) {
        Adopted adopted = from.adopted();
        if (adopted != null) {
            List<Long> numbers =
                    moved.keySet().stream().map(seq -> seq + adopted.base()).toList();
            overrides.add(from.id(), numbers, level == Ack.DURABLE);
            return true;
        }
        PartitionWriter writer = open.forUpdates(spec, from);
        if (writer == null) {
            return from.state() == Partition.State.DROPPED;
        }
        if (!transactions.begin(writer, level)) {
            return false;
        }
        Partition.Held before = from.held();
        boolean ended = false;
        boolean committing = false;
        try {
            int deleted = MoveNotes.delete(writer, MoveNotes.older(writer.connection(), spec.name(), moved));
            Partition.Held after = before.withRows(before.rows() - deleted);
            writer.statistics(after, before.maxSeq());
            committing = true;
            writer.commit(Long.MAX_VALUE, Long.MIN_VALUE);
            ended = true;
            from.held(after);
            return true;
        } catch (SQLException e) {
            writer.rollback();
            ended = true;
            Trouble met = transactions.trouble(writer, "moved rows cannot be deleted where they were", e, committing);
            if (met.kind() == Trouble.Kind.DAMAGED
                    && open.setAside(from, met.error().what())) {
                return true;
            }
            throw met.error();
        } finally {
            if (!ended) {
                writer.rollback();
            }
        }
    }
}
