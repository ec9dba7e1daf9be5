package io.levee.sqlite;

import io.levee.PartitionId;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** What is out of the store and still in its place, since queries that began before may open it. Guarded by the {@link Trash}. */
final class TrashPlaces {
    /** So long what was merged keeps its place after the merge. */
    private static final long SUPERSEDED_MILLIS = 60_000;

    /** The catalog's thread is not kept longer than this many searches take. */
    private static final int ASKED_AT_ONCE = 500;

    private final StorePaths paths;
    private final Catalog catalog;
    private final TrashFiles files;
    private final UpTime up;
    private final List<Partition> stillPinned = new ArrayList<>();
    private final Map<Partition, Long> superseded = new HashMap<>();
    private volatile List<Partition> inPlace = List.of();
    private boolean leftoversMoved;

    TrashPlaces(StorePaths paths, Catalog catalog, TrashFiles files, UpTime up) {
        this.paths = paths;
        this.catalog = catalog;
        this.files = files;
        this.up = up;
    }

    /** A partition was dropped that queries have in their list. */
    void keep(Partition pinned) {
        stillPinned.add(pinned);
        noteInPlace();
    }

    /** One is coming back: it is not moved. */
    void forget(PartitionId id) {
        stillPinned.removeIf(partition -> partition.id().equals(id));
        noteInPlace();
    }

    /** Those of one table that queries still read. */
    List<String> read(String table) {
        return Stream.concat(stillPinned.stream(), superseded.keySet().stream())
                .filter(p -> p.id().table().equals(table))
                .map(p -> p.id().toString())
                .toList();
    }

    /**
     * Moves what queries have given free since it was dropped.
     *
     * @param now also what other processes may still look for in its place
     */
    void moveReleased(boolean now) {
        stillPinned.removeIf(partition -> {
            boolean moved = !partition.pinned();
            if (moved) {
                files.move(partition);
            }
            return moved;
        });
        superseded.entrySet().removeIf(one -> {
            boolean moved = !one.getKey().pinned() && (now || up.millis() - one.getValue() >= SUPERSEDED_MILLIS);
            if (moved) {
                files.move(one.getKey());
            }
            return moved;
        });
        noteInPlace();
    }

    /** Files that keep their places since queries still read them: their space is nobody's history any more. Any thread; never waits. */
    Set<Path> inPlace() {
        return inPlace.stream().filter(Partition::pinned).map(paths::partition).collect(Collectors.toSet());
    }

    private void noteInPlace() {
        inPlace = Stream.concat(stillPinned.stream(), superseded.keySet().stream())
                .toList();
    }

    /**
     * Takes over partitions whose rows live in another one: they cannot come back, and are freed when no query reads them any more.
     * Another process's query that began before finds them in their place for a while.
     */
    void superseded(List<Partition> partitions) {
        partitions.forEach(partition -> superseded.put(partition, up.millis()));
        noteInPlace();
    }

    /** A file may be in its place that nobody is going to move. */
    void lookAgain() {
        leftoversMoved = false;
    }

    /** The files of dropped partitions that are in their places: asked by what is there, however long ago it was dropped. */
    private List<String> dropped() {
        List<PartitionId> there = PartitionFiles.of(paths);
        List<String> dropped = new ArrayList<>();
        for (int from = 0; from < there.size(); from += ASKED_AT_ONCE) {
            List<PartitionId> some = there.subList(from, Math.min(there.size(), from + ASKED_AT_ONCE));
            dropped.addAll(catalog.change(c -> Catalog.droppedFiles(c, some)));
        }
        return dropped;
    }

    /**
     * A crash between the catalog's word and the rename leaves a dropped file in its place.
     *
     * @param claimed what is in somebody's hands
     * @return whether there were any
     */
    boolean moveLeftovers(Set<PartitionId> claimed) {
        if (leftoversMoved) {
            return false;
        }
        boolean any = false;
        for (String file : dropped()) {
            Path path = paths.root().resolve(file);
            if (Files.exists(path)
                    && claimed.stream().noneMatch(id -> PartitionFiles.name(id).equals(file))
                    && Stream.concat(stillPinned.stream(), superseded.keySet().stream())
                            .noneMatch(p -> p.file().equals(file))) {
                files.move(file);
                any = true;
            }
        }
        leftoversMoved = true;
        return any;
    }
}
