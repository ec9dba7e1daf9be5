package io.levee.sqlite;

import io.levee.Adoption;
import io.levee.AdoptionReport;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.PartitionId;
import io.levee.TableSpec;
import io.levee.engine.DropOutcome;
import io.levee.engine.Finding;
import io.levee.internal.adopt.SplitState;
import io.levee.internal.time.MonotonicClock;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Takes older databases over where they lie, looks at them again when somebody has written to them, and lets them go as a whole. Of a
 * database that the store did not take, nothing is ever written, moved or deleted. Thread-safe.
 */
final class Adoptions {
    private static final System.Logger LOG = System.getLogger("io.levee.sqlite");

    /** What one step frees. */
    private static final long STEP_BYTES = 64L << 20;

    private static final long BLOCK = 4096;

    private final StorePaths paths;
    private final Catalog catalog;
    private final Manifest manifest;
    private final ReadHandles readers;
    private final AdoptedLedger ledger;
    private final Homes homes;
    private final Overrides overrides;
    private final Clock wall;
    private final MonotonicClock clock = MonotonicClock.SYSTEM;
    private final List<Partition> pinnedStill = new ArrayList<>();
    private final Set<PartitionId> told = ConcurrentHashMap.newKeySet();
    private @Nullable List<Partition> deleting;

    /** What is in {@link #deleting}, for other threads. */
    private volatile List<Partition> stillThere = List.of();

    Adoptions(
            StorePaths paths,
            Catalog catalog,
            Manifest manifest,
            ReadHandles readers,
            AdoptedLedger ledger,
            Homes homes,
            Overrides overrides,
            Clock wall) {
        this.homes = homes;
        this.overrides = overrides;
        this.ledger = ledger;
        this.paths = paths;
        this.catalog = catalog;
        this.manifest = manifest;
        this.readers = readers;
        this.wall = wall;
    }

    /** See {@link io.levee.engine.StorageEngine#adopt}. */
    synchronized AdoptionReport adopt(TableSpec spec, Adoption given) {
        long begin = clock.nanos();
        Adoption adoption = located(spec, given);
        AdoptedCatalog.Entry known = known(spec, adoption);
        if (known != null) {
            Partition partition = manifest.get(known.partition().id());
            boolean live = known.live() && partition != null;
            return report(live && partition != null ? partition : known.partition(), false, !live, List.of(), begin);
        }
        long[] next = catalog.change(c -> AdoptedCatalog.next(c, spec.name()));
        AdoptedProbe.Found found = AdoptedProbe.first(spec, adoption, next[1]);
        Partition partition =
                new Partition(AdoptedCatalog.id(spec.name(), (int) next[0]), found.adopted(), found.held());
        catalog.change(c -> {
            AdoptedCatalog.put(c, partition, wall.instant());
            return true;
        });
        ledger.note(partition.id());
        // Before anybody reads it: a row of it that is written again goes from it to a partition of the table.
        homes.mayMove(spec.name());
        manifest.add(partition);
        List<String> notes = new ArrayList<>(found.notes());
        notes.addAll(writers(partition));
        LOG.log(System.Logger.Level.INFO, "adopted {0} as {1}: {2}", adoption.database(), partition.id(), notes);
        return report(partition, true, false, notes, begin);
    }

    private AdoptedCatalog.@Nullable Entry known(TableSpec spec, Adoption adoption) {
        return catalog.change(c -> Optional.ofNullable(AdoptedCatalog.known(c, spec.name(), adoption)))
                .orElse(null);
    }

    /** With its real path: one database has one name, whichever way it was said. */
    private Adoption located(TableSpec spec, Adoption adoption) {
        if (adoption.database().isBlank()) {
            throw new LeveeException(ErrorCode.BAD_SPEC, "adopting '" + adoption.source() + "' names no database")
                    .hint("name its file; tables of the store's own database are adopted in PostgreSQL only");
        }
        Path file = Path.of(adoption.database());
        Path real;
        try {
            real = file.toRealPath();
        } catch (IOException e) {
            // What was adopted before is known, though it was deleted or is missing now.
            real = file.toAbsolutePath().normalize();
            if (known(spec, at(real, adoption)) == null) {
                throw new LeveeException(ErrorCode.NOT_FOUND, "there is no database " + file, e)
                        .with("database", file.toString());
            }
        }
        Path root = paths.root().toAbsolutePath().normalize();
        if (real.startsWith(root.resolve("tables")) || real.equals(root.resolve("catalog.db"))) {
            throw new LeveeException(ErrorCode.BAD_SPEC, real + " is the store's own");
        }
        return at(real, adoption);
    }

    private static Adoption at(Path file, Adoption adoption) {
        return new Adoption(
                file.toString(),
                adoption.source(),
                adoption.time(),
                adoption.timeUnit(),
                adoption.details(),
                adoption.detailsKey(),
                adoption.columns(),
                adoption.take());
    }

