package io.levee.internal.query;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Histogram.Even;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class RoundBinsTest {
    @Test
    void shouldBeRound() {
        assertThat(RoundBins.of(3, 97, 10, true, false)).isEqualTo(new Even(0, 10, 10));
        assertThat(RoundBins.of(0, 1, 10, true, false)).isEqualTo(new Even(0, 1, 2));
        assertThat(RoundBins.of(7, 7, 10, false, false)).isEqualTo(new Even(7, 1, 1));
        assertThat(RoundBins.of(0.1, 0.42, 4, false, false)).isEqualTo(new Even(0.1, 0.1, 4));
        assertThat(RoundBins.of(-3, 4, 1, true, false)).isEqualTo(new Even(-10, 20, 1));
        // Half an hour in bins of minutes; three weeks in bins of days.
        assertThat(RoundBins.of(0, 30 * 60e6, 20, true, true)).isEqualTo(new Even(0, 120e6, 16));
        assertThat(RoundBins.of(0, 20 * 86_400e6, 25, true, true)).isEqualTo(new Even(0, 86_400e6, 21));
    }

    @Test
    void shouldHoldAllValuesInAsManyBinsAsAsked() {
        SplittableRandom random = new SplittableRandom(20261121);
        for (int i = 0; i < 20_000; i++) {
            double scale = Math.pow(10, random.nextInt(-12, 300));
            double a = (random.nextDouble() - 0.5) * scale;
            double b = random.nextBoolean()
                    ? a + Math.abs(a) * random.nextDouble() * 1e-9
                    : (random.nextDouble() - 0.5) * scale;
            int most = random.nextInt(1, 60);
            double least = Math.min(a, b);
            double greatest = Math.max(a, b);
            Even bins = RoundBins.of(least, greatest, most, random.nextBoolean(), random.nextBoolean());
            String what = least + " to " + greatest + " in " + most + ": " + bins;
            assertThat(bins.count()).as(what).isBetween(1, most);
            assertThat(Math.floor((least - bins.from()) / bins.width()))
                    .as(what)
                    .isBetween(0.0, bins.count() - 1.0);
            assertThat(Math.floor((greatest - bins.from()) / bins.width()))
                    .as(what)
                    .isBetween(0.0, bins.count() - 1.0);
        }
    }
}
