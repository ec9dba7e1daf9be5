package io.levee.postgres;

import io.levee.Bytes;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.MigrationStatus;
import io.levee.MigrationStep;
import io.levee.PartitionId;
import io.levee.PartitionInfo;
import io.levee.SplitStatus;
import io.levee.TableSpec;
import io.levee.engine.MigrationRecord;
import io.levee.internal.adopt.MovedRows;
import io.levee.internal.adopt.SplitPace;
import io.levee.internal.adopt.SplitPeriods;
import io.levee.internal.adopt.SplitRow;
import io.levee.internal.adopt.SplitService;
import io.levee.internal.adopt.SplitState;
import io.levee.internal.migration.Pace;
import io.levee.internal.supervisor.Errands;
import io.levee.internal.supervisor.Supervisor;
import io.levee.internal.supervisor.Task;
import io.levee.internal.time.MonotonicClock;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Moves the rows of adopted tables into the store's own partitions: pieces of them are read on a connection of their own, and written by the
 * writer in slices of a few milliseconds ({@link SplitSlice}), each a transaction with its mark. The adopted table itself is only read: what
 * has moved is left out of it by a bound that every statement reads in its own snapshot. At the end all of it is read once more and compared.
 *
 * <p>The thread {@code levee-split}.
 */
final class Splitting implements SplitService.Work {
    /** How long one call goes on before the next splitting has its turn. */
    private static final Duration TURN = Duration.ofSeconds(1);

    /** Rows that are read at once where they are only compared. */
    private static final int COMPARED_AT_ONCE = 2_000;

    /** What rows take in own partitions with their indexes, as a part of what the table takes. */
    private static final double GROWTH = 1.5;

    private static final long HEADROOM = 64L << 20;

    /** With more rows at once nobody looks for a single one any more. */
    private static final int MOST_CAREFUL = 1_000;

    private final Parts parts;
    private final SplitService service;
    private final MonotonicClock clock = MonotonicClock.SYSTEM;
    private final Map<PartitionId, SplitPeriods> periods = new HashMap<>();
    private final Map<PartitionId, Pace> paces = new HashMap<>();
    /** Rows at once where one of them cannot be stored: fewer and fewer, until it is alone. */
    private final Map<PartitionId, Integer> careful = new HashMap<>();

    private volatile Consumer<Point> at = point -> {};
    private volatile Runnable told = () -> {};
    /** Whether backfills that were done are to reach what moved since that was told. Split thread. */
    private boolean unreached;

    private volatile int most = Integer.MAX_VALUE;
    private volatile Duration patience = SplitRead.PATIENCE;

    /** Where a test has the process end. */
    enum Point {
        /** A piece was read. */
        READ,
        /** Its rows have moved. */
        MOVED,
        /** All of the table was compared. */
        VERIFIED
    }

    /**
     * What it works with.
     *
     * @param writes a number that rises with each row that the writer is handed
     */
    record Parts(
            Connections connections,
            CatalogSession session,
            Catalog catalog,
            Manifest manifest,
            Adoptions adoptions,
            Errands<SplitSlice.Parts> writer,
            LongSupplier writes,
            Function<String, @Nullable TableSpec> specs,
            LongSupplier used,
            @Nullable Bytes cap) {}

    Splitting(Parts parts, Supervisor supervisor) {
        this.parts = parts;
        this.service = new SplitService(this, supervisor);
    }

    SplitService service() {
        return service;
    }

    /** Has something run at each point, pieces be of so many rows at most, and no rest between them; for tests. */
    void at(Consumer<Point> point, int rows) {
        at = point;
        most = rows;
        service.restless();
    }

    /** See {@link io.levee.engine.StorageEngine#onArrival}. */
    void onArrival(Runnable call) {
        told = call;
    }

    /** How long reading one piece may take; for tests. */
    void patience(Duration longest) {
        patience = longest;
    }

    private Names names() {
        return parts.catalog.names();
    }

    // The catalog.

    @Override
    public List<SplitState> all() {
        return all(parts.session, parts.catalog);
    }

