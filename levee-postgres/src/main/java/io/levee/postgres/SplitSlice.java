package io.levee.postgres;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.PartitionId;
import io.levee.SplitStatus;
import io.levee.TableSpec;
import io.levee.engine.Classes;
import io.levee.engine.Slot;
import io.levee.engine.WriteRow;
import io.levee.internal.adopt.SplitCount;
import io.levee.internal.adopt.SplitRow;
import io.levee.internal.adopt.SplitState;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Some rows of an adopted table on their way into the table's own partitions: one transaction of the writer's session writes them, reads
 * them back, counts them and says that they have moved. It is the writer's, so that no key is looked up or written meanwhile.
 */
final class SplitSlice {
    private final TableSpec spec;
    private final PartitionId id;
    private final SplitRead.Piece piece;
    private final Slots slots;
    private final Map<Leaf, Share> shares = new LinkedHashMap<>();
    /** How many rows that had moved went for later ones of their keys. */
    private final Map<Leaf, Integer> gone = new LinkedHashMap<>();

    private SplitCount count = SplitCount.NONE;
    private boolean unreached;

    /** What it works with. All of it is the writer's. */
    record Parts(
            WriterSession session,
            Catalog catalog,
            Leaves leaves,
            Manifest manifest,
            KeyLookup keys,
            CopyWriter copy,
            ComingRows coming,
            Floors floors) {}

    /** From when on a table takes rows of a class. */
    @FunctionalInterface
    interface Floors {
        long floor(String table, String retentionClass);
    }

    /** Where the row of a time and a class belongs. */
    @FunctionalInterface
    interface Slots {
        Slot slot(long timeMicros, String retentionClass);
    }

    /** One that is no longer the next: it was stopped, or another one came first. */
    static final class Outdated extends RuntimeException {
        private static final long serialVersionUID = 1;

        Outdated() {
            super("the splitting is not where it was");
        }
    }

    /** One of the rows cannot be stored, whoever tries: a value of an index is too long for it, or the like. */
    static final class BadRow extends RuntimeException {
        private static final long serialVersionUID = 1;

        BadRow(LeveeException cause) {
            super(cause.what(), cause);
        }
    }

    /** A row as writers know it. */
    private static final class Plain extends WriteRow {
        Plain(SplitRow row) {
            super(row.values(), row.timeMicros());
        }
    }

    /** A row as the copy takes it. */
    private record Line(SplitRow from, WriteRow row) implements CopyWriter.Line {
        Line(SplitRow from) {
            this(from, new Plain(from));
        }

        @Override
        public long seq() {
            return from.seq();
        }

        @Override
        public long change() {
            return 0;
        }
    }

    /** What one partition gets. */
    private static final class Share {
        private final List<Line> lines = new ArrayList<>();
        private long min = Long.MAX_VALUE;
        private long max = Long.MIN_VALUE;
        private long hash;

        void add(Line line, TableSpec spec) {
            lines.add(line);
            min = Math.min(min, line.from.timeMicros());
            max = Math.max(max, line.from.timeMicros());
            hash += stored(line.from, spec).hash();
        }
    }

    SplitSlice(TableSpec spec, PartitionId id, SplitRead.Piece piece, Slots slots) {
        this.spec = spec;
        this.id = id;
        this.piece = piece;
        this.slots = slots;
    }

    /** As the partition has it: what a column has that is left null. */
    private static SplitRow stored(SplitRow row, TableSpec spec) {
        @Nullable Object[] values = row.values().clone();
        for (int i = 0; i < values.length; i++) {
            values[i] = values[i] == null ? spec.columns().get(i).defaultValue() : values[i];
        }
        return new SplitRow(
                row.rowNumber(),
                row.seq(),
                row.timeMicros(),
                row.timeless(),
                row.overridden(),
                row.unreadable(),
                values);
    }

    /** Makes one partition that rows of it belong to, if one is missing; each in a transaction of its own. Returns whether one was. */
    boolean prepare(Parts parts) {
        try {
            parts.leaves.follow();
            for (SplitRow row : piece.rows()) {
                String retentionClass = Classes.of(spec).of(row.values());
                boolean wanted = row.timeMicros() >= parts.floors.floor(spec.name(), retentionClass)
                        && parts.manifest.at(spec.name(), retentionClass, row.timeMicros()) == null;
                if (wanted) {
                    parts.leaves.forTime(spec, slots.slot(row.timeMicros(), retentionClass), row.timeMicros());
                    return true;
                }
            }
            return false;
        } catch (SQLException e) {
            throw failure(parts, e);
        }
    }

