package io.levee.sqlite;

import io.levee.Bytes;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.PartitionId;
import io.levee.PartitionInfo;
import io.levee.SplitStatus;
import io.levee.StoreOptions;
import io.levee.TableSpec;
import io.levee.internal.adopt.MovedRows;
import io.levee.internal.adopt.SplitPace;
import io.levee.internal.adopt.SplitPeriods;
import io.levee.internal.adopt.SplitService;
import io.levee.internal.adopt.SplitState;
import io.levee.internal.supervisor.Supervisor;
import io.levee.internal.supervisor.Task;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Moves the rows of adopted databases into the store's own partitions, step by step: each step makes whole files of a range of row numbers
 * ({@link SplitStep}), and one transaction of the catalog makes them live and takes the rows out of what is read of the database. A crash
 * leaves all of a step or nothing. At the end the whole database is read once more and compared before it is let go.
 *
 * <p>The thread {@code levee-split}.
 */
final class Splitting implements SplitService.Work {
    static final String BEING_SPLIT = "being split";

    private static final String FAILED = "an adopted database cannot be split";
    private static final Bytes CACHE = Bytes.mebi(2);

    /** What stays free on the volume besides what a step or a whole splitting needs. */
    private static final long HEADROOM = 64L << 20;

    /** What rows take in own partitions with their indexes, as a part of what the database takes. */
    private static final double GROWTH = 1.5;

    private final SplitStep.Parts parts;
    private final Adoptions adoptions;
    private final StoreOptions options;
    private final Moves moves;
    private final Map<PartitionId, SplitPeriods> periods = new HashMap<>();
    private final Map<PartitionId, SplitEarlier> earlier = new HashMap<>();
    private final SplitService service;
    private volatile long rowsOfStep = SplitStep.MOST_ROWS;
    private volatile Consumer<Point> at = point -> {};
    private volatile Runnable arrived = () -> {};

    /** Where a test has the process end. */
    enum Point {
        /** Each time before a file is made. */
        BUILDING,
        BUILT,
        NAMED,
        IN_PLACE,
        RECORDED,
        VERIFIED
    }

    Splitting(SplitStep.Parts parts, Moves moves, Adoptions adoptions, StoreOptions options, Supervisor supervisor) {
        this.parts = parts;
        this.moves = moves;
        this.adoptions = adoptions;
        this.options = options;
        this.service = new SplitService(this, supervisor);
    }

    /** Their life. */
    SplitService service() {
        return service;
    }

    /** Has something run at each point, steps be of so many rows, and no rest between them; for tests. */
    void at(Consumer<Point> point, long rows) {
        at = point;
        service.restless();
        rowsOfStep = rows;
    }

    /** See {@link io.levee.engine.StorageEngine#onArrival}. */
    void onArrival(Runnable told) {
        arrived = told;
    }

    /** The same by a catalog that is only read. */
    static List<SplitStatus> statuses(Connection catalog) throws SQLException {
        return SplitCatalog.all(catalog).stream().map(SplitState::status).toList();
    }

    @Override
    public List<SplitState> all() {
        return parts.catalog().change(SplitCatalog::all);
    }

    private @Nullable Partition adopted(PartitionId id) {
        Partition partition = parts.manifest().get(id);
        return partition == null || partition.adopted() == null ? null : partition;
    }

    @Override
    public long rows(PartitionId id) {
        Partition partition = adopted(id);
        return partition == null
                ? -1
                : Objects.requireNonNull(partition.adopted()).rowsEstimate();
    }

    @Override
    public SplitState put(SplitState from, SplitStatus.State state, String note) {
        SplitState now = parts.catalog().change(c -> {
            // The last step may have ended meanwhile.
            SplitState latest = SplitCatalog.of(c, from.id());
            if (latest != null && latest.state() == SplitStatus.State.DONE) {
                return latest;
            }
            SplitState next = (latest == null ? from : latest).with(state, note);
            SplitCatalog.put(c, next);
            return next;
        });
        parts.told().note(from.id());
        return now;
    }

    /** Before anything is moved: what all of it will take has to be free (guarantee G90). */
    @Override
    public void requireRoom(SplitState from) {
        Partition partition = adopted(from.id());
        if (partition == null) {
            return;
        }
        Adopted adopted = Objects.requireNonNull(partition.adopted());
        long size = Partition.size(adopted.file()) + Partition.size(StorePaths.wal(adopted.file()));
        double left = 1
                - (double) from.count().rows()
                        / Math.max(1, Math.max(from.total(), from.count().rows()));
        long needed = (long) (size * GROWTH * left) + HEADROOM;
        long floor = options.minFreeDisk() == null ? 0 : options.minFreeDisk().value();
        long free = Math.max(0, free() - floor);
        Bytes cap = options.disk();
        if (cap != null) {
            long used = parts.figure().measure().bytes();
            free = Math.min(free, Math.max(0, cap.value() / 10 * 9 - used));
        }
        if (free < needed) {
            throw new LeveeException(
                            ErrorCode.DISK_FULL,
                            "splitting needs " + new Bytes(needed) + " besides the database, and " + new Bytes(free)
                                    + " are free" + (cap == null ? "" : " below the cap " + cap))
                    .with("needed", needed)
                    .with("free", free)
                    .hint("free space, or leave the database as it is: it is read where it lies");
        }
    }

