package io.levee.sqlite;

import io.levee.ErrorCode;
import io.levee.Gap;
import io.levee.LeveeException;
import io.levee.LossReason;
import io.levee.PartitionId;
import io.levee.SplitStatus;
import io.levee.TableSpec;
import io.levee.engine.Slot;
import io.levee.internal.adopt.SplitCount;
import io.levee.internal.adopt.SplitPace;
import io.levee.internal.adopt.SplitPeriods;
import io.levee.internal.adopt.SplitRow;
import io.levee.internal.adopt.SplitState;
import io.levee.internal.supervisor.Errands;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * One step of a splitting: the rows of a range of row numbers next to those that have moved. Their files are made whole, the ledger names
 * them, they take their places, and one transaction of the catalog makes them live, takes the rows out of what is read of the adopted
 * database, and counts. Split thread; the transaction is the writer's, so that no key is looked up meanwhile.
 */
final class SplitStep implements SplitBuild.Help {
    static final long MOST_ROWS = 250_000;
    static final long LEAST_ROWS = 1_000;
    static final long MOST_BYTES = 128L << 20;

    /** With fewer rows a step is not tried: so many partitions would be made that nothing is gained. */
    private static final long FEWEST_ROWS = 2_000;

    private final Parts parts;
    private final TableSpec spec;
    private final SplitState split;
    private final Partition partition;
    private final SplitPeriods periods;
    private final SplitEarlier earlier;
    private final SplitPace pace;
    private final Consumer<Splitting.Point> at;
    private final List<PartitionId> reserved = new ArrayList<>();
    private final SplitKeys keys;

    /** What it works with. */
    record Parts(
            StorePaths paths,
            Catalog catalog,
            AdoptedLedger told,
            Manifest manifest,
            Trash trash,
            Errands<OpenPartitions> writer,
            KeyLookup lookup,
            TableMarks marks,
            DiskFigure figure,
            Clock wall) {}

    /** Row numbers, both included. */
    record Range(long from, long to) {}

    SplitStep(
            Parts parts,
            TableSpec spec,
            SplitState split,
            Partition partition,
            SplitPeriods periods,
            SplitEarlier earlier,
            SplitPace pace,
            Consumer<Splitting.Point> at) {
        this.parts = parts;
        this.spec = spec;
        this.split = split;
        this.partition = partition;
        this.periods = periods;
        this.earlier = earlier;
        this.pace = pace;
        this.at = at;
        this.keys = new SplitKeys(parts, spec, earlier, pace);
    }

    /** The rows below those that have moved; where there are none, what was added above since; null at the end. */
    @Nullable
    Range next(Connection source, AdoptedTable table, long rows) throws SQLException {
        String number = table.rowNumber();
        boolean first = split.moved().none();
        if (first || split.from() > Long.MIN_VALUE) {
            String below = first ? "" : " WHERE " + number + " < " + split.from();
            Range found = range(
                    source,
                    "SELECT min(k), max(k) FROM (SELECT " + number + " AS k" + table.from() + below + " ORDER BY "
                            + number + " DESC LIMIT " + rows + ")");
            if (found != null || first) {
                return found;
            }
        }
        return range(
                source,
                "SELECT min(k), max(k) FROM (SELECT " + number + " AS k" + table.from() + " WHERE " + number + " > "
                        + split.to() + " ORDER BY " + number + " LIMIT " + rows + ")");
    }

    private static @Nullable Range range(Connection source, String sql) throws SQLException {
        try (PreparedStatement statement = source.prepareStatement(sql);
                ResultSet rows = statement.executeQuery()) {
            return rows.next() && rows.getObject(1) != null ? new Range(rows.getLong(1), rows.getLong(2)) : null;
        }
    }

    /** Rows of the whole database and the sum of their hashes. */
    static long[] sum(Connection source, TableSpec spec, AdoptedTable table, SplitPace pace) throws SQLException {
        String number = table.rowNumber();
        long[] sum = new long[2];
        Long after = null;
        while (true) {
            String sql = SplitRows.select(table, spec) + (after == null ? "" : " WHERE " + number + " > " + after)
                    + " ORDER BY " + number + " LIMIT " + SplitBuild.BATCH;
            long before = sum[0];
            try (PreparedStatement statement = source.prepareStatement(sql);
                    ResultSet rows = statement.executeQuery()) {
                while (rows.next()) {
                    SplitRow row = SplitRows.read(rows, spec, table);
                    sum[0]++;
                    sum[1] += row.hash();
                    after = row.rowNumber();
                }
            }
            if (sum[0] == before) {
                return sum;
            }
            pace.rest();
        }
    }

