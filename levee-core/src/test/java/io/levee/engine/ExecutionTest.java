package io.levee.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;

/** T20, part by part: what a cancel may reach, and until when. An engine's statements are runnables here. */
class ExecutionTest {
    private final Execution execution = new Execution(1, "test", System.nanoTime(), Duration.ofMinutes(1));
    private final List<String> interrupted = new ArrayList<>();

    private void cancel() {
        execution.cancel(ErrorCode.CANCELLED, "enough");
    }

    private ErrorCode end(Runnable body) {
        return catchThrowableOfType(LeveeException.class, () -> execution.interruptibly(() -> {}, body::run))
                .code();
    }

    /** Its handle may be another query's by then. */
    @Test
    void shouldNotReachAStatementThatHasEnded() {
        execution.interruptibly(() -> interrupted.add("ended"), () -> {});
        var unused = catchThrowableOfType(
                IllegalStateException.class,
                () -> execution.interruptibly(() -> interrupted.add("failed"), () -> {
                    throw new IllegalStateException();
                }));
        cancel();
        execution.interruptIfOver();
        assertThat(interrupted).isEmpty();
    }

    @Test
    void shouldReachEveryStatementThatRuns() {
        assertThat(end(() -> execution.interruptibly(() -> interrupted.add("one"), () -> {
                    execution.interruptibly(() -> interrupted.add("other"), this::cancel);
                })))
                .isEqualTo(ErrorCode.CANCELLED);
        assertThat(interrupted).containsExactly("one", "other");
    }

    /** SQLite loses an interrupt that comes before the statement has begun to run: the watchdog says it again. */
    @Test
    void shouldInterruptAgainWhatStillRuns() {
        assertThat(catchThrowableOfType(
                                LeveeException.class,
                                () -> execution.interruptibly(() -> interrupted.add("again"), () -> {
                                    cancel();
                                    execution.interruptIfOver();
                                    execution.interruptIfOver();
                                }))
                        .code())
                .isEqualTo(ErrorCode.CANCELLED);
        assertThat(interrupted).hasSize(3);
    }

    @Test
    void shouldBeginNoStatementOnceItIsOver() {
        cancel();
        AtomicBoolean began = new AtomicBoolean();
        assertThat(end(() -> began.set(true))).isEqualTo(ErrorCode.CANCELLED);
        assertThat(began).isFalse();
    }

    /** A statement that was interrupted may end as if it had read everything. */
    @Test
    void shouldTakeNoStatementForWholeThatWasCancelled() {
        assertThat(end(this::cancel)).isEqualTo(ErrorCode.CANCELLED);
    }

    /** An interrupt that is on its way while the statement ends must not arrive behind it. */
    @Test
    void shouldNotEndAStatementWhileItIsBeingInterrupted() throws Exception {
        CountDownLatch runs = new CountDownLatch(1);
        CountDownLatch mayEnd = new CountDownLatch(1);
        AtomicBoolean interrupting = new AtomicBoolean();
        AtomicBoolean overtaken = new AtomicBoolean();
        Thread query = new Thread(
                () -> {
                    var unusedEnd = catchThrowableOfType(
                            LeveeException.class,
                            () -> execution.<InterruptedException>interruptibly(
                                    () -> interrupt(mayEnd, interrupting), () -> {
                                        runs.countDown();
                                        assertThat(mayEnd.await(1, TimeUnit.MINUTES))
                                                .isTrue();
                                    }));
                    overtaken.set(interrupting.get());
                },
                "query");
        statement = query;
        query.start();
        runs.await();
        cancel();
        query.join();
        assertThat(overtaken)
                .as("the statement ended in the middle of its interrupt")
                .isFalse();
    }

    private volatile Thread statement = Thread.currentThread();

    /** Lasts until the statement waits for its end, or has ended. */
    private void interrupt(CountDownLatch mayEnd, AtomicBoolean interrupting) {
        interrupting.set(true);
        mayEnd.countDown();
        Thread query = statement;
        await().atMost(Duration.ofMinutes(1))
                .pollInterval(Duration.ofMillis(1))
                .until(() -> query.getState() == Thread.State.BLOCKED || query.getState() == Thread.State.TERMINATED);
        interrupting.set(false);
    }
}
