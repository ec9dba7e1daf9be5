package io.levee.sqlite;

import io.levee.Ack;
import io.levee.Column;
import io.levee.ErrorCode;
import io.levee.Expr;
import io.levee.LeveeException;
import io.levee.TableSpec;
import io.levee.engine.RowQuery.Mark;
import io.levee.engine.StoredRow;
import io.levee.engine.Term;
import java.nio.file.Files;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Reads one row by its key, and deletes rows by their numbers. Owned by the writer thread. */
final class SingleRecords {
    private final OpenPartitions open;
    private final Manifest manifest;
    private final StorePaths paths;
    private final ReadHandles readers;
    private final KeyLookup lookup;
    private final Erasures erasures;
    private final Moves moves;
    private final Transactions transactions;
    private final AdoptedKeys adopted;

    SingleRecords(
            OpenPartitions open,
            Manifest manifest,
            StorePaths paths,
            ReadHandles readers,
            KeyLookup lookup,
            Erasures erasures,
            Moves moves,
            AdoptedKeys adopted) {
        this.moves = moves;
        this.erasures = erasures;
        this.open = open;
        this.manifest = manifest;
        this.paths = paths;
        this.readers = readers;
        this.lookup = lookup;
        this.transactions = new Transactions(open, paths);
        this.adopted = adopted;
    }

    /** See {@link io.levee.engine.StorageEngine#find}. */
    @Nullable
    StoredRow find(TableSpec spec, Object[] key) {
        requireOnce(spec);
        TableKeys keys = open.keys(spec);
        keys.forgetDropped();
        try {
            KeyLookup.Found found = lookup.find(spec, keys, key, KeyFilter.hash(key));
            return found == null ? adopted.find(spec, key) : read(spec, found);
        } catch (SQLException e) {
            throw Sqlite.failure("a key cannot be looked up", paths.root(), e);
        }
    }

    /** It has to be known in which partition each row is. */
    private void requireOnce(TableSpec spec) {
        LeveeException twice = moves.settleAll(spec);
        if (twice != null) {
            throw twice;
        }
    }

    private @Nullable StoredRow read(TableSpec spec, KeyLookup.Found found) throws SQLException {
        Partition partition = found.partition();
        partition.pin();
        try {
            if (partition.state() == Partition.State.DROPPED) {
                return null;
            }
            ReadHandles.ReadHandle handle = readers.take(partition);
            boolean usable = false;
            try {
                StoredRow row = read(spec, handle, found.seq());
                usable = true;
                return row;
            } finally {
                readers.giveBack(handle, usable);
            }
        } finally {
            partition.unpin();
        }
    }

    private static @Nullable StoredRow read(TableSpec spec, ReadHandles.ReadHandle handle, long seq)
            throws SQLException {
        List<Column> columns = spec.columns();
        PartitionSql sql = new PartitionSql(spec, handle);
        List<String> selected = new ArrayList<>();
        columns.forEach(c -> selected.add(sql.column(c.name())));
        selected.add(sql.time());
        sql.add("SELECT " + String.join(", ", selected)).from(true).whereSeq();
        try (PreparedStatement statement = sql.prepare(handle)) {
            statement.setLong(1, sql.number(seq));
            return read(statement, columns, seq);
        }
    }

    private static @Nullable StoredRow read(PreparedStatement statement, List<Column> columns, long seq)
            throws SQLException {
        try (ResultSet rows = statement.executeQuery()) {
            if (!rows.next()) {
                return null;
            }
            @Nullable Object[] values = Stored.row(rows, columns.size());
            for (int i = 0; i < values.length; i++) {
                Stored.checked(values[i], columns.get(i));
            }
            return new StoredRow(values, rows.getLong(columns.size() + 1), seq);
        }
    }

    /**
     * See {@link io.levee.engine.StorageEngine#delete}. With a filter it is an erasure: then the partition is marked to be
     * rewritten, since deleted rows leave traces in the file.
     */
    int delete(TableSpec spec, List<Mark> marks, @Nullable Expr still, Ack level) {
        if (marks.isEmpty()) {
            return 0;
        }
        requireOnce(spec);
        return delete(spec, marks, still, level, new Group());
    }