    /**
     * Moves the rows.
     *
     * @param from how far the splitting was when they were read
     * @return how far it is now
     * @throws Outdated where it is not there any more
     * @throws BadRow where the server refuses one of the rows
     */
    SplitState run(Parts parts, SplitState from) {
        SplitState[] next = new SplitState[1];
        try {
            parts.coming.write(() -> parts.session.transaction(c -> next[0] = move(parts, c, from), () -> {}));
        } catch (SQLException e) {
            // Whether a commit that nobody answered took effect is seen behind the next connection, by all that counts.
            LeveeException failure = failure(parts, e);
            throw Postgres.badRow(e) ? new BadRow(failure) : failure;
        }
        shares.forEach((leaf, share) -> leaf.add(share.min, share.max, share.lines.size(), 0));
        gone.forEach((leaf, rows) -> leaf.add(Long.MAX_VALUE, Long.MIN_VALUE, -rows, 0));
        return next[0];
    }

    /** Whether backfills that were done are to reach what was moved. */
    boolean unreached() {
        return unreached;
    }

    private LeveeException failure(Parts parts, SQLException e) {
        if (Postgres.gone(e)) {
            parts.session.lost();
        }
        return Postgres.failure("rows of " + id + " cannot be moved", e);
    }

    private SplitState move(Parts parts, Connection c, SplitState from) throws SQLException {
        shares.clear();
        unreached = false;
        gone.clear();
        count = SplitCount.NONE;
        SplitState now = SplitCatalog.locked(c, parts.catalog.names(), id);
        boolean next = now != null
                && now.state() == SplitStatus.State.RUNNING
                && now.moved().equals(from.moved())
                && AdoptedCatalog.keep(c, parts.catalog.names(), id);
        if (now == null || !next) {
            throw new Outdated();
        }
        Postgres.run(c, KeyLookup.BY_INDEX);
        choose(parts, superseded(parts, c, from));
        for (Map.Entry<Leaf, Share> entry : shares.entrySet()) {
            write(parts, c, entry.getKey(), entry.getValue());
        }
        SplitState further = now.further(piece.moved().from(), piece.moved().to(), count);
        SplitCatalog.put(c, parts.catalog.names(), further);
        return further;
    }

    /** The rows whose keys the table has, or had, from later ones. Those that it has from earlier ones are taken away. */
    private Set<Long> superseded(Parts parts, Connection c, SplitState from) throws SQLException {
        Set<Long> superseded = new HashSet<>();
        if (!spec.keyed()) {
            return superseded;
        }
        AdoptedOverrides.overridden(
                c,
                parts.catalog.names(),
                id,
                piece.rows().stream().map(SplitRow::seq).toList(),
                superseded);
        Set<Object> latest = new HashSet<>();
        List<SplitRow> asked =
                piece.rows().stream().filter(row -> row.key(spec) != null).toList();
        List<Item> items =
                parts.keys.known(c, spec, asked.stream().map(Plain::new).toList());
        for (int i = 0; i < items.size(); i++) {
            SplitRow row = asked.get(i);
            Item item = items.get(i);
            boolean newest = latest.add(KeyLookup.comparable(Objects.requireNonNull(row.key(spec))));
            boolean replaces = newest && !superseded.contains(row.seq()) && replaces(parts, c, item, row, from);
            if (item.old() != null && !replaces) {
                superseded.add(row.seq());
            }
        }
        return superseded;
    }

    /**
     * Whether a row that was added to the adopted table takes the place of one of its key that has moved: of the two the later one stays,
     * unless the table itself has written that key since.
     */
    private boolean replaces(Parts parts, Connection c, Item item, SplitRow row, SplitState from) throws SQLException {
        Leaf leaf = item.old();
        boolean moved =
                leaf != null && item.seq() < row.seq() && from.moved().holds(item.seq() - row.seq() + row.rowNumber());
        boolean expired = row.timeMicros()
                < parts.floors.floor(spec.name(), Classes.of(spec).of(row.values()));
        if (leaf == null || !moved || expired) {
            return false;
        }
        int deleted = Postgres.update(
                c,
                "DELETE FROM " + parts.catalog.names().in(leaf.name()) + " WHERE " + Names.time(spec)
                        + " = ? AND _seq = ? AND _chg IS NULL",
                item.oldMicros(),
                item.seq());
        if (deleted > 0) {
            parts.catalog.subtract(c, leaf.id(), deleted);
            gone.merge(leaf, deleted, Integer::sum);
            count = count.plus(new SplitCount(0, 0, deleted, 0, 0, 0, 0, Long.MAX_VALUE, Long.MIN_VALUE));
        }
        return deleted > 0;
    }

