package io.levee.sqlite;

import io.levee.internal.supervisor.Task;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Moves the logs of partitions that take no new rows into their databases, so that the writer finds nothing to move and to sync when it
 * closes them: appends would wait for that. A log that is still written to is the writer's alone (a checkpoint beside it would let the log
 * grow without end).
 *
 * <p>A passive checkpoint of another connection changes nothing that the writer relies on: it may go on updating rows meanwhile, and a
 * crash finds the log or what was moved. One at a time. Thread-safe; {@link #moved} and {@link #forget} are the writer's.
 */
final class LogMover {
    /** A smaller log is moved by who closes the partition. */
    private static final long SMALL = 64L << 10;

    private static final Duration LOOK_EVERY = Duration.ofSeconds(30);

    private final Queue<Path> wanted = new ConcurrentLinkedQueue<>();
    private final Map<Path, Move> moves = new ConcurrentHashMap<>();
    private final Object moving = new Object();
    private volatile @Nullable Path current;
    private volatile @Nullable Task task;
    private volatile Consumer<Path> onMove = file -> {};
    private boolean ended;

    /** What was asked for, and since when the partition had not been used then. */
    private record Move(long usedNanos, boolean done) {}

    /** The thread {@code levee-logs}. */
    void run(Task own) {
        task = own;
        do {
            for (Path file = wanted.poll(); file != null; file = wanted.poll()) {
                now(file);
                moves.computeIfPresent(file, (path, move) -> new Move(move.usedNanos, true));
            }
            own.ran("");
        } while (own.pause(LOOK_EVERY));
    }

    /** Whether nothing is left to be moved for a close, or it was tried; else has it moved. Writer thread; does not wait. */
    boolean moved(PartitionWriter writer) {
        Path file = writer.file();
        Task thread = task;
        if (thread == null || !writer.dirty() || Partition.size(StorePaths.wal(file)) <= SMALL) {
            return true;
        }
        Move move = moves.get(file);
        if (move != null && move.usedNanos == writer.lastUsedNanos()) {
            return move.done;
        }
        moves.put(file, new Move(writer.lastUsedNanos(), false));
        wanted.add(file);
        thread.wake();
        return false;
    }

    /** The writer has closed the file. */
    void forget(Path file) {
        moves.remove(file);
    }

    /** Waits for a move of this file: who closes it now would have to do what is left of it. */
    void settle(Path file) {
        if (file.equals(current)) {
            synchronized (moving) {
                // It is done.
            }
        }
    }

    /** Moves nothing any more; waits for what is under way. Writer thread, before it closes everything. */
    void end() {
        synchronized (moving) {
            ended = true;
        }
    }

    /** Moves a log now, as far as readers allow. What fails is left to who closes the partition. Any thread but the writer. */
    void now(Path file) {
        synchronized (moving) {
            if (ended) {
                return;
            }
            current = file;
            try {
                onMove.accept(file);
                move(file);
            } catch (SQLException e) {
                // Whoever closes it meets the same, and knows what follows from it.
                System.getLogger("io.levee.sqlite")
                        .log(System.Logger.Level.DEBUG, "the log of " + file + " is moved when it is closed", e);
            } finally {
                current = null;
            }
        }
    }

    /** Has something done before each move; for tests. */
    void onMove(Consumer<Path> what) {
        onMove = what;
    }

    private static void move(Path file) throws SQLException {
        Connection connection = Connections.mover(file);
        try {
            Sqlite.value(connection, "PRAGMA wal_checkpoint(PASSIVE)");
        } finally {
            Connections.close(file, connection);
        }
    }
}
