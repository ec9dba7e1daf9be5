package io.levee.sqlite;

import io.levee.PartitionId;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The partitions that a backup holds of its moment and has not begun to copy. What is dropped meanwhile takes its space until it is let go
 * of, which anybody may ask for. Thread-safe.
 */
final class HeldFiles {
    private static final System.Logger LOG = System.getLogger("io.levee.sqlite");

    private final StorePaths paths;
    private final Map<Path, Connection> connections;
    private final Map<Path, Partition> partitions;
    private final Map<PartitionId, String> went = new HashMap<>();

    /**
     * Takes connections over.
     *
     * @param connections by file, each in a read transaction
     * @param partitions by file, those of the moment
     */
    HeldFiles(StorePaths paths, Map<Path, Connection> connections, Map<Path, Partition> partitions) {
        this.paths = paths;
        this.connections = new HashMap<>(connections);
        this.partitions = new HashMap<>(partitions);
    }

    /** A connection that is its caller's from now on; null where nothing of the file is held. */
    synchronized @Nullable Connection take(Path file) {
        return connections.remove(file);
    }

    /** Why something is not held any more that was; null where it never was, or still is, or was taken. */
    synchronized @Nullable String went(PartitionId id) {
        return went.get(id);
    }

    /**
     * Lets go of what was dropped and has no name any more, so that its space comes back. What was merged stays: its rows live on, and are
     * not in the copy of what took them over.
     *
     * @return whether there was any
     */
    synchronized boolean letGo() {
        Map<Path, Partition> gone = nameless();
        if (gone.isEmpty()) {
            return false;
        }
        boolean any = false;
        try {
            Connection now = Connections.reader(paths.catalog(), BackupMoment.CACHE);
            try {
                for (Map.Entry<Path, Partition> one : gone.entrySet()) {
                    any |= letGo(
                            one.getKey(),
                            one.getValue().id(),
                            Catalog.droppedFor(now, one.getValue().id()));
                }
            } finally {
                Connections.close(paths.catalog(), now);
            }
        } catch (SQLException e) {
            LOG.log(System.Logger.Level.DEBUG, "why partitions went cannot be read now; they are let go of later", e);
        }
        return any;
    }

    private boolean letGo(Path file, PartitionId id, String why) {
        Connection connection = why.startsWith(Merging.MERGED_INTO) ? null : connections.remove(file);
        if (connection == null) {
            return false;
        }
        Connections.closeQuietly(file, connection);
        went.put(id, "dropped while it was copied" + (why.isEmpty() ? "" : ": " + why));
        LOG.log(System.Logger.Level.INFO, "{0} was dropped, and the backup that is made goes without it", id);
        return true;
    }

    /** What is held of partitions that are in no directory any more. */
    private Map<Path, Partition> nameless() {
        Map<Path, Partition> gone = new LinkedHashMap<>();
        for (Path file : connections.keySet()) {
            Partition partition = partitions.get(file);
            if (partition != null && Files.notExists(file)) {
                gone.put(file, partition);
            }
        }
        if (!gone.isEmpty()) {
            Set<Path> unlinked = Unlinked.files(paths);
            gone.entrySet()
                    .removeIf(one -> !unlinked.contains(absolute(one.getKey()))
                            && !unlinked.contains(absolute(paths.trash()
                                    .resolve(StorePaths.flat(one.getValue().file())))));
        }
        return gone;
    }

    private static Path absolute(Path file) {
        return file.toAbsolutePath().normalize();
    }

    /** Lets go of everything. */
    synchronized void close() {
        connections.forEach(Connections::closeQuietly);
        connections.clear();
    }
}
