package io.levee.internal.retention;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Bytes;
import io.levee.StoreStatus;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** G85, G86: a writer that stands still below the cap is told of in the log, and what it waits for. */
class SqueezeTest {
    private static final StoreStatus.Disk DISK = new StoreStatus.Disk(
            Bytes.mebi(15).value(), 0, 1000, Map.of("unlinked", Bytes.mebi(2).value()));

    private long now;
    private final Squeeze squeeze = new Squeeze(() -> now, Bytes.mebi(16));

    private void pass(Duration time) {
        now += time.toNanos();
    }

    @Test
    void shouldTellWhenNothingIsStoredForTwoSeconds() {
        assertThat(squeeze.seen(DISK, true, 10)).isEmpty();
        pass(Duration.ofSeconds(2));
        assertThat(squeeze.seen(DISK, false, 10))
                .contains("for 2 s", "15.0 MiB of its cap of 16.0 MiB", "2.0 MiB are of dropped partitions")
                .contains("it takes 13.0 MiB, and goes from 14.0 MiB on");
        pass(Duration.ofSeconds(5));
        assertThat(squeeze.seen(DISK, true, 10)).as("not each time").isEmpty();
        pass(Duration.ofSeconds(25));
        assertThat(squeeze.seen(DISK, true, 10)).contains("for 32 s");
        assertThat(squeeze.seen(DISK, false, 11)).contains("again");
        assertThat(squeeze.seen(DISK, false, 11)).isEmpty();
    }

    @Test
    void shouldTellNothingWhileRecordsAreStored() {
        for (int i = 0; i < 100; i++) {
            assertThat(squeeze.seen(DISK, true, i)).isEmpty();
            pass(Duration.ofSeconds(1));
        }
    }

    @Test
    void shouldTellNothingWhereNobodyWaits() {
        squeeze.seen(DISK, true, 10);
        pass(Duration.ofMinutes(1));
        assertThat(squeeze.seen(DISK, false, 10)).isEmpty();
    }

    @Test
    void shouldSayWhatHistoryTakesWhereThatIsTooMuch() {
        StoreStatus.Disk history = new StoreStatus.Disk(Bytes.mebi(15).value(), 0, 1000, Map.of());
        squeeze.seen(history, true, 10);
        pass(Duration.ofSeconds(3));
        assertThat(squeeze.seen(history, true, 10))
                .contains(
                        "15.0 MiB are history, of which the oldest goes from 14.0 MiB on, but never the newest partition");
    }
}
