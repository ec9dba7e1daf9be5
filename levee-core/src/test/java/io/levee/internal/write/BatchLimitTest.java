package io.levee.internal.write;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.api.Test;

/** Guarantee G11: a slow disk cannot make flushes grow. */
class BatchLimitTest {
    private static final long SLOW = Duration.ofMillis(1500).toNanos();
    private static final long FAST = Duration.ofMillis(20).toNanos();

    @Test
    void shouldHalveAfterRepeatedSlowCommitsAndKeepLow() {
        BatchLimit limit = new BatchLimit();
        limit.wrote(20_000, SLOW);
        limit.wrote(20_000, SLOW);
        assertThat(limit.records()).as("twice is chance").isEqualTo(20_000);
        limit.wrote(20_000, SLOW);
        assertThat(limit.records()).isEqualTo(10_000);
        for (int i = 0; i < 100; i++) {
            limit.wrote(limit.records(), SLOW);
        }
        assertThat(limit.records()).as("never below the least").isEqualTo(BatchLimit.LEAST);
        for (int i = 0; i < 19; i++) {
            limit.wrote(limit.records(), FAST);
        }
        assertThat(limit.records()).as("kept low").isEqualTo(BatchLimit.LEAST);
        assertThat(limit.commits().maxMicros()).isEqualTo(SLOW / 1000);
        assertThat(limit.commits().lastMicros()).isEqualTo(FAST / 1000);
        assertThat(limit.commits().batches()).isEqualTo(122);
    }

    @Test
    void shouldGrowBackSlowlyAndNeverPastItsMost() {
        BatchLimit limit = new BatchLimit();
        for (int i = 0; i < 3; i++) {
            limit.wrote(20_000, SLOW);
        }
        for (int i = 0; i < 20; i++) {
            limit.wrote(limit.records(), FAST);
        }
        assertThat(limit.records()).isEqualTo(11_000);
        for (int i = 0; i < 1_000; i++) {
            limit.wrote(limit.records(), FAST);
        }
        assertThat(limit.records()).isEqualTo(BatchLimit.MOST);
    }

    @Test
    void shouldLearnNothingFromSmallBatchesOrSlowOnesInBetween() {
        BatchLimit limit = new BatchLimit();
        for (int i = 0; i < 100; i++) {
            limit.wrote(50, SLOW);
        }
        assertThat(limit.records()).as("a disk that is slow for 50 records").isEqualTo(20_000);
        for (int i = 0; i < 100; i++) {
            limit.wrote(20_000, SLOW);
            limit.wrote(20_000, SLOW);
            limit.wrote(20_000, FAST);
        }
        assertThat(limit.records()).as("never three running").isEqualTo(20_000);
    }
}
