package io.levee.sqlite;

import io.levee.Bytes;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.PartitionId;
import io.levee.SplitStatus;
import io.levee.StoreOptions;
import io.levee.TableSpec;
import io.levee.internal.supervisor.Supervisor;
import io.levee.internal.supervisor.Task;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Moves the rows of adopted databases into the store's own partitions, step by step: each step makes whole files of a range of row numbers
 * ({@link SplitStep}), and one transaction of the catalog makes them live and takes the rows out of what is read of the database. A crash
 * leaves all of a step or nothing. At the end the whole database is read once more and compared before it is let go.
 *
 * <p>The thread {@code levee-split}, which starts with the first splitting; {@link #split} and {@link #statuses} any other.
 */
final class Splitting {
    static final String BEING_SPLIT = "being split";

    private static final String FAILED = "an adopted database cannot be split";
    private static final System.Logger LOG = System.getLogger("io.levee.sqlite");
    private static final Duration NOTHING_TO_DO = Duration.ofMinutes(10);
    private static final Duration WAIT = Duration.ofSeconds(2);
    private static final Bytes CACHE = Bytes.mebi(2);

    /** What stays free on the volume besides what a step or a whole splitting needs. */
    private static final long HEADROOM = 64L << 20;

    /** What rows take in own partitions with their indexes, as a part of what the database takes. */
    private static final double GROWTH = 1.5;

    private final SplitStep.Parts parts;
    private final Adoptions adoptions;
    private final StoreOptions options;
    private final Supervisor supervisor;
    private final Map<PartitionId, String> waits = new ConcurrentHashMap<>();
    private final Map<PartitionId, SplitPeriods> periods = new HashMap<>();
    private @Nullable Task task;
    private volatile boolean rests = true;
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

    Splitting(SplitStep.Parts parts, Adoptions adoptions, StoreOptions options, Supervisor supervisor) {
        this.parts = parts;
        this.adoptions = adoptions;
        this.options = options;
        this.supervisor = supervisor;
    }

    /** Goes on with what was begun before; the catalog's thread runs. */
    void resume() {
        if (statuses().stream().anyMatch(s -> s.state() == SplitStatus.State.RUNNING)) {
            wake();
        }
    }

    /** Has something run at each point, steps be of so many rows, and no rest between them; for tests. */
    void at(Consumer<Point> point, long rows) {
        at = point;
        rests = false;
        rowsOfStep = rows;
    }

    /** See {@link io.levee.engine.StorageEngine#onArrival}. */
    void onArrival(Runnable told) {
        arrived = told;
    }

    private synchronized void wake() {
        Task running = task;
        if (running == null) {
            task = supervisor.start("levee-split", this::run);
        } else {
            running.wake();
        }
    }

    /** See {@link io.levee.engine.StorageEngine#splits}. */
    List<SplitStatus> statuses() {
        return parts.catalog().change(SplitState::all).stream()
                .map(s -> {
                    String why = waits.get(s.id());
                    return (why == null || s.state() != SplitStatus.State.RUNNING ? s : s.with(s.state(), why))
                            .status();
                })
                .toList();
    }

    /** The same by a catalog that is only read. */
    static List<SplitStatus> statuses(Connection catalog) throws SQLException {
        return SplitState.all(catalog).stream().map(SplitState::status).toList();
    }

    /** See {@link io.levee.engine.StorageEngine#split}. */
    SplitStatus split(PartitionId id, boolean go) {
        SplitState known = state(id);
        Partition partition = parts.manifest().get(id);
        Adopted adopted = partition == null ? null : partition.adopted();
        if (known != null && known.state() == SplitStatus.State.DONE) {
            return known.status();
        }
        if (adopted == null) {
            throw new LeveeException(ErrorCode.NOT_FOUND, id + " is no adopted database of this store")
                    .with("partition", id.toString())
                    .hint("adopt it first");
        }
        if (!go && known == null) {
            throw new LeveeException(ErrorCode.NOT_FOUND, "the splitting of " + id + " was not begun")
                    .with("partition", id.toString());
        }
        SplitState from = known == null ? SplitState.begun(id, adopted.rowsEstimate()) : known;
        if (go) {
            requireRoom(adopted, from);
        }
        SplitStatus.State state = go ? SplitStatus.State.RUNNING : SplitStatus.State.STOPPED;
        SplitState now = parts.catalog().change(c -> {
            // The last step may have ended meanwhile.
            SplitState latest = SplitState.of(c, id);
            SplitState next = (latest == null ? from : latest).with(state, "");
            if (latest == null || latest.state() != SplitStatus.State.DONE) {
                next.put(c);
                return next;
            }
            return latest;
        });
        parts.told().note(id);
        waits.remove(id);
        wake();
        return now.status();
    }

    /** Before anything is moved: what all of it will take has to be free (guarantee G90). */
    private void requireRoom(Adopted adopted, SplitState from) {
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

    /** The life of its thread. */
    private void run(Task running) {
        Duration pause = Duration.ZERO;
        while (running.pause(pause)) {
            boolean some = false;
            boolean further = false;
            for (SplitState split : parts.catalog().change(SplitState::all)) {
                if (split.state() == SplitStatus.State.RUNNING && !running.stopping()) {
                    some = true;
                    further |= further(split, running);
                }
            }
            running.ran(told());
            pause = further ? Duration.ZERO : some ? rests ? WAIT : WAIT.dividedBy(100) : NOTHING_TO_DO;
        }
    }

    private String told() {
        StringBuilder text = new StringBuilder();
        for (SplitStatus split : statuses()) {
            text.append(text.length() == 0 ? "" : "; ")
                    .append(split.partition())
                    .append(": ")
                    .append(split.rowsDone())
                    .append(" of ")
                    .append(split.rowsTotal())
                    .append(" rows, ")
                    .append(split.state())
                    .append(split.note().isEmpty() ? "" : " (" + split.note() + ")");
        }
        return text.toString();
    }

    /** One step, or the end; false where it has to wait. */
    private boolean further(SplitState split, Task running) {
        PartitionId id = split.id();
        Partition partition = parts.manifest().get(id);
        if (partition == null || partition.adopted() == null) {
            change(split.with(SplitStatus.State.STOPPED, "it was dropped meanwhile"));
            return true;
        }
        try {
            return waits(id, tryFurther(split, partition, running));
        } catch (LeveeException e) {
            return waitsForRoom(id, e);
        } catch (SQLException e) {
            return waitsForRoom(id, Volume.failure(FAILED, Path.of(partition.file()), parts.paths(), e));
        } catch (IOException e) {
            return waitsForRoom(id, Volume.failure(FAILED, Path.of(partition.file()), e));
        }
    }

    /** Notes why one waits; true where it does not. */
    private boolean waits(PartitionId id, String why) {
        if (why.isEmpty()) {
            waits.remove(id);
        } else if (!why.equals(waits.put(id, why))) {
            LOG.log(System.Logger.Level.INFO, "the splitting of {0} waits: {1}", id, why);
        }
        return why.isEmpty();
    }

    /**
     * A volume that was filled up in the middle of a step is no failure: the step left nothing, and is made again when there is room.
     *
     * @throws LeveeException any other
     */
    private boolean waitsForRoom(PartitionId id, LeveeException e) {
        if (e.code() != ErrorCode.DISK_FULL) {
            waits.put(id, String.valueOf(e.getMessage()));
            throw e;
        }
        return waits(id, "the volume is full: the step is made again when there is room (" + e.what() + ")");
    }

    private String tryFurther(SplitState split, Partition partition, Task running) throws SQLException, IOException {
        Adopted adopted = java.util.Objects.requireNonNull(partition.adopted());
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
        SplitPeriods own = periods.computeIfAbsent(split.id(), i -> new SplitPeriods(parts.manifest(), parts.paths()));
        SplitPace pace = new SplitPace(running, parts.figure(), () -> stopped(split.id()), rests);
        Connection source = Connections.reader(file, CACHE);
        boolean attached = false;
        try {
            attached = Overrides.attach(parts.paths(), source);
            long overrides = attached ? Overrides.attachedPart(source, split.id()) : 0;
            AdoptedTable table = AdoptedTable.read(source, "main", adopted.moved(Adopted.Moved.NONE), overrides);
            SplitStep step = new SplitStep(parts, spec, split, partition, own, pace, at);
            SplitStep.Range range = step.next(source, table, rows);
            if (range != null) {
                String why = step.run(source, table, range, rows);
                if (why.isEmpty()) {
                    arrived.run();
                }
                return why;
            }
            return finish(split, partition, spec, source, table, pace);
        } catch (SplitPace.Ended e) {
            return "it was stopped";
        } finally {
            Connections.close(file, source);
            if (attached) {
                Overrides.detached(parts.paths());
            }
        }
    }

    private @Nullable SplitState state(PartitionId id) {
        return parts.catalog()
                .change(c -> Optional.ofNullable(SplitState.of(c, id)))
                .orElse(null);
    }

    private boolean stopped(PartitionId id) {
        SplitState now = state(id);
        return now == null || now.state() != SplitStatus.State.RUNNING;
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
        Adopted adopted = java.util.Objects.requireNonNull(partition.adopted());
        Adopted.Stamp before = Adopted.Stamp.of(adopted.file());
        long[] found = SplitStep.sum(source, spec, table, pace);
        at.accept(Point.VERIFIED);
        if (found[0] != split.count().rows() || found[1] != split.count().hash()) {
            change(split.with(
                    SplitStatus.State.BLOCKED,
                    "the database changed after its rows were moved: it has " + found[0] + " rows with the checksum "
                            + Long.toHexString(found[1]) + ", and "
                            + split.count().rows() + " with "
                            + Long.toHexString(split.count().hash())
                            + " were moved; it is kept, and what changed in it is not in the table"));
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

    private void change(SplitState now) {
        LOG.log(
                now.state() == SplitStatus.State.BLOCKED ? System.Logger.Level.WARNING : System.Logger.Level.INFO,
                "the splitting of {0}: {1}, {2}",
                now.id(),
                now.state(),
                now.note());
        parts.catalog().change(c -> {
            now.put(c);
            return true;
        });
        parts.told().note(now.id());
    }
}