    private AdoptionReport report(Partition partition, boolean fresh, boolean dropped, List<String> notes, long begin) {
        return report(partition, fresh, dropped, notes, Duration.ofNanos(clock.nanos() - begin));
    }

    /** What is known of one, without looking. */
    static AdoptionReport report(
            Partition partition, boolean fresh, boolean dropped, List<String> notes, Duration took) {
        Adopted adopted = java.util.Objects.requireNonNull(partition.adopted());
        Partition.Held held = partition.held();
        Path file = adopted.file();
        return new AdoptionReport(
                partition.id(),
                adopted.adoption(),
                fresh,
                dropped,
                adopted.rowsEstimate(),
                held.minMicros(),
                held.maxMicros(),
                Partition.size(file) + Partition.size(StorePaths.wal(file)),
                notes,
                took);
    }

    /** All of them that are read. */
    static List<AdoptionReport> all(Manifest manifest) {
        return manifest.all().stream()
                .filter(p -> p.adopted() != null)
                .map(p -> report(p, false, false, writers(p), Duration.ZERO))
                .toList();
    }

    /** What those take that the store took over and that lie outside of its directory, in whole blocks; each file once. */
    static long takenBytes(StorePaths paths, Stream<Partition> adopted) {
        Path root = paths.root().toAbsolutePath().normalize();
        return adopted.filter(p -> p.adopted() != null && p.adopted().adoption().take())
                .map(p -> java.util.Objects.requireNonNull(p.adopted()).file())
                .filter(file -> !file.startsWith(root))
                .distinct()
                .flatMap(file -> Stream.of(file, StorePaths.wal(file), StorePaths.shm(file)))
                .mapToLong(file -> (Partition.size(file) + BLOCK - 1) / BLOCK * BLOCK)
                .sum();
    }

    /** The same of all that are there: read, or dropped and still to be deleted. Any thread. */
    long takenBytes() {
        List<Partition> gone = List.copyOf(stillThere);
        return takenBytes(paths, Stream.concat(manifest.all().stream(), gone.stream()));
    }

    /** For doctor: what is missing, and what others write to or have open. */
    static List<Finding> findings(Manifest manifest) {
        List<Finding> findings = new ArrayList<>();
        for (Partition partition : manifest.all()) {
            Adopted adopted = partition.adopted();
            if (adopted == null) {
                continue;
            }
            String what = partition.id() + " is the adopted database " + adopted.file();
            if (Files.notExists(adopted.file())) {
                findings.add(Finding.problem(
                        what + ", which is missing", "put it back, or mount its volume; answers lack its rows"));
                continue;
            }
            List<String> writers = writers(partition);
            findings.add(
                    writers.isEmpty()
                            ? Finding.ok(what)
                            : Finding.warning(what + "; " + String.join("; ", writers), "stop the old writer"));
        }
        return findings;
    }

    private static List<String> writers(Partition partition) {
        Adopted adopted = java.util.Objects.requireNonNull(partition.adopted());
        List<String> notes = new ArrayList<>();
        List<String> processes = ForeignProcesses.having(adopted.file());
        if (!processes.isEmpty()) {
            notes.add("another process has it open: " + String.join(", ", processes));
        }
        if (!Adopted.Stamp.of(adopted.file()).equals(adopted.stamp())) {
            notes.add("it was written to since it was looked at last");
        }
        return notes;
    }

    /** Looks again at those that were written to. Maintenance thread. */
    void lookAgain(java.util.function.Function<String, TableSpec> specs) {
        for (Partition partition : manifest.all()) {
            Adopted adopted = partition.adopted();
            if (adopted == null
                    || Adopted.Stamp.of(adopted.file()).equals(adopted.stamp())
                    || Files.notExists(adopted.file())) {
                continue;
            }
            if (told.add(partition.id())) {
                LOG.log(
                        System.Logger.Level.WARNING,
                        "the adopted database {0} is written to: {1}",
                        adopted.file(),
                        ForeignProcesses.having(adopted.file()));
            }
            AdoptedProbe.Found found;
            try {
                found = AdoptedProbe.again(specs.apply(partition.id().table()), adopted);
            } catch (LeveeException e) {
                // Somebody changes it just now, or it is damaged: its range stays unknown, and the others are looked
                // at.
                LOG.log(System.Logger.Level.INFO, "an adopted database cannot be looked at", e);
                continue;
            }
            synchronized (this) {
                if (partition.state() == Partition.State.ADOPTED) {
                    partition.looked(found.adopted(), found.held());
                    catalog.change(c -> {
                        AdoptedCatalog.put(c, partition, wall.instant());
                        return true;
                    });
                }
            }
        }
    }

