package io.levee.sqlite;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What is done to partitions off the writer: learns what they hold after an unclean stop, finishes erasures, gives closed ones their
 * checksums, and merges small ones. Maintenance thread.
 */
final class Maintenance {
    private final StorePaths paths;
    private final Catalog catalog;
    private final Manifest manifest;
    private final ReadHandles readers;
    private final Erasures erasures;
    private final Quarantine quarantine;
    private final Suspects suspects;
    private final Closings closings;
    private final Merging merging;
    private final Orphans orphans;
    private final List<Partition> leftOpen;
    private final MissingChecksums checksums;
    private @Nullable LeveeException failure;

    Maintenance(
            StorePaths paths,
            Catalog catalog,
            Manifest manifest,
            ReadHandles readers,
            Erasures erasures,
            Quarantine quarantine,
            Suspects suspects,
            Closings closings,
            Merging merging,
            Orphans orphans,
            Clock wall) {
        this.orphans = orphans;
        this.merging = merging;
        this.closings = closings;
        // What the writer before left, by a crash or because somebody read it.
        this.leftOpen = new ArrayList<>(manifest.all().stream()
                .filter(p -> p.state() == Partition.State.OPEN)
                .toList());
        this.suspects = suspects;
        this.quarantine = quarantine;
        this.paths = paths;
        this.catalog = catalog;
        this.manifest = manifest;
        this.readers = readers;
        this.erasures = erasures;
        this.checksums = new MissingChecksums(paths, catalog, readers, wall);
    }

    /** One run over all partitions. One damaged file does not keep the others from being looked at. */
    void run() {
        failure = null;
        Set<String> unchecked = catalog.change(CatalogChecks::filesWithoutChecksum);
        for (Partition partition : manifest.all()) {
            attempt(partition, () -> {
                boolean unknown = !partition.held().known();
                if (unknown) {
                    learn(partition);
                }
                if (unknown || unchecked.contains(partition.file())) {
                    erasures.look(partition);
                }
            });
        }
        attempt(quarantine::moveReleased);
        attempt(erasures::finishAll);
        closeLeftOpen();
        // Asked again: a partition that was opened meanwhile has no checksum to be made.
        Set<String> still = unchecked.isEmpty() ? unchecked : catalog.change(CatalogChecks::filesWithoutChecksum);
        for (Partition partition : manifest.all()) {
            // One that is still to be rewritten gets none: by that the next start knows that it has to look for the
            // mark.
            if (partition.state() == Partition.State.CLOSED
                    && still.contains(partition.file())
                    && !erasures.pending(partition)) {
                attempt(partition, () -> checksums.make(partition));
            }
        }
        attempt(merging::run);
        attempt(() -> orphans.look(catalog));
        LeveeException first = failure;
        if (first != null) {
            throw first;
        }
    }

    /** A WAL that nobody writes to any more does not stay for ever. The writer closes them one by one, between batches. */
    private void closeLeftOpen() {
        leftOpen.removeIf(partition -> {
            if (partition.state() != Partition.State.OPEN) {
                return true;
            }
            String why = closings.ask(partition, true);
            if (!why.isEmpty() && !why.equals(Closings.IN_USE) && !why.equals(Closings.ENDED)) {
                System.getLogger("io.levee.sqlite")
                        .log(System.Logger.Level.INFO, "{0} was left open and stays so: {1}", partition.id(), why);
            }
            return why.isEmpty() || why.equals(Closings.IN_USE);
        });
    }

    /** What is damaged is no failure of this run: it is looked at and set aside. */
    private void attempt(Partition partition, Runnable step) {
        attempt(() -> {
            try {
                step.run();
            } catch (LeveeException e) {
                if (e.code() != ErrorCode.CORRUPT) {
                    throw e;
                }
                suspects.report(partition, String.valueOf(e.getMessage()));
            }
        });
    }

    private void attempt(Runnable step) {
        try {
            step.run();
        } catch (LeveeException e) {
            failure = failure == null ? e : failure;
        }
    }

    private void learn(Partition partition) {
        Path file = paths.partition(partition);
        Partition.Held before = partition.held();
        if (Files.notExists(file)) {
            partition.learned(before, Partition.Held.NOTHING);
            return;
        }
        try {
            ReadHandles.ReadHandle handle = readers.take(partition);
            try {
                partition.learned(before, PartitionSchema.held(handle.connection()));
            } finally {
                readers.giveBack(handle, true);
            }
        } catch (SQLException e) {
            throw Sqlite.failure("what a partition holds cannot be read", file, e);
        }
    }
}