    /** The same by a catalog that may be only read. */
    static List<SplitState> all(CatalogSession session, Catalog catalog) {
        return session.ask("the splittings cannot be read", c -> SplitCatalog.all(c, catalog));
    }

    @Override
    public long rows(PartitionId id) {
        Adopted adopted = parts.adoptions.get(id);
        return adopted == null ? -1 : adopted.facts().rowsEstimate();
    }

    @Override
    public SplitState put(SplitState from, SplitStatus.State state, String note) {
        SplitState now = parts.session.change("a splitting cannot be noted", c -> {
            // The last slice may have ended meanwhile.
            SplitState latest = SplitCatalog.locked(c, names(), from.id());
            if (latest != null && latest.state() == SplitStatus.State.DONE) {
                return latest;
            }
            SplitState next = (latest == null ? from : latest).with(state, note);
            SplitCatalog.put(c, names(), next);
            if (latest == null) {
                // Releases before this would read what has moved twice.
                parts.catalog.put(c, "format", Integer.toString(Catalog.CHANGED_FORMAT));
            }
            return next;
        });
        parts.adoptions.split(now);
        Adopted adopted = parts.adoptions.get(now.id());
        if (now.state() != SplitStatus.State.RUNNING && adopted != null) {
            // A process that died while it compared has left it.
            parts.adoptions.bar(adopted, false);
        }
        return now;
    }

    /**
     * What the server has of room nobody tells a client; where the store has a cap, all that the rows will take has to fit below it
     * (guarantee G90).
     */
    @Override
    public void requireRoom(SplitState from) {
        Adopted adopted = parts.adoptions.get(from.id());
        Bytes cap = parts.cap;
        if (adopted == null || cap == null) {
            return;
        }
        double left = 1
                - (double) from.count().rows()
                        / Math.max(1, Math.max(from.total(), from.count().rows()));
        long needed = (long) (adopted.facts().bytes() * GROWTH * left) + HEADROOM;
        long free = Math.max(0, cap.value() / 10 * 9 - parts.used.getAsLong());
        if (free < needed) {
            throw new LeveeException(
                            ErrorCode.DISK_FULL,
                            "splitting needs " + new Bytes(needed) + " besides the table, and " + new Bytes(free)
                                    + " are free below the cap " + cap)
                    .with("needed", needed)
                    .with("free", free)
                    .hint("free space, or leave the table as it is: it is read where it lies");
        }
    }

    @Override
    public @Nullable String waitsFor(LeveeException e) {
        if (e.code() == ErrorCode.DISK_FULL) {
            return "the server's disk is full: the slice is made again when there is room (" + e.what() + ")";
        }
        return e.retryable() ? e.what() : null;
    }

    // Its thread.

    @Override
    public String further(SplitState split, Task running) {
        // What a commit did that nobody answered, and what another process had stopped.
        parts.adoptions.split(split);
        Adopted adopted = parts.adoptions.get(split.id());
        TableSpec spec = parts.specs.apply(split.id().table());
        if (adopted == null || spec == null) {
            return "it was dropped meanwhile";
        }
        String why = migrating(spec);
        if (!why.isEmpty()) {
            return why;
        }
        Connection connection = parts.connections.open(true);
        try {
            AdoptedTable table = parts.adoptions.table(connection, spec, adopted);
            return table == null
                    ? adopted.adoption().source() + " is missing"
                    : further(split, spec, table, connection, running);
        } catch (SQLException e) {
            throw Adoptions.unreadable(adopted, Postgres.failure("an adopted table cannot be split", e));
        } finally {
            parts.connections.giveBack(connection);
            tell();
        }
    }

    private void tell() {
        if (unreached) {
            unreached = false;
            told.run();
        }
    }

    /** What changes the table's columns is not made beside it; backfills are, see {@link ComingRows}. */
    private String migrating(TableSpec spec) {
        for (MigrationRecord record : Migrations.all(parts.session, parts.catalog)) {
            boolean columns = !(record.step() instanceof MigrationStep.AddIndex)
                    && !(record.step() instanceof MigrationStep.DropIndex)
                    && !ComingRows.sets(record);
            if (columns && record.table().equals(spec.name()) && record.state() != MigrationStatus.State.DONE) {
                return "the migration " + record.id() + " of " + spec.name() + " is to end first";
            }
        }
        return "";
    }

