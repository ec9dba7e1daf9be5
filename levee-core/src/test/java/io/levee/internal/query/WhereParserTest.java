package io.levee.internal.query;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.levee.ErrorCode;
import io.levee.Expr;
import io.levee.LeveeException;
import java.math.BigDecimal;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class WhereParserTest {
    private static final Instant NOW = Instant.parse("2026-05-20T12:00:00Z");

    private static Expr parse(String text) {
        return WhereParser.parse(text, NOW);
    }

    @Test
    void shouldReadEveryForm() {
        assertThat(parse("a = 1")).isEqualTo(Expr.eq("a", 1L));
        assertThat(parse(" a==-1.50 ")).isEqualTo(Expr.eq("a", new BigDecimal("-1.50")));
        assertThat(parse("a <> 'it''s'")).isEqualTo(Expr.ne("a", "it's"));
        assertThat(parse("\"odd \"\" name\" != TRUE")).isEqualTo(Expr.ne("odd \" name", true));
        assertThat(parse("größe.x >= 1e3")).isEqualTo(Expr.ge("größe.x", new BigDecimal("1e3").longValueExact()));
        assertThat(parse("a in (1, 'x', false)")).isEqualTo(new Expr.In("a", List.of(1L, "x", false), false));
        assertThat(parse("a NOT LIKE 'x\\_%'")).isEqualTo(new Expr.Like("a", "x\\_%", true));
        assertThat(parse("a IS NOT NULL")).isEqualTo(Expr.notNull("a"));
        assertThat(parse("a between 1 and 2")).isEqualTo(Expr.and(Expr.ge("a", 1L), Expr.le("a", 2L)));
        assertThat(parse("at > now - 1h30m")).isEqualTo(Expr.gt("at", NOW.minus(Duration.ofMinutes(90))));
        assertThat(parse("at > NOW+2d")).isEqualTo(Expr.gt("at", NOW.plus(Duration.ofDays(2))));
        assertThat(parse("a = 9223372036854775808")).isEqualTo(Expr.eq("a", new BigDecimal("9223372036854775808")));
    }

    @Test
    void shouldBindNotBeforeAndBeforeOr() {
        Expr a = Expr.eq("a", 1L);
        Expr b = Expr.eq("b", 2L);
        Expr c = Expr.eq("c", 3L);
        assertThat(parse("a=1 OR b=2 AND NOT c=3")).isEqualTo(Expr.or(a, Expr.and(b, Expr.not(c))));
        assertThat(parse("(a=1 OR b=2) AND c=3")).isEqualTo(Expr.and(Expr.or(a, b), c));
        assertThat(parse("a between 1 and 2 and b=2"))
                .isEqualTo(Expr.and(Expr.and(Expr.ge("a", 1L), Expr.le("a", 2L)), b));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '~',
            value = {
                "~~|1",
                "a|2",
                "a =|4",
                "a = b|5",
                "a = 'open|5",
                "a = NULL|5",
                "= 1|1",
                "a = 1 b = 2|7",
                "a IN ()|7",
                "a IN (1|8",
                "(a = 1|7",
                "a LIKE 5|8",
                "a IS 5|6",
                "a = 1; DROP TABLE x|6",
                "a = now - banana|11",
                "a ~~ 1|3",
                "a = 12abc|5",
                "a NOT = 1|7",
            })
    void shouldSayWhereItStopsToUnderstand(String text, int at) {
        LeveeException e = catchThrowableOfType(LeveeException.class, () -> parse(text));
        assertThat(e).as(text).isNotNull();
        assertThat(e.code()).isIn(ErrorCode.BAD_QUERY, ErrorCode.BAD_VALUE);
        if (e.code() == ErrorCode.BAD_QUERY) {
            assertThat(e.details()).containsEntry("at", at);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {101, 5_000})
    void shouldLimitItsDepth(int depth) {
        for (String text : List.of("(".repeat(depth) + "a=1" + ")".repeat(depth), "NOT ".repeat(depth) + "a=1")) {
            assertThat(catchThrowableOfType(LeveeException.class, () -> parse(text))
                            .code())
                    .isEqualTo(ErrorCode.BAD_QUERY);
        }
    }

    @Test
    void shouldReadLongTextsAndRefuseLongerFilters() {
        String text = "x''".repeat(30_000);
        assertThat(parse("a = '" + text + "'")).isEqualTo(Expr.eq("a", text.replace("''", "'")));
        assertThat(parse("\"" + "n".repeat(50_000) + "\" = 1")).isInstanceOf(Expr.Compare.class);
        assertThat(catchThrowableOfType(LeveeException.class, () -> parse("a = '" + "x".repeat(100_000) + "'"))
                        .code())
                .isEqualTo(ErrorCode.BAD_QUERY);
    }
}
