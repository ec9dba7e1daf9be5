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
        assertThat(withoutLastDigits(actual.groups(), expected.groups())).isEqualTo(plain(expected.groups()));
    }

    private static List<List<@Nullable Object>> plain(List<List<@Nullable Object>> groups) {
        return withoutLastDigits(groups, groups);
    }

    /** The actual groups, in which reals that are as good as the expected ones are replaced by them. */
    private static List<List<@Nullable Object>> withoutLastDigits(
            List<List<@Nullable Object>> actual, List<List<@Nullable Object>> expected) {
        List<List<@Nullable Object>> groups = new ArrayList<>();
        for (int i = 0; i < actual.size(); i++) {
            List<@Nullable Object> group = new ArrayList<>();
            for (int j = 0; j < actual.get(i).size(); j++) {
                Object value = actual.get(i).get(j);
                Object wanted = i < expected.size() ? expected.get(i).get(j) : value;
                group.add(
                        value instanceof Double a && wanted instanceof Double b && close(a, b)
                                ? b
                                : Conformance.plain(value));
            }
            groups.add(group);
        }
        return groups;
    }

    /** Within twelve digits: sums are made in another order by each engine. */
    private static boolean close(double a, double b) {
        return Math.abs(a - b) <= 1e-12 * Math.max(Math.abs(a), Math.abs(b));
    }
}
