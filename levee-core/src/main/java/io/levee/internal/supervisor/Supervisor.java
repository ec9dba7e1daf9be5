package io.levee.internal.supervisor;

import io.levee.StoreStatus.TaskStatus;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * Starts, counts and restarts every thread of a store; there are no others (guarantees G24–G26).
 *
 * <p>A task that fails is logged, shows in {@link #statuses} with its error, and starts again after a growing pause; it never
 * ends the process or another task. Thread-safe.
 */
public final class Supervisor {
    private static final Duration STOP_LIMIT = Duration.ofSeconds(5);

    private final List<Task> tasks = new ArrayList<>();

    /**
     * Starts a thread that runs until it returns.
     *
     * @param name the thread's name, such as {@code levee-writer}
     * @param body the work; called again after a pause when it throws
     * @return the task
     */
    public synchronized Task start(String name, TaskBody body) {
        Task task = new Task(name, body);
        tasks.add(task);
        task.thread().start();
        return task;
    }

    /**
     * Starts a job that is run again and again with a pause between: the one shape of periodic work.
     *
     * @param name the thread's name
     * @param every the pause between two runs
     * @param job one run
     * @return the task
     */
    public Task every(String name, Duration every, Job job) {
        return start(name, task -> {
            while (task.pause(every)) {
                task.ran(job.runOnce());
            }
        });
    }

    /** The work of a thread. */
    @FunctionalInterface
    public interface TaskBody {
        /**
         * Works until done, or until {@link Task#stopping}.
         *
         * @throws Exception any failure: it is recorded, and the body is called again
         */
        void run(Task task) throws Exception;
    }

    /** One run of periodic work. */
    @FunctionalInterface
    public interface Job {
        /**
         * Works once.
         *
         * @return what was done, for people; empty for nothing
         * @throws Exception any failure: it is recorded, and the job runs again after a pause
         */
        String runOnce() throws Exception;
    }

    /** Each task with its runs, failures and last error. */
    public synchronized List<TaskStatus> statuses() {
        return tasks.stream().map(Task::status).toList();
    }

    /** Names of the tasks whose last run failed, each with the error. */
    public synchronized List<String> failing() {
        return tasks.stream().filter(Task::failing).map(Task::failure).toList();
    }

    /** Asks all tasks to end and waits for them, the youngest first. Idempotent. */
    public void stop() {
        List<Task> all;
        synchronized (this) {
            all = new ArrayList<>(tasks);
        }
        for (int i = all.size() - 1; i >= 0; i--) {
            all.get(i).requestStop();
        }
        for (int i = all.size() - 1; i >= 0; i--) {
            // Not before the younger ones have ended: they may need this one to the end.
            all.get(i).sound();
            Thread thread = all.get(i).thread();
            Waits.uninterrupted(STOP_LIMIT, millis -> {
                TimeUnit.MILLISECONDS.timedJoin(thread, millis);
                return true;
            });
        }
    }
}
