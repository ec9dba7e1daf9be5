package io.levee.internal.migration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.levee.ColumnType;
import io.levee.LeveeException;
import io.levee.TableSpec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SqlExpressionTest {
    private static final TableSpec SPEC = TableSpec.builder("runs")
            .column("at", ColumnType.TIMESTAMP)
            .column("job ID", ColumnType.TEXT)
            .column("text", ColumnType.TEXT)
            .column("n", ColumnType.INTEGER)
            .column("end", ColumnType.INTEGER)
            .time("at")
            .build();

    @ParameterizedTest
    @CsvSource(
            delimiterString = " => ",
            quoteCharacter = '§',
            value = {
                "n + 1 => <n> + 1",
                "N*2 => <n>*2",
                "runs.n => <n>",
                "\"job ID\" || 'n' => <job ID> || 'n'",
                "`job ID` => <job ID>",
                "cast(n as text) => cast(<n> as text)",
                "text => <text>",
                "lower(text) => lower(<text>)",
                "n(text) => n(<text>)",
                "case when n > 1e+3 then n else \"end\" end => case when <n> > 1e+3 then <n> else <end> end",
                "'it''s n' || n::text => 'it''s n' || <n>::text",
                "coalesce(n, NULL, x'ff') => coalesce(<n>, NULL, x'ff')",
                "1.5e-3n => 1.5e-3n"
            })
    void shouldTellColumnsFromEverythingElse(String text, String expected) {
        assertThat(SqlExpression.parse(text).rewrite(SPEC, c -> "<" + c + ">")).isEqualTo(expected);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                " ",
                "(n",
                "n)",
                "n; DROP TABLE runs",
                "n -- x",
                "n /* x */",
                "?",
                ":a",
                "$1",
                "'open",
                "e'a\\'b'",
                "@x",
                "[n]"
            })
    void shouldRefuseWhatIsNoExpressionOfOneRow(String text) {
        assertThatThrownBy(() -> SqlExpression.parse(text))
                .isInstanceOf(LeveeException.class)
                .hasMessageContaining("BAD_SPEC");
    }

    @ParameterizedTest
    @ValueSource(strings = {"\"nobody\"", "other.n", "runs.nobody"})
    void shouldRefuseNamesThatAreNoColumns(String text) {
        assertThatThrownBy(() -> SqlExpression.parse(text).columns(SPEC))
                .isInstanceOf(LeveeException.class)
                .hasMessageContaining("is no column of runs");
    }

    @Test
    void shouldRenameColumnsAndNothingElse() {
        assertThat(SqlExpression.parse("case when n > 0 then n(n) else 'n' end").renamed("n", "the n"))
                .hasToString("case when \"the n\" > 0 then n(\"the n\") else 'n' end");
        assertThat(SqlExpression.parse("\"END\" + n").columns(SPEC)).containsExactly("end", "n");
    }

    @Test
    void shouldTellWhatGivesAnotherValueEachTime() {
        assertThat(SqlExpression.parse("n + random()").unsteady()).isEqualTo("random");
        assertThat(SqlExpression.parse("n + 'now'").unsteady()).isNull();
    }
}
