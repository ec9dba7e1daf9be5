package io.levee.sqlite;

import io.levee.Ack;
import io.levee.Bytes;
import io.levee.LeveeException;
import io.levee.PartitionId;
import io.levee.TableSpec;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Rows of known keys whose class has changed go to a partition of their new class, and rows that adopted databases have go to a partition of
 * the table when they are written again: what they leave there is put down in {@link Overrides} instead of deleted. Owned by the writer thread.
 *
 * <p>No transaction covers two files, so the order does: (1) the row is committed in the new partition with its number, synced, and
 * together with a note from where it comes; (2) queries that begin from here on find it there, see {@link Homes}; (3) once no query
 * needs the copy that it left behind, that is deleted. Nobody reads for most rows: then the old partition is locked and the row deleted
 * in it before (1), and (3) is the commit of that. Whatever ends the process before 3 leaves the row in both files, and the note: the
 * next writer knows by that which of both counts before anybody reads or writes, and goes on with 3. A note goes when the partition is
 * closed, once all deletions are durable. The row is never in neither, and a partition with copies that do not count is never closed.
 */
final class Moves {
    private static final System.Logger LOG = System.getLogger("io.levee.sqlite");

    /** Whatever an adopted database has was there before any change. */
    static final long FIRST_CHANGE = 1;

    private static final String NOT_DELETED = "rows that were moved to it cannot be deleted in ";

    /** A partition that takes rows in for a long time does not keep the note of each. */
    private static final int MOST_NOTES = 100_000;

    private final Manifest manifest;
    private final OpenPartitions open;
    private final StorePaths paths;
    private final Homes homes;
    private final Transactions transactions;
    private final LeftCopies copies;
    private final Overrides overrides;
    private final Map<String, TableSpec> specs = new HashMap<>();
    /** New partitions whose notes may be of rows that nobody was told of: a commit in doubt, or notes that could not be read. */
    private final Set<PartitionId> unread = new HashSet<>();

    /** How many notes a partition may have got since they were last cleared. */
    private final Map<PartitionId, Integer> noted = new HashMap<>();

    /** By table, what deletions have noted and could not put down yet. */
    private final Map<String, Set<Long>> notDown = new HashMap<>();

    private boolean busy;

    /**
     * Before anybody reads: what the writer before left in two files is known from here on.
     *
     * @param tables those that the catalog has
     */
    Moves(
            Manifest manifest,
            OpenPartitions open,
            StorePaths paths,
            Homes homes,
            Overrides overrides,
            List<TableSpec> tables) {
        this.overrides = overrides;
        this.manifest = manifest;
        this.open = open;
        this.paths = paths;
        this.homes = homes;
        this.transactions = new Transactions(open, paths);
        this.copies = new LeftCopies(manifest, open, paths, homes, transactions, overrides);
        for (Partition partition : manifest.all()) {
            if (!partition.id().retentionClass().isEmpty() || partition.adopted() != null) {
                homes.mayMove(partition.id().table());
            }
        }
        for (TableSpec spec : tables) {
            declared(spec);
            if (spec.keyed() && homes.moves(spec.name())) {
                manifest.own(spec.name()).forEach(partition -> leftBefore(spec, partition));
            }
        }
    }

    /** A table is what it says from now on. Any thread. */
    void declared(TableSpec spec) {
        if (spec.keyed() && spec.retention().by() != null) {
            homes.mayMove(spec.name());
        }
    }

    private void leftBefore(TableSpec spec, Partition partition) {
        Path file = paths.partition(partition);
        if (partition.state() != Partition.State.OPEN || Partition.size(file) == 0) {
            return;
        }
        specs.put(spec.name(), spec);
        try {
            Connection connection = Connections.reader(file, Bytes.mebi(1));
            try {
                copies.tell(spec, partition, MoveNotes.read(connection, spec.name()), true);
            } finally {
                Connections.close(file, connection);
            }
        } catch (SQLException e) {
            // Who reads or writes it next meets the same, and tells it with a code.
            unread.add(partition.id());
            LOG.log(System.Logger.Level.WARNING, "what moved to " + file + " is not known yet", e);
        }
    }

    /** What takes rows in: commits the group, and settles its rows. */
    @FunctionalInterface
    interface TakeIn {
        void write(Group group);
    }

