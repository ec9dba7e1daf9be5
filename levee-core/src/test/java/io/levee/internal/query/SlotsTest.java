package io.levee.internal.query;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;

import io.levee.Coverage;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.internal.memory.Share;
import io.levee.internal.supervisor.Supervisor;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What ends queries, and who gets a thread, with queries that are nothing but that. */
class SlotsTest {
    private static final Duration LONG = Duration.ofMinutes(5);

    private final Supervisor supervisor = new Supervisor();
    private final Share results = new Share(64 << 20);
    private final List<ChunkStream> streams = new ArrayList<>();
    private Slots slots;

    @BeforeEach
    void start() {
        start(Leases.DEFAULT);
    }

    private void start(Leases leases) {
        slots = new Slots(supervisor, 1, leases, results, job -> {});
        slots.start();
    }

    @AfterEach
    void stop() {
        streams.forEach(ChunkStream::close);
        slots.stop();
        supervisor.stop();
    }

    private ChunkStream submit(Duration deadline, Work work) {
        ChunkStream stream = slots.submit("test", deadline, () -> Coverage.COMPLETE, true, work);
        streams.add(stream);
        return stream;
    }

    private static ErrorCode end(ChunkStream stream) {
        return catchThrowableOfType(LeveeException.class, () -> {
                    while (stream.hasNext()) {
                        stream.next();
                    }
                })
                .code();
    }

    /** T20: an interrupt that comes before the statement has begun to run is lost by SQLite. It is said until it is heard. */
    @Test
    void shouldInterruptUntilTheStatementHears() {
        for (Duration deadline : List.of(LONG, Duration.ofMillis(50))) {
            AtomicInteger interrupts = new AtomicInteger();
            CountDownLatch runs = new CountDownLatch(1);
            ChunkStream stream = submit(
                    deadline,
                    Work.once((execution, sink) -> execution.interruptibly(interrupts::incrementAndGet, () -> {
                        runs.countDown();
                        await().atMost(Duration.ofSeconds(10)).until(() -> interrupts.get() > 3);
                    })));
            if (deadline.equals(LONG)) {
                await().until(() -> runs.getCount() == 0);
                assertThat(slots.cancel(slots.running().get(0).id())).isTrue();
            }
            assertThat(end(stream)).isEqualTo(deadline.equals(LONG) ? ErrorCode.CANCELLED : ErrorCode.DEADLINE);
            await().until(() -> slots.running().isEmpty());
            await().until(() -> interrupts.get() > 3);
            // Nobody is interrupted any more: the next query on the same thread, and its statement, go on.
            ChunkStream next = submit(
                    LONG,
                    Work.once((execution, sink) -> execution.interruptibly(
                            interrupts::incrementAndGet, () -> sink.row(new Object[] {interrupts.get()}))));
            Object said = next.next()[0];
            assertThat(next.hasNext()).isFalse();
            assertThat(said).isEqualTo(interrupts.get());
        }
    }

    /** Rows without an end; goes on where it stopped. */
    private static final class Endless implements Work {
        @Override
        public boolean run(io.levee.engine.Execution execution, io.levee.engine.RowSink sink) {
            boolean on = true;
            while (on) {
                execution.check();
                on = sink.row(new Object[] {1L});
            }
            return false;
        }

        @Override
        public boolean resumable() {
            return true;
        }
    }

    /** A crowd that reads nothing has one thread: it takes a tenth of their patience as long as somebody waits behind them. */
    @Test
    void shouldHurryPastReadersWhoReadNothingWhileOthersWait() {
        stop();
        Leases patient = new Leases(Duration.ofSeconds(10), LONG, LONG, LONG, LONG);
        start(patient);
        submit(LONG, new Endless());
        long began = System.nanoTime();
        ChunkStream next = submit(LONG, Work.once((execution, sink) -> sink.row(new Object[] {2L})));
        assertThat(next.next()).containsExactly(2L);
        assertThat(Duration.ofNanos(System.nanoTime() - began)).isLessThan(Duration.ofSeconds(9));
        assertThat(slots.running().get(0).state()).isEqualTo("fetching");
    }
}
