package io.levee.sqlite;

import io.levee.Ack;
import io.levee.LeveeException;
import io.levee.TableSpec;
import io.levee.engine.SeqSource;
import io.levee.engine.Slot;
import io.levee.engine.WriteRow;
import io.levee.engine.WriteRow.Outcome;
import io.levee.sqlite.Group.Insert;
import java.sql.SQLException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
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
 *   <li>a row of a known key is updated where it lives, whatever its new time, unless its class is another one now: then it moves;
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
    private final Doubts doubts;
    private final Relief relief;
    private final Moves moves;
    private final ComingRows coming;
    private final DiskFigure figure;
    private final Function<TableSpec, AdoptedVersions> adopted;

    BatchAppender(
            OpenPartitions open,
            StorePaths paths,
            KeyLookup lookup,
            Sources sources,
            Relief relief,
            Moves moves,
            ComingRows coming,
            DiskFigure figure,
            Function<TableSpec, AdoptedVersions> adopted) {
        this.adopted = adopted;
        this.moves = moves;
        this.coming = coming;
        this.figure = figure;
        this.relief = relief;
        this.sources = sources;
        this.open = open;
        this.paths = paths;
        this.lookup = lookup;
        this.transactions = new Transactions(open, paths);
        this.doubts = new Doubts(open, transactions);
    }

    /** See {@link io.levee.engine.StorageEngine#append}. */
    void append(TableSpec spec, List<? extends WriteRow> handed, Ack level, SeqSource seq) {
        List<? extends WriteRow> rows = known(spec, handed);
        if (spec.keyed()) {
            appendKeyed(spec, rows, level, seq);
            return;
        }
        Map<Slot, Group> groups = new LinkedHashMap<>();
        for (WriteRow row : unknown(spec, rows)) {
            groups.computeIfAbsent(row.slot(), p -> new Group()).inserts.add(new Insert(row, 0));
        }
        groups.forEach((slot, group) -> writeNew(spec, slot, group, level, seq));
    }

    /** First what is in doubt: rows that turn out to be there are settled, and neither they nor what stays in doubt is written. */
    private List<? extends WriteRow> known(TableSpec spec, List<? extends WriteRow> handed) {
        if (doubts.none()) {
            return handed;
        }
        Set<WriteRow> done = doubts.resolve(spec, this::committed);
        return done.isEmpty()
                ? handed
                : handed.stream().filter(row -> !done.contains(row)).toList();
    }

    /** Leaves out what a replayed source has brought before; where that cannot be read now, all have to wait. */
    private List<? extends WriteRow> unknown(TableSpec spec, List<? extends WriteRow> rows) {
        try {
            return sources.unknown(spec, rows);
        } catch (SQLException e) {
            Trouble.of(Sqlite.failure("the positions of sources cannot be read", paths.root(), e))
                    .settle(rows);
            return List.of();
        }
    }

    private void appendKeyed(TableSpec spec, List<? extends WriteRow> rows, Ack level, SeqSource seq) {
        LeveeException twice = moves.settleAll(spec);
        if (twice != null) {
            Trouble.of(twice).settle(rows);
            return;
        }
        TableKeys keys = open.keys(spec);
        keys.forgetDropped();
        KeyedRows sorted;
        try (AdoptedVersions versions = adopted.apply(spec)) {
            sorted = new KeyedRows(spec, keys, lookup, paths, versions, rows.size());
            for (WriteRow row : rows) {
                Trouble doubt = doubts.none() ? null : doubts.about(spec, KeyFilter.hash(keys.key(row)));
                if (doubt == null) {
                    sorted.add(row);
                } else {
                    doubt.settle(List.of(row));
                }
            }
        }
        sorted.known().forEach((partition, group) -> writeUpdates(spec, partition, group, level, seq));
        sorted.fresh().forEach((slot, group) -> writeNew(spec, slot, group, level, seq));
        // Synced there before it goes here, whatever its callers wait for: what was durable once stays so.
        sorted.moved()
                .forEach((way, group) -> moves.move(
                        spec, way.from(), group, moved -> writeNew(spec, way.to(), moved, Ack.DURABLE, seq)));
    }

    /** Down the ladder: the partition that takes new rows; where it is locked, broken or damaged, a sibling; else later. */
    private void writeNew(TableSpec spec, Slot slot, Group group, Ack level, SeqSource seq) {
        Trouble trouble;
        try {
            trouble = write(open.forNewRows(spec, slot), group, level, seq);
            if (trouble != null
                    && trouble.elsewhere()
                    && (trouble.kind() != Trouble.Kind.BROKEN || open.mayLeaveBroken())) {
                // Nobody knows the sibling yet, and its file is new.
                trouble = write(open.sibling(spec, slot), group, level, seq);
            }
        } catch (LeveeException e) {
            trouble = Trouble.of(e);
        }
        settle(trouble, group);
    }

    private void settle(@Nullable Trouble trouble, Group group) {
        if (trouble == null) {
            relief.wrote();
        } else {
            relief.met(trouble.error());
            trouble.settle(group.rows().toList());
        }
    }

    private void writeUpdates(TableSpec spec, Partition partition, Group group, Ack level, SeqSource seq) {
        boolean overrides = !group.overridden().isEmpty();
        Trouble trouble = overrides ? moves.ready(spec, partition, group) : null;
        try {
            PartitionWriter writer = trouble == null ? open.forUpdates(spec, partition) : null;
            if (writer != null) {
                // Synced before what it takes the place of is put down, as with rows that move.
                trouble = write(writer, group, overrides ? Ack.DURABLE : level, seq);
            } else if (trouble == null) {
                trouble = Trouble.busy(partition);
            }
        } catch (LeveeException e) {
            trouble = Trouble.of(e);
        }
        settle(trouble, group);
    }

    /** One transaction. Returns what kept it from being committed, or null. */
    private @Nullable Trouble write(PartitionWriter writer, Group group, Ack level, SeqSource seq) {
        Partition partition = writer.partition();
        Partition.Held before = partition.held();
        Trouble doubt = doubts.about(partition);
        if (doubt != null) {
            return doubt;
        }
        LeveeException tight = figure.refuse(group);
        if (tight != null) {
            return new Trouble(Trouble.Kind.LATER, tight);
        }
        Trouble trouble = transactions.tryBegin(writer, level);
        if (trouble != null) {
            return setAside(partition, trouble);
        }
        long maxSeq = 0;
        boolean committing = false;
        try {
            List<WriteRow> news = group.news();
            writer.rows().insert(news, seq);
            maxSeq = news.isEmpty() ? 0 : news.get(news.size() - 1).seq();
            long firstChange = 0;
            for (Group.Update update : group.updates) {
                long change = seq.next();
                firstChange = firstChange == 0 ? change : firstChange;
                writer.rows().update(update.row(), update.seq(), change);
                maxSeq = Math.max(maxSeq, change);
            }
            // What they left here when they went away once, and a query may still have needed.
            int replaced = moves.clear(writer, group);
            for (Group.Moved one : group.moved) {
                long change = seq.next();
                firstChange = firstChange == 0 ? change : firstChange;
                writer.rows().moveIn(one.insert().last, one.seq(), change);
                maxSeq = Math.max(maxSeq, change);
            }
            MoveNotes.write(writer.connection(), group, firstChange);
            coming.note(writer, group.from == null ? null : open.get(group.from), group);
            Partition.Held written = group.range();
            long rows = before.rows() + group.inserts.size() + group.moved.size() - replaced;
            partition.held(before.widened(written.minMicros(), written.maxMicros(), rows));
            Sources.write(writer.connection(), Sources.highest(news));
            writer.statistics(partition.held(), maxSeq);
            moves.leaving(partition, group, firstChange);
            committing = true;
            writer.commit(written.minMicros(), written.maxMicros());
            moves.arrived(group);
            partition.held(partition.held().withSeq(maxSeq));
        } catch (SQLException e) {
            undo(writer, before);
            trouble = transactions.trouble(writer, "a batch cannot be written", e, committing);
            if (trouble.kind() != Trouble.Kind.UNCERTAIN) {
                moves.stayed(group);
            } else {
                doubt(writer, group, level, maxSeq, trouble);
            }
            return setAside(partition, trouble);
        } catch (RuntimeException e) {
            // Such as numbers that cannot be reserved on a full disk: the transaction must not stay open behind it.
            undo(writer, before);
            moves.stayed(group);
            throw e;
        }
        group.written = partition;
        committed(writer.spec(), partition, group);
        group.stored();
        return null;
    }

    /** Every row of a key gets the number that was written for it: it is looked up by that. */
    private void doubt(PartitionWriter writer, Group group, Ack level, long maxSeq, Trouble trouble) {
        for (Insert insert : group.inserts) {
            insert.rows().forEach(row -> row.settle(Outcome.UNCERTAIN, insert.last.seq(), trouble.error()));
        }
        for (Group.Moved one : group.moved) {
            one.insert().rows().forEach(row -> row.settle(Outcome.UNCERTAIN, one.seq(), trouble.error()));
        }
        moves.doubted(writer.partition(), group);
        sources.forget(writer.partition().id());
        doubts.add(writer.spec(), writer.partition(), group, level, maxSeq);
    }

    private Trouble setAside(Partition partition, Trouble trouble) {
        if (trouble.kind() == Trouble.Kind.DAMAGED) {
            sources.forget(partition.id());
            open.setAside(partition, trouble.error().what());
        }
        return trouble;
    }

    private static void undo(PartitionWriter writer, Partition.Held before) {
        writer.rollback();
        // The range stays as wide as it might have become; the count is what it was.
        Partition partition = writer.partition();
        Partition.Held wide = partition.held();
        partition.held(wide.withRows(before.rows()));
    }

    /** Takes over what is in the partition now. */
    private void committed(TableSpec spec, Partition partition, Group group) {
        sources.committed(partition.id(), Sources.highest(group.news()));
        if (spec.keyed()) {
            long[] hashes = Stream.concat(
                            group.inserts.stream(), group.moved.stream().map(Group.Moved::insert))
                    .mapToLong(i -> i.hash)
                    .toArray();
            open.keys(spec).addAll(partition, hashes);
        }
    }
}
