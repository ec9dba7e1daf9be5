package io.levee.postgres;

import io.levee.MigrationStatus.State;
import io.levee.MigrationStep.Backfill;
import io.levee.MigrationStep.BackfillRows;
import io.levee.PartitionId;
import io.levee.TableSpec;
import io.levee.engine.Classes;
import io.levee.engine.MigrationRecord;
import io.levee.engine.StoredRow;
import io.levee.engine.WriteRow;
import io.levee.postgres.MigrationTables.Part;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.WeakHashMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Keeps backfills right about rows that come to a partition beside their way through it: by an update that gives a row another period or
 * class, and by a splitting. Each row that a backfill is for is set once, wherever it is when its turn comes (guarantees G17, G122).
 *
 * <p>In the transaction that moves a row the lines of both partitions are locked. A row that was not set where it was and comes to where the
 * backfill has been is noted as due; one that was set and comes to where it has not been is noted as set, see {@link MovedNumbers}.
 *
 * <p>An update reads a row before it writes it. What a backfill sets in between would be lost with the old values: how far it was at the read is
 * remembered with the row, and counts.
 *
 * <p>Owned by the writer thread, but for {@link #changed} and {@link #wake}.
 */
final class ComingRows {
    private final MigrationTables lines;
    private final MovedNumbers numbers;
    private final Manifest manifest;

    /** By table the backfills that may have rows to set. Changed while {@link #writing} is held. */
    private final Map<String, Set<String>> awake = new ConcurrentHashMap<>();

    /** Held by the writer while it writes: who has changed what backfills there are waits for what was begun before. */
    private final ReentrantLock writing = new ReentrantLock();

    /** Of the row that was read last for an update. */
    private @Nullable Found found;

    /** Of rows that were changed after they were read, until they are stored. */
    private final Map<WriteRow, Found> carried = new WeakHashMap<>();

    ComingRows(Catalog catalog, Manifest manifest) {
        this.lines = new MigrationTables(catalog);
        this.numbers = new MovedNumbers(catalog);
        this.manifest = manifest;
    }

    /**
     * How a row was read.
     *
     * @param seq its number
     * @param asked the backfills that there were
     * @param due those of them that had not set it
     */
    private record Found(long seq, Set<String> asked, Set<String> due) {
        boolean due(String migration) {
            return due.contains(migration) || !asked.contains(migration);
        }
    }

    /** What reads a row. */
    @FunctionalInterface
    interface Read {
        @Nullable
        StoredRow run() throws SQLException;
    }

    /** Whether a migration sets values of rows that are there. */
    static boolean sets(MigrationRecord record) {
        return record.step() instanceof Backfill || record.step() instanceof BackfillRows;
    }

    // Which backfills there are. Any thread.

    /** Those that an earlier life of the store has left. Before the first write. */
    void open(Connection connection) throws SQLException {
        for (MigrationRecord record : lines.all(connection)) {
            if (sets(record)
                    && (record.state() != State.DONE
                            || !lines.open(connection, record.id()).isEmpty())) {
                add(record);
            }
        }
    }

    private void add(MigrationRecord record) {
        awake.computeIfAbsent(record.table(), table -> ConcurrentHashMap.newKeySet())
                .add(record.id());
    }

    /** A migration was kept, and committed. What the writer had begun before is over when this returns. */
    void changed(CatalogSession session, MigrationRecord record) {
        if (!sets(record)) {
            return;
        }
        writing.lock();
        try {
            boolean over = record.state() == State.DONE
                    && session.ask(
                            "the migrations cannot be read",
                            c -> lines.open(c, record.id()).isEmpty());
            if (over) {
                awake.getOrDefault(record.table(), new HashSet<>()).remove(record.id());
            } else {
                add(record);
            }
        } finally {
            writing.unlock();
        }
    }

    /** A partition of a table is about to come back, which backfills that are done may not have reached. */
    void wake(CatalogSession session, String table) {
        for (MigrationRecord record : session.ask("the migrations cannot be read", lines::all)) {
            if (sets(record) && record.table().equals(table)) {
                writing.lock();
                try {
                    add(record);
                } finally {
                    writing.unlock();
                }
            }
        }
    }

    // Rows. The writer's.

    /** What writes rows. */
    @FunctionalInterface
    interface Write {
        void run() throws SQLException;
    }

    /** Writes: no backfill that is declared meanwhile begins before that is over. */
    void write(Write work) throws SQLException {
        writing.lock();
        try {
            work.run();
        } finally {
            writing.unlock();
        }
    }

    private Set<String> awake(TableSpec spec) {
        return awake.getOrDefault(spec.name(), Set.of());
    }

    /** Reads a row that may be written again with what it has now. */
    @Nullable
    StoredRow read(Connection connection, TableSpec spec, Read work) throws SQLException {
        Set<String> ids = Set.copyOf(awake(spec));
        found = null;
        if (ids.isEmpty()) {
            StoredRow row = work.run();
            found = row == null ? null : new Found(row.seq(), ids, Set.of());
            return row;
        }
        // Row and lines of one moment.
        @Nullable StoredRow[] read = new StoredRow[1];
        Postgres.transaction(connection, () -> {
            Postgres.run(connection, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY");
            StoredRow row = work.run();
            if (row != null) {
                found = new Found(row.seq(), ids, due(connection, spec, row, ids));
            }
            read[0] = row;
            return true;
        });
        return read[0];
    }

    private Set<String> due(Connection connection, TableSpec spec, StoredRow row, Set<String> ids) throws SQLException {
        Set<String> due = new HashSet<>();
        Leaf leaf = manifest.at(spec.name(), Classes.of(spec).of(row.values()), row.timeMicros());
        for (String id : ids) {
            Part part = leaf == null ? null : lines.known(connection, id, leaf.id(), false);
            if (leaf != null
                    && !due(connection, id, leaf.id(), part, List.of(row.seq())).isEmpty()) {
                due.add(id);
            }
        }
        return due;
    }

    /** What was read last is not written again. */
    void forget() {
        found = null;
    }

    /** Rows are handed in: what was read last is of the one that comes alone now. */
    void handed(List<? extends WriteRow> rows) {
        Found last = found;
        found = null;
        if (last != null && rows.size() == 1) {
            carried.putIfAbsent(rows.get(0), last);
        }
    }

    /** They were tried: those that do not come again are forgotten. */
    void tried(List<? extends WriteRow> rows) {
        if (!carried.isEmpty()) {
            for (WriteRow row : rows) {
                if (row.outcome() != WriteRow.Outcome.RETRY && row.outcome() != WriteRow.Outcome.UNCERTAIN) {
                    carried.remove(row);
                }
            }
        }
    }

    /**
     * Notes what backfills have to know of rows that are replaced, in the transaction that does so and before it touches them.
     *
     * @param replaced rows with an old version
     */
    void note(Connection connection, TableSpec spec, Collection<Item> replaced) throws SQLException {
        List<Item> moving = new ArrayList<>();
        for (Item item : replaced) {
            if (!item.target().equals(item.old()) || carried(item) != null) {
                moving.add(item);
            }
        }
        if (!moving.isEmpty()) {
            for (String id : awake(spec)) {
                note(connection, id, moving);
            }
        }
    }

    private @Nullable Found carried(Item item) {
        Found read = carried.get(item.row());
        return read != null && read.seq == item.seq() ? read : null;
    }

    private void note(Connection connection, String id, List<Item> moving) throws SQLException {
        Map<PartitionId, Part> parts = new TreeMap<>();
        Map<PartitionId, List<Item>> from = new HashMap<>();
        for (Item item : moving) {
            Leaf old = Objects.requireNonNull(item.old());
            from.computeIfAbsent(old.id(), leaf -> new ArrayList<>()).add(item);
            parts.put(old.id(), MigrationTables.NONE);
            parts.put(item.target().id(), MigrationTables.NONE);
        }
        // In one order, as nobody else takes more than one of them.
        for (Map.Entry<PartitionId, Part> entry : parts.entrySet()) {
            Part part = lines.known(connection, id, entry.getKey(), true);
            entry.setValue(part == null ? MigrationTables.NONE : part);
        }
        for (Map.Entry<PartitionId, List<Item>> entry : from.entrySet()) {
            leave(connection, id, parts, entry.getKey(), entry.getValue());
        }
    }

    private void leave(
            Connection connection, String id, Map<PartitionId, Part> parts, PartitionId old, List<Item> items)
            throws SQLException {
        List<Long> seqs = items.stream().map(Item::seq).toList();
        Set<Long> due = due(connection, id, old, parts.get(old), seqs);
        Map<PartitionId, List<Long>> toSet = new HashMap<>();
        Map<PartitionId, List<Long>> set = new HashMap<>();
        List<Long> gone = new ArrayList<>();
        for (Item item : items) {
            Found read = carried(item);
            PartitionId to = item.target().id();
            boolean stale = read != null && read.due(id);
            if (!to.equals(old)) {
                gone.add(item.seq());
                (due.contains(item.seq()) || stale ? toSet : set)
                        .computeIfAbsent(to, leaf -> new ArrayList<>())
                        .add(item.seq());
            } else if (stale && !due.contains(item.seq())) {
                toSet.computeIfAbsent(to, leaf -> new ArrayList<>()).add(item.seq());
            }
        }
        if (!gone.isEmpty() && there(parts.get(old))) {
            numbers.remove(connection, id, old, true, gone);
            numbers.remove(connection, id, old, false, gone);
        }
        for (Map.Entry<PartitionId, List<Long>> entry : toSet.entrySet()) {
            PartitionId to = entry.getKey();
            parts.put(to, toBeSet(connection, id, to, parts.get(to), entry.getValue()));
        }
        for (Map.Entry<PartitionId, List<Long>> entry : set.entrySet()) {
            Part of = parts.get(entry.getKey());
            if (of != null && there(of) && !of.done()) {
                numbers.put(connection, id, entry.getKey(), false, entry.getValue());
            }
        }
    }

    @SuppressWarnings("ReferenceEquality") // The one that stands for none.
    private static boolean there(@Nullable Part part) {
        return part != null && part != MigrationTables.NONE;
    }

    /** Which rows of a partition a backfill has not set. */
    private Set<Long> due(Connection connection, String id, PartitionId leaf, @Nullable Part part, List<Long> seqs)
            throws SQLException {
        Set<Long> due = new HashSet<>();
        if (part == null || !there(part) || part.done()) {
            // What it was never to reach has new rows only.
            return due;
        }
        Map<Long, Boolean> listed = numbers.of(connection, id, leaf, seqs);
        Long bound = part.bound();
        for (long seq : seqs) {
            Boolean said = listed.get(seq);
            boolean ahead = bound == null
                    || seq > part.through() && seq <= bound
                    || part.skipped().contains(seq);
            if (said == null ? ahead : said) {
                due.add(seq);
            }
        }
        return due;
    }

    private Part toBeSet(Connection connection, String id, PartitionId leaf, @Nullable Part part, List<Long> seqs)
            throws SQLException {
        Part begun = reopened(connection, id, leaf, part);
        if (begun.bound() == null) {
            // It meets them on its way.
            numbers.remove(connection, id, leaf, false, seqs);
        } else {
            numbers.put(connection, id, leaf, true, seqs);
        }
        return begun;
    }

    /** The line of a partition that gets rows to be set: one that is done, or was never to be reached, is to be reached again. */
    private Part reopened(Connection connection, String id, PartitionId leaf, @Nullable Part part) throws SQLException {
        if (part != null && there(part) && !part.done()) {
            return part;
        }
        long through = part == null ? 0 : part.through();
        Part again = new Part(false, through, through, 0, List.of());
        lines.put(connection, id, leaf, again, 0);
        return again;
    }

    /**
     * Notes rows that came from outside, such as by a splitting, in the transaction that brings them.
     *
     * @param from the lowest number; no row of before is between this and the highest
     * @param to the highest number
     * @return whether a backfill that was done with the partition, or not to reach it, is to reach it now
     */
    boolean came(Connection connection, TableSpec spec, Leaf leaf, long from, long to) throws SQLException {
        boolean again = false;
        for (MigrationRecord record : lines.all(connection)) {
            if (sets(record) && record.table().equals(spec.name())) {
                Part part = lines.known(connection, record.id(), leaf.id(), true);
                again |= part == null || part.done();
                if (reopened(connection, record.id(), leaf.id(), part).bound() != null) {
                    numbers.put(connection, record.id(), leaf.id(), true, from, to);
                }
                add(record);
            }
        }
        return again;
    }
}
