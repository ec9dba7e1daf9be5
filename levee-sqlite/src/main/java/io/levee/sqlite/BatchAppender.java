package io.levee.sqlite;

import io.levee.Ack;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.TableSpec;
import io.levee.engine.Period;
import io.levee.engine.SeqSource;
import io.levee.engine.WriteRow;
import io.levee.engine.WriteRow.Outcome;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Writes one batch of one table: sorts its rows by the partition they belong to, and commits each partition once. Owned by the
 * writer thread.
 *
 * <p>Invariants:
 * <ol>
 *   <li>numbers are given in commit order: a partition's inserts get theirs in its own transaction, and the next partition's
 *       begins after its commit;
 *   <li>a row of a known key is updated where it lives, whatever its new time;
 *   <li>a key that comes twice in a batch becomes one row with the later values;
 *   <li>a row is settled only after its commit, or with the error that kept it from being written.
 * </ol>
 */
final class BatchAppender {
    private final OpenPartitions open;
    private final StorePaths paths;
    private final KeyLookup lookup;
    private final Transactions transactions;
    private final Sources sources;

    BatchAppender(OpenPartitions open, StorePaths paths, KeyLookup lookup, Sources sources) {
        this.sources = sources;
        this.open = open;
        this.paths = paths;
        this.lookup = lookup;
        this.transactions = new Transactions(open, paths);
    }

    /** What one partition gets from a batch. */
    private static final class Group {
        private final List<Insert> inserts = new ArrayList<>();
        private final List<Update> updates = new ArrayList<>();
    }

    /** A new row: what is written is the last of the rows that have its key. */
    private static final class Insert {
        private final WriteRow first;
        private final long hash;
        private WriteRow last;
        private @Nullable List<WriteRow> repeated;

        Insert(WriteRow row, long hash) {
            this.hash = hash;
            first = row;
            last = row;
        }

        void replaceBy(WriteRow row) {
            if (repeated == null) {
                repeated = new ArrayList<>();
            }
            repeated.add(row);
            last = row;
        }
    }

    private record Update(WriteRow row, long seq) {}

    /** See {@link io.levee.engine.StorageEngine#append}. */
    void append(TableSpec spec, List<? extends WriteRow> rows, Ack level, SeqSource seq) {
        if (spec.keyed()) {
            appendKeyed(spec, rows, level, seq);
            return;
        }
        Map<Period, Group> groups = new LinkedHashMap<>();
        for (WriteRow row : unknown(spec, rows)) {
            group(groups, row).add(new Insert(row, 0));
        }
        groups.forEach((period, group) -> writeNew(spec, period, group, level, seq));
    }

    /** Leaves out what a replayed source has brought before; where that cannot be read now, all have to wait. */
    private List<? extends WriteRow> unknown(TableSpec spec, List<? extends WriteRow> rows) {
        try {
            return sources.unknown(spec, rows);
        } catch (SQLException e) {
            fail(rows, Sqlite.failure("the positions of sources cannot be read", paths.root(), e), true);
            return List.of();
        }
    }

    private static List<Insert> group(Map<Period, Group> groups, WriteRow row) {
        return groups.computeIfAbsent(row.period(), p -> new Group()).inserts;
    }

    private void appendKeyed(TableSpec spec, List<? extends WriteRow> rows, Ack level, SeqSource seq) {
        TableKeys keys = open.keys(spec);
        keys.forgetDropped();
        NewKeys<Insert> inBatch = new NewKeys<>(rows.size());
        Map<Period, Group> fresh = new LinkedHashMap<>();
        Map<Partition, Group> known = new LinkedHashMap<>();
        for (WriteRow row : rows) {
            Object[] values = keys.key(row);
            long hash = KeyFilter.hash(values);
            Insert insert = inBatch.get(hash, i -> Arrays.deepEquals(keys.key(i.first), values));
            if (insert != null) {
                insert.replaceBy(row);
                continue;
            }
            try {
                KeyLookup.Found found = lookup.find(spec, keys, values, hash);
                if (found != null) {
                    known.computeIfAbsent(found.partition(), p -> new Group())
                            .updates
                            .add(new Update(row, found.seq()));
                } else {
                    insert = new Insert(row, hash);
                    inBatch.put(hash, insert);
                    group(fresh, row).add(insert);
                }
            } catch (SQLException e) {
                fail(List.of(row), Sqlite.failure("a key cannot be looked up", paths.root(), e), Sqlite.busy(e));
            }
        }
        known.forEach((partition, group) -> writeUpdates(spec, partition, group, level, seq));
        fresh.forEach((period, group) -> writeNew(spec, period, group, level, seq));
    }

