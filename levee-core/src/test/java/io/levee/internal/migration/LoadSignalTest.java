package io.levee.internal.migration;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.internal.write.Latency;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

/** Design 8: a pause at twice the writer's idle p99, a stop at eight times. */
class LoadSignalTest {
    private static final long MILLI = 1_000_000;

    private final Latency latency = new Latency();
    private final AtomicLong now = new AtomicLong();
    private final LoadSignal load = new LoadSignal(latency, now::get);

    /** A second of a writer that takes so long. */
    private LoadSignal.Ask asked(long millis) {
        written(millis);
        return load.ask();
    }

    private void written(long millis) {
        for (int i = 0; i < 1000; i++) {
            latency.took(millis * MILLI);
        }
        now.addAndGet(1000 * MILLI);
    }

    @Test
    void shouldMeasureAgainstWhatTheWriterDidBeforeTheFirstMigration() {
        written(200);
        load.idle();
        assertThat(asked(250)).as("slow, and no slower than by itself").isEqualTo(LoadSignal.Ask.GO_ON);
        assertThat(asked(600).pause().toMillis()).as("twice").isEqualTo(50);
        assertThat(asked(600).pause().toMillis()).as("once more").isEqualTo(100);
        assertThat(asked(2000).pause().toMillis()).as("eight times").isEqualTo(5000);
        assertThat(asked(200)).isEqualTo(LoadSignal.Ask.GO_ON);
    }

    @Test
    void shouldCountASliceForIdleWhereTheWriterIsQuicker() {
        written(1);
        load.idle();
        assertThat(asked(40)).isEqualTo(LoadSignal.Ask.GO_ON);
        assertThat(asked(80).pause().toMillis()).isEqualTo(50);
        assertThat(asked(300).pause().toMillis()).isEqualTo(5000);
    }

    /** Records that waited for a slice are committed in the pause behind it: they are not what the writer does by itself. */
    @Test
    void shouldNotTakeWhatItHasSlowedDownForWhatTheWriterIsUsedTo() {
        written(100);
        load.idle();
        LoadSignal.Ask slow = asked(600);
        assertThat(slow.pause().toMillis()).isEqualTo(50);
        load.rest(slow, length -> written(600));
        assertThat(asked(600).pause().toMillis())
                .as("still twice the idle figure")
                .isEqualTo(100);
        // A migration that ends and another one that begins in the same moment.
        written(600);
        assertThat(load.ask().pause().toMillis()).isEqualTo(200);
        load.idle();
        assertThat(asked(600).pause().toMillis()).isEqualTo(400);
    }

    /** A writer that became slower by itself must not keep a migration from coming on for ever. */
    @Test
    void shouldLearnInALongPauseThatTheWriterIsSlowByItself() {
        written(100);
        load.idle();
        LoadSignal.Ask stop = asked(2000);
        assertThat(stop.pause().toMillis()).isEqualTo(5000);
        load.rest(stop, length -> {
            assertThat(length.toMillis()).isEqualTo(2500);
            written(1500);
        });
        assertThat(asked(2000)).isEqualTo(LoadSignal.Ask.GO_ON);
    }

    @Test
    void shouldSayNothingOfAWriterThatHasNothingToDo() {
        written(1);
        load.idle();
        now.addAndGet(1000 * MILLI);
        assertThat(load.ask()).isEqualTo(LoadSignal.Ask.GO_ON);
    }
}
