package io.levee.internal.query;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Explanation;
import io.levee.engine.PlanStep;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Plans in words: what is alike is told once, and a full scan by its name (G49, G51). */
class ExplainsTest {
    private static PlanStep step(String partition, boolean scan, boolean sorts) {
        String plan = scan ? "SCAN m" : "SEARCH m USING INDEX by_host";
        return new PlanStep(
                partition, "SELECT 1", List.of(plan), scan ? List.of() : List.of("by_host"), scan, sorts, 1000);
    }

    @Test
    void shouldTellOnceWhatIsRunAlike() {
        List<PlanStep> steps = List.of(
                step("a", false, false), step("b", true, false), step("c", false, false), step("d", true, true));
        Explanation told = Explains.of("query t", 6, 5, steps, "host = 'x'", 0);
        assertThat(told.touched()).isEqualTo(4);
        assertThat(told.steps()).extracting(s -> s.plan().partition()).containsExactly("a", "b", "d");
        assertThat(told.steps()).extracting(Explanation.Step::partitions).containsExactly(2, 1, 1);
        assertThat(told.notes())
                .containsExactly(
                        "full scan of 2000 rows in 2 partitions: no index serves the filter host = 'x'",
                        "sort of up to 1000 rows in 1 partition: no index has this order",
                        "2 of 6 partitions are left out by their range or their statistics");
    }

    @Test
    void shouldTellOfOneStatementOverSeveral() {
        Explanation told = Explains.of("query t", 3, 3, List.of(step("", true, false)), "", 2);
        assertThat(told.touched()).isEqualTo(3);
        assertThat(told.steps().get(0).partitions()).isEqualTo(3);
        assertThat(told.notes())
                .containsExactly(
                        "full scan of 1000 rows in 3 partitions: the query has no filter",
                        "groups of 2 parts are kept from before: as long as they are, their partitions are not read");
    }

    @Test
    void shouldSayThatNothingIsRead() {
        assertThat(Explains.of("query t", 3, 0, List.of(), "", 0).notes())
                .containsExactly("no partition holds rows of the range");
    }
}
