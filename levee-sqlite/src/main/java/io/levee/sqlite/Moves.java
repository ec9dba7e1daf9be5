package io.levee.sqlite;

import io.levee.Ack;
import io.levee.LeveeException;
import io.levee.PartitionId;
import io.levee.TableSpec;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Rows of known keys whose class has changed go to a partition of their new class. Owned by the writer thread.
 *
 * <p>No transaction covers two files, so the order does: (1) the old partition is locked and the row deleted in it, not committed;
 * (2) the row is committed in the new partition with its number, synced, and together with a note from where it comes; (3) the
 * deletion is committed. Whatever ends the process between 2 and 3 leaves the row in both, and the note: {@link #settle} deletes the
 * older copy, before anything else is written to the table and before the new partition is closed. A note goes once the deletion is
 * durable. The row is never in neither.
 */
final class Moves {
    private static final String TABLE = "levee_moved";

    private final Manifest manifest;
    private final OpenPartitions open;
    private final StorePaths paths;
    private final Transactions transactions;
    /** New partitions whose notes may be of rows that are still in their old one. */
    private final Set<PartitionId> unsettled = new HashSet<>();

    private boolean settling;

    Moves(Manifest manifest, OpenPartitions open, StorePaths paths) {
        this.manifest = manifest;
        this.open = open;
        this.paths = paths;
        this.transactions = new Transactions(open, paths);
        // What the writer before left open may have notes that nobody has settled.
        for (Partition partition : manifest.all()) {
            if (partition.state() == Partition.State.OPEN) {
                unsettled.add(partition.id());
            }
        }
    }

    /** Writes the notes of rows that come from a partition, in the transaction that takes them in. */
    static void note(Connection connection, Group group) throws SQLException {
        PartitionId from = group.from;
        if (from == null) {
            return;
        }
        Sqlite.run(
                connection,
                "CREATE TABLE IF NOT EXISTS " + TABLE + "(seq INTEGER PRIMARY KEY, class TEXT NOT NULL, period TEXT"
                        + " NOT NULL, n INTEGER NOT NULL)");
        try (PreparedStatement statement = connection.prepareStatement(
                "INSERT OR REPLACE INTO " + TABLE + "(seq, class, period, n) VALUES(?, ?, ?, ?)")) {
            for (Group.Moved one : group.moved) {
                statement.setLong(1, one.seq());
                statement.setString(2, from.retentionClass());
                statement.setString(3, from.period());
                statement.setInt(4, from.n());
                statement.executeUpdate();
            }
        }
    }

    /** What takes rows in: commits the group, and settles its rows. */
    @FunctionalInterface
    interface TakeIn {
        void write(Group group);
    }

    /** Moves rows out of a partition; what cannot be done now is settled to be tried again. */
    void move(TableSpec spec, Partition from, Group group, TakeIn takeIn) {
        PartitionWriter writer;
        Trouble trouble;
        try {
            writer = open.forUpdates(spec, from);
            trouble = writer == null ? Trouble.busy(from) : transactions.tryBegin(writer, Ack.COMMITTED);
        } catch (LeveeException e) {
            writer = null;
            trouble = Trouble.of(e);
        }
        if (writer == null || trouble != null) {
            (trouble == null ? Trouble.busy(from) : trouble).settle(group.rows().toList());
            return;
        }
        Partition.Held before = from.held();
        boolean done = false;
        // What is closed to make room for the new partition is not settled now: this one is in a transaction.
        boolean outer = settling;
        settling = true;
        try {
            int deleted =
                    delete(writer, group.moved.stream().map(Group.Moved::seq).toList());
            Partition.Held after = before.withRows(before.rows() - deleted);
            writer.statistics(after, before.maxSeq());
            takeIn.write(group);
            Partition written = group.written;
            if (written == null) {
                return;
            }
            unsettled.add(written.id());
            done = true;
            writer.commit(Long.MAX_VALUE, Long.MIN_VALUE);
            from.held(after);
            unsettled.remove(written.id());
        } catch (SQLException e) {
            writer.rollback();
            Trouble met = transactions.trouble(writer, "rows cannot be moved", e, done);
            if (!done) {
                met.settle(group.rows().toList());
            }
            done = true;
        } finally {
            settling = outer;
            if (!done) {
                writer.rollback();
            }
        }
    }

    /** Nobody knows whether rows that were moved to a partition were committed there. */
    void doubted(Partition to, Group group) {
        if (!group.moved.isEmpty()) {
            unsettled.add(to.id());
        }
    }

    private static int delete(PartitionWriter writer, List<Long> numbers) throws SQLException {
        Connection connection = writer.connection();
        boolean details = !PartitionSchema.detail(writer.spec()).isEmpty();
        String name = Sqlite.quote(writer.spec().name());
        int deleted = 0;
        try (PreparedStatement rows = connection.prepareStatement("DELETE FROM " + name + " WHERE _seq = ?");
                PreparedStatement more = connection.prepareStatement(
                        details
                                ? "DELETE FROM " + Sqlite.quote(PartitionSchema.details(writer.spec()))
                                        + " WHERE _seq = ?"
                                : "SELECT ?")) {
            for (long number : numbers) {
                rows.setLong(1, number);
                deleted += rows.executeUpdate();
                if (details) {
                    more.setLong(1, number);
                    more.executeUpdate();
                }
            }
        }
        if (noted(connection)) {
            // They came here once; from now on another partition says from where they come.
            try (PreparedStatement notes = connection.prepareStatement("DELETE FROM " + TABLE + " WHERE seq = ?")) {
                for (long number : numbers) {
                    notes.setLong(1, number);
                    notes.executeUpdate();
                }
            }
        }
        return deleted;
    }

    private static boolean noted(Connection connection) throws SQLException {
        return Sqlite.value(connection, "SELECT 1 FROM sqlite_master WHERE name = '" + TABLE + "'") != null;
    }

    /**
     * Before anything is written to a table: no row of it is in two partitions.
     *
     * @return what keeps that from being so now, or null
     */
    @Nullable
    LeveeException settleAll(TableSpec spec) {
        if (unsettled.isEmpty() || !classed(spec)) {
            return null;
        }
        for (PartitionId id : List.copyOf(unsettled)) {
            if (!id.table().equals(spec.name())) {
                continue;
            }
            Partition partition = manifest.get(id);
            if (partition == null
                    || partition.state() != Partition.State.OPEN
                    || partition.held().rows() == 0) {
                unsettled.remove(id);
                continue;
            }
            try {
                PartitionWriter writer = open.forUpdates(spec, partition);
                String why = writer == null ? "a reader keeps it" : settle(writer);
                if (!why.isEmpty()) {
                    return Trouble.busy(partition).error();
                }
            } catch (LeveeException e) {
                if (!Trouble.later(e)) {
                    throw e;
                }
                return e;
            }
        }
        return null;
    }

    private boolean classed(TableSpec spec) {
        return spec.retention().by() != null
                || manifest.of(spec.name()).stream()
                        .anyMatch(p -> !p.id().retentionClass().isEmpty());
    }

    /**
     * Deletes what the notes of a partition say is still where it came from, durably, and then the notes. Before it is closed.
     *
     * @return empty, or why it cannot be closed now
     */
    String settle(PartitionWriter writer) {
        if (!writer.spec().keyed()) {
            return "";
        }
        if (settling) {
            return "rows that were moved to it are to be deleted where they were";
        }
        settling = true;
        try {
            Map<PartitionId, Map<Long, Long>> notes = notes(writer);
            for (Map.Entry<PartitionId, Map<Long, Long>> from : notes.entrySet()) {
                Partition partition = manifest.get(from.getKey());
                if (partition != null && !settle(writer.spec(), partition, from.getValue())) {
                    return "rows that were moved to it cannot be deleted in " + from.getKey() + " now";
                }
            }
            if (!notes.isEmpty()) {
                Sqlite.transaction(writer.connection(), () -> {
                    Sqlite.run(writer.connection(), "DELETE FROM " + TABLE);
                    return true;
                });
            }
            unsettled.remove(writer.partition().id());
            return "";
        } catch (SQLException e) {
            if (Sqlite.busy(e)) {
                return "another process holds it";
            }
            throw Volume.failure("moved rows cannot be settled", writer.file(), paths, e);
        } finally {
            settling = false;
        }
    }

    /** By partition, the numbers that came from it with those of the move. */
    private static Map<PartitionId, Map<Long, Long>> notes(PartitionWriter writer) throws SQLException {
        Map<PartitionId, Map<Long, Long>> notes = new LinkedHashMap<>();
        if (!noted(writer.connection())) {
            return notes;
        }
        String table = writer.spec().name();
        try (Statement statement = writer.connection().createStatement();
                ResultSet rows = statement.executeQuery("SELECT m.class, m.period, m.n, m.seq, t._chg FROM " + TABLE
                        + " m JOIN " + Sqlite.quote(table) + " t ON t._seq = m.seq")) {
            while (rows.next()) {
                PartitionId from = new PartitionId(table, rows.getString(1), rows.getString(2), rows.getInt(3));
                notes.computeIfAbsent(from, f -> new LinkedHashMap<>()).put(rows.getLong(4), rows.getLong(5));
            }
        }
        return notes;
    }

    /** False where a reader or another process keeps it from being done now. */
    private boolean settle(TableSpec spec, Partition from, Map<Long, Long> moved) throws SQLException {
        PartitionWriter writer = open.get(from.id());
        if (writer == null && from.state() == Partition.State.CLOSED && !closedWith(spec, from, moved)) {
            return true;
        }
        writer = open.forUpdates(spec, from);
        if (writer == null) {
            return from.state() == Partition.State.DROPPED;
        }
        List<Long> older = older(writer.connection(), spec, moved);
        if (older.isEmpty() && writer.unsyncedFrom() > writer.unsyncedTo() && !writer.dirty()) {
            return true;
        }
        // Durable: the note goes next, and with it the only other place that knows.
        if (!transactions.begin(writer, Ack.DURABLE)) {
            return false;
        }
        Partition.Held before = from.held();
        boolean done = false;
        try {
            int deleted = delete(writer, older);
            Partition.Held after = before.withRows(before.rows() - deleted);
            writer.commit(after, before.maxSeq());
            done = true;
            from.held(after);
            return true;
        } finally {
            if (!done) {
                writer.rollback();
            }
        }
    }

    /** Whether a closed partition still has some of them. */
    private boolean closedWith(TableSpec spec, Partition from, Map<Long, Long> moved) throws SQLException {
        Connection connection = Connections.reader(paths.partition(from), io.levee.Bytes.mebi(1));
        try {
            return !older(connection, spec, moved).isEmpty();
        } finally {
            Connections.close(paths.partition(from), connection);
        }
    }

    /** Those that are there and were not moved back since. */
    private static List<Long> older(Connection connection, TableSpec spec, Map<Long, Long> moved) throws SQLException {
        List<Long> older = new ArrayList<>();
        if (PartitionSchema.columns(connection, spec.name()).isEmpty()) {
            return older;
        }
        try (PreparedStatement statement = connection.prepareStatement(
                "SELECT coalesce(_chg, 0) FROM " + Sqlite.quote(spec.name()) + " WHERE _seq = ?")) {
            for (Map.Entry<Long, Long> one : moved.entrySet()) {
                statement.setLong(1, one.getKey());
                try (ResultSet rows = statement.executeQuery()) {
                    if (rows.next() && rows.getLong(1) < one.getValue()) {
                        older.add(one.getKey());
                    }
                }
            }
        }
        return older;
    }
}
