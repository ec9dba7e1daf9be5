package io.levee;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDateTime;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import org.junit.jupiter.api.Test;

class RecordCodecTest {
    private static final Instant AT = Instant.parse("2026-05-20T10:00:00.123456Z");

    enum State {
        GOOD,
        BAD {
            @Override
            public String toString() {
                return "never shown";
            }
        }
    }

    record Inner(String name, int n, Optional<Double> share, List<Inner> children, Instant at) {}

    record Everything(
            @Key long id,
            @Time Instant at,
            byte b,
            short s,
            int i,
            float f,
            double d,
            boolean flag,
            char c,
            Integer boxed,
            String text,
            State state,
            LocalDateTime local,
            Duration took,
            BigDecimal price,
            BigInteger big,
            UUID uuid,
            Inner inner,
            Map<String, Long> counts,
            List<String> names,
            Set<Integer> numbers,
            Optional<String> maybe,
            Optional<Inner> maybeInner,
            @Detail String traceText) {}

    private static <T extends Record> T roundTrip(Class<T> type, T value) {
        RecordCodec<T> codec = RecordCodec.of(type, new TableOptions());
        RowBuilder builder = Row.of(codec.spec());
        codec.encode(value, builder);
        return codec.decode(builder.build());
    }

    @Test
    void shouldReadBackEveryType() {
        Inner leaf = new Inner("ü", 2, Optional.of(0.5), List.of(), AT);
        Everything full = new Everything(
                1L,
                AT,
                (byte) -1,
                (short) 2,
                3,
                1.1f,
                -2.5,
                true,
                'ß',
                7,
                "text",
                State.BAD,
                LocalDateTime.parse("2026-05-20T10:00:00.5"),
                Duration.ofMillis(1500),
                new BigDecimal("1.10"),
                new BigInteger("123456789012345678901234567890"),
                new UUID(1, 2),
                new Inner("root", 1, Optional.empty(), List.of(leaf), AT),
                Map.of("a", 1L),
                List.of("x", "y"),
                Set.of(1, 2),
                Optional.of("m"),
                Optional.of(leaf),
                "trace");
        assertThat(roundTrip(Everything.class, full)).isEqualTo(full);
    }

    @Test
    void shouldReadBackNulls() {
        Everything empty = new Everything(
                1L,
                AT,
                (byte) 0,
                (short) 0,
                0,
                0f,
                0,
                false,
                'x',
                null,
                null,
                null,
                null,
                null,
                null,
                null,
                null,
                null,
                null,
                null,
                null,
                Optional.empty(),
                Optional.empty(),
                null);
        assertThat(roundTrip(Everything.class, empty)).isEqualTo(empty);
    }

    record NestedTypes(
            @Time Instant at,
            List<UUID> ids,
            List<Duration> lengths,
            Map<String, BigDecimal> prices,
            List<State> states) {}

    @Test
    void shouldReadBackNestedValuesOfEveryType() {
        NestedTypes value = new NestedTypes(
                AT,
                List.of(new UUID(3, 4)),
                List.of(Duration.ofSeconds(90)),
                Map.of("a", new BigDecimal("1.50")),
                List.of(State.GOOD, State.BAD));
        assertThat(roundTrip(NestedTypes.class, value)).isEqualTo(value);
    }

    record Unknown(@Time Instant at, Thread thread) {}

    record Arrays(@Time Instant at, List<byte[]> pieces) {}

    @Test
    void shouldRefuseWhatItCannotKeep() {
        assertThat(catchThrowableOfType(LeveeException.class, () -> RecordCodec.of(Unknown.class, new TableOptions()))
                        .code())
                .isEqualTo(ErrorCode.BAD_SPEC);
        assertThat(catchThrowableOfType(
                                LeveeException.class,
                                () -> roundTrip(Arrays.class, new Arrays(AT, List.of(new byte[] {1}))))
                        .code())
                .isEqualTo(ErrorCode.BAD_VALUE);
    }

    @Test
    void shouldNameColumnsInSnakeCase() {
        TableSpec spec = RecordCodec.of(Everything.class, new TableOptions()).spec();
        assertThat(spec.name()).isEqualTo("everything");
        assertThat(spec.column("maybe_inner").type()).isEqualTo(ColumnType.JSON);
        assertThat(spec.column("trace_text").detail()).isTrue();
        assertThat(spec.key()).containsExactly("id");
        assertThat(RecordCodec.snake("jobID")).isEqualTo("job_id");
        assertThat(RecordCodec.snake("HTTPStatusCode2")).isEqualTo("http_status_code2");
    }
}
