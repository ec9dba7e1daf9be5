package io.levee.internal.write;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.ColumnType;
import io.levee.PartitionBy;
import io.levee.RetentionRule;
import io.levee.TableSpec;
import io.levee.engine.Period;
import io.levee.internal.time.Micros;
import java.time.Duration;
import java.time.Instant;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PeriodsTest {
    private static final Instant START = Instant.parse("2026-01-01T00:00:00Z");

    private static TableSpec spec(PartitionBy by, RetentionRule rule) {
        return TableSpec.builder("t")
                .column("at", ColumnType.TIMESTAMP)
                .time("at")
                .partitionBy(by)
                .retention(rule)
                .build();
    }

    @ParameterizedTest
    @CsvSource({"2, HOUR", "59, DAY", "60, WEEK", "400, WEEK", "500, MONTH", "3000, YEAR"})
    void shouldChooseTheSmallestWidthForTheRetention(int days, PartitionBy wanted) {
        Periods periods =
                Periods.resume(spec(PartitionBy.AUTO, RetentionRule.maxAge(Duration.ofDays(days))), "", List.of());
        assertThat(periods.of(Micros.of(START)).by()).isEqualTo(wanted);
    }

    @ParameterizedTest
    @CsvSource({"1, 1", "30, 24", "500, 24", "5000, 24", "20000, 24", "3000, 1"})
    void shouldKeepToSixtyPeriodsAWidthWhateverTheSpan(int records, int hoursApart) {
        Periods periods = Periods.resume(spec(PartitionBy.AUTO, RetentionRule.KEEP_ALL), "", List.of());
        java.util.Map<PartitionBy, Set<Period>> seen = new java.util.EnumMap<>(PartitionBy.class);
        for (int i = 0; i < records; i++) {
            long time = Micros.of(START) + i * hoursApart * 3_600_000_000L;
            periods.expect(time, time);
            Period period = periods.of(time);
            assertThat(time).isBetween(period.startMicros(), period.endMicros() - 1);
            seen.computeIfAbsent(period.by(), b -> new HashSet<>()).add(period);
        }
        assertThat(seen.values()).allMatch(s -> s.size() <= Periods.WANTED);
    }

    @Test
    void shouldKeepToADeclaredWidth() {
        Periods periods = Periods.resume(spec(PartitionBy.HOUR, RetentionRule.KEEP_ALL), "", List.of());
        periods.expect(0, Micros.of(START));
        assertThat(periods.of(Micros.of(START)).name()).isEqualTo("2026-01-01T00");
    }
}
