package io.levee.internal.retention;

import io.levee.LeveeException;
import io.levee.internal.supervisor.Task;
import io.levee.internal.time.MonotonicClock;
import java.time.Duration;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** What failed in a run of a task that goes on all the same: told when it comes up, and now and then while it lasts. One thread. */
final class Mishap implements Consumer<LeveeException> {
    private static final Duration AGAIN = Duration.ofMinutes(1);

    private final MonotonicClock clock;
    private @Nullable LeveeException error;
    private String told = "";
    private long toldNanos;

    Mishap(MonotonicClock clock) {
        this.clock = clock;
    }

    /** Something failed; of a run the first counts. */
    @Override
    public void accept(LeveeException e) {
        error = error == null ? e : error;
    }

    /** A run has ended: its task hears of it. */
    void over(Task task, String done) {
        LeveeException e = error;
        error = null;
        if (e == null) {
            told = "";
            task.ran(done);
            return;
        }
        String text = String.valueOf(e.getMessage());
        if (!text.equals(told) || clock.nanos() - toldNanos >= AGAIN.toNanos()) {
            told = text;
            toldNanos = clock.nanos();
            task.survived(e);
        }
    }
}