    private void choose(Parts parts, Set<Long> superseded) {
        Set<Object> keys = new HashSet<>();
        for (SplitRow row : piece.rows()) {
            String retentionClass = Classes.of(spec).of(row.values());
            Object[] key = spec.keyed() ? row.key(spec) : null;
            boolean keyless = spec.keyed() && key == null;
            boolean expired = !keyless && row.timeMicros() < parts.floors.floor(spec.name(), retentionClass);
            boolean lost = keyless || expired;
            // The highest number comes first: of two rows of one key the later one counts.
            boolean known =
                    superseded.contains(row.seq()) || !lost && key != null && !keys.add(KeyLookup.comparable(key));
            boolean moves = !lost && !known;
            count = count.plus(new SplitCount(
                    1,
                    row.hash(),
                    !lost && known ? 1 : 0,
                    expired ? 1 : 0,
                    keyless ? 1 : 0,
                    moves && row.timeless() ? 1 : 0,
                    row.unreadable(),
                    lost ? row.timeMicros() : Long.MAX_VALUE,
                    lost ? row.timeMicros() : Long.MIN_VALUE));
            if (moves) {
                // Where it is missing again it was just dropped: the next try counts its rows as too old.
                Leaf leaf = parts.manifest.at(spec.name(), retentionClass, row.timeMicros());
                if (leaf == null || !leaf.opened()) {
                    throw new LeveeException(ErrorCode.PARTITION_BUSY, "a partition of its rows is being dropped");
                }
                shares.computeIfAbsent(leaf, l -> new Share()).add(new Line(row), spec);
            }
        }
    }

    private void write(Parts parts, Connection c, Leaf leaf, Share share) throws SQLException {
        long lowest = share.lines.get(share.lines.size() - 1).seq();
        unreached |= parts.coming.came(c, spec, leaf, lowest, share.lines.get(0).seq());
        parts.copy.copy(c, spec, leaf, share.lines);
        if (!parts.catalog.add(c, leaf.id(), share.min, share.max, share.lines.size(), 0)) {
            throw new LeveeException(ErrorCode.PARTITION_BUSY, "the partition " + leaf.id() + " takes no rows");
        }
        long rows = 0;
        long hash = 0;
        for (SplitRow row : readBack(parts, c, leaf, share)) {
            rows++;
            hash += row.hash();
        }
        if (rows != share.lines.size() || hash != share.hash) {
            throw new LeveeException(
                            ErrorCode.CORRUPT,
                            "read back " + rows + " rows with the checksum " + Long.toHexString(hash) + " instead of "
                                    + share.lines.size() + " with " + Long.toHexString(share.hash))
                    .with("partition", leaf.id().toString());
        }
    }

    private List<SplitRow> readBack(Parts parts, Connection c, Leaf leaf, Share share) throws SQLException {
        List<String> columns = new ArrayList<>();
        spec.columns().forEach(column -> columns.add(Names.column(spec, column.name())));
        columns.add("_seq");
        columns.add(Names.time(spec));
        int width = spec.columns().size();
        List<SplitRow> read = new ArrayList<>();
        try (PreparedStatement statement = c.prepareStatement("SELECT " + String.join(", ", columns) + " FROM "
                + parts.catalog.names().in(leaf.name()) + " WHERE _seq >= ? AND _seq <= ?")) {
            statement.setLong(1, share.lines.get(share.lines.size() - 1).seq());
            statement.setLong(2, share.lines.get(0).seq());
            try (ResultSet rows = statement.executeQuery()) {
                while (rows.next()) {
                    @Nullable Object[] values = new Object[width];
                    for (int i = 0; i < width; i++) {
                        values[i] = Stored.read(rows, i + 1, spec.columns().get(i));
                    }
                    read.add(
                            new SplitRow(0, rows.getLong(width + 1), rows.getLong(width + 2), false, false, 0, values));
                }
            }
        }
        return read;
    }
}
