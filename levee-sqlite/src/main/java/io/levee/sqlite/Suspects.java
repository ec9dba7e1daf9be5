package io.levee.sqlite;

import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.jspecify.annotations.Nullable;

/**
 * Partitions that somebody met damage in. Whoever meets it fails and reports; {@link Verifier} looks at the file in its own time,
 * and the writer gives up what it has open. Thread-safe.
 */
final class Suspects {
    private final boolean live;
    private final Map<Partition, String> reported = new ConcurrentHashMap<>();
    private final Queue<Map.Entry<Partition, String>> convicted = new ConcurrentLinkedQueue<>();
    private volatile Runnable wake = () -> {};

    /**
     * The suspects of one store.
     *
     * @param live whether this process writes to it: only then what is known of a closed partition is known to be true now
     */
    Suspects(boolean live) {
        this.live = live;
    }

    /** Whether this process writes to the store. */
    boolean live() {
        return live;
    }

    /** Whom to tell of a report. */
    void onReport(Runnable verifier) {
        wake = verifier;
    }

    void report(Partition partition, String why) {
        // A database that is not ours is not set aside: its owner hears of it with each query.
        if (live && partition.adopted() == null && reported.putIfAbsent(partition, why) == null) {
            wake.run();
        }
    }

    /** Where an error means damage, reports it and throws what callers get; else does nothing. */
    void met(Partition partition, Path file, SQLException e) {
        if (Sqlite.damaged(e)) {
            String why = String.valueOf(e.getMessage());
            report(partition, why);
            throw Identity.failure(partition.id(), file, why);
        }
    }

    /** Refuses to open what lies beside something that SQLite would take in. */
    void requireAlone(Partition partition, Path file) {
        int before = partition.openings();
        if (live && partition.state() == Partition.State.CLOSED) {
            require(partition, file, before, Identity.wrongBeside(file));
        }
    }

    /** Refuses a missing file that should hold rows. */
    void requireThere(Partition partition, Path file) {
        if (live && partition.adopted() == null && partition.held().rows() > 0 && Files.notExists(file)) {
            require(partition, file, partition.openings(), "its file is missing");
        }
    }

    /** Refuses an opened file that is another than the catalog's. */
    void requireIdentity(Partition partition, Path file, Connection connection, String schema) throws SQLException {
        if (partition.adopted() != null) {
            return;
        }
        int before = partition.openings();
        boolean closed = live && partition.state() == Partition.State.CLOSED;
        Partition.Held held = partition.held();
        String wrong = Identity.wrong(connection, schema, partition.id(), closed ? held : null);
        if (wrong != null && closed && partition.openings() != before) {
            // Opened for writing meanwhile: then only who it is can be told.
            wrong = Identity.wrong(connection, schema, partition.id(), null);
        }
        require(partition, file, partition.openings(), wrong);
    }

    private void require(Partition partition, Path file, int before, @Nullable String wrong) {
        if (wrong != null && partition.openings() == before && partition.state() != Partition.State.DROPPED) {
            report(partition, wrong);
            throw Identity.failure(partition.id(), file, wrong);
        }
    }

    /** Those that are to be looked at. Verifier thread. */
    List<Map.Entry<Partition, String>> reported() {
        return List.copyOf(reported.entrySet());
    }

    /** It was looked at; it may be reported again. */
    void done(Partition partition) {
        reported.remove(partition);
    }

    /** It is damaged, and open: the writer has to give it up. */
    void convict(Partition partition, String why) {
        convicted.add(Map.entry(partition, why));
    }

    /** Sets aside what is open and damaged. Writer thread, between batches. */
    void serve(OpenPartitions open) {
        for (Map.Entry<Partition, String> one = convicted.poll(); one != null; one = convicted.poll()) {
            open.setAside(one.getKey(), one.getValue());
        }
    }
}
