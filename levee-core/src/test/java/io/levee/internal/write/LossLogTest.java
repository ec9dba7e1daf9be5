package io.levee.internal.write;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Gap;
import io.levee.LossReason;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** What was lost is counted exactly and kept in bounded ranges (G4, G7, G8; T15). */
class LossLogTest {
    private static long sum(List<Gap> gaps) {
        return gaps.stream().mapToLong(Gap::count).sum();
    }

    @Test
    void shouldStayBoundedWithExactCountsForAMillionLosses() {
        SplittableRandom random = new SplittableRandom(1);
        LossLog log = Losses.none();
        int notes = 1_000_000;
        long earliest = Long.MAX_VALUE;
        long latest = Long.MIN_VALUE;
        for (int i = 0; i < notes; i++) {
            LossReason reason = random.nextBoolean() ? LossReason.OVERFLOW : LossReason.WRITE_FAILED;
            long time = random.nextLong(0, 1L << 50);
            earliest = Math.min(earliest, time);
            latest = Math.max(latest, time);
            log.note("t" + random.nextInt(3), time, reason);
        }
        assertThat(log.gaps())
                .hasSizeLessThanOrEqualTo(LossLog.MAX_RANGES)
                .allMatch(g -> g.fromMicros() <= g.toMicros());
        assertThat(sum(log.gaps())).isEqualTo(notes);
        assertThat(log.totals().values().stream().mapToLong(Long::longValue).sum())
                .isEqualTo(notes);
        assertThat(log.gaps().stream().mapToLong(Gap::fromMicros).min()).hasValue(earliest);
        assertThat(log.gaps().stream().mapToLong(Gap::toMicros).max()).hasValue(latest);
        List<Gap> handed = log.handOver();
        assertThat(handed).as("what the ledger gets").hasSizeLessThanOrEqualTo(LossLog.MAX_RANGES);
        assertThat(sum(handed)).isEqualTo(notes);
    }

    /** Each lost record's time is within a range of its table and reason, however often ranges were merged, in any order of times. */
    @Test
    void shouldCoverEachLoss() {
        for (long seed = 1; seed <= 20; seed++) {
            SplittableRandom random = new SplittableRandom(seed);
            LossLog log = Losses.none();
            long[] times =
                    random.longs(3_000, 0, 1L << (30 + random.nextInt(20))).toArray();
            for (long time : times) {
                log.note("t", time, LossReason.OVERFLOW);
            }
            List<Gap> gaps = log.gaps();
            for (long time : times) {
                assertThat(gaps).as("seed %d", seed).anyMatch(g -> g.fromMicros() <= time && g.toMicros() >= time);
            }
            for (int i = 1; i < gaps.size(); i++) {
                assertThat(gaps.get(i).fromMicros())
                        .as("seed %d", seed)
                        .isGreaterThan(gaps.get(i - 1).fromMicros());
            }
            assertThat(sum(gaps)).as("seed %d", seed).isEqualTo(times.length);
        }
    }

    @Test
    void shouldMergeNeighboursByTableAndReason() {
        LossLog log = Losses.none();
        log.note("t", 1_000_000, LossReason.OVERFLOW);
        log.note("t", 2_000_000, LossReason.OVERFLOW);
        log.note("t", 500_000_000, LossReason.OVERFLOW);
        log.note("t", 2_000_000, LossReason.WRITE_FAILED);
        log.note("u", 2_000_000, LossReason.OVERFLOW);
        assertThat(log.gaps()).hasSize(4).contains(new Gap("t", 1_000_000, 2_000_000, 2, LossReason.OVERFLOW));
    }

    @Test
    void shouldKeepEarlierLivesApartFromThisOnesTotals() {
        Gap crash = new Gap("t", 5, 9, Gap.UNKNOWN, LossReason.UNCLEAN_STOP);
        LossLog log = new LossLog(List.of(crash), System::nanoTime, java.time.Clock.systemUTC());
        log.note("t", 7, LossReason.OVERFLOW);
        assertThat(log.all()).containsExactly(crash, new Gap("t", 7, 7, 1, LossReason.OVERFLOW));
        assertThat(log.gaps()).as("of this life").containsExactly(new Gap("t", 7, 7, 1, LossReason.OVERFLOW));
        assertThat(log.totals()).containsExactly(java.util.Map.entry(LossReason.OVERFLOW, 1L));
        assertThat(log.handOver()).as("the ledger has the earlier ones").doesNotContain(crash);
    }

    @Test
    void shouldHandOverTheSameAgainUntilItIsWritten() {
        LossLog log = Losses.none();
        assertThat(log.pending()).isFalse();
        log.note("t", 7, LossReason.OVERFLOW);
        List<Gap> first = log.handOver();
        log.note("t", 8, LossReason.OVERFLOW);
        assertThat(log.handOver()).isEqualTo(first).containsExactly(new Gap("t", 7, 7, 1, LossReason.OVERFLOW));
        log.written();
        assertThat(log.handOver()).containsExactly(new Gap("t", 8, 8, 1, LossReason.OVERFLOW));
        log.written();
        assertThat(log.pending()).isFalse();
        assertThat(log.handOver()).isEmpty();
    }
}