    /** See {@link io.levee.engine.StorageEngine#delete(TableSpec, Object[], Ack)}. */
    boolean delete(TableSpec spec, Object[] key, Ack level) {
        StoredRow row = find(spec, key);
        if (row == null) {
            return false;
        }
        Group group = new Group();
        // Only what came from an adopted database can have left others of its key there, see KeyedRows.
        if (row.seq() < 0 && !adopted.only(spec.name(), row.seq())) {
            group.deleted.addAll(adopted.all(spec, key));
        }
        List<Mark> marks = List.of(new Mark(row.timeMicros(), row.seq()));
        if (group.deleted.isEmpty()) {
            return delete(spec, marks, null, level, group) > 0;
        }
        Trouble trouble = moves.ready(spec, group.deleted.get(0).in(), group);
        if (trouble != null) {
            throw trouble.error();
        }
        // Synced before the others are put down, as a row that is written in their place.
        if (delete(spec, marks, null, Ack.DURABLE, group) == 0) {
            return false;
        }
        moves.putDown(spec, group);
        open.keys(spec).noteGone(KeyFilter.hash(key));
        return true;
    }

    private int delete(TableSpec spec, List<Mark> marks, @Nullable Expr still, Ack level, Group group) {
        if (marks.stream().anyMatch(m -> adopted.only(spec.name(), m.seq()))) {
            throw new LeveeException(
                            ErrorCode.NOT_WRITABLE, "the record lies in an adopted database, which is never written to")
                    .with("table", spec.name())
                    .hint("delete it there with its own program");
        }
        moves.forget(spec, marks.stream().map(Mark::seq).collect(Collectors.toSet()));
        long from = marks.stream().mapToLong(Mark::timeMicros).min().orElseThrow();
        long to = marks.stream().mapToLong(Mark::timeMicros).max().orElseThrow();
        List<Partition> touched = manifest.pinned(spec.name(), from, to + 1);
        try {
            Map<Partition, List<Long>> there = locate(spec, touched, marks);
            // All are opened before anything is deleted: a locked one leaves the whole call as it was.
            there.keySet().forEach(partition -> writer(spec, partition));
            int deleted = 0;
            for (Map.Entry<Partition, List<Long>> one : there.entrySet()) {
                PartitionWriter writer = writer(spec, one.getKey());
                deleted += writer == null ? 0 : delete(writer, one.getValue(), still, level, group);
            }
            return deleted;
        } finally {
            touched.forEach(Partition::unpin);
        }
    }

    /** The partition, open for writing; null where it was dropped meanwhile. */
    private @Nullable PartitionWriter writer(TableSpec spec, Partition partition) {
        PartitionWriter writer = open.forUpdates(spec, partition);
        if (writer == null && partition.state() != Partition.State.DROPPED) {
            throw busy(partition);
        }
        return writer;
    }

    private static LeveeException busy(Partition partition) {
        return new LeveeException(ErrorCode.PARTITION_BUSY, partition.id() + " is locked by a reader")
                .with("partition", partition.id().toString())
                .hint("try again when the query or the other process has ended");
    }

    /** Which partition has which of the rows: a row may be in any that holds its time, and its number tells. */
    private Map<Partition, List<Long>> locate(TableSpec spec, List<Partition> touched, List<Mark> marks) {
        Map<Partition, List<Long>> there = new LinkedHashMap<>();
        List<Mark> left = new ArrayList<>(marks);
        for (Partition partition : touched) {
            List<Mark> possible = left.stream()
                    .filter(m -> partition.touches(m.timeMicros(), m.timeMicros() + 1))
                    .toList();
            if (possible.isEmpty()
                    || partition.adopted() != null
                    || partition.held().rows() == 0
                    || Files.notExists(paths.partition(partition))) {
                continue;
            }
            try {
                List<Mark> found = probe(spec, partition, possible);
                if (!found.isEmpty()) {
                    there.put(partition, found.stream().map(Mark::seq).toList());
                    left.removeAll(found);
                }
            } catch (SQLException e) {
                throw Sqlite.failure("rows cannot be looked up", paths.partition(partition), e);
            }
        }
        return there;
    }

