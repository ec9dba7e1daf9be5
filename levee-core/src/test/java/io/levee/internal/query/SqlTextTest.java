package io.levee.internal.query;

import static io.levee.internal.query.SqlDialect.POSTGRESQL;
import static io.levee.internal.query.SqlDialect.SQLITE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.levee.LeveeException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SqlTextTest {
    @ParameterizedTest
    @ValueSource(
            strings = {
                "SELECT ';'",
                "SELECT \";\" FROM t",
                "SELECT 1 /* ; */",
                "SELECT 1 -- ;\n",
                "WITH a AS (SELECT 1) SELECT * FROM a;",
                " -- first\n /* then */ select 1 ; -- last",
            })
    void shouldTakeOneStatementThatReads(String sql) {
        assertThat(SqlText.requireOneRead(sql, SQLITE)).doesNotEndWith(";");
        assertThat(SqlText.requireOneRead(sql, POSTGRESQL)).doesNotEndWith(";");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "SELECT E'it\\'s; one'",
                "SELECT $$;$$, $a$ $$ ; $a$",
                "SELECT 1 /* /* ; */ ; */",
                "SELECT (ARRAY['a]b;c'])[1]",
                "SELECT E'a'\n'b\\';'",
                "SELECT E'a' -- why\n'b\\';'",
                "SELECT a$1$, b$1$ FROM t",
            })
    void shouldKnowHowPostgresQuotes(String sql) {
        assertThat(SqlText.requireOneRead(sql, POSTGRESQL)).isEqualTo(sql);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "SELECT 1; SELECT 2",
                "SELECT '\\'; DROP TABLE t; --'",
                "SELECT 1 -- \r ; DROP TABLE t",
                "SELECT $a$ $b$; $a$; DROP TABLE t",
                "SELECT E'\\\\'; DROP TABLE t --'",
                "SELECT 1$$ ' $$; DROP TABLE t; $$ ' $$",
                "DROP TABLE t",
                "INSERT INTO t VALUES (1)",
                "(SELECT 1)",
                "SELECT 'open",
                "SELECT E'open\\'",
                "SELECT $a$ open $b$",
                "",
            })
    void shouldRefuseAnythingElse(String sql) {
        assertThatThrownBy(() -> SqlText.requireOneRead(sql, POSTGRESQL)).isInstanceOf(LeveeException.class);
    }

    @Test
    void shouldRefuseTextsWithoutEnd() {
        assertThatThrownBy(() -> SqlText.requireOneRead("SELECT " + "1+".repeat(60_000) + "1", SQLITE))
                .hasMessageContaining("longer than 100000");
    }
}
