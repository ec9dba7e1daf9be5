package io.levee.internal.migration;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.internal.query.PartialCache;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class WholeAnswerTest {
    private static final PartialCache NO_ROOM = new PartialCache(1_000);

    private static Map<List<Object>, Object> answers(int keys) {
        Map<List<Object>, Object> answers = new HashMap<>();
        for (int i = 0; i < keys; i++) {
            answers.put(List.of("key " + i), (long) i);
        }
        return answers;
    }

    /** The analyser's observations are read once; a table of which few rows are asked for, and one past any measure, by keys. */
    @Test
    void shouldReadAsAWholeWhatIsCheaperSo() {
        assertThat(WholeAnswer.cheaper(71_000, 1_500_000, 7, true)).isTrue();
        assertThat(WholeAnswer.cheaper(71_000, 1_500_000, 1, true)).isFalse();
        assertThat(WholeAnswer.cheaper(71_000, 1_500_000, 1, false)).isTrue();
        assertThat(WholeAnswer.cheaper(5_000, 1_500_000, 90, true)).isFalse();
        assertThat(WholeAnswer.cheaper(100, 100, 1, false)).isFalse();
        assertThat(WholeAnswer.cheaper(5_000_000, 20_000_000, 7, true)).isFalse();
    }

    /** Its memory is of the budget (G34): what has no room there is not kept, and what is given back can be taken again. */
    @Test
    void shouldTakeItsMemoryFromWhatKeepsAggregates() {
        assertThat(WholeAnswer.kept(answers(100), 1, NO_ROOM)).isNull();
        assertThat(NO_ROOM.bytes()).isZero();
        PartialCache room = new PartialCache(100_000);
        for (int i = 0; i < 10; i++) {
            WholeAnswer answer = WholeAnswer.kept(answers(200), 1, room);
            assertThat(answer).isNotNull();
            assertThat(room.bytes()).isBetween(40_000L, 75_000L);
            answer.close();
            assertThat(room.bytes()).isZero();
        }
    }

    /** A row that was changed after the table was read is asked for again (G17). */
    @Test
    void shouldHoldForRowsThatWereThereUnchanged() {
        WholeAnswer answer = WholeAnswer.kept(answers(1), 100, new PartialCache(10_000));
        assertThat(answer).isNotNull();
        assertThat(answer.holdsFor(100, 0)).isTrue();
        assertThat(answer.holdsFor(7, 101)).isFalse();
        assertThat(answer.holdsFor(101, 0)).isFalse();
        assertThat(answer.of(List.of("key 0"))).isEqualTo(0L);
        assertThat(answer.of(List.of("key 1"))).isNull();
    }
}
