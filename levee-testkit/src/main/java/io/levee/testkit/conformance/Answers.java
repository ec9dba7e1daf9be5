package io.levee.testkit.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Aggregation.Groups;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Compares answers of two engines. */
final class Answers {
    private Answers() {}

    /** The same groups in the same order with the same figures; reals may differ in their last digits. */
    static void assertSameGroups(Groups actual, Groups expected) {
        assertThat(actual.columns()).isEqualTo(expected.columns());
        assertThat(rounded(actual)).isEqualTo(rounded(expected));
    }

    private static List<List<@Nullable Object>> rounded(Groups groups) {
        List<List<@Nullable Object>> rounded = new ArrayList<>();
        for (List<@Nullable Object> group : groups.groups()) {
            List<@Nullable Object> line = new ArrayList<>();
            group.forEach(value -> line.add(value instanceof Double real ? round(real) : Conformance.plain(value)));
            rounded.add(line);
        }
        return rounded;
    }

    /** Twelve digits: sums are made in another order by each engine. */
    private static Object round(double value) {
        return Double.isInfinite(value) || Double.isNaN(value)
                ? (Object) value
                : new java.math.BigDecimal(value)
                        .round(new java.math.MathContext(12))
                        .stripTrailingZeros();
    }
}
