package io.levee.testkit.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.CloseReport;
import io.levee.Gap;
import io.levee.LossReason;
import io.levee.PartitionId;
import io.levee.PartitionInfo;
import io.levee.engine.InFlight;
import io.levee.engine.StorageEngine;
import io.levee.engine.Verification;
import io.levee.testkit.ChildJvm;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;

/** What was lost is told for ever after, with exact counts (guarantees G7–G9); what is whole is found whole. */
abstract class LossConformance extends EngineLevel {
    private static final long MINUTE = 60_000_000;

    LossConformance(EngineConformance kit) {
        super(kit);
    }

    private static Gap lost(long minute, long count, LossReason reason) {
        long from = micros(DAY) + minute * MINUTE;
        return new Gap("states", from, from + 1_000_000, count, reason);
    }

    private static Map<LossReason, Long> counts(List<Gap> gaps) {
        Map<LossReason, Long> counts = new EnumMap<>(LossReason.class);
        gaps.forEach(gap -> counts.merge(gap.reason(), gap.count(), Long::sum));
        return counts;
    }

    @Test
    void shouldTellLossesToWhoeverOpensItNext(TestReporter reporter) {
        assertThat(engine.losses()).isEmpty();
        assertThat(engine.gaps()).isEmpty();
        assertThat(engine.quarantined()).isEmpty();
        Gap first = lost(0, 3, LossReason.OVERFLOW);
        Gap second = lost(300, 5, LossReason.WRITE_FAILED);
        engine.ledger(List.of(first), List.of(new InFlight("states", micros(DAY), micros(DAY) + MINUTE)));
        engine.ledger(List.of(), List.of());
        engine.ledger(List.of(second), List.of());
        if (!persists(reporter)) {
            return;
        }
        for (int opening = 0; opening < 2; opening++) {
            reopened(true);
            assertThat(engine.losses()).as("after a close in order").containsExactlyInAnyOrder(first, second);
        }
        StorageEngine reader = openEngine(address, true);
        try {
            assertThat(reader.losses()).containsExactlyInAnyOrder(first, second);
        } finally {
            reader.close(null);
        }
    }

    /** Millions of losses must not need millions of lines (design section 5). */
    @Test
    void shouldKeepCountsExactWhereRangesBecomeOne(TestReporter reporter) {
        List<Gap> all = new ArrayList<>();
        for (int call = 0; call < 30; call++) {
            List<Gap> gaps = new ArrayList<>();
            for (int i = 0; i < 100; i++) {
                long minute = (call * 100L + i) * 3;
                gaps.add(lost(minute, 1 + i, i % 2 == 0 ? LossReason.OVERFLOW : LossReason.EXPIRED));
            }
            engine.ledger(gaps, List.of());
            all.addAll(gaps);
        }
        if (!persists(reporter)) {
            return;
        }
        reopened(true);
        List<Gap> kept = engine.losses();
        assertThat(kept).hasSizeLessThan(2000);
        assertThat(counts(kept)).isEqualTo(counts(all));
        assertThat(all)
                .allMatch(gap -> kept.stream()
                        .anyMatch(range -> range.reason() == gap.reason()
                                && range.fromMicros() <= gap.fromMicros()
                                && range.toMicros() >= gap.toMicros()));
    }

    /** An unclean stop may have cost what was in flight, and what came after the ledger was written last. */
    @Test
    void shouldBoundWhatAKilledWriterMayHaveLost(TestReporter reporter) {
        if (!persists(reporter)) {
            return;
        }
        String other = engine().newStore();
        Instant before = Instant.now();
        try (ChildJvm victim = child()) {
            victim.send("open w " + other);
            assertThat(victim.line()).isEqualTo("open");
            victim.send("keep 1");
            for (int i = 0; i < 500; i++) {
                assertThat(victim.line()).as("a receipt").matches("[es] .*");
            }
            victim.kill();
        }
        Instant killed = Instant.now();
        clock.advance(Duration.between(NOW, killed.plusSeconds(60)));
        closeEngine(true);
        engine = openAfterKill(() -> openEngine(other, false));
        assertThat(engine.lastShutdownClean()).isFalse();
        List<Gap> gaps = engine.losses();
        for (String table : List.of("events", "states")) {
            assertThat(gaps.stream().filter(gap -> gap.table().equals(table)).toList())
                    .singleElement()
                    .satisfies(gap -> {
                        assertThat(gap.reason()).isEqualTo(LossReason.UNCLEAN_STOP);
                        assertThat(gap.count()).isEqualTo(Gap.UNKNOWN);
                        assertThat(gap.fromMicros()).isLessThanOrEqualTo(micros(killed));
                        assertThat(gap.toMicros()).isGreaterThanOrEqualTo(micros(before));
                    });
        }
        // It is told again, and nothing is added to it where the store was closed in order.
        closeEngine(true);
        engine = openEngine(other, false);
        assertThat(engine.losses()).containsExactlyInAnyOrderElementsOf(gaps);
    }

    @Test
    void shouldKeepTheReportOfTheLastClose(TestReporter reporter) {
        assertThat(engine.lastReport()).isNull();
        if (!persists(reporter)) {
            return;
        }
        CloseReport report = new CloseReport(
                false, 10, 6, 3, 1, List.of(lost(0, 3, LossReason.SHUTDOWN), lost(9, 1, LossReason.UNCERTAIN)), "why");
        closeEngine(report);
        engine = openEngine();
        assertThat(engine.lastReport()).isEqualTo(report);
        assertThat(engine.lastShutdownClean()).isFalse();
    }

    @Test
    void shouldFindWhatIsWholeWhole() {
        append(new Pending("a", 1, DAY), new Pending("b", 2, DAY.minus(Duration.ofDays(1))));
        List<PartitionId> ids =
                engine.partitions().stream().map(PartitionInfo::id).toList();
        ids.forEach(id -> assertThat(engine.closePartition(id)).isEmpty());
        engine.learnRanges();
        assertThat(ids).hasSize(2).allSatisfy(id -> {
            Verification shown = engine.verify(id);
            assertThat(shown.id()).isEqualTo(id);
            assertThat(shown.state()).as(shown.detail()).isNotEqualTo(Verification.State.DAMAGED);
            if (shown.state() == Verification.State.OK) {
                assertThat(shown.bytes()).isPositive();
                assertThat(shown.detail()).isEmpty();
            } else {
                assertThat(shown.detail()).as("why nothing can be said").isNotEmpty();
            }
        });
        assertThat(engine.quarantined()).isEmpty();
    }
}
