package io.levee.sqlite;

import io.levee.PartitionId;
import io.levee.engine.WriteRow;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** What one partition gets from a batch, in one transaction. Owned by the writer thread. */
final class Group {
    final List<Insert> inserts = new ArrayList<>();
    final List<Update> updates = new ArrayList<>();
    /** Rows of known keys that come from another partition. */
    final List<Moved> moved = new ArrayList<>();
    /** Rows that adopted databases have of a key whose own row is deleted. */
    final List<AdoptedVersions.Version> deleted = new ArrayList<>();
    /** Where these come from. */
    @Nullable
    PartitionId from;

    /** What queries are told of that, once it is about to be committed. */
    Homes.@Nullable Trip trip;

    /** Of {@link #overridden}, which nobody finds any more once the row is there. */
    final List<Homes.Trip> older = new ArrayList<>();

    /** Where it was written. */
    @Nullable
    Partition written;

    /** A new row: what is written is the last of the rows that have its key. */
    static final class Insert {
        final WriteRow first;
        final long hash;
        WriteRow last;

        @Nullable
        List<WriteRow> repeated;

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

        Stream<WriteRow> rows() {
            return repeated == null ? Stream.of(first) : Stream.concat(Stream.of(first), repeated.stream());
        }
    }

    /**
     * A row of a known key.
     *
     * @param older rows of its key in adopted databases: it takes their place too
     */
    record Update(WriteRow row, long seq, List<AdoptedVersions.Version> older) {}

    /**
     * A row of a known key whose class has changed.
     *
     * @param insert the row, with those of its key that it replaces
     * @param seq the number that it keeps
     * @param older further rows of its key, in adopted databases: they go with it
     */
    record Moved(Insert insert, long seq, List<AdoptedVersions.Version> older) {}

    /** The rows that are written, without those that later ones of their key replace. */
    List<WriteRow> news() {
        return inserts.stream().map(insert -> insert.last).toList();
    }

    /** Further rows of adopted databases whose place is taken, besides those that come from one. */
    List<AdoptedVersions.Version> overridden() {
        return Stream.of(
                        moved.stream().flatMap(one -> one.older.stream()),
                        updates.stream().flatMap(one -> one.older.stream()),
                        deleted.stream())
                .flatMap(all -> all)
                .toList();
    }

    /** Whether a new row of a key with this hash is among them. */
    boolean brings(long hash) {
        return inserts.stream().anyMatch(insert -> insert.hash == hash)
                || moved.stream().anyMatch(one -> one.insert.hash == hash);
    }

    /** All rows that are settled by the commit. */
    Stream<WriteRow> rows() {
        return Stream.concat(
                Stream.concat(
                        inserts.stream().flatMap(Insert::rows), moved.stream().flatMap(one -> one.insert.rows())),
                updates.stream().map(Update::row));
    }

    /** The event times that it writes. */
    Partition.Held range() {
        Partition.Held range = Partition.Held.NOTHING;
        for (Insert insert : inserts) {
            range = range.widened(insert.last.timeMicros(), insert.last.timeMicros(), 0);
        }
        for (Moved one : moved) {
            range = range.widened(one.insert.last.timeMicros(), one.insert.last.timeMicros(), 0);
        }
        for (Update update : updates) {
            range = range.widened(update.row.timeMicros(), update.row.timeMicros(), 0);
        }
        return range;
    }

    /** Settles every row as stored or updated. */
    void stored() {
        for (Insert insert : inserts) {
            long number = insert.last.seq();
            insert.first.settle(WriteRow.Outcome.STORED, number, null);
            if (insert.repeated != null) {
                insert.repeated.forEach(row -> row.settle(WriteRow.Outcome.UPDATED, number, null));
            }
        }
        for (Moved one : moved) {
            one.insert.rows().forEach(row -> row.settle(WriteRow.Outcome.UPDATED, one.seq, null));
        }
        for (Update update : updates) {
            update.row.settle(WriteRow.Outcome.UPDATED, update.seq, null);
        }
    }
}
