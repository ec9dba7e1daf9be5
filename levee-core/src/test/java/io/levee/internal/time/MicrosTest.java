package io.levee.internal.time;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDateTime;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class MicrosTest {
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "2026-05-20T10:00:00Z|2026-05-20T10:00:00Z",
                "2026-05-20 10:00:00z|2026-05-20T10:00:00Z",
                "2026-05-20t10:00Z|2026-05-20T10:00:00Z",
                "2026-05-20T10:00:00.123456789Z|2026-05-20T10:00:00.123456Z",
                "2026-05-20T10:00:00,5+02:00|2026-05-20T08:00:00.500Z",
                "2026-05-20T10:00:00-0330|2026-05-20T13:30:00Z",
                "2026-05-20T10:00:00+02|2026-05-20T08:00:00Z",
                "1969-12-31T23:59:59.999999Z|1969-12-31T23:59:59.999999Z",
                "2016-12-31T23:59:60Z|2016-12-31T23:59:59.999999Z",
                "2024-02-29T00:00:00.1234567890123Z|2024-02-29T00:00:00.123456Z",
            })
    void shouldReadTimesWithAnOffset(String text, Instant wanted) {
        assertThat(Micros.parseIso(text)).isEqualTo(Micros.of(wanted));
    }

    @Test
    void shouldTellTimesWithoutAnOffset() {
        assertThat(Micros.parseIso("2026-05-20T10:00")).isEqualTo(Micros.NO_OFFSET);
        assertThat(Micros.parseIso("2026-05-20")).isEqualTo(Micros.NO_OFFSET);
        assertThat(Micros.parseLocal("2026-05-20T10:00:01.5")).isEqualTo(LocalDateTime.parse("2026-05-20T10:00:01.5"));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "x",
                "2026",
                "2026-05",
                "2026-5-20",
                "2026-02-30T00:00Z",
                "2026-05-20X10:00Z",
                "2026-05-20T",
                "2026-05-20T1",
                "2026-05-20T24:00Z",
                "2026-05-20T10:60Z",
                "2026-05-20T10:00:00.Z",
                "2026-05-20T10:00:00ZZ",
                "2026-05-20T10:00:00+",
                "2026-05-20T10:00:00+2",
                "2026-05-20T10:00:00+19:00",
                "2026-05-20T10:00:00+02:60",
                "2026-05-20T10:00:00 Europe/Berlin",
                "２０２６-05-20T10:00Z",
                "2026-05-20T10:00:61Z",
                "2026-05-20T10:00:00+02:"
            })
    void shouldRefuseWhatIsNoTime(String text) {
        assertThatThrownBy(() -> Micros.parseIso(text)).isInstanceOf(DateTimeException.class);
    }

    @Test
    void shouldReadBackWhatItWrites() {
        SplittableRandom random = new SplittableRandom(3);
        for (int i = 0; i < 10_000; i++) {
            long micros = random.nextLong(
                    Micros.of(Instant.parse("0001-01-01T00:00:00Z")), Micros.of(Instant.parse("9999-12-31T23:59:59Z")));
            assertThat(Micros.parseIso(Micros.text(micros))).isEqualTo(micros);
            assertThat(Micros.of(Micros.instant(micros))).isEqualTo(micros);
            assertThat(Micros.of(Micros.duration(micros))).isEqualTo(micros);
        }
        assertThat(Micros.text(Long.MIN_VALUE)).isEqualTo("-infinity");
        assertThat(Micros.of(Duration.ofNanos(-1))).isEqualTo(-1);
    }
}
