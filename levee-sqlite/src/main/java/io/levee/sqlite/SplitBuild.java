package io.levee.sqlite;

import io.levee.PartitionId;
import io.levee.TableSpec;
import io.levee.engine.Classes;
import io.levee.engine.Slot;
import io.levee.internal.adopt.SplitCount;
import io.levee.internal.adopt.SplitRow;
import java.io.IOException;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Makes the partitions of one step: the rows of a range of row numbers of an adopted database, one new file for each period and class that
 * they belong to, read back and compared. Changes nothing but these files. Split thread.
 */
final class SplitBuild {
    /** Rows that are read at once, and between two pauses. */
    static final int BATCH = 2_000;

    private static final long BATCH_BYTES = 4L << 20;

    /** Files that are made at the same time. */
    static final int MOST_FILES = 100;

    private final Help around;
    private final TableSpec spec;
    private final Map<Slot, SplitFile> files = new LinkedHashMap<>();
    private final List<long[]> keyHashes = new ArrayList<>();
    private @Nullable KeyFilter inStep;
    private SplitCount count = SplitCount.NONE;
    private long skipped;

    /** What the step needs of others. */
    interface Help {
        /** Where the row of a time and a class belongs. */
        Slot slot(long timeMicros, String retentionClass);

        /** The time from which on the table takes rows of a class. */
        long floor(String retentionClass);

        /** Takes a name for a new partition. */
        PartitionId reserve(Slot slot);

        /** Where a new file is made. */
        Path place(int number);

        /** Which keys own partitions have already. */
        boolean[] known(List<Object[]> keys, long[] hashes);

        /** Has what own partitions have of the keys of rows make way for these; of which of them they have nothing any more. */
        boolean[] makeWay(List<SplitRow> rows);

        /** Leaves processor and disk to others; throws where the step is to end. */
        void pause();

        Instant now();
    }

    /** More files than {@link #MOST_FILES} would be needed: fewer rows may do. */
    static final class TooManyFiles extends Exception {
        private static final long serialVersionUID = 1;

        TooManyFiles() {
            super("rows of more than " + MOST_FILES + " partitions");
        }
    }

    SplitBuild(Help around, TableSpec spec) {
        this.around = around;
        this.spec = spec;
        this.inStep = spec.keyed() ? new KeyFilter(BATCH) : null;
    }

    /**
     * Reads the rows with numbers from {@code from} to {@code to}, both included, and makes their files.
     *
     * @param origin what each file says of where its rows are from
     */
    void run(Connection source, AdoptedTable table, long from, long to, Map<String, Object> origin)
            throws SQLException, IOException, TooManyFiles {
        String number = table.rowNumber();
        String sql = SplitRows.select(table, spec) + " WHERE " + number + " >= ? AND " + number + " <= ? ORDER BY "
                + number + " LIMIT " + BATCH;
        long next = from;
        while (next <= to) {
            List<SplitRow> batch = new ArrayList<>();
            long bytes = 0;
            try (PreparedStatement statement = source.prepareStatement(sql)) {
                statement.setLong(1, next);
                statement.setLong(2, to);
                try (ResultSet rows = statement.executeQuery()) {
                    while (bytes < BATCH_BYTES && rows.next()) {
                        SplitRow row = SplitRows.read(rows, spec, table);
                        bytes += row.bytes();
                        batch.add(row);
                    }
                }
            }
            if (batch.isEmpty()) {
                break;
            }
            take(batch);
            long last = batch.get(batch.size() - 1).rowNumber();
            if (last == Long.MAX_VALUE) {
                break;
            }
            next = last + 1;
            around.pause();
        }
        finish(origin);
    }

    private void take(List<SplitRow> batch) throws SQLException, IOException, TooManyFiles {
        List<Object @Nullable []> keys = new ArrayList<>();
        boolean[] known = new boolean[batch.size()];
        if (spec.keyed()) {
            List<Object[]> asked = new ArrayList<>();
            List<Integer> at = new ArrayList<>();
            for (int i = 0; i < batch.size(); i++) {
                Object[] key = batch.get(i).key(spec);
                keys.add(key);
                if (key != null) {
                    asked.add(key);
                    at.add(i);
                }
            }
            long[] hashes = asked.stream().mapToLong(KeyFilter::hash).toArray();
            boolean[] found = around.known(asked, hashes);
            for (int i = 0; i < found.length; i++) {
                known[at.get(i)] = found[i];
            }
            keyHashes.add(hashes);
            makeWay(batch, known);
        }
        for (int i = 0; i < batch.size(); i++) {
            take(
                    batch.get(i),
                    spec.keyed() ? keys.get(i) : null,
                    known[i] || batch.get(i).overridden());
        }
    }

