package io.levee.internal.migration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.levee.LeveeException;
import io.levee.Lookup;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CorrelatedTest {
    @Test
    void shouldMakeLookupsOfSelects() {
        Map<String, Lookup> lookups = new LinkedHashMap<>();
        SqlExpression left = Correlated.extract(
                "transmissions",
                SqlExpression.parse(
                        "coalesce((SELECT max(o.rx_time) FROM observations o WHERE o.hash = transmissions.hash),"
                                + " first_seen) + ( select COUNT(*) from \"odd name\" as x where transmissions.a=x.b AND x.c = transmissions.\"d d\")"
                                + " + (SELECT min(v) FROM others WHERE k = transmissions.k)"),
                lookups);
        assertThat(left).hasToString("coalesce(lookup_1, first_seen) + lookup_2 + lookup_3");
        Map<String, String> two = new LinkedHashMap<>();
        two.put("b", "a");
        two.put("c", "d d");
        assertThat(lookups)
                .containsEntry("lookup_1", Lookup.of(Lookup.Function.MAX, "observations", "rx_time", "hash", "hash"))
                .containsEntry("lookup_2", new Lookup("odd name", two, Lookup.Function.COUNT, null, null))
                .containsEntry("lookup_3", Lookup.of(Lookup.Function.MIN, "others", "v", "k", "k"));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "(SELECT 1)",
                "(SELECT max(v) FROM o)",
                "(SELECT max(v) FROM o WHERE o.k = p.k LIMIT 1)",
                "(SELECT max(v) FROM o WHERE o.k > p.k)",
                "(SELECT max(v) FROM o WHERE o.k = p.k OR o.j = p.j)",
                "(SELECT max(v + 1) FROM o WHERE o.k = p.k)",
                "(SELECT v FROM o WHERE o.k = p.k)",
                "(SELECT max(v) FROM o JOIN q WHERE o.k = p.k)",
                "(SELECT max(v) FROM o WHERE o.k = o.j)",
                "(SELECT max(v) FROM o WHERE k = j)",
                "(SELECT max(z.v) FROM o WHERE o.k = p.k)",
                "(WITH x AS (SELECT 1) SELECT 1)",
                "exists (SELECT 1 FROM o)",
                "SELECT max(v) FROM o"
            })
    void shouldRefuseEveryOtherSelect(String text) {
        assertThatThrownBy(() -> Correlated.extract("p", SqlExpression.parse(text), new LinkedHashMap<>()))
                .isInstanceOf(LeveeException.class)
                .hasMessageContaining("none that can be read across partitions")
                .hasMessageContaining("lookups:");
    }
}
