package io.levee.postgres;

import io.levee.ErrorCode;
import io.levee.IndexSpec;
import io.levee.LeveeException;
import io.levee.PartitionId;
import io.levee.TableSpec;
import io.levee.engine.SliceOrder;
import io.levee.engine.SliceOutcome;
import io.levee.internal.supervisor.Supervisor;
import io.levee.internal.supervisor.Task;
import io.levee.internal.time.MonotonicClock;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * The thread {@code levee-index}, which builds the indexes of partitions one at a time, and who asks for them: the thread of migrations,
 * which looks at each build again and again, so that it can be told of and ended. Thread-safe.
 */
final class IndexBuilder {
    /** How long one look lasts: a migration whose build takes longer says how far it is. */
    private static final Duration LOOK = Duration.ofSeconds(10);

    private static final Duration STEP = Duration.ofMillis(10);

    /** How long whoever ends a build waits for that: a server that does not answer must not keep it. */
    private static final Duration END = Duration.ofSeconds(5);

    private final Connections connections;
    private final CatalogSession session;
    private final Names names;
    private final Supervisor supervisor;
    private final MonotonicClock clock = MonotonicClock.SYSTEM;
    private @Nullable Task task;
    private @Nullable IndexBuild build;
    private boolean ended;
    private String waitsFor = "";
    private @Nullable Throwable failure;
    private boolean closed;

    IndexBuilder(Connections connections, CatalogSession session, Names names, Supervisor supervisor) {
        this.connections = connections;
        this.session = session;
        this.names = names;
        this.supervisor = supervisor;
    }

    /**
     * Begins a build, or looks how far it is.
     *
     * @throws LeveeException {@code CANCELLED} where the order was; what the build failed with
     */
    SliceOutcome slice(TableSpec spec, IndexSpec index, Leaf leaf, SliceOrder order) {
        String other = begin(spec, index, leaf);
        if (!other.isEmpty()) {
            return SliceOutcome.waiting(other);
        }
        long end = clock.nanos() + LOOK.toNanos();
        while (clock.nanos() - end < 0) {
            if (order.cancelled().getAsBoolean()) {
                stop(null);
                throw new LeveeException(ErrorCode.CANCELLED, "the index build was ended: " + leaf.id());
            }
            if (waitEnded(STEP)) {
                return result(leaf);
            }
        }
        return SliceOutcome.waiting(progress(leaf, index));
    }

    /** Begins a build where none runs; says which one runs, where it is another. */
    private synchronized String begin(TableSpec spec, IndexSpec index, Leaf leaf) {
        IndexBuild now = build;
        if (now != null && now.leaf() == leaf && now.index().equals(index)) {
            return "";
        }
        if (now != null && !ended) {
            return "one index is built at a time, now that of " + now.leaf().id();
        }
        if (closed) {
            throw new LeveeException(ErrorCode.CLOSED, "the store is closed");
        }
        build = new IndexBuild(connections, names, spec, index, leaf);
        ended = false;
        failure = null;
        waitsFor = "";
        if (task == null) {
            task = supervisor.start("levee-index", this::work);
        }
        task.wake();
        return "";
    }

    private void work(Task own) {
        own.alarm(this::close);
        while (own.pause(Duration.ofHours(1))) {
            IndexBuild next;
            synchronized (this) {
                next = ended ? null : build;
            }
            if (next != null) {
                run(next);
                own.ran("built " + next.index().name() + " of " + next.leaf().id());
            }
        }
    }

    private void run(IndexBuild next) {
        String waits = "";
        Throwable why = null;
        try {
            waits = next.run();
        } catch (SQLException e) {
            why = next.cancelled() ? null : failed(next, e);
            waits = next.cancelled() ? "the build was ended" : "";
        } catch (RuntimeException | Error e) {
            // Told to the migration, whose failure it is.
            why = e;
        }
        synchronized (this) {
            if (build == next) {
                ended = true;
                waitsFor = waits;
                failure = why;
            }
            notifyAll();
        }
    }