    private static String writing(Connection connection, AdoptedTable table) throws SQLException {
        List<String> writers = AdoptedSource.writers(connection, table.source());
        return writers.isEmpty() ? "" : "others write to it: " + String.join(", ", writers);
    }

    private String further(SplitState begun, TableSpec spec, AdoptedTable table, Connection connection, Task running)
            throws SQLException {
        String writers = writing(connection, table);
        if (!writers.isEmpty()) {
            return writers;
        }
        if (AdoptedSource.inherited(connection, table.source())) {
            service.end(begun, SplitStatus.State.BLOCKED, AdoptedSource.INHERITED);
            return "";
        }
        SplitRead.begin(connection, patience);
        SplitRead read = new SplitRead(connection, spec, table);
        SplitPace rest = new SplitPace(running, parts.writes, () -> service.stopped(begun.id()), service.rests());
        Pace pace = paces.computeIfAbsent(begun.id(), id -> new Pace());
        long end = clock.nanos() + TURN.toNanos();
        SplitState split = begun;
        while (clock.nanos() - end < 0) {
            int rows = Math.min(Math.min(most, pace.rows()), careful.getOrDefault(split.id(), Integer.MAX_VALUE));
            SplitRead.Piece piece;
            try {
                piece = read.next(split.moved(), rows);
            } catch (SplitRead.Slow e) {
                pace.took(Math.max(rows, pace.rows()), patience.toNanos());
                return rows > 1 ? "" : "one row of it cannot be read within " + patience + ": " + e.getMessage();
            }
            if (piece == null) {
                // Before anybody sees that it is done.
                tell();
                return finish(split, spec, table, connection, rest);
            }
            at.accept(Point.READ);
            SplitState now = move(spec, split, piece, pace, rest);
            if (now == null) {
                return "";
            }
            split = now;
            at.accept(Point.MOVED);
            rest.rest();
        }
        return "";
    }

    /** Has the writer move a piece; null where the splitting is not there any more. */
    private @Nullable SplitState move(
            TableSpec spec, SplitState split, SplitRead.Piece piece, Pace pace, SplitPace rest) {
        SplitPeriods own = periods.computeIfAbsent(split.id(), id -> new SplitPeriods(this::infos));
        Adopted.Facts facts = table(split.id());
        SplitSlice slice = new SplitSlice(
                spec,
                split.id(),
                piece,
                (micros, retentionClass) ->
                        own.slot(spec, facts.minMicros(), facts.maxMicros(), micros, retentionClass));
        while (parts.writer.ask(slice::prepare)) {
            rest.rest();
        }
        Moved moved;
        try {
            moved = parts.writer.ask(writer -> run(slice, writer, split));
        } finally {
            // Also where nobody knows whether it was committed.
            unreached |= slice.unreached();
        }
        if (moved.refused != null) {
            return without(split, piece, moved.refused);
        }
        if (moved.further != null) {
            pace.took(Math.max(1, piece.rows().size()), moved.nanos);
            careful.computeIfPresent(split.id(), (id, rows) -> rows > MOST_CAREFUL ? null : 2 * rows);
        }
        return moved.further;
    }

    /** What came of a slice, in the writer's thread: an error of its own would come out of there as another one. */
    private record Moved(@Nullable SplitState further, SplitSlice.@Nullable BadRow refused, long nanos) {}

    private Moved run(SplitSlice slice, SplitSlice.Parts writer, SplitState split) {
        long begin = clock.nanos();
        try {
            SplitState further = slice.run(writer, split);
            // At once: whoever is told of a row by its number asks where it is.
            parts.adoptions.split(further);
            return new Moved(further, null, clock.nanos() - begin);
        } catch (SplitSlice.Outdated e) {
            return new Moved(null, null, 0);
        } catch (SplitSlice.BadRow e) {
            return new Moved(null, e, 0);
        }
    }