    private List<Mark> probe(TableSpec spec, Partition partition, List<Mark> possible) throws SQLException {
        PartitionWriter writer = open.get(partition.id());
        if (writer != null) {
            return probe(spec, writer.connection(), possible);
        }
        if (partition.state() == Partition.State.DROPPED) {
            return List.of();
        }
        ReadHandles.ReadHandle handle = readers.take(partition);
        boolean usable = false;
        try {
            List<Mark> found = probe(spec, handle.connection(), possible);
            usable = true;
            return found;
        } finally {
            readers.giveBack(handle, usable);
        }
    }

    private static List<Mark> probe(TableSpec spec, Connection connection, List<Mark> possible) throws SQLException {
        if (PartitionSchema.columns(connection, spec.name()).isEmpty()) {
            return List.of();
        }
        List<Mark> found = new ArrayList<>();
        try (PreparedStatement statement =
                connection.prepareStatement("SELECT 1 FROM " + Sqlite.quote(spec.name()) + " WHERE _seq = ?")) {
            for (Mark mark : possible) {
                statement.setLong(1, mark.seq());
                try (ResultSet rows = statement.executeQuery()) {
                    if (rows.next()) {
                        found.add(mark);
                    }
                }
            }
        }
        return found;
    }

    /** One transaction: all of them or, where it fails, none. */
    private int delete(PartitionWriter writer, List<Long> numbers, @Nullable Expr still, Ack level, Group group) {
        Partition partition = writer.partition();
        if (!transactions.begin(writer, level)) {
            throw busy(partition);
        }
        Partition.Held before = partition.held();
        boolean done = false;
        try {
            int deleted = delete(writer.connection(), writer.spec(), numbers, still);
            if (deleted > 0) {
                if (still != null) {
                    Rewriter.mark(writer.connection());
                }
                Partition.Held after = before.withRows(before.rows() - deleted);
                MoveNotes.write(writer.connection(), group, Moves.FIRST_CHANGE);
                moves.leaving(partition, group, Moves.FIRST_CHANGE);
                // Before the commit: who begins in between finds the row that is deleted, and no older one.
                moves.arrived(group);
                writer.commit(after, before.maxSeq());
                done = true;
                partition.held(after);
                if (still != null) {
                    erasures.marked(partition);
                }
            }
            return deleted;
        } catch (SQLException e) {
            writer.rollback();
            done = true;
            moves.doubted(partition, group);
            moves.stayed(group);
            throw transactions.failed(writer, "rows cannot be deleted", e);
        } finally {
            if (!done) {
                writer.rollback();
            }
        }
    }

    private static int delete(Connection connection, TableSpec spec, List<Long> numbers, @Nullable Expr still)
            throws SQLException {
        List<Object> parameters = new ArrayList<>();
        String details = Sqlite.quote(PartitionSchema.details(spec));
        String sql = "DELETE FROM " + Sqlite.quote(spec.name()) + " AS m WHERE m._seq = ?";
        if (still != null) {
            sql += " AND " + WhereSql.of(still, new Names(spec, FileColumns.of(spec, connection)), parameters);
        }
        int deleted = 0;
        try (PreparedStatement rows = connection.prepareStatement(sql);
                PreparedStatement ofDetails = PartitionSchema.detail(spec).isEmpty()
                        ? null
                        : connection.prepareStatement("DELETE FROM " + details + " WHERE _seq = ?")) {
            for (int i = 0; i < parameters.size(); i++) {
                RowStatements.bind(rows, i + 2, parameters.get(i));
            }
            for (long number : numbers) {
                rows.setLong(1, number);
                int gone = rows.executeUpdate();
                deleted += gone;
                if (gone > 0 && ofDetails != null) {
                    ofDetails.setLong(1, number);
                    ofDetails.executeUpdate();
                }
            }
        }
        return deleted;
    }

    /** The writer has widened the partition when it opened it: every column of the spec is there. */
    private record Names(TableSpec spec, FileColumns columns) implements WhereSql.Columns {
        @Override
        public String text(String name) {
            Term term = Term.of(spec, name);
            return TermSql.text(term, columns.alone(term.column()));
        }

        @Override
        public String number(String name) {
            Term term = Term.of(spec, name);
            return TermSql.number(term, columns.alone(term.column()));
        }
    }
}
