package io.levee.sqlite;

import io.levee.Bytes;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.PartitionId;
import io.levee.TableSpec;
import io.levee.engine.Slot;
import io.levee.engine.Verification;
import io.levee.internal.supervisor.Errands;
import io.levee.internal.time.Micros;
import io.levee.internal.time.MonotonicClock;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Merges small partitions, off the writer and with nobody waiting: what is lent for it takes no updates for a moment, and is given back
 * when the writer wants it. The new file is whole and durable before one transaction of the catalog puts it in the place of the
 * others; a crash leaves either them or it. Queries that began before go on with the old files. Maintenance thread.
 */
final class Merging {
    private static final System.Logger LOG = System.getLogger("io.levee.sqlite");

    /** Why a partition's name is taken that has no rows (yet). */
    private static final String BEING_MERGED = "being merged";

    static final String MERGED_INTO = "merged into ";

    private static final Duration IDLE = Duration.ofMinutes(10);

    /** One run goes on to a next group for so long. */
    private static final Duration RUN = Duration.ofSeconds(1);

    /** What stays free on the volume, beside four times what is merged. */
    private static final long HEADROOM = 64L << 20;

    private final StorePaths paths;
    private final Catalog catalog;
    private final Manifest manifest;
    private final Trash trash;
    private final Errands<OpenPartitions> writer;
    private final TableMarks marks;
    private final Clock wall;
    private final @Nullable Bytes cap;
    private final Function<Partition, Verification> verify;
    private final MonotonicClock clock = MonotonicClock.SYSTEM;
    private Map<Partition, Seen> seen = new HashMap<>();
    private Consumer<Point> at = point -> {};

    /** When a closed partition was met first, and since when it was not opened. */
    private record Seen(int openings, long nanos) {}

    /** Where a test has the process end. */
    enum Point {
        BUILT,
        IN_PLACE,
        RECORDED
    }

    /**
     * For one store.
     *
     * @param verify compares a partition with its checksum: what is damaged must not get a new one
     */
    Merging(
            StorePaths paths,
            Catalog catalog,
            Manifest manifest,
            Trash trash,
            Errands<OpenPartitions> writer,
            TableMarks marks,
            Clock wall,
            @Nullable Bytes cap,
            Function<Partition, Verification> verify) {
        this.paths = paths;
        this.catalog = catalog;
        this.manifest = manifest;
        this.trash = trash;
        this.writer = writer;
        this.marks = marks;
        this.wall = wall;
        this.cap = cap;
        this.verify = verify;
    }

    /** Has something run at each point; for tests. */
    void at(Consumer<Point> point) {
        at = point;
    }

    /** Merges what was idle for long enough. */
    void run() {
        run(MergePlan.USUAL, IDLE);
    }

    /** As {@link #run()}, with other limits; returns how many partitions were made. */
    int run(MergePlan plan, Duration idle) {
        long begun = clock.nanos();
        int made = 0;
        look(begun);
        for (TableSpec spec : catalog.change(CatalogTables::tables)) {
            boolean more = true;
            Set<PartitionId> away =
                    spec.rollups().isEmpty() ? Set.of() : catalog.change(c -> TrashEntries.cameBack(c, spec.name()));
            while (more && (made == 0 || clock.nanos() - begun < RUN.toNanos())) {
                MergePlan.Group group = plan.next(
                        spec,
                        manifest.of(spec.name()),
                        Micros.of(wall.instant()),
                        paths,
                        partition -> idle(partition, begun - idle.toNanos()) && !figures(spec, partition, away));
                more = group != null && merge(spec, group);
                made += more ? 1 : 0;
            }
        }
        return made;
    }

    private void look(long now) {
        Map<Partition, Seen> closed = new HashMap<>();
        for (Partition partition : manifest.all()) {
            if (partition.state() == Partition.State.CLOSED) {
                Seen before = seen.get(partition);
                boolean same = before != null && before.openings == partition.openings();
                closed.put(partition, same ? before : new Seen(partition.openings(), now));
            }
        }
        seen = closed;
    }

    private boolean idle(Partition partition, long since) {
        Seen known = seen.get(partition);
        return known != null && known.openings == partition.openings() && known.nanos - since <= 0;
    }

    /**
     * Whether rollups may have figures of a partition. They are known by its name, and would count beside the rows of the partition
     * that takes its place. They are made behind the floor, just before the drop.
     */
    private boolean figures(TableSpec spec, Partition partition, Set<PartitionId> away) {
        PartitionId id = partition.id();
        return !spec.rollups().isEmpty()
                && (away.contains(id)
                        || partition.held().minMicros() < marks.of(spec.name()).floor(id.retentionClass()));
    }