    /**
     * Makes the step.
     *
     * @param range what {@link #next} told; fewer rows of it where they belong to too many partitions
     * @return why it has to wait, or an empty text
     */
    String run(Connection source, AdoptedTable table, Range range, long rows) throws SQLException, IOException {
        Range now = range;
        long most = rows;
        // What came above may have come for a row that had moved. Above the numbers of the first database there are
        // only own ones.
        if (range.to() < split.from() && adopted().baseBefore() == 0 && UniqueKey.of(source, table, spec)) {
            keys.eachOnce(seq -> split.moved().holds(adopted().base() + seq));
        }
        while (true) {
            SplitBuild build = new SplitBuild(this, spec);
            boolean done = false;
            try {
                keys.beginWatch();
                Map<String, Object> origin = new LinkedHashMap<>();
                origin.put("database", partition.file());
                origin.put("from", now.from());
                origin.put("to", now.to());
                build.run(source, table, now.from(), now.to(), origin);
                at.accept(Splitting.Point.BUILT);
                String why = place(build, now);
                done = why.isEmpty();
                return why;
            } catch (SplitBuild.TooManyFiles e) {
                most /= 2;
                if (most < FEWEST_ROWS) {
                    throw new LeveeException(
                                    ErrorCode.TOO_MANY_PARTITIONS,
                                    most + " rows of " + split.id() + " belong to more than " + SplitBuild.MOST_FILES
                                            + " partitions",
                                    e)
                            .with("partition", split.id().toString())
                            .hint("give the table wider partitions, or leave the database as it is");
                }
                now = java.util.Objects.requireNonNull(next(source, table, most));
            } finally {
                keys.endWatch();
                build.giveUp();
                if (!done) {
                    giveNamesBack();
                }
                reserved.forEach(parts.trash()::made);
                reserved.clear();
            }
        }
    }

    // What the build asks for.

    @Override
    public Slot slot(long timeMicros, String retentionClass) {
        return periods.slot(spec, adopted().firstMicros(), partition.held().maxMicros(), timeMicros, retentionClass);
    }

    @Override
    public long floor(String retentionClass) {
        return parts.marks().of(spec.name()).floor(retentionClass);
    }

    @Override
    public PartitionId reserve(Slot slot) {
        if (parts.manifest().size() + reserved.size() >= OpenPartitions.MAX_PARTITIONS) {
            throw new LeveeException(
                            ErrorCode.TOO_MANY_PARTITIONS,
                            "the store has " + parts.manifest().size() + " partitions, and splitting needs more")
                    .hint("give the table wider partitions, or leave the database as it is");
        }
        PartitionId id = parts.catalog().change(c -> {
            int n = Catalog.nextN(c, spec.name(), slot);
            PartitionId made = new PartitionId(
                    spec.name(), slot.retentionClass(), slot.period().name(), n);
            Catalog.insertOpen(c, partition(made, Partition.State.OPEN, Partition.Held.NOTHING, 0), now());
            Catalog.markDropped(c, made, Splitting.BEING_SPLIT, now());
            return made;
        });
        reserved.add(id);
        parts.trash().making(id);
        return id;
    }

    private static Partition partition(PartitionId id, Partition.State state, Partition.Held held, long bytes) {
        return new Partition(id, PartitionFiles.name(id), state, held, bytes);
    }

    @Override
    public Path place(int number) {
        at.accept(Splitting.Point.BUILDING);
        return parts.paths().tmp().resolve("split-" + number + ".db");
    }

    @Override
    public void pause() {
        pace.rest();
    }

    @Override
    public Instant now() {
        return parts.wall().instant();
    }

    @Override
    public boolean[] known(List<Object[]> asked, long[] hashes) {
        return keys.known(asked, hashes);
    }

    @Override
    public boolean[] makeWay(List<SplitRow> rows) {
        // What moves from the highest number downwards comes before what has moved.
        boolean below = split.moved().none() || rows.isEmpty() || rows.get(0).rowNumber() < split.from();
        return below ? new boolean[rows.size()] : earlier.makeWay(spec, split.moved(), rows, pace);
    }

    private Adopted adopted() {
        return Objects.requireNonNull(partition.adopted());
    }

    // The flip.