    private long free() {
        try {
            return Files.getFileStore(parts.paths().root()).getUsableSpace();
        } catch (IOException e) {
            throw new LeveeException(ErrorCode.IO_FAILED, "the volume cannot be looked at: " + e, e);
        }
    }

    @Override
    public String further(SplitState split, Task running) {
        Partition partition = adopted(split.id());
        if (partition == null) {
            return "it was dropped meanwhile";
        }
        try {
            return tryFurther(split, partition, running);
        } catch (SQLException e) {
            throw Volume.failure(FAILED, Path.of(partition.file()), parts.paths(), e);
        } catch (IOException e) {
            throw Volume.failure(FAILED, Path.of(partition.file()), e);
        }
    }

    /** A volume that was filled up in the middle of a step is no failure: the step left nothing, and is made again when there is room. */
    @Override
    public @Nullable String waitsFor(LeveeException e) {
        if (e.code() == ErrorCode.DISK_FULL) {
            return "the volume is full: the step is made again when there is room (" + e.what() + ")";
        }
        return e.code() == ErrorCode.PARTITION_BUSY ? e.what() : null;
    }

    private String tryFurther(SplitState split, Partition partition, Task running) throws SQLException, IOException {
        Adopted adopted = Objects.requireNonNull(partition.adopted());
        Path file = adopted.file();
        if (Files.notExists(file)) {
            return file + " is missing";
        }
        List<String> writers = ForeignProcesses.writing(file);
        if (!writers.isEmpty()) {
            return "another process has it open for writing: " + String.join(", ", writers);
        }
        long perRow = (Partition.size(file) + Partition.size(StorePaths.wal(file))) / Math.max(1, split.total()) + 1;
        long rows = Math.min(rowsOfStep, Math.max(SplitStep.LEAST_ROWS, SplitStep.MOST_BYTES / perRow));
        if (free() < (long) (rows * perRow * GROWTH) + HEADROOM / 2) {
            return "too little is free on the volume: " + new Bytes(free());
        }
        TableSpec spec =
                parts.catalog().change(c -> CatalogTables.table(c, split.id().table()));
        SplitPeriods own = periods.computeIfAbsent(split.id(), i -> new SplitPeriods(this::infos));
        SplitEarlier before = earlier.computeIfAbsent(split.id(), i -> new SplitEarlier(parts, moves));
        SplitPace pace =
                new SplitPace(running, parts.figure()::grown, () -> service.stopped(split.id()), service.rests());
        Connection source = Connections.reader(file, CACHE);
        boolean attached = false;
        try {
            attached = Overrides.attach(parts.paths(), source);
            long overrides = attached ? Overrides.attachedPart(source, split.id()) : 0;
            AdoptedTable table = AdoptedTable.read(source, "main", adopted.moved(MovedRows.NONE), overrides);
            SplitStep step = new SplitStep(parts, spec, split, partition, own, before, pace, at);
            SplitStep.Range range = step.next(source, table, rows);
            if (range != null) {
                String why = step.run(source, table, range, rows);
                if (why.isEmpty()) {
                    arrived.run();
                }
                return why;
            }
            return finish(split, partition, spec, source, table, pace);
        } finally {
            Connections.close(file, source);
            if (attached) {
                Overrides.detached(parts.paths());
            }
        }
    }

    private List<PartitionInfo> infos(String table) {
        return parts.manifest().of(table).stream()
                .map(p -> p.info(parts.paths()))
                .toList();
    }

    /** All rows have moved: the database is read once more, and let go if it is what was moved. */
    private String finish(
            SplitState split,
            Partition partition,
            TableSpec spec,
            Connection source,
            AdoptedTable table,
            SplitPace pace)
            throws SQLException {
        Adopted adopted = Objects.requireNonNull(partition.adopted());
        Adopted.Stamp before = Adopted.Stamp.of(adopted.file());
        long[] found = SplitStep.sum(source, spec, table, pace);
        at.accept(Point.VERIFIED);
        if (found[0] != split.count().rows() || found[1] != split.count().hash()) {
            service.end(
                    split,
                    SplitStatus.State.BLOCKED,
                    "the database changed after its rows were moved: it has " + found[0] + " rows with the checksum "
                            + Long.toHexString(found[1]) + ", and "
                            + split.count().rows() + " with "
                            + Long.toHexString(split.count().hash())
                            + " were moved; it is kept, and what changed in it is not in the table");
            return "";
        }
        List<String> writers = ForeignProcesses.writing(adopted.file());
        if (!writers.isEmpty()) {
            return "another process has it open for writing: " + String.join(", ", writers);
        }
        if (!Adopted.Stamp.of(adopted.file()).equals(before)) {
            return "somebody wrote to it while it was compared";
        }
        boolean keep = split.count().lossy();
        String note = keep && adopted.adoption().take() ? "the file is kept: not all that it holds could be moved" : "";
        SplitState done = split.with(SplitStatus.State.DONE, note);
        return adoptions.letGo(partition, !keep, done);
    }
}
