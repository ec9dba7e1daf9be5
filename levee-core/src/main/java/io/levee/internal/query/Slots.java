package io.levee.internal.query;

import io.levee.Coverage;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.RunningQuery;
import io.levee.engine.Execution;
import io.levee.internal.memory.Share;
import io.levee.internal.supervisor.Supervisor;
import io.levee.internal.supervisor.Task;
import io.levee.internal.time.MonotonicClock;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The fixed number of threads that queries run on, {@code levee-query-N}, and the life of each query: waiting for a thread, running, being
 * fetched, its deadline over all three (guarantee G44), its end. Thread-safe.
 *
 * <p>A query of rows whose reader is behind gives its thread back and waits again once the reader has caught up. So as many slow readers as
 * may wait keep no thread from others.
 */
final class Slots {
    /** Most queries that wait for a thread. */
    static final int MAX_WAITING = 1000;

    private static final Duration WATCH_EVERY = Duration.ofMillis(10);

    private final Supervisor supervisor;
    private final int threads;
    private final Leases leases;
    private final Share results;
    private final Consumer<Job> whenEnded;
    private final MonotonicClock clock = MonotonicClock.SYSTEM;
    private final AtomicLong ids = new AtomicLong();
    private final LinkedBlockingQueue<Runnable> waiting = new LinkedBlockingQueue<>();
    private final Map<Long, Job> alive = new ConcurrentSkipListMap<>();
    private final Answers answers;
    private volatile boolean stopped;

    /**
     * Threads that {@link #start} starts.
     *
     * @param results the share of the memory budget that rows on their way take
     * @param whenEnded told of each query that has ended, by the thread that ended it; must not block
     */
    Slots(Supervisor supervisor, int threads, Leases leases, Share results, Consumer<Job> whenEnded) {
        this.supervisor = supervisor;
        this.threads = threads;
        this.leases = leases;
        this.results = results;
        this.whenEnded = whenEnded;
        this.answers = new Answers(supervisor);
    }

    /** Starts the query threads and the watchdog. */
    void start() {
        for (int i = 1; i <= threads; i++) {
            supervisor.start("levee-query-" + i, this::serve);
        }
        supervisor.start("levee-watchdog", task -> {
            while (task.pause(WATCH_EVERY)) {
                watch();
            }
        });
    }

    private void serve(Task task) throws InterruptedException {
        task.alarm(() -> {
            // Whichever thread takes one ends, or leaves enough for the others.
            for (int i = 0; i < threads; i++) {
                waiting.add(() -> {});
            }
        });
        while (!task.stopping()) {
            Runnable next = waiting.poll(100, TimeUnit.MILLISECONDS);
            if (next != null) {
                next.run();
                task.ran("");
            }
        }
    }

    long nanos() {
        return clock.nanos();
    }

    /** Completes callers' futures. */
    Answers answers() {
        return answers;
    }

    Leases leases() {
        return leases;
    }

    /**
     * Queues a query.
     *
     * @param what it, in words
     * @param coverage see {@link ChunkStream}
     * @throws LeveeException {@code CLOSED}; {@code LIMIT_EXCEEDED} past {@value #MAX_WAITING} waiting ones
     */
    ChunkStream submit(String what, Duration deadline, Supplier<Coverage> coverage, boolean askedLive, Work work) {
        if (stopped) {
            throw new LeveeException(ErrorCode.CLOSED, "the store is closed");
        }
        if (waiting.size() >= MAX_WAITING) {
            throw new LeveeException(ErrorCode.LIMIT_EXCEEDED, MAX_WAITING + " queries are waiting already")
                    .hint("try again later, or open the store with more queryThreads");
        }
        Execution execution = new Execution(ids.incrementAndGet(), what, clock.nanos(), deadline);
        ChunkStream stream = new ChunkStream(execution, coverage, askedLive, this, results);
        Job job = new Job(execution, stream, work, this);
        stream.fedBy(job);
        alive.put(execution.id(), job);
        if (stopped) {
            // stop() may have walked the list before this query was in it.
            execution.cancel(ErrorCode.CANCELLED, "the store is closing");
        }
        waiting.add(job);
        if (stopped) {
            // The threads may have ended.
            job.endIfOver();
        }
        return stream;
    }

    /** Queues a query that was parked. */
    void again(Job job) {
        waiting.add(job);
    }

    /**
     * Has another query thread help a query that runs: in its turn, after what waits already. The help may come late or, when the store
     * closes, never: who asks for it does the work himself where nobody came.
     */
    void help(Runnable piece) {
        waiting.add(piece);
    }

    void ended(Job job) {
        alive.remove(job.execution().id());
        // Most ran, and are not in there: that look is a short one.
        waiting.remove(job);
        whenEnded.accept(job);
    }

    /** Whether some query has waited for a thread for this long. */
    boolean waitedFor(Duration longer) {
        long before = clock.nanos() - longer.toNanos();
        return alive.values().stream().anyMatch(job -> job.waitingSinceNanos() < before);
    }

    /** Whether something waits for a thread now. */
    boolean othersWait() {
        return !waiting.isEmpty();
    }

    /** Whether a query has not ended yet. */
    boolean alive(Job job) {
        return alive.containsKey(job.execution().id());
    }

    /** Which query has written most to temporary files; where the system does not tell, the one that has run for longest. */
    @Nullable
    Job largest() {
        Job largest = null;
        long most = -1;
        for (Job job : alive.values()) {
            long bytes = job.wroteBytes();
            if (bytes > most && !job.state().equals("waiting")) {
                most = bytes;
                largest = job;
            }
        }
        return largest;
    }

    private void watch() {
        long now = clock.nanos();
        for (Job job : alive.values()) {
            Execution execution = job.execution();
            if (!execution.over()) {
                if (now - execution.deadlineNanos() >= 0) {
                    Duration limit = Duration.ofNanos(execution.deadlineNanos() - execution.startNanos());
                    execution.cancel(
                            ErrorCode.DEADLINE,
                            "the query did not end within " + limit.toMillis() + " ms (it was " + job.state() + ")");
                } else {
                    job.revoke(now, leases);
                }
            }
            execution.interruptIfOver();
            job.endIfOver();
        }
        answers.watch();
        ChunkStream.Claim.sweep();
    }

    /** The queries that wait, run or are being fetched. */
    List<RunningQuery> running() {
        long now = clock.nanos();
        return alive.values().stream()
                .map(job -> new RunningQuery(
                        job.execution().id(),
                        job.execution().what(),
                        Duration.ofNanos(now - job.execution().startNanos()),
                        job.state(),
                        Duration.ofNanos(Math.max(0, job.execution().deadlineNanos() - now)),
                        job.waited(now),
                        job.execution().plan()))
                .toList();
    }

    /** Ends a query; false where there is none of that number. */
    boolean cancel(long id) {
        Job job = alive.get(id);
        if (job != null) {
            job.execution().cancel(ErrorCode.CANCELLED, "query " + id + " was cancelled");
            job.endIfOver();
        }
        return job != null;
    }

    /** Ends the queries that keep dropped partitions; returns how many did that now. */
    int endThoseThatKeepDropped(String why) {
        int count = 0;
        for (Job job : alive.values()) {
            if (job.keepsDropped() && !job.execution().over()) {
                job.execution().cancel(ErrorCode.LEASE_EXPIRED, why);
                job.endIfOver();
                count++;
            }
        }
        return count;
    }

    /** Refuses new queries and ends those there are. */
    void stop() {
        stopped = true;
        alive.values().forEach(job -> {
            job.execution().cancel(ErrorCode.CANCELLED, "the store is closing");
            job.endIfOver();
        });
    }
}
