package io.levee.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.ask.Texts;
import java.time.Instant;
import java.time.ZoneId;
import org.junit.jupiter.api.Test;

/** Times, lists and cells as people type and read them. */
class TextTest {
    private static final Instant NOW = Instant.parse("2026-11-21T12:00:00Z");
    private static final ZoneId BERLIN = ZoneId.of("Europe/Berlin");

    @Test
    void timesAreReadInTheirUsualForms() {
        assertThat(Times.parse("2026-05-20T10:00:00Z", BERLIN, NOW)).isEqualTo("2026-05-20T10:00:00Z");
        assertThat(Times.parse("2026-05-20T10:00:00+02:00", BERLIN, NOW)).isEqualTo("2026-05-20T08:00:00Z");
        assertThat(Times.parse("2026-05-20", BERLIN, NOW)).isEqualTo("2026-05-19T22:00:00Z");
        assertThat(Times.parse("2026-05-20 10:00", BERLIN, NOW)).isEqualTo("2026-05-20T08:00:00Z");
        assertThat(Times.parse("now", BERLIN, NOW)).isEqualTo(NOW);
        assertThat(Times.parse("now - 6h", BERLIN, NOW)).isEqualTo("2026-11-21T06:00:00Z");
        assertThat(Times.parse("now+1d", BERLIN, NOW)).isEqualTo("2026-11-22T12:00:00Z");
        assertThat(Times.parse("1h30m", BERLIN, NOW)).isEqualTo("2026-11-21T10:30:00Z");
        for (String bad : new String[] {"", "yesterday", "now *", "now -", "2026-13-01", "20", "6x"}) {
            assertThat(Times.parse(bad, BERLIN, NOW)).as(bad).isNull();
        }
    }

    @Test
    void listsMayHoldQuotedCommas() {
        assertThat(Texts.names("a, \"b, c\",\"d \"\"q\"\"\"")).containsExactly("a", "b, c", "d \"q\"");
        assertThat(Texts.split("count,avg(\"a, b\"),max(x)", false))
                .containsExactly("count", "avg(\"a, b\")", "max(x)");
    }

    @Test
    void controlCharactersCannotReachATerminal() {
        assertThat(Printable.line("a\u001b[31mred\n\t\u0007\u202e")).isEqualTo("a\\u001b[31mred\\n\\t\\u0007\\u202e");
        assertThat(Printable.line("grüße 🟥")).isEqualTo("grüße 🟥");
    }
}
