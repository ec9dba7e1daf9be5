package io.levee.testkit.drill;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** A verdict that cannot be broken is none. */
class VerdictTest {
    private static boolean migrationHolds(Map<String, Object> changes) {
        Map<String, Object> levee = new HashMap<>(Map.of(
                "readerP95Idle", 5.0,
                "readerP95During", 20.0,
                "writerMaxStallIdleMs", 40.0,
                "writerMaxStallMs", 80.0,
                "batchGrowth", 1.1,
                "seconds", 2.0,
                "terminated", true));
        levee.putAll(changes);
        return Verdict.ofMigration(levee, 1.5).stream().allMatch(Verdict::holds);
    }

    @Test
    void shouldHoldWhereEachFigureKeepsItsBound() {
        assertThat(migrationHolds(Map.of())).isTrue();
    }

    @Test
    void shouldBreakWithEachFigureThatDoesNot() {
        assertThat(migrationHolds(Map.of("readerP95During", 26.0))).isFalse();
        assertThat(migrationHolds(Map.of("writerMaxStallMs", 91.0))).isFalse();
        assertThat(migrationHolds(Map.of("batchGrowth", 1.3))).isFalse();
        assertThat(migrationHolds(Map.of("seconds", 3.1))).isFalse();
        assertThat(migrationHolds(Map.of("terminated", false))).isFalse();
        assertThat(migrationHolds(Map.of("lost", 1L))).isFalse();
    }

    /** Seen: idle readers waited for 2.9 s on a loaded machine, so that 20 ms more was easy, and all five verdicts held. */
    @Test
    void shouldNotHoldOnAMachineThatIsBusyOtherwise() {
        assertThat(migrationHolds(Map.of("readerP95Idle", 2900.0, "readerP95During", 228.0)))
                .isFalse();
        assertThat(migrationHolds(Map.of("writerMaxStallIdleMs", 2300.0, "writerMaxStallMs", 317.0)))
                .isFalse();
    }
}