    private boolean merge(TableSpec spec, MergePlan.Group group) {
        String why;
        try {
            why = tryMerge(spec, group);
        } catch (LeveeException e) {
            // It keeps no other maintenance from being done.
            why = String.valueOf(e.getMessage());
        }
        if (!why.isEmpty()) {
            LOG.log(System.Logger.Level.INFO, "{0} stay as they are for now: {1}", names(group.sources()), why);
            // Tried again when they have been idle for as long once more.
            long now = clock.nanos();
            group.sources().forEach(p -> seen.put(p, new Seen(p.openings(), now)));
        }
        return why.isEmpty();
    }

    private static List<String> names(List<Partition> partitions) {
        return partitions.stream().map(p -> p.id().toString()).toList();
    }

    private String tryMerge(TableSpec spec, MergePlan.Group group) {
        String room = room(group);
        if (!room.isEmpty()) {
            return room;
        }
        for (Partition source : group.sources()) {
            Verification found = verify.apply(source);
            if (found.state() != Verification.State.OK) {
                return source.id() + ": " + found.detail();
            }
        }
        Copying copying = new Copying();
        List<Partition> lent = new ArrayList<>();
        try {
            for (Partition source : group.sources()) {
                if (!source.lent(copying::interrupt)) {
                    return source.id() + " is used";
                }
                lent.add(source);
            }
            return make(spec, group, copying);
        } finally {
            lent.forEach(Partition::givenBack);
        }
    }

    /** Why there is no room for it, or an empty text: merging must not be what fills a volume (G90). */
    private String room(MergePlan.Group group) {
        long sum = group.sources().stream()
                .mapToLong(p -> Partition.size(paths.partition(p)))
                .sum();
        try {
            long free = Files.getFileStore(paths.root()).getUsableSpace();
            if (free < 4 * sum + HEADROOM) {
                return "too little is free on the volume: " + new Bytes(free);
            }
        } catch (IOException e) {
            return "the volume cannot be looked at: " + e;
        }
        if (cap != null && Volume.measure(paths, cap.value(), Map.of()).bytes() + 2 * sum > cap.value() / 10 * 9) {
            return "the store is near its cap " + cap;
        }
        return "";
    }

    private String make(TableSpec spec, MergePlan.Group group, Copying copying) {
        PartitionId id = reserve(spec, group);
        Path file = paths.tmp().resolve("merge.db");
        trash.making(id);
        boolean done = false;
        try {
            Map<String, Long> replayed = group.widens() ? catalog.change(c -> settled(c, spec.name())) : null;
            List<Partition> inOrder = group.sources().stream()
                    .sorted(Comparator.comparingLong(p -> p.held().minSeq()))
                    .toList();
            Partition.Held held = new MergedFile(
                            paths,
                            spec,
                            copying,
                            replayed,
                            catalog.change(c -> MigrationCatalog.unfinished(c, spec.name())))
                    .make(file, id, inOrder, wall.instant());
            at.accept(Point.BUILT);
            Partition made =
                    new Partition(id, PartitionFiles.name(id), Partition.State.CLOSED, held, Partition.size(file));
            String why = writer.ask(open -> flip(spec, group, made, file, open, copying));
            done = why.isEmpty();
            return why;
        } catch (MergedFile.NotNow e) {
            return e.why().isEmpty() ? "the writer wanted them" : e.why();
        } catch (SQLException e) {
            if (copying.unwanted()) {
                return "the writer wanted them";
            }
            throw Sqlite.failure("partitions cannot be merged: " + names(group.sources()), file, e);
        } catch (IOException e) {
            throw Volume.failure("partitions cannot be merged", file, e);
        } finally {
            trash.made(id);
            clean(file);
            if (!done) {
                giveUp(id);
            }
        }
    }

    /** The name was not used: tries that fail again and again leave nothing. */
    private void giveUp(PartitionId id) {
        try {
            if (Files.notExists(paths.root().resolve(PartitionFiles.name(id)))) {
                catalog.change(c -> {
                    Catalog.forget(c, id, BEING_MERGED);
                    return true;
                });
            }
        } catch (LeveeException e) {
            LOG.log(System.Logger.Level.DEBUG, "the name of " + id + " stays taken", e);
        }
    }