    private void writeNew(TableSpec spec, Period period, Group group, Ack level, SeqSource seq) {
        try {
            PartitionWriter writer = open.forNewRows(spec, period);
            if (!write(writer, group, level, seq)) {
                // Somebody else locks the file: its rows go to a sibling, which nobody knows yet.
                write(open.sibling(spec, period), group, level, seq);
            }
        } catch (LeveeException e) {
            boolean later = e.code() == ErrorCode.DISK_FULL || e.code() == ErrorCode.PARTITION_BUSY;
            fail(group.inserts.stream().flatMap(BatchAppender::rows).toList(), e, later);
        }
    }

    private void writeUpdates(TableSpec spec, Partition partition, Group group, Ack level, SeqSource seq) {
        List<WriteRow> rows = group.updates.stream().map(Update::row).toList();
        try {
            PartitionWriter writer = open.forUpdates(spec, partition);
            if (writer == null || !write(writer, group, level, seq)) {
                fail(
                        rows,
                        new LeveeException(ErrorCode.PARTITION_BUSY, partition.id() + " is locked by a reader"),
                        true);
            }
        } catch (LeveeException e) {
            fail(rows, e, e.code() == ErrorCode.DISK_FULL || e.code() == ErrorCode.PARTITION_BUSY);
        }
    }

    private static Stream<WriteRow> rows(Insert insert) {
        return insert.repeated == null
                ? Stream.of(insert.first)
                : Stream.concat(Stream.of(insert.first), insert.repeated.stream());
    }

    /** One transaction. Returns false, with nothing written, where somebody else holds the lock. */
    private boolean write(PartitionWriter writer, Group group, Ack level, SeqSource seq) {
        Partition partition = writer.partition();
        Partition.Held before = partition.held();
        Map<String, Long> positions;
        if (!transactions.begin(writer, level)) {
            return false;
        }
        try {
            List<WriteRow> news = group.inserts.stream().map(i -> i.last).toList();
            writer.insert(news, seq);
            long maxSeq = news.isEmpty() ? 0 : news.get(news.size() - 1).seq();
            for (Update update : group.updates) {
                long change = seq.next();
                writer.update(update.row, update.seq, change);
                maxSeq = Math.max(maxSeq, change);
            }
            Partition.Held written = range(group);
            partition.held(
                    before.widened(written.minMicros(), written.maxMicros(), before.rows() + group.inserts.size()));
            positions = Sources.highest(news);
            Sources.write(writer.connection(), positions);
            writer.commit(partition.held(), maxSeq, written.minMicros(), written.maxMicros());
            partition.held(partition.held().withSeq(maxSeq));
        } catch (SQLException e) {
            undo(writer, before);
            throw transactions.failed(writer, "a batch cannot be written", e);
        } catch (RuntimeException e) {
            // Such as numbers that cannot be reserved on a full disk: the transaction must not stay open behind it.
            undo(writer, before);
            throw e;
        }
        sources.committed(partition.id(), positions);
        settle(writer, group);
        return true;
    }

    private static void undo(PartitionWriter writer, Partition.Held before) {
        writer.rollback();
        // The range stays as wide as it might have become; the count is what it was.
        Partition partition = writer.partition();
        Partition.Held wide = partition.held();
        partition.held(wide.withRows(before.rows()));
    }

    /** The event times that a group writes. */
    private static Partition.Held range(Group group) {
        Partition.Held range = Partition.Held.NOTHING;
        for (Insert insert : group.inserts) {
            range = range.widened(insert.last.timeMicros(), insert.last.timeMicros(), 0);
        }
        for (Update update : group.updates) {
            range = range.widened(update.row.timeMicros(), update.row.timeMicros(), 0);
        }
        return range;
    }

    private void settle(PartitionWriter writer, Group group) {
        for (Insert insert : group.inserts) {
            long number = insert.last.seq();
            insert.first.settle(Outcome.STORED, number, null);
            if (insert.repeated != null) {
                insert.repeated.forEach(row -> row.settle(Outcome.UPDATED, number, null));
            }
        }
        if (writer.spec().keyed()) {
            long[] hashes = group.inserts.stream().mapToLong(i -> i.hash).toArray();
            open.keys(writer.spec()).addAll(writer.partition(), hashes);
        }
        for (Update update : group.updates) {
            update.row.settle(Outcome.UPDATED, update.seq, null);
        }
    }

    private static void fail(List<? extends WriteRow> rows, LeveeException error, boolean later) {
        rows.forEach(row -> row.settle(later ? Outcome.RETRY : Outcome.FAILED, 0, error));
    }
}