    private static LeveeException failed(IndexBuild build, SQLException e) {
        if (Postgres.valueFault(e)) {
            return new LeveeException(
                            ErrorCode.BAD_VALUE,
                            "a row of " + build.leaf().id() + " breaks the index "
                                    + build.index().name() + " on "
                                    + build.index().parts() + ": " + e.getMessage(),
                            e)
                    .hint("mend the row and resume the migration, or take it back: dropIndex");
        }
        return Postgres.failure(
                        "the index " + build.index().name() + " of "
                                + build.leaf().id() + " cannot be built",
                        e)
                .with("partition", build.leaf().id().toString());
    }

    private synchronized boolean waitEnded(Duration longest) {
        long end = clock.nanos() + longest.toNanos();
        try {
            for (long left = longest.toMillis(); build != null && !ended && left > 0; ) {
                wait(left);
                left = (end - clock.nanos()) / 1_000_000;
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new LeveeException(ErrorCode.CANCELLED, "interrupted while an index was built", e);
        }
        return build == null || ended;
    }

    /** What came of a build that has ended; the next look begins another one. */
    private synchronized SliceOutcome result(Leaf leaf) {
        build = null;
        if (failure instanceof LeveeException e) {
            throw e;
        }
        if (failure != null) {
            throw new LeveeException(ErrorCode.INTERNAL, "an index build failed: " + failure, failure);
        }
        if (!waitsFor.isEmpty()) {
            return SliceOutcome.waiting(waitsFor);
        }
        long rows = leaf.held().rows();
        return new SliceOutcome(rows, 0, rows, true, 0, "");
    }

    /** Ends the build of a partition that is to go: a drop never waits for one. */
    void giveWay(PartitionId id) {
        stop(id);
    }

    /** Ends the present build, that of a partition or whichever it is, and waits for its end. */
    private void stop(@Nullable PartitionId id) {
        IndexBuild now;
        synchronized (this) {
            now = build;
            if (now == null || ended || id != null && !now.leaf().id().equals(id)) {
                return;
            }
        }
        long end = clock.nanos() + END.toNanos();
        do {
            // Again and again: a statement that has not begun yet cannot be cancelled.
            now.cancel();
        } while (!waitEnded(STEP.multipliedBy(5)) && clock.nanos() - end < 0);
        synchronized (this) {
            if (build == now && id == null) {
                build = null;
            }
        }
    }

    /** Ends what runs; nothing is begun any more. */
    void close() {
        synchronized (this) {
            closed = true;
            if (build != null) {
                build.cancel();
            }
        }
    }

    /** How far a build is, in words. */
    private String progress(Leaf leaf, IndexSpec index) {
        String what = "builds " + index.name() + " of " + leaf.id();
        try {
            return session.ask("the progress of an index build cannot be read", c -> what + progress(c, leaf));
        } catch (LeveeException e) {
            // Words for people.
            return what;
        }
    }

    private String progress(Connection connection, Leaf leaf) throws SQLException {
        try (PreparedStatement statement =
                connection.prepareStatement("SELECT phase, blocks_done, blocks_total, current_locker_pid FROM"
                        + " pg_catalog.pg_stat_progress_create_index WHERE relid = pg_catalog.to_regclass(?)")) {
            statement.setString(1, names.in(leaf.name()));
            try (ResultSet rows = statement.executeQuery()) {
                if (!rows.next()) {
                    return "";
                }
                long total = rows.getLong(3);
                int locker = rows.getInt(4);
                return ": " + rows.getString(1)
                        + (total == 0 ? "" : String.format(Locale.ROOT, ", %d %%", 100 * rows.getLong(2) / total))
                        + (locker == 0 ? "" : ", until session " + locker + " has ended its transaction");
            }
        }
    }
}