    /** Moves rows out of a partition; what cannot be done now is settled to be tried again. */
    void move(TableSpec spec, Partition from, Group group, TakeIn takeIn) {
        if (from.adopted() != null) {
            override(spec, from, group, takeIn);
            return;
        }
        PartitionWriter writer = null;
        Trouble trouble;
        boolean locked = false;
        try {
            trouble = ready(spec, from, group);
            writer = trouble == null ? open.forUpdates(spec, from) : null;
            if (writer != null) {
                locked = homes.quiet(spec.name());
                trouble = locked ? transactions.tryBegin(writer, Ack.COMMITTED) : null;
            } else if (trouble == null) {
                trouble = Trouble.busy(from);
            }
        } catch (LeveeException e) {
            trouble = Trouble.of(e);
        }
        if (writer == null || trouble != null) {
            (trouble == null ? Trouble.busy(from) : trouble).settle(group.rows().toList());
        } else if (locked) {
            moveAtOnce(writer, group, takeIn);
        } else {
            // Somebody reads: what they leave behind stays until nobody needs it, see finish. Until then the old
            // partition is not
            // to be closed, to make room for the new one for instance.
            take(group, takeIn);
        }
    }

    private void take(Group group, TakeIn takeIn) {
        boolean outer = busy;
        busy = true;
        try {
            takeIn.write(group);
        } finally {
            busy = outer;
        }
    }

    /** Rows that adopted databases have are written again: what they leave there is put down as overridden, never deleted. */
    private void override(TableSpec spec, Partition from, Group group, TakeIn takeIn) {
        Trouble trouble = ready(spec, from, group);
        if (trouble == null) {
            take(group, takeIn);
        } else {
            trouble.settle(group.rows().toList());
        }
    }

    /**
     * Before rows go where others are, or take the place of adopted ones.
     *
     * @param where what is told to be busy where they cannot now
     * @return what keeps them from it, or null
     */
    @Nullable
    Trouble ready(TableSpec spec, Partition where, Group group) {
        specs.put(spec.name(), spec);
        List<AdoptedVersions.Version> overridden = group.overridden();
        try {
            if (!room(group.moved.size() + overridden.size())) {
                return Trouble.busy(where);
            }
            if (where.adopted() != null) {
                overrides.ensure(where.id());
            }
            overridden.stream().map(AdoptedVersions.Version::from).distinct().forEach(overrides::ensure);
            return null;
        } catch (LeveeException e) {
            return Trouble.of(e);
        }
    }

    /** Whether so many rows may be on their way; queries that keep others from arriving are ended. */
    private boolean room(int more) {
        if (!homes.room(more)) {
            homes.blind();
            for (String table : homes.tables()) {
                finish(table);
            }
        }
        return homes.room(more);
    }

    /** Nobody reads the table: the old partition is in a transaction until the new one has committed. */
    private void moveAtOnce(PartitionWriter writer, Group group, TakeIn takeIn) {
        Partition from = writer.partition();
        Partition.Held before = from.held();
        boolean ended = false;
        boolean arrived = false;
        // What is closed to make room for the new partition is not settled now: this one is in a transaction.
        boolean outer = busy;
        busy = true;
        try {
            List<Long> numbers = group.moved.stream().map(Group.Moved::seq).toList();
            int deleted = MoveNotes.delete(writer, numbers);
            Partition.Held after = before.withRows(before.rows() - deleted);
            writer.statistics(after, before.maxSeq());
            takeIn.write(group);
            Homes.Trip trip = group.trip;
            arrived = group.written != null;
            if (!arrived || trip == null || !homes.alone(trip)) {
                return;
            }
            ended = true;
            writer.commit(Long.MAX_VALUE, Long.MIN_VALUE);
            from.held(after);
            homes.ended(trip);
        } catch (SQLException e) {
            writer.rollback();
            Trouble met = transactions.trouble(writer, "rows cannot be moved", e, ended);
            ended = true;
            if (!arrived) {
                met.settle(group.rows().toList());
            }
        } finally {
            busy = outer;
            if (!ended) {
                writer.rollback();
            }
        }
    }

    /**
     * Takes off what rows left in a partition when they went away once, before they come back to it: in the same transaction.
     *
     * @return how many
     */
    int clear(PartitionWriter writer, Group group) throws SQLException {
        PartitionId to = writer.partition().id();
        List<Long> numbers = group.moved.stream()
                .map(Group.Moved::seq)
                .filter(number -> homes.left(to, number))
                .toList();
        return numbers.isEmpty() ? 0 : MoveNotes.delete(writer, numbers);
    }