    /** See {@link io.levee.engine.StorageEngine#drop}: it is not read any more; its files go only where the store took them. */
    synchronized DropOutcome drop(Partition partition, String reason) {
        Adopted adopted = java.util.Objects.requireNonNull(partition.adopted());
        if (!Adopted.Stamp.of(adopted.file()).equals(adopted.stamp())) {
            return new DropOutcome(0, "it was written to since it was looked at last");
        }
        boolean take = adopted.adoption().take() && !shared(partition);
        return letGo(partition, take, reason, c -> {});
    }

    /**
     * All rows of one are in own partitions and were compared: it is not read any more.
     *
     * @param delete false to keep the files, though the store took them
     * @param done in the catalog from the same moment on
     * @return why it cannot be now, or an empty text
     */
    synchronized String letGo(Partition partition, boolean delete, SplitState done) {
        Adopted adopted = java.util.Objects.requireNonNull(partition.adopted());
        boolean take = delete && adopted.adoption().take() && !shared(partition);
        return letGo(partition, take, "split into partitions", c -> SplitCatalog.put(c, done))
                .blockedBy();
    }

    @FunctionalInterface
    private interface Also {
        void with(java.sql.Connection catalog) throws java.sql.SQLException;
    }

    private DropOutcome letGo(Partition partition, boolean take, String reason, Also also) {
        Adopted adopted = java.util.Objects.requireNonNull(partition.adopted());
        List<String> processes = take ? ForeignProcesses.having(adopted.file()) : List.of();
        if (!processes.isEmpty()) {
            return new DropOutcome(0, "another process has it open: " + String.join(", ", processes));
        }
        if (!partition.dropped()) {
            return new DropOutcome(0, "it is gone already");
        }
        long bytes = take ? Partition.size(adopted.file()) : 0;
        boolean done = false;
        try {
            String state = take ? "deleting" : "dropped";
            catalog.change(c -> {
                AdoptedCatalog.state(c, partition.id(), state, reason, wall.instant());
                also.with(c);
                return true;
            });
            done = true;
            ledger.note(partition.id());
        } finally {
            if (!done) {
                partition.back(Partition.State.ADOPTED);
            }
        }
        manifest.remove(partition.id());
        if (partition.pinned()) {
            pinnedStill.add(partition);
        } else if (!shared(partition)) {
            readers.evict(adopted.file());
        }
        if (take) {
            toDelete().add(partition);
            stillThere = List.copyOf(toDelete());
        }
        return new DropOutcome(bytes, "");
    }

    /** Whether another table reads the same database. */
    private boolean shared(Partition partition) {
        Adopted own = java.util.Objects.requireNonNull(partition.adopted());
        return manifest.all().stream().anyMatch(p -> {
            Adopted other = p.adopted();
            return other != null
                    && !p.id().equals(partition.id())
                    && other.file().equals(own.file());
        });
    }

    private List<Partition> toDelete() {
        List<Partition> known = deleting;
        if (known == null) {
            known = new ArrayList<>(catalog.change(AdoptedCatalog::toDelete));
            deleting = known;
            stillThere = List.copyOf(known);
        }
        return known;
    }

    /** Frees one step of what was taken and dropped; returns whether there is more. Janitor thread. */
    synchronized boolean free() {
        pinnedStill.removeIf(p -> {
            boolean released = !p.pinned();
            if (released && !shared(p)) {
                readers.evict(paths.partition(p));
            }
            return released;
        });
        if (overrides.free(
                id -> manifest.get(id) != null || pinnedStill.stream().anyMatch(p -> p.id().equals(id)))) {
            return true;
        }
        for (Partition partition : List.copyOf(toDelete())) {
            Path file = paths.partition(partition);
            if (pinnedStill.contains(partition)
                    || shared(partition)
                    || !ForeignProcesses.having(file).isEmpty()) {
                continue;
            }
            try {
                if (step(file)) {
                    return true;
                }
                toDelete().remove(partition);
                stillThere = List.copyOf(toDelete());
                catalog.change(c -> {
                    AdoptedCatalog.state(c, partition.id(), "dropped", "deleted", wall.instant());
                    return true;
                });
                ledger.note(partition.id());
            } catch (IOException e) {
                throw new LeveeException(ErrorCode.IO_FAILED, file + " cannot be deleted: " + e, e)
                        .hint("check the directory's permissions; it is tried again");
            }
        }
        return false;
    }

    /** Cuts a large file, or deletes what is left; true where there is more. */
    private static boolean step(Path file) throws IOException {
        long size = Partition.size(file);
        if (size > STEP_BYTES && Files.getAttribute(file, "unix:nlink") instanceof Integer links && links == 1) {
            return Handles.visit(file, file, true, false, channel -> cut(channel, size - STEP_BYTES))
                    .value();
        }
        for (Path each : new Path[] {StorePaths.wal(file), StorePaths.shm(file), StorePaths.journal(file), file}) {
            Files.deleteIfExists(each);
        }
        return false;
    }

    private static boolean cut(FileChannel channel, long size) throws IOException {
        channel.truncate(size);
        return true;
    }
}
