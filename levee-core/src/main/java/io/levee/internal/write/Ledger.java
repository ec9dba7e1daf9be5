package io.levee.internal.write;

import io.levee.Gap;
import io.levee.engine.InFlight;
import io.levee.engine.StorageEngine;
import io.levee.internal.supervisor.Supervisor;
import io.levee.internal.supervisor.Task;
import io.levee.internal.time.Micros;
import io.levee.internal.time.MonotonicClock;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Carries to the engine's ledger what was lost and what is in flight, on the thread {@code levee-ledger}: each second while records come
 * in or are lost, every {@link #IDLE} else, and once more when the store closes. What could not be written comes again as it was; it is
 * neither left out nor written twice. Thread-safe.
 */
public final class Ledger {
    private static final System.Logger LOG = System.getLogger("io.levee.ledger");
    private static final Duration EVERY = Duration.ofSeconds(1);

    /** Records that come in falling order of time ask for the ledger each time: no more often than this. */
    private static final Duration SHORTEST = Duration.ofMillis(20);

    /** A ledger that says nothing for longer would make the range of an unclean stop needlessly wide. */
    static final Duration IDLE = Duration.ofSeconds(15);

    private final StorageEngine engine;
    private final WriteQueue queue;
    private final LossLog losses;
    private final MonotonicClock clock;
    private final Clock wall;
    private volatile boolean wanted;
    private boolean finished;
    private boolean saidAll;
    private long writtenNanos;
    private long acceptedThen = -1;
    private long failures;
    private @Nullable Failure failure;

    /**
     * Why the ledger cannot be written.
     *
     * @param error the last error
     * @param sinceMicros when the first of an unbroken row of failures happened
     */
    public record Failure(String error, long sinceMicros) {}

    Ledger(StorageEngine engine, WriteQueue queue, LossLog losses, MonotonicClock clock, Clock wall) {
        this.engine = engine;
        this.queue = queue;
        this.losses = losses;
        this.clock = clock;
        this.wall = wall;
    }

    void start(Supervisor supervisor) {
        supervisor.start("levee-ledger", this::run);
    }

    private void run(Task task) {
        queue.onUncovered(() -> {
            wanted = true;
            task.wake();
        });
        do {
            if (due() && write()) {
                task.ran("");
            }
        } while (task.pause(SHORTEST) && (wanted || task.pause(EVERY)));
    }

    private synchronized boolean due() {
        return wanted
                || !saidAll
                || losses.pending()
                || queue.books().accepted() != acceptedThen
                || clock.nanos() - writtenNanos >= IDLE.toNanos();
    }

    /** Writes what there is; answers whether the engine took it. */
    synchronized boolean write() {
        if (finished) {
            return true;
        }
        try {
            boolean repeated = failure != null;
            writeOnce();
            if (repeated && losses.pending()) {
                // What was noted while the ledger could not be written comes after what it had to get first.
                writeOnce();
            }
            if (failure != null) {
                LOG.log(System.Logger.Level.INFO, "the ledger can be written again");
                failure = null;
            }
            return true;
        } catch (RuntimeException e) {
            failed(e);
            return false;
        }
    }

    private void writeOnce() {
        wanted = false;
        Books books = queue.books();
        acceptedThen = books.accepted();
        // The windows before the losses: what is lost between the two is in them, and what was lost before is in the
        // list.
        List<InFlight> inFlight = queue.inFlight(Micros.of(wall.instant()));
        List<Gap> lost = losses.handOver();
        engine.ledger(lost, inFlight);
        losses.written();
        writtenNanos = clock.nanos();
        saidAll = inFlight.isEmpty();
    }

    private void failed(RuntimeException e) {
        failures++;
        saidAll = false;
        String error = String.valueOf(e.getMessage());
        Failure before = failure;
        failure = new Failure(error, before == null ? Micros.of(wall.instant()) : before.sinceMicros());
        if (before == null || failures % TimeUnit.MINUTES.toSeconds(1) == 0) {
            LOG.log(System.Logger.Level.WARNING, "the ledger cannot be written; the same losses are tried again", e);
        }
    }

    /** Writes for the last time, when nothing is lost or settled any more. Answers why it could not; empty where it could. */
    synchronized String finish() {
        write();
        finished = true;
        return failure == null || !losses.pending()
                ? ""
                : "what was lost could not be noted in the ledger: " + failure.error();
    }

    /** How often it could not be written since the store was opened. */
    public synchronized long failures() {
        return failures;
    }

    /** Why it cannot be written now, or null. */
    public synchronized @Nullable Failure failure() {
        return failure;
    }
}