    /** What is not moved itself keeps no other row from its place. */
    private void makeWay(List<SplitRow> batch, boolean[] known) {
        List<SplitRow> asked = new ArrayList<>();
        List<Integer> at = new ArrayList<>();
        for (int i = 0; i < known.length; i++) {
            SplitRow row = batch.get(i);
            if (known[i] && !row.overridden() && !expired(row)) {
                asked.add(row);
                at.add(i);
            }
        }
        boolean[] made = around.makeWay(asked);
        for (int i = 0; i < made.length; i++) {
            known[at.get(i)] = !made[i];
        }
    }

    private boolean expired(SplitRow row) {
        return row.timeMicros() < around.floor(Classes.of(spec).of(row.values()));
    }

    private void take(SplitRow row, Object @Nullable [] key, boolean known)
            throws SQLException, IOException, TooManyFiles {
        long hash = row.hash();
        String retentionClass = Classes.of(spec).of(row.values());
        boolean keyless = spec.keyed() && key == null;
        boolean expired = !keyless && expired(row);
        boolean moves = !keyless && !expired && !known;
        boolean lost = keyless || expired;
        count = count.plus(new SplitCount(
                1,
                hash,
                !lost && known ? 1 : 0,
                expired ? 1 : 0,
                keyless ? 1 : 0,
                moves && row.timeless() ? 1 : 0,
                row.unreadable(),
                lost ? row.timeMicros() : Long.MAX_VALUE,
                lost ? row.timeMicros() : Long.MIN_VALUE));
        if (!moves) {
            skipped += hash;
            return;
        }
        if (key != null) {
            takeOutEarlier(key);
        }
        file(around.slot(row.timeMicros(), retentionClass)).add(row);
    }

    /** Of two rows of one key the later one counts, as if they had been written one after the other. */
    private void takeOutEarlier(Object[] key) throws SQLException {
        KeyFilter filter = inStep;
        if (filter == null) {
            return;
        }
        long hash = KeyFilter.hash(key);
        if (filter.mayContain(hash)) {
            for (SplitFile file : files.values()) {
                Long removed = file.remove(key);
                if (removed != null) {
                    skipped += removed;
                    count = count.plus(new SplitCount(0, 0, 1, 0, 0, 0, 0, Long.MAX_VALUE, Long.MIN_VALUE));
                    break;
                }
            }
        }
        filter.add(hash);
    }

    private SplitFile file(Slot slot) throws SQLException, IOException, TooManyFiles {
        SplitFile known = files.get(slot);
        if (known != null) {
            return known;
        }
        if (files.size() >= MOST_FILES) {
            throw new TooManyFiles();
        }
        PartitionId id = around.reserve(slot);
        SplitFile made = SplitFile.make(id, spec, around.place(files.size()), around.now());
        files.put(slot, made);
        return made;
    }

    private void finish(Map<String, Object> origin) throws SQLException, IOException {
        long rows = 0;
        long hash = skipped;
        for (SplitFile file : files.values()) {
            long[] found = file.finish(origin, around::pause);
            rows += found[0];
            hash += found[1];
        }
        if (rows != count.moved() || hash != count.hash()) {
            throw new SQLException("read back " + rows + " rows with the checksum " + Long.toHexString(hash)
                    + " instead of " + count.moved() + " with " + Long.toHexString(count.hash()));
        }
    }

    /** What became of the rows. */
    SplitCount count() {
        return count;
    }

    List<SplitFile> files() {
        return List.copyOf(files.values());
    }

    /** The hashes of the keys that were met. */
    List<long[]> keyHashes() {
        return keyHashes;
    }

    /** Nothing came of it. */
    void giveUp() {
        files.values().forEach(SplitFile::giveUp);
    }
}
