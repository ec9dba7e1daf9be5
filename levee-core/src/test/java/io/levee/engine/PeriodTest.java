package io.levee.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.levee.LeveeException;
import io.levee.PartitionBy;
import io.levee.internal.time.Micros;
import java.time.Instant;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class PeriodTest {
    private static long micros(String iso) {
        return Micros.of(Instant.parse(iso));
    }

    @ParameterizedTest
    @CsvSource({
        "HOUR, 2026-05-20T14:59:59.999999Z, 2026-05-20T14, 2026-05-20T14:00:00Z, 2026-05-20T15:00:00Z",
        "DAY, 2026-05-20T23:59:59.999999Z, 2026-05-20, 2026-05-20T00:00:00Z, 2026-05-21T00:00:00Z",
        "DAY, 1969-12-31T23:59:59.999999Z, 1969-12-31, 1969-12-31T00:00:00Z, 1970-01-01T00:00:00Z",
        "HOUR, 1969-12-31T23:59:59.999999Z, 1969-12-31T23, 1969-12-31T23:00:00Z, 1970-01-01T00:00:00Z",
        "WEEK, 2026-05-20T00:00:00Z, 2026-W21, 2026-05-18T00:00:00Z, 2026-05-25T00:00:00Z",
        "WEEK, 2021-01-03T23:00:00Z, 2020-W53, 2020-12-28T00:00:00Z, 2021-01-04T00:00:00Z",
        "WEEK, 2024-12-30T00:00:00Z, 2025-W01, 2024-12-30T00:00:00Z, 2025-01-06T00:00:00Z",
        "MONTH, 2024-02-29T12:00:00Z, 2024-02, 2024-02-01T00:00:00Z, 2024-03-01T00:00:00Z",
        "YEAR, 2026-12-31T23:59:59Z, 2026, 2026-01-01T00:00:00Z, 2027-01-01T00:00:00Z",
    })
    void shouldNameTheSliceThatHoldsATime(PartitionBy by, String time, String name, String start, String end) {
        assertThat(Period.of(by, micros(time))).isEqualTo(new Period(by, name, micros(start), micros(end)));
        assertThat(Period.parse(name)).isEqualTo(Period.of(by, micros(time)));
    }

    @ParameterizedTest
    @EnumSource(
            value = PartitionBy.class,
            names = {"NONE", "AUTO"},
            mode = EnumSource.Mode.EXCLUDE)
    void shouldCoverTimeWithoutHolesAndReadItsOwnNames(PartitionBy by) {
        SplittableRandom random = new SplittableRandom(7);
        for (int i = 0; i < 2000; i++) {
            long time = random.nextLong(micros("1900-01-01T00:00:00Z"), micros("2200-01-01T00:00:00Z"));
            Period period = Period.of(by, time);
            assertThat(time).isBetween(period.startMicros(), period.endMicros() - 1);
            assertThat(Period.of(by, period.startMicros())).isEqualTo(period);
            assertThat(Period.of(by, period.endMicros() - 1)).isEqualTo(period);
            assertThat(Period.parse(period.name())).isEqualTo(period);
            assertThat(period.next().startMicros()).isEqualTo(period.endMicros());
            assertThat(period.next().name()).isGreaterThan(period.name());
        }
    }

    @Test
    void shouldHaveOnePeriodForAll() {
        assertThat(Period.of(PartitionBy.NONE, 0)).isSameAs(Period.ALL);
        assertThat(Period.parse("all").next()).isSameAs(Period.ALL);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "x",
                "2026-13",
                "2026-02-30",
                "2025-W53",
                "2026-W00",
                "2026-05-20T24",
                "../x",
                "20261",
                "2026-5",
                "2026-W2x",
                "-001",
                "２０２６"
            })
    void shouldRefuseWhatNamesNone(String name) {
        assertThatThrownBy(() -> Period.parse(name))
                .isInstanceOf(LeveeException.class)
                .hasMessageContaining("BAD_VALUE");
    }
}