    private String place(SplitBuild build, Range range) throws IOException {
        List<Partition> made = new ArrayList<>();
        List<PartitionId> names = new ArrayList<>();
        for (SplitFile file : build.files()) {
            if (file.held().rows() > 0) {
                names.add(file.id());
                made.add(partition(file.id(), Partition.State.CLOSED, file.held(), Partition.size(file.file())));
            }
        }
        boolean above = !split.moved().none() && range.from() > split.to();
        SplitState next = split.further(
                above ? split.from() : range.from(),
                above || split.moved().none() ? range.to() : split.to(),
                build.count().plus(earlier.count()));
        // The ledger names one step's files: those that a step before a crash left are not to be forgotten with them,
        // or
        // they pass for partitions where the catalog is lost.
        if (parts.trash().moveLeftovers()) {
            StorePaths.sync(parts.paths().directory(spec.name()));
        }
        if (!parts.told().note(split.id(), next, names, false)) {
            return "the ledger cannot be written";
        }
        at.accept(Splitting.Point.NAMED);
        boolean done = false;
        try {
            for (SplitFile file : build.files()) {
                if (names.contains(file.id())) {
                    Path place = parts.paths().root().resolve(PartitionFiles.name(file.id()));
                    Files.createDirectories(parts.paths().directory(spec.name()));
                    Files.move(file.file(), place, StandardCopyOption.ATOMIC_MOVE);
                }
            }
            StorePaths.sync(parts.paths().tables());
            StorePaths.sync(parts.paths().directory(spec.name()));
            at.accept(Splitting.Point.IN_PLACE);
            String why = parts.writer().ask(open -> flip(open, next, made, build));
            done = why.isEmpty();
            if (done) {
                earlier.counted();
                at.accept(Splitting.Point.RECORDED);
            }
            return why;
        } finally {
            if (!done) {
                for (PartitionId id : names) {
                    Files.deleteIfExists(parts.paths().root().resolve(PartitionFiles.name(id)));
                }
            }
            // After the files are gone again, or for good.
            parts.told().note(split.id());
        }
    }

    /** The one moment in which the rows are in their new places and no longer in the old one. Writer thread. */
    private String flip(OpenPartitions open, SplitState next, List<Partition> made, SplitBuild build) {
        if (keys.writtenMeanwhile(open, build.keyHashes())) {
            return "keys of it were written meanwhile: the step is made anew";
        }
        if (parts.manifest().get(partition.id()) != partition || !partition.replaced()) {
            return "it was dropped meanwhile";
        }
        boolean recorded = false;
        try {
            List<PartitionId> names = made.stream().map(Partition::id).toList();
            if (!parts.told().note(split.id(), next, names, true)) {
                return "the ledger cannot be written";
            }
            recorded = parts.catalog().change(c -> record(c, next, made, build.count()));
            if (!recorded) {
                return "it was stopped";
            }
            parts.manifest().moved(partition.with(next.moved()), made);
            made.forEach(each -> open.cameBack(spec, each));
            if (build.count().expired() + build.count().keyless() > 0) {
                parts.manifest().gaps(parts.catalog().change(Quarantine::rebuilt));
            }
            return "";
        } finally {
            if (!recorded) {
                partition.notReplaced();
            }
        }
    }

    private boolean record(Connection c, SplitState next, List<Partition> made, SplitCount count) throws SQLException {
        SplitState latest = SplitCatalog.of(c, next.id());
        if (latest == null || latest.state() != SplitStatus.State.RUNNING) {
            return false;
        }
        for (Partition each : made) {
            Catalog.markClosed(
                    c, each.id(), each.held(), each.info(parts.paths()).bytes(), now());
            Catalog.update(c, "reason=NULL", each.id(), now(), null);
            if (each.id().retentionClass().isEmpty()) {
                Apart.write(c, each.apart(Apart.now(c, spec)));
            }
        }
        SplitCatalog.put(c, next);
        if (!made.isEmpty()) {
            MigrationCatalog.came(c, spec.name());
        }
        gap(c, count.expired(), count, LossReason.EXPIRED);
        gap(c, count.keyless(), count, LossReason.WRITE_FAILED);
        return true;
    }

    /** One gap of a kind for all steps, its count exact. */
    private void gap(Connection c, long rows, SplitCount count, LossReason reason) throws SQLException {
        if (rows == 0) {
            return;
        }
        Gap gap = new Gap(spec.name(), count.lostFrom(), count.lostTo(), rows, reason);
        for (Gap known : Quarantine.rebuilt(c)) {
            gap = known.sameKind(gap) ? known.merged(gap) : gap;
        }
        try (PreparedStatement statement =
                c.prepareStatement("DELETE FROM gaps WHERE table_name = ? AND reason = ? AND count IS NOT NULL")) {
            statement.setString(1, spec.name());
            statement.setString(2, reason.name());
            statement.executeUpdate();
        }
        BackupCatalog.put(c, gap);
    }

    /** Names that were not used: steps that are tried again and again leave nothing. */
    private void giveNamesBack() {
        for (PartitionId id : reserved) {
            try {
                if (Files.notExists(parts.paths().root().resolve(PartitionFiles.name(id)))) {
                    parts.catalog().change(c -> {
                        Catalog.forget(c, id, Splitting.BEING_SPLIT);
                        return true;
                    });
                }
            } catch (LeveeException e) {
                System.getLogger("io.levee.sqlite")
                        .log(System.Logger.Level.DEBUG, "the name of " + id + " stays taken", e);
            }
        }
    }
}
