package io.levee.internal.migration;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class PaceTest {
    private static final long MILLI = 1_000_000;

    /** Comes to the number of rows that take 25 ms, and stays near it (design 8). */
    @Test
    void shouldComeToTheTarget() {
        for (long nanosPerRow : new long[] {1_000, 50_000, 2 * MILLI}) {
            Pace pace = new Pace();
            for (int slice = 0; slice < 100; slice++) {
                pace.took(pace.rows(), pace.rows() * nanosPerRow);
            }
            long took = pace.rows() * nanosPerRow;
            assertThat(took).as("%s ns a row", nanosPerRow).isBetween(10 * MILLI, 30 * MILLI);
        }
    }

    @Test
    void shouldHalveOnOverrunAndGrowByAFifth() {
        Pace pace = new Pace();
        int first = pace.rows();
        pace.took(first, MILLI);
        assertThat(pace.rows()).isEqualTo((int) (first * 1.2));
        int before = pace.rows();
        pace.took(before, 60 * MILLI);
        assertThat(pace.rows()).isEqualTo(before / 2);
        for (int i = 0; i < 50; i++) {
            pace.took(pace.rows(), 1_000 * MILLI);
        }
        assertThat(pace.rows()).as("never none").isEqualTo(1);
    }

    /** What was slow because of others says nothing of rows: behind it the number comes back in doublings. */
    @Test
    void shouldComeBackBehindSlicesThatWereSlowForAnotherReason() {
        Pace pace = new Pace();
        for (int slice = 0; slice < 30; slice++) {
            pace.took(pace.rows(), pace.rows() * 20_000L);
        }
        int before = pace.rows();
        assertThat(before).isBetween(500, 1500);
        for (int slice = 0; slice < 6; slice++) {
            pace.took(pace.rows(), 200 * MILLI);
        }
        assertThat(pace.rows()).as("it gives way").isLessThan(before / 30);
        for (int slice = 0; slice < 6; slice++) {
            pace.took(pace.rows(), pace.rows() * 20_000L);
        }
        assertThat(pace.rows()).isBetween(before / 3, before);
    }
}
