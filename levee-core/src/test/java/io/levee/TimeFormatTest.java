package io.levee;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.levee.TimeFormat.Unit;
import io.levee.internal.time.Micros;
import java.math.BigDecimal;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TimeFormatTest {
    private static final Instant TIME = Instant.parse("2026-05-20T10:00:00.123456Z");
    private static final ZoneId BERLIN = ZoneId.of("Europe/Berlin");

    private static long micros(String iso) {
        return Micros.of(Instant.parse(iso));
    }

    @ParameterizedTest
    @CsvSource({"S, 1779271200.123456", "MS, 1779271200123.456", "US, 1779271200123456", "NS, 1779271200123456789"})
    void shouldReadNumbersOfEveryUnit(Unit unit, String number) {
        assertThat(TimeFormat.epoch(unit).fromNumber(new BigDecimal(number))).isEqualTo(Micros.of(TIME));
        assertThat(TimeFormat.epoch(unit).fromText(" " + number + " ")).isEqualTo(Micros.of(TIME));
    }

    @Test
    void shouldCountFromItsOrigin() {
        TimeFormat relative = TimeFormat.relative(Unit.US, Instant.parse("2011-05-01T00:00:00Z"));
        assertThat(relative.fromNumber(0)).isEqualTo(micros("2011-05-01T00:00:00Z"));
        assertThat(relative.fromNumber(-1)).isEqualTo(micros("2011-04-30T23:59:59.999999Z"));
        assertThat(relative.durationFromNumber(BigDecimal.ONE)).isEqualTo(1);
        assertThat(TimeFormat.epoch(Unit.NS).fromNumber(-1)).isEqualTo(-1);
    }

    @ParameterizedTest
    @CsvSource({
        "2026-03-29T01:59:59, 2026-03-29T00:59:59Z",
        "2026-03-29T02:30:00, 2026-03-29T01:30:00Z",
        "2026-10-25T02:30:00, 2026-10-25T00:30:00Z",
        "2026-10-25T03:00:00, 2026-10-25T02:00:00Z",
        "2026-05-20T10:00:00+05:00, 2026-05-20T05:00:00Z",
        "2026-05-20, 2026-05-19T22:00:00Z",
    })
    void shouldReadLocalTimesByTheirZoneThroughSummerTime(String text, String wanted) {
        assertThat(TimeFormat.isoIn(BERLIN).fromText(text)).isEqualTo(micros(wanted));
    }

    @Test
    void shouldReadPatterns() {
        TimeFormat log = TimeFormat.pattern("dd/MMM/yyyy:HH:mm:ss Z", null);
        assertThat(log.fromText("20/may/2026:12:00:00 +0200")).isEqualTo(micros("2026-05-20T10:00:00Z"));
        assertThat(TimeFormat.pattern("yyyyMMdd", ZoneOffset.UTC).fromText("20260520"))
                .isEqualTo(micros("2026-05-20T00:00:00Z"));
        assertThat(TimeFormat.pattern("yyyy-MM-dd HH:mm:ss.SSS VV", null)
                        .fromText("2026-05-20 12:00:00.500 Europe/Berlin"))
                .isEqualTo(micros("2026-05-20T10:00:00.5Z"));
    }

    private static ErrorCode refused(TimeFormat format, String text) {
        return catchThrowableOfType(LeveeException.class, () -> format.fromText(text))
                .code();
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "soon", "2026-05-20T10:00:00", "1779271200"})
    void shouldRefuseWhatDoesNotFit(String text) {
        assertThat(refused(TimeFormat.ISO, text)).isEqualTo(ErrorCode.BAD_VALUE);
        assertThat(refused(TimeFormat.pattern("dd.MM.yyyy", BERLIN), text)).isEqualTo(ErrorCode.BAD_VALUE);
    }

    @ParameterizedTest
    @ValueSource(strings = {"9223372036854775807", "-9223372036854775808", "1e40", "1e400", "NaN", "0x10", ""})
    void shouldRefuseNumbersPastTheRange(String text) {
        assertThat(refused(TimeFormat.epoch(Unit.S), text)).isEqualTo(ErrorCode.BAD_VALUE);
        TimeFormat relative = TimeFormat.relative(Unit.US, Instant.parse("2011-05-01T00:00:00Z"));
        if (!text.startsWith("-")) {
            assertThat(refused(relative, text)).isEqualTo(ErrorCode.BAD_VALUE);
        }
    }

    @Test
    void shouldRefuseTimesPastTheRangeOfItsStore() {
        Column column = Column.of("at", ColumnType.TIMESTAMP);
        TableSpec spec = TableSpec.builder("t")
                .column(column)
                .column("d", ColumnType.DURATION)
                .time("at")
                .build();
        RowBuilder row = Row.of(spec);
        assertThat(catchThrowableOfType(LeveeException.class, () -> row.set("at", Instant.MAX))
                        .code())
                .isEqualTo(ErrorCode.BAD_VALUE);
        assertThat(catchThrowableOfType(
                                LeveeException.class, () -> row.set("d", java.time.Duration.ofSeconds(Long.MAX_VALUE)))
                        .code())
                .isEqualTo(ErrorCode.BAD_VALUE);
        assertThat(refused(TimeFormat.pattern("uuuuuuuuu-MM-dd", BERLIN), "999999999-01-01"))
                .isEqualTo(ErrorCode.BAD_VALUE);
    }

    @Test
    void shouldRefuseContradictions() {
        assertThat(catchThrowableOfType(LeveeException.class, () -> new TimeFormat(Unit.S, Instant.EPOCH, "yyyy", null))
                        .code())
                .isEqualTo(ErrorCode.BAD_SPEC);
        assertThat(catchThrowableOfType(LeveeException.class, () -> new TimeFormat(null, TIME, null, null))
                        .code())
                .isEqualTo(ErrorCode.BAD_SPEC);
        assertThat(catchThrowableOfType(LeveeException.class, () -> TimeFormat.pattern("nonsense {", null))
                        .code())
                .isEqualTo(ErrorCode.BAD_SPEC);
    }
}
