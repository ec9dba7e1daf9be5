package io.levee.internal.adopt;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.PartitionId;
import io.levee.SplitStatus;
import io.levee.internal.supervisor.Supervisor;
import io.levee.internal.supervisor.Task;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * The life of splittings: begun, gone on with step by step, waiting, stopped and taken up again. What a step is the engine knows, and how it
 * becomes visible.
 *
 * <p>The thread {@code levee-split}, which starts with the first splitting, makes the steps; {@link #split} and {@link #statuses} any other.
 */
public final class SplitService {
    private static final System.Logger LOG = System.getLogger("io.levee.adoption");
    private static final Duration NOTHING_TO_DO = Duration.ofMinutes(10);
    private static final Duration WAIT = Duration.ofSeconds(2);

    private final Work work;
    private final Supervisor supervisor;
    private final Map<PartitionId, String> waits = new ConcurrentHashMap<>();
    private @Nullable Task task;
    private volatile boolean rests = true;

    /** What an engine does of it. */
    public interface Work {
        /** All that were begun, from the catalog. Any thread. */
        List<SplitState> all();

        /** About how many rows an adopted database has; -1 where it is none that is read. Any thread. */
        long rows(PartitionId id);

        /**
         * Refuses what there is no room for, before anything is moved. Any thread.
         *
         * @throws LeveeException {@link ErrorCode#DISK_FULL} with {@code needed} and {@code free}
         */
        void requireRoom(SplitState from);

        /**
         * Keeps a state durably, unless the splitting is done or moved on meanwhile: then that counts, in the wanted state. Any thread.
         *
         * @param from where it is not in the catalog yet
         * @return what the catalog says now
         */
        SplitState put(SplitState from, SplitStatus.State state, String note);

        /**
         * Makes one step, or the end. Split thread.
         *
         * @return why it has to wait, or an empty text
         */
        String further(SplitState split, Task running);

        /** Why one waits that met an error; null where it is a failure. Split thread. */
        @Nullable
        String waitsFor(LeveeException e);
    }

    /** Over an engine. */
    public SplitService(Work work, Supervisor supervisor) {
        this.work = work;
        this.supervisor = supervisor;
    }

    /** Goes on with what was begun before. */
    public void resume() {
        if (work.all().stream().anyMatch(s -> s.state() == SplitStatus.State.RUNNING)) {
            wake();
        }
    }

    /** Has it wait for little; for tests. */
    public void restless() {
        rests = false;
    }

    /** Whether it leaves processor and disk to others. */
    public boolean rests() {
        return rests;
    }

    private synchronized void wake() {
        Task running = task;
        if (running == null) {
            task = supervisor.start("levee-split", this::run);
        } else {
            running.wake();
        }
    }

    /** See {@link io.levee.engine.StorageEngine#splits}. */
    public List<SplitStatus> statuses() {
        return work.all().stream()
                .map(s -> {
                    String why = waits.get(s.id());
                    return (why == null || s.state() != SplitStatus.State.RUNNING ? s : s.with(s.state(), why))
                            .status();
                })
                .toList();
    }

    private @Nullable SplitState state(PartitionId id) {
        return work.all().stream().filter(s -> s.id().equals(id)).findFirst().orElse(null);
    }

    /** Whether one is not to go on. */
    public boolean stopped(PartitionId id) {
        SplitState now = state(id);
        return now == null || now.state() != SplitStatus.State.RUNNING;
    }

    /** See {@link io.levee.engine.StorageEngine#split}. */
    public SplitStatus split(PartitionId id, boolean go) {
        SplitState known = state(id);
        if (known != null && known.state() == SplitStatus.State.DONE) {
            return known.status();
        }
        long rows = work.rows(id);
        if (rows < 0) {
            throw new LeveeException(ErrorCode.NOT_FOUND, id + " is no adopted database of this store")
                    .with("partition", id.toString())
                    .hint("adopt it first");
        }
        if (!go && known == null) {
            throw new LeveeException(ErrorCode.NOT_FOUND, "the splitting of " + id + " was not begun")
                    .with("partition", id.toString());
        }
        SplitState from = known == null ? SplitState.begun(id, rows) : known;
        if (go) {
            work.requireRoom(from);
        }
        SplitState now = work.put(from, go ? SplitStatus.State.RUNNING : SplitStatus.State.STOPPED, "");
        waits.remove(id);
        wake();
        return now.status();
    }

    /** Ends one that is not done, and says why. Split thread. */
    public void end(SplitState split, SplitStatus.State state, String note) {
        LOG.log(
                state == SplitStatus.State.BLOCKED ? System.Logger.Level.WARNING : System.Logger.Level.INFO,
                "the splitting of {0}: {1}, {2}",
                split.id(),
                state,
                note);
        work.put(split, state, note);
    }

    /** The life of its thread. */
    private void run(Task running) {
        Duration pause = Duration.ZERO;
        while (running.pause(pause)) {
            boolean some = false;
            boolean further = false;
            LeveeException failed = null;
            for (SplitState split : work.all()) {
                if (split.state() == SplitStatus.State.RUNNING && !running.stopping()) {
                    some = true;
                    try {
                        further |= further(split, running);
                    } catch (LeveeException e) {
                        // The others go on all the same.
                        failed = e;
                    }
                }
            }
            if (failed != null && !further) {
                throw failed;
            }
            running.ran(told());
            pause = further ? Duration.ZERO : some ? rests ? WAIT : WAIT.dividedBy(100) : NOTHING_TO_DO;
        }
    }

    private String told() {
        StringBuilder text = new StringBuilder();
        for (SplitStatus split : statuses()) {
            text.append(text.length() == 0 ? "" : "; ")
                    .append(split.partition())
                    .append(": ")
                    .append(split.rowsDone())
                    .append(" of ")
                    .append(split.rowsTotal())
                    .append(" rows, ")
                    .append(split.state())
                    .append(split.note().isEmpty() ? "" : " (" + split.note() + ")");
        }
        return text.toString();
    }

    /** One step, or the end; false where it has to wait. */
    private boolean further(SplitState split, Task running) {
        if (work.rows(split.id()) < 0) {
            end(split, SplitStatus.State.STOPPED, "it was dropped meanwhile");
            return true;
        }
        try {
            return waits(split.id(), work.further(split, running));
        } catch (SplitPace.Ended e) {
            return waits(split.id(), "it was stopped");
        } catch (LeveeException e) {
            String why = work.waitsFor(e);
            if (why == null) {
                waits.put(split.id(), String.valueOf(e.getMessage()));
                throw e;
            }
            return waits(split.id(), why);
        }
    }

    /** Notes why one waits; true where it does not. */
    private boolean waits(PartitionId id, String why) {
        if (why.isEmpty()) {
            waits.remove(id);
        } else if (!why.equals(waits.put(id, why))) {
            LOG.log(System.Logger.Level.INFO, "the splitting of {0} waits: {1}", id, why);
        }
        return why.isEmpty();
    }
}