    private static void clean(Path file) {
        try {
            Files.deleteIfExists(file);
        } catch (IOException e) {
            LOG.log(System.Logger.Level.DEBUG, "the next merge removes " + file, e);
        }
    }

    /** Takes the next name of the period: as one that was dropped, so that a file without its catalog entry goes into the trash. */
    private PartitionId reserve(TableSpec spec, MergePlan.Group group) {
        return catalog.change(c -> {
            int n = Catalog.nextN(c, spec.name(), new Slot(group.into(), group.retentionClass()));
            PartitionId id = new PartitionId(
                    spec.name(), group.retentionClass(), group.into().name(), n);
            Catalog.insertOpen(
                    c,
                    new Partition(id, PartitionFiles.name(id), Partition.State.OPEN, Partition.Held.NOTHING, 0),
                    wall.instant());
            Catalog.markDropped(c, id, BEING_MERGED, wall.instant());
            return id;
        });
    }

    private static Map<String, Long> settled(Connection connection, String table) throws SQLException {
        Map<String, Long> positions = new HashMap<>();
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(
                        "SELECT source, position FROM sources WHERE table_name = " + Sqlite.literal(table))) {
            while (rows.next()) {
                positions.put(rows.getString(1), rows.getLong(2));
            }
        }
        return positions;
    }

    /** The one moment in which the new one takes their place. Writer thread, so that no key is looked up meanwhile. */
    private String flip(
            TableSpec spec, MergePlan.Group group, Partition made, Path file, OpenPartitions open, Copying copying) {
        if (copying.unwanted()) {
            return "the writer wanted them";
        }
        if (open.movesLeft(spec)) {
            // What says where they came from names the partitions that would go.
            return "rows that were moved are still to be deleted where they were";
        }
        Set<PartitionId> away = catalog.change(c -> TrashEntries.cameBack(c, spec.name()));
        if (group.sources().stream().anyMatch(source -> figures(spec, source, away))) {
            // Retention has begun with one since. What it reads of a partition for figures is not lent, see
            // Views.view.
            return "rollups may have figures of them";
        }
        Path place = paths.partition(made);
        try {
            Files.move(file, place, java.nio.file.StandardCopyOption.ATOMIC_MOVE);
            StorePaths.sync(paths.directory(spec.name()));
        } catch (IOException e) {
            throw Volume.failure("a merged partition cannot take its place", place, e);
        }
        at.accept(Point.IN_PLACE);
        boolean recorded = false;
        try {
            catalog.change(c -> {
                record(c, group, made);
                return true;
            });
            recorded = true;
        } finally {
            if (!recorded) {
                clean(place);
            }
        }
        at.accept(Point.RECORDED);
        group.sources().forEach(Partition::superseded);
        manifest.replace(group.sources(), made);
        if (!made.apart().isEmpty()) {
            // The table may have been declared anew since: then this one was not among those that were told.
            made.apart(catalog.change(c -> Apart.of(c, made.id())));
        }
        open.cameBack(spec, made);
        trash.superseded(group.sources());
        LOG.log(System.Logger.Level.INFO, "{0} were merged into {1}", names(group.sources()), made.id());
        return "";
    }

    private void record(Connection c, MergePlan.Group group, Partition made) throws SQLException {
        Set<PartitionId> away = TrashEntries.cameBack(c, made.id().table());
        Catalog.markClosed(c, made.id(), made.held(), made.info(paths).bytes(), wall.instant());
        Catalog.update(c, "reason=NULL", made.id(), wall.instant(), null);
        Apart.merged(c, made, group.sources());
        for (Partition source : group.sources()) {
            Catalog.markDropped(c, source.id(), MERGED_INTO + made.id(), wall.instant());
            if (away.contains(source.id())) {
                // It may have rows of keys that are in the trash, and so has the one that took them over.
                TrashEntries.restored(c, made.id(), 0);
            }
        }
    }

    /** What is told a query that looks for a partition of before a merge, in another process; empty where it was not merged. */
    static String mergedInto(Connection catalog, PartitionId id) throws SQLException {
        String reason = Catalog.droppedFor(catalog, id);
        return reason.startsWith(MERGED_INTO) ? reason : "";
    }

    /** The error for such a query. */
    static LeveeException moved(PartitionId id, String reason) {
        return new LeveeException(
                        ErrorCode.PARTITION_BUSY, "the partition " + id + " was " + reason + " while it was to be read")
                .with("partition", id.toString())
                .hint("ask again");
    }
}