    /** A group with rows of other partitions is about to be committed; their changes have numbers from this on. */
    void leaving(Partition to, Group group, long change) {
        Map<PartitionId, List<Long>> older = new LinkedHashMap<>();
        group.overridden()
                .forEach(v ->
                        older.computeIfAbsent(v.from(), f -> new ArrayList<>()).add(v.seq()));
        older.forEach((id, all) -> {
            group.older.add(homes.leaving(id, to.id(), all, change));
            noted.merge(to.id(), all.size(), Integer::sum);
        });
        PartitionId from = group.from;
        if (from != null) {
            List<Long> numbers = group.moved.stream().map(Group.Moved::seq).toList();
            group.trip = homes.leaving(from, to.id(), numbers, change);
            noted.merge(to.id(), numbers.size(), Integer::sum);
        }
    }

    /** It is committed. */
    void arrived(Group group) {
        // A row that moves comes last: who begins in between finds the version that it takes the place of, and no
        // other.
        group.older.forEach(homes::arrived);
        Homes.Trip trip = group.trip;
        if (trip != null) {
            homes.arrived(trip);
        }
    }

    /** It is not committed, and will not be. */
    void stayed(Group group) {
        group.older.forEach(homes::ended);
        group.older.clear();
        Homes.Trip trip = group.trip;
        if (trip != null) {
            homes.ended(trip);
            group.trip = null;
        }
    }

    /** Nobody knows whether rows that were moved to a partition were committed there. */
    void doubted(Partition to, Group group) {
        if (!group.moved.isEmpty() || !group.older.isEmpty()) {
            unread.add(to.id());
        }
    }

    /**
     * Before anything is written to a table: it is known of each row where it is, and copies that nobody needs are deleted.
     *
     * @return what keeps that from being so now, or null
     */
    @Nullable
    LeveeException settleAll(TableSpec spec) {
        if (unread.isEmpty() && !homes.any(spec.name())) {
            return null;
        }
        specs.put(spec.name(), spec);
        for (PartitionId id : List.copyOf(unread)) {
            if (!id.table().equals(spec.name())) {
                continue;
            }
            Partition partition = manifest.get(id);
            if (partition == null
                    || partition.state() != Partition.State.OPEN
                    || partition.held().rows() == 0) {
                homes.forgetLeaving(id);
                unread.remove(id);
                continue;
            }
            try {
                PartitionWriter writer = open.forUpdates(spec, partition);
                if (writer == null) {
                    return Trouble.busy(partition).error();
                }
                read(writer);
            } catch (LeveeException e) {
                if (!Trouble.later(e)) {
                    throw e;
                }
                return e;
            }
        }
        finish(spec.name());
        return null;
    }

    /** Tells what a partition's notes say. */
    private void read(PartitionWriter writer) {
        try {
            copies.tell(
                    writer.spec(),
                    writer.partition(),
                    MoveNotes.read(writer.connection(), writer.spec().name()),
                    false);
            unread.remove(writer.partition().id());
        } catch (SQLException e) {
            throw Volume.failure("what moved to a partition cannot be read", writer.file(), paths, e);
        }
    }

    /** Deletes what nobody needs any more, in all tables. Between batches. */
    void slice() {
        if (busy) {
            return;
        }
        homes.tables().forEach(this::finish);
        for (PartitionId id : List.copyOf(noted.keySet())) {
            PartitionWriter writer = open.get(id);
            if (noted.getOrDefault(id, 0) > MOST_NOTES && writer != null && !homes.any(id)) {
                settle(writer);
            }
        }
    }

    /** Deletes what rows left behind and no query needs, as far as that can be done now. */
    private void finish(String table) {
        TableSpec spec = specs.get(table);
        boolean outer = busy;
        busy = true;
        try {
            List<Homes.Trip> over = homes.over(table);
            while (spec != null && !over.isEmpty() && copies.finish(spec, over)) {
                over = homes.over(table);
            }
        } finally {
            busy = outer;
        }
    }

    /**
     * Rows make way for later ones of their keys, durably, but for those that were changed by a record.
     *
     * @return which of them are gone
     * @throws LeveeException {@code PARTITION_BUSY} where that cannot be done now
     */
    Set<Long> makeWay(TableSpec spec, Partition in, Collection<Long> numbers) {
        return copies.deleteUnchanged(spec, in, numbers);
    }

    /** See {@link LeftCopies#forget}. */
    void forget(TableSpec spec, Set<Long> numbers) {
        copies.forget(spec, numbers);
    }

