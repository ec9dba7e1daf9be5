package io.levee.internal.supervisor;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.StoreStatus.TaskStatus;
import io.levee.internal.time.MonotonicClock;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** One supervised thread. Thread-safe. */
public final class Task {
    private static final System.Logger LOG = System.getLogger("io.levee.tasks");
    private static final Duration FIRST_PAUSE = Duration.ofMillis(100);
    private static final Duration LONGEST_PAUSE = Duration.ofSeconds(30);

    private final String name;
    private final Supervisor.TaskBody body;
    private final Thread thread;
    private boolean stopping;
    private boolean ended;
    private boolean failing;
    private boolean woken;
    private @Nullable Runnable alarm;
    private long runs;
    private long failures;
    private @Nullable String lastError;
    private @Nullable String detail;

    Task(String name, Supervisor.TaskBody body) {
        this.name = name;
        this.body = body;
        this.thread = new Thread(this::live, name);
        this.thread.setDaemon(true);
    }

    private void live() {
        Duration pause = FIRST_PAUSE;
        while (true) {
            try {
                body.run(this);
                synchronized (this) {
                    ended = true;
                }
                return;
            } catch (InterruptedException e) {
                if (stopping()) {
                    return;
                }
                failed(e);
            } catch (LeveeException e) {
                if (stopping() && e.code() == ErrorCode.CLOSED) {
                    // The catalog or the queue closed while this task was at it: that is the end it was asked for.
                    return;
                }
                failed(e);
            } catch (Throwable e) {
                // Even an Error must end neither the process nor the other tasks; it shows in health (G25, G26).
                failed(e);
            }
            if (!pause(pause)) {
                return;
            }
            pause = pause.multipliedBy(2).compareTo(LONGEST_PAUSE) < 0 ? pause.multipliedBy(2) : LONGEST_PAUSE;
        }
    }

    private void failed(Throwable e) {
        LOG.log(System.Logger.Level.WARNING, "task " + name + " failed and will be tried again", e);
        synchronized (this) {
            failures++;
            failing = true;
            lastError = String.valueOf(e.getMessage() == null ? e : e.getMessage());
        }
    }

    /** Records a run that went well. */
    public synchronized void ran(String whatWasDone) {
        runs++;
        failing = false;
        if (!whatWasDone.isEmpty()) {
            detail = whatWasDone;
        }
    }

    /** Records a failure that the task survived by itself. */
    public void survived(Throwable e) {
        failed(e);
    }

    /**
     * Waits, but no longer than until the task is woken or asked to stop.
     *
     * @return whether the task is to go on
     */
    public boolean pause(Duration longest) {
        long end = MonotonicClock.SYSTEM.nanos() + longest.toNanos();
        synchronized (this) {
            try {
                while (!stopping && !woken) {
                    long left = (end - MonotonicClock.SYSTEM.nanos()) / 1_000_000;
                    if (left <= 0) {
                        break;
                    }
                    wait(left);
                }
            } catch (InterruptedException e) {
                // Nobody interrupts a supervised thread but stop(), which sets the flag that is looked at below.
                Thread.currentThread().interrupt();
            }
            woken = false;
            return !stopping;
        }
    }

    /** Ends the present pause. */
    public synchronized void wake() {
        woken = true;
        notifyAll();
    }

    /** Whether the task was asked to end. */
    public synchronized boolean stopping() {
        return stopping;
    }

    /**
     * Says how to end this task's waits where they are none of {@link #pause}, as for the next element of a queue: called by whoever stops it, when
     * {@link #stopping} is true already. Else a stop waits until the task looks by itself.
     */
    public synchronized void alarm(Runnable ending) {
        alarm = ending;
    }

    /** Ends a wait of a task that was asked to end. */
    void sound() {
        Runnable ending;
        synchronized (this) {
            ending = alarm;
        }
        if (ending != null) {
            ending.run();
        }
    }

    synchronized void requestStop() {
        stopping = true;
        notifyAll();
    }

    synchronized boolean failing() {
        return failing;
    }

    synchronized String failure() {
        return "task " + name + " failed: " + lastError;
    }

    synchronized TaskStatus status() {
        String state = failing ? "failing" : ended ? "ended" : stopping ? "stopping" : "running";
        return new TaskStatus(name, state, runs, failures, lastError, detail);
    }

    /** The thread, for joining. */
    Thread thread() {
        return thread;
    }
}