    /** One of the rows cannot be stored: those around it are moved first, and then it is named. */
    private @Nullable SplitState without(SplitState split, SplitRead.Piece piece, SplitSlice.BadRow e) {
        if (piece.rows().size() > 1) {
            careful.put(split.id(), piece.rows().size() / 2);
            return split;
        }
        careful.remove(split.id());
        service.end(
                split,
                SplitStatus.State.BLOCKED,
                "its row " + piece.rows().get(0).rowNumber() + " cannot be stored, and is read where it lies, with all"
                        + " that have not moved: " + e.getMessage());
        return null;
    }

    private Adopted.Facts table(PartitionId id) {
        Adopted adopted = parts.adoptions.get(id);
        return adopted == null ? Adopted.Facts.UNKNOWN : adopted.facts();
    }

    private List<PartitionInfo> infos(String table) {
        return parts.manifest.leaves(table).stream().map(leaf -> leaf.info(0)).toList();
    }

    /** All rows have moved: the table is read once more, and let go if it is what was moved. */
    private String finish(SplitState split, TableSpec spec, AdoptedTable table, Connection connection, SplitPace rest)
            throws SQLException {
        Adopted adopted = table.adopted();
        boolean hidden = AdoptedSource.hides(connection, table.source());
        boolean drop = !split.count().lossy() && !hidden && parts.adoptions.mayDrop(adopted);
        if (drop && !parts.adoptions.bar(adopted, true)) {
            return "others use it, and it is to be dropped once it was compared";
        }
        boolean done = false;
        try {
            String waits = compare(split, spec, table, connection, rest);
            if (waits == null || !waits.isEmpty()) {
                return waits == null ? "" : waits;
            }
            String kept = hidden ? "its row security may hide rows" : "not all that it holds could be moved";
            String note = drop || !adopted.adoption().take() ? "" : "the table is kept: " + kept;
            String stamp = stamp(connection, table);
            if (stamp.isEmpty()) {
                return "somebody wrote to it while it was compared";
            }
            done = parts.adoptions.letGo(adopted, drop, split.with(SplitStatus.State.DONE, note), stamp);
            return "";
        } finally {
            if (drop && !done) {
                parts.adoptions.bar(adopted, false);
            }
        }
    }

    /** Compares all of it with what was moved: an empty text where it is that, null where it is not, else what has to be waited for. */
    private @Nullable String compare(
            SplitState split, TableSpec spec, AdoptedTable table, Connection connection, SplitPace rest)
            throws SQLException {
        long rows = 0;
        long hash = 0;
        int atOnce = COMPARED_AT_ONCE;
        MovedRows through = MovedRows.NONE;
        SplitRead read = new SplitRead(connection, spec, table);
        for (boolean more = true; more; rest.rest()) {
            try {
                SplitRead.Piece piece = read.next(through, atOnce);
                more = piece != null;
                if (piece != null) {
                    rows += piece.rows().size();
                    hash += piece.rows().stream().mapToLong(SplitRow::hash).sum();
                    through = piece.moved();
                }
            } catch (SplitRead.Slow e) {
                if (atOnce == 1) {
                    return "one row of it cannot be read within " + patience + ": " + e.getMessage();
                }
                atOnce /= 2;
            }
        }
        at.accept(Point.VERIFIED);
        if (rows != split.count().rows() || hash != split.count().hash()) {
            service.end(
                    split,
                    SplitStatus.State.BLOCKED,
                    "the table changed after its rows were moved: it has " + rows + " rows with the checksum "
                            + Long.toHexString(hash) + ", and " + split.count().rows() + " with "
                            + Long.toHexString(split.count().hash())
                            + " were moved; it is kept, and what changed in it is not in the store");
            return null;
        }
        return writing(connection, table);
    }

    /** What the table is now; an empty text where somebody has written to it since it was looked at. */
    private static String stamp(Connection connection, AdoptedTable table) throws SQLException {
        ForeignTable now =
                ForeignTable.look(connection, List.of(table.source().name())).get(0);
        return now == null || ForeignTable.written(table.source().stamp(), now.stamp()) ? "" : now.stamp();
    }
}
