package io.levee.sqlite;

import io.levee.Bytes;
import io.levee.ErrorCode;
import io.levee.engine.Execution;
import io.levee.internal.memory.ThreadWrites;
import io.levee.internal.time.MonotonicClock;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.sqlite.ProgressHandler;

/**
 * Keeps sorts below the cap of a store while they write: SQLite asks each few hundred steps of a statement whether it may go on, and what
 * its thread has written to temporary files since is counted at once, not only with the next look at the open files. A sort that has no
 * room left is ended, whatever it is in the middle of; what it can write between two questions is one run of its sorter, about a megabyte.
 *
 * <p>Where the system does not tell what a thread writes, the look five times a second is all there is. Thread-safe.
 */
final class SortRoom {
    /** Steps of SQLite's machine between two questions: some microseconds. */
    private static final int STEPS = 500;

    private static final long ASK_NANOS = Duration.ofMillis(1).toNanos();
    private static final long LOOK_NANOS = Duration.ofMillis(5).toNanos();

    private final LongSupplier files;
    private final LongSupplier room;
    private final MonotonicClock clock = MonotonicClock.SYSTEM;
    private final AtomicLong since = new AtomicLong();
    private final ThreadLocal<Written> written = ThreadLocal.withInitial(Written::new);
    private volatile long looked;
    private long lookedNanos = clock.nanos() - LOOK_NANOS;

    /**
     * Room for sorts.
     *
     * @param files looks at what temporary files take now, in bytes
     * @param room what they may take, in bytes; asked often
     */
    SortRoom(LongSupplier files, LongSupplier room) {
        this.files = files;
        this.room = room;
    }

    /** What one thread had written when it was last asked. */
    private static final class Written {
        private final ThreadWrites writes = ThreadWrites.begin();
        private long counted;

        long more() {
            long now = writes.bytes();
            long more = now - counted;
            counted = now;
            return more;
        }
    }

    /** What sorts take at most: as of the last look, and all that was written since. */
    long bytes() {
        return looked + since.get();
    }

    /** Looks at the files. */
    synchronized void look() {
        // What is written while this looks is counted twice until the next look: the safe side.
        long before = since.get();
        looked = files.getAsLong();
        since.addAndGet(-before);
        lookedNanos = clock.nanos();
    }

    /** Looks, but not for everybody who asks: what the last look found may be some milliseconds old. */
    synchronized void lookUnlessJustNow() {
        if (clock.nanos() - lookedNanos >= LOOK_NANOS) {
            look();
        }
    }

    /** A connection whose statements are asked. */
    Guard guard(Connection connection) throws SQLException {
        Guard guard = new Guard();
        ProgressHandler.setHandler(connection, STEPS, guard);
        return guard;
    }

    /** Of one connection: who runs on it now. */
    final class Guard extends ProgressHandler {
        private volatile @Nullable Execution execution;
        private long askedNanos;

        /** A query's statements run on the connection from now on, on this thread; null: nobody's. */
        void runs(@Nullable Execution query) {
            if (query != null) {
                // What the thread wrote before is not this statement's.
                written.get().more();
            }
            execution = query;
        }

        @Override
        protected int progress() {
            Execution query = execution;
            long now = clock.nanos();
            if (query == null || now - askedNanos < ASK_NANOS) {
                return 0;
            }
            askedNanos = now;
            long more = written.get().more();
            if (more <= 0 || since.addAndGet(more) + looked <= room.getAsLong()) {
                return 0;
            }
            lookUnlessJustNow();
            long take = bytes();
            long most = room.getAsLong();
            if (take <= most) {
                return 0;
            }
            query.cancel(
                    ErrorCode.LIMIT_EXCEEDED,
                    "sorts take " + new Bytes(take) + " in temporary files, and below its cap the store has "
                            + new Bytes(Math.max(0, most))
                            + " for them: narrow the query's range or filter, declare an index for its order or its"
                            + " groups, or raise the cap");
            return 1;
        }
    }
}
