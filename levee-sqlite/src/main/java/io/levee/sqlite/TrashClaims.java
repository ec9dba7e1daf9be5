package io.levee.sqlite;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.PartitionId;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Clock;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** Dropped partitions that are in somebody's hands: they come back, or are being made. Guarded by the {@link Trash}. */
final class TrashClaims {
    private final StorePaths paths;
    private final Catalog catalog;
    private final Manifest manifest;
    private final Clock wall;
    private final UpTime up;
    private final TrashPlaces places;
    private final Map<PartitionId, Partition> gone = new HashMap<>();
    private final Set<PartitionId> claimed = new HashSet<>();

    TrashClaims(StorePaths paths, Catalog catalog, Manifest manifest, Clock wall, UpTime up, TrashPlaces places) {
        this.paths = paths;
        this.catalog = catalog;
        this.manifest = manifest;
        this.wall = wall;
        this.up = up;
        this.places = places;
    }

    /** What is in somebody's hands. */
    Set<PartitionId> all() {
        return claimed;
    }

    /** The names that their files have in the trash. */
    Set<String> names() {
        Set<String> taken = new HashSet<>();
        claimed.forEach(id -> taken.add(StorePaths.flat(PartitionFiles.name(id))));
        return taken;
    }

    /** This process dropped it, and knows of it what nobody else does. */
    void dropped(Partition partition) {
        gone.put(partition.id(), partition);
    }

    /** The others' grace is over. */
    void keepOnly(Collection<PartitionId> ids) {
        gone.keySet().retainAll(ids);
    }

    /**
     * Takes a dropped partition in hand, until {@link #release}.
     *
     * @throws LeveeException {@code NOT_FOUND} where nothing of it is left
     */
    Trash.Claim claim(PartitionId id) {
        TrashEntries.Entry entry = catalog.change(c -> Optional.ofNullable(TrashEntries.find(c, id)))
                .orElse(null);
        Path file = entry == null ? null : Trash.file(paths, entry);
        if (entry == null || file == null || manifest.get(id) != null || !claimed.add(id)) {
            throw new LeveeException(
                            ErrorCode.NOT_FOUND,
                            manifest.get(id) != null
                                    ? "the partition " + id + " is not dropped"
                                    : "nothing is left of the partition " + id)
                    .with("partition", id.toString())
                    .hint("what can be brought back is listed as dropped");
        }
        places.forget(id);
        return new Trash.Claim(entry, file, gone.get(id));
    }

    /**
     * Takes a copy of a dropped partition's file, as a backup had it, in hand as what was dropped. Whoever reads its place keeps it from
     * that, and so does what can be brought back as it was dropped.
     *
     * @param copy whole and durable, on the store's volume; it is moved
     * @param entry rows that may have its keys have numbers above its {@code seq}
     * @param checksum of the copy
     */
    Trash.Claim claimCopy(Path copy, TrashEntries.Entry entry, String checksum) {
        PartitionId id = entry.id();
        Path place = paths.root().resolve(entry.file());
        TrashEntries.Entry own = catalog.change(c -> Optional.ofNullable(TrashEntries.find(c, id)))
                .orElse(null);
        if (manifest.get(id) != null || claimed.contains(id) || own != null && Trash.file(paths, own) != null) {
            throw new LeveeException(
                            ErrorCode.NOT_FOUND,
                            manifest.get(id) != null
                                    ? "the partition " + id + " is not dropped"
                                    : "the partition " + id + " can be brought back as it was dropped")
                    .with("partition", id.toString())
                    .hint(
                            "levee trash restore brings back what is in the trash; levee verify sets a damaged one aside");
        }
        if (Files.exists(place)) {
            throw new LeveeException(ErrorCode.PARTITION_BUSY, "queries that began before still read " + place)
                    .with("partition", id.toString())
                    .hint("try again when they have ended");
        }
        claimed.add(id);
        boolean done = false;
        try {
            Path in = paths.trash().resolve(entry.name());
            Files.createDirectories(paths.directory(id.table()));
            Files.move(copy, in, StandardCopyOption.ATOMIC_MOVE);
            catalog.change(c -> {
                Catalog.dropped(c, id, entry.file(), wall.instant());
                Catalog.update(c, "checksum=?1", id, wall.instant(), checksum);
                TrashEntries.put(c, id, up.millis(), entry.seq());
                return true;
            });
            done = true;
            return new Trash.Claim(entry, in, gone.get(id));
        } catch (IOException e) {
            throw new LeveeException(ErrorCode.IO_FAILED, id + " cannot be brought back: " + e, e)
                    .hint("check the directory's permissions, and try again");
        } finally {
            if (!done) {
                claimed.remove(id);
            }
        }
    }

    /** Gives a claim up, whether it came back or not. */
    void release(Trash.Claim claim) {
        claimed.remove(claim.id());
        if (manifest.get(claim.id()) != null) {
            gone.remove(claim.id());
        } else if (Files.exists(paths.root().resolve(claim.entry().file()))) {
            places.lookAgain();
        }
    }

    /**
     * Puts a claimed partition back into its place, durably; it is live when this returns. Writer thread, which does not wait for
     * the steps of {@link Trash#free}. No connection has the file.
     *
     * @param exactly what it holds
     * @param changed whether its file is another than the one that was closed
     */
    Partition putBack(Trash.Claim claim, Partition.Held exactly, boolean changed) {
        Path file = paths.root().resolve(claim.entry().file());
        try {
            if (!claim.file().equals(file)) {
                Files.move(claim.file(), file, StandardCopyOption.ATOMIC_MOVE);
                StorePaths.sync(paths.directory(claim.id().table()));
            }
        } catch (IOException e) {
            throw new LeveeException(ErrorCode.IO_FAILED, claim.id() + " cannot be brought back: " + e, e)
                    .with("partition", claim.id().toString())
                    .hint("check the directory's permissions, and try again");
        }
        long bytes = Partition.size(file);
        catalog.change(c -> {
            Catalog.markClosed(c, claim.id(), exactly, bytes, wall.instant());
            Catalog.update(c, changed ? "reason=NULL, checksum=NULL" : "reason=NULL", claim.id(), wall.instant(), null);
            TrashEntries.restored(c, claim.id(), claim.entry().seq());
            MigrationCatalog.came(c, claim.id().table());
            return true;
        });
        Partition before = claim.before();
        Partition back = before != null
                ? before.back(exactly, bytes)
                : new Partition(claim.id(), claim.entry().file(), Partition.State.CLOSED, exactly, bytes);
        manifest.add(back);
        return back;
    }

    /** Keeps a file that is being made in its place: to be ended by {@link #made}. */
    void making(PartitionId id) {
        claimed.add(id);
    }

    /** It is made, or never will be. */
    void made(PartitionId id) {
        claimed.remove(id);
        if (manifest.get(id) == null) {
            places.lookAgain();
        }
    }
}