    /** Puts down at once what a deletion has noted: a splitting must not meet it as a row of a key that nobody has. */
    void putDown(TableSpec spec, Group deletion) {
        Set<Long> numbers =
                deletion.deleted.stream().map(AdoptedVersions.Version::seq).collect(Collectors.toSet());
        try {
            forget(spec, numbers);
        } catch (LeveeException e) {
            if (!Trouble.later(e)) {
                throw e;
            }
            // It is deleted, and noted so: this is tried again between batches, and by the next process.
            LOG.log(System.Logger.Level.WARNING, "what was deleted is put down later as overridden", e);
            notDown.computeIfAbsent(spec.name(), t -> new HashSet<>()).addAll(numbers);
        }
    }

    /**
     * Before a step of a splitting reads rows: all that was deleted is put down.
     *
     * @throws LeveeException {@code PARTITION_BUSY}, {@code DISK_FULL}, where that cannot be done now
     */
    void requireDown(TableSpec spec) {
        LeveeException twice = settleAll(spec);
        if (twice != null) {
            throw twice;
        }
        forget(spec, notDown.getOrDefault(spec.name(), Set.of()));
        notDown.remove(spec.name());
    }

    /**
     * What has to be done before a partition is closed: nothing in it or from it is in two files, durably, and it has no notes.
     *
     * @return empty, or why it cannot be closed now
     */
    String settle(PartitionWriter writer) {
        TableSpec spec = writer.spec();
        PartitionId id = writer.partition().id();
        if (!spec.keyed()) {
            return "";
        }
        if (busy) {
            return "rows that were moved are being deleted where they were";
        }
        busy = true;
        try {
            specs.put(spec.name(), spec);
            if (unread.contains(id)) {
                read(writer);
            }
            finish(spec.name());
            if (homes.any(id)) {
                return "a query reads rows where they were before they moved";
            }
            Map<PartitionId, Map<Long, Long>> notes = MoveNotes.read(writer.connection(), spec.name());
            for (Map.Entry<PartitionId, Map<Long, Long>> from : notes.entrySet()) {
                Partition partition = manifest.get(from.getKey());
                if (partition != null && !copies.deleteDurably(spec, partition, from.getValue())) {
                    return NOT_DELETED + from.getKey() + " now";
                }
            }
            if (!notes.isEmpty()) {
                MoveNotes.clear(writer.connection());
            }
            noted.remove(id);
            return "";
        } catch (SQLException e) {
            if (Sqlite.busy(e)) {
                return "another process holds it";
            }
            throw Volume.failure("moved rows cannot be settled", writer.file(), paths, e);
        } finally {
            busy = false;
        }
    }

    /**
     * Before an open partition is unlinked for space, and with it the notes of what moved there: the copies of those rows go first,
     * durably. Else the next process would take a copy that is left for the row. Queries that need them end.
     *
     * @param table asked only where rows of it move: a full volume is no time for questions
     * @param writer null where nobody has it open
     * @return empty, or why it cannot go now
     */
    String settleAway(Supplier<TableSpec> table, Partition partition, @Nullable PartitionWriter writer) {
        if (!homes.moves(partition.id().table())) {
            return "";
        }
        TableSpec spec = table.get();
        if (busy) {
            return "rows that were moved are being deleted where they were";
        }
        specs.put(spec.name(), spec);
        busy = true;
        try {
            Map<PartitionId, Map<Long, Long>> notes = writer == null
                    ? MoveNotes.read(paths.partition(partition), spec.name())
                    : MoveNotes.read(writer.connection(), spec.name());
            if (!notes.isEmpty() && homes.any(partition.id())) {
                homes.blind();
                finish(spec.name());
            }
            for (Map.Entry<PartitionId, Map<Long, Long>> from : notes.entrySet()) {
                Partition old = manifest.get(from.getKey());
                if (old != null && !copies.deleteDurably(spec, old, from.getValue())) {
                    return NOT_DELETED + from.getKey() + " now";
                }
            }
            return "";
        } catch (SQLException e) {
            return NOT_DELETED + "their old places: " + e.getMessage();
        } catch (LeveeException e) {
            // On a full volume others may go first: they free what the deletion takes.
            return NOT_DELETED + "their old places: " + e.what();
        } finally {
            busy = false;
        }
    }

    /** Whether rows of a table are in two files, or may be. */
    boolean left(TableSpec spec) {
        return settleAll(spec) != null || homes.any(spec.name());
    }
}
