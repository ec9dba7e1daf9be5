package io.levee.internal.write;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Gap;
import io.levee.LossReason;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class LossLogTest {
    @Test
    void shouldStayBoundedWithExactCounts() {
        SplittableRandom random = new SplittableRandom(1);
        LossLog log = new LossLog();
        int notes = 5_000;
        for (int i = 0; i < notes; i++) {
            LossReason reason = random.nextBoolean() ? LossReason.OVERFLOW : LossReason.WRITE_FAILED;
            long time = random.nextLong(0, 1L << 50);
            log.note("t" + random.nextInt(3), time, reason);
            assertThat(log.coverage("t0", Long.MIN_VALUE, Long.MAX_VALUE).gaps())
                    .allMatch(g -> g.fromMicros() <= g.toMicros());
        }
        assertThat(log.gaps()).hasSizeLessThanOrEqualTo(LossLog.MAX_RANGES);
        assertThat(log.gaps().stream().mapToLong(Gap::count).sum()).isEqualTo(notes);
        assertThat(log.totals().values().stream().mapToLong(Long::longValue).sum())
                .isEqualTo(notes);
    }

    @Test
    void shouldMergeNeighboursAndAnswerByRange() {
        LossLog log = new LossLog();
        log.note("t", 1_000_000, LossReason.OVERFLOW);
        log.note("t", 2_000_000, LossReason.OVERFLOW);
        log.note("t", 500_000_000, LossReason.OVERFLOW);
        log.note("t", 2_000_000, LossReason.WRITE_FAILED);
        log.note("u", 2_000_000, LossReason.OVERFLOW);
        assertThat(log.gaps()).hasSize(4).contains(new Gap("t", 1_000_000, 2_000_000, 2, LossReason.OVERFLOW));
        assertThat(log.coverage("t", 2_000_001, 500_000_000).complete()).isTrue();
        assertThat(log.coverage("t", 2_000_000, 2_000_001).gaps()).hasSize(2);
        assertThat(log.coverage("t", 0, 1_000_000).complete()).isTrue();
        assertThat(log.coverage("v", Long.MIN_VALUE, Long.MAX_VALUE).complete()).isTrue();
    }
}
