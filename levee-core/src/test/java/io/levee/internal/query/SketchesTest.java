package io.levee.internal.query;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.levee.Measure;
import io.levee.engine.GroupKey.LogBucket;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** Sketches stay within their stated errors, and merging has no order. */
class SketchesTest {
    private static final long SEED = 20261121;

    private static long bucket(double x) {
        if (x == 0) {
            return 0;
        }
        long bucket = (long) Math.floor(Math.log(Math.abs(x)) * Quantiles.MULTIPLIER) + LogBucket.OFFSET;
        return x < 0 ? -bucket : bucket;
    }

    @Test
    void shouldCountInTheBucketsOfTheLibrary() {
        SplittableRandom random = new SplittableRandom(SEED);
        for (int i = 0; i < 300_000; i++) {
            double x = Math.exp(random.nextDouble(-600, 600));
            assertThat(bucket(x) - LogBucket.OFFSET).as("x = " + x).isEqualTo(Quantiles.index(x));
        }
    }

    @Test
    void shouldTellQuantilesWithinTheirError() {
        SplittableRandom random = new SplittableRandom(SEED);
        double[] values = new double[10_001];
        for (int i = 0; i < values.length; i++) {
            double spread = Math.exp(random.nextDouble(-5, 12));
            values[i] = random.nextInt(10) == 0 ? 0 : random.nextInt(3) == 0 ? -spread : spread;
        }
        Quantiles[] parts = {new Quantiles(), new Quantiles(), new Quantiles()};
        for (double value : values) {
            parts[random.nextInt(3)].add(bucket(value), 1);
        }
        Quantiles merged = new Quantiles();
        Arrays.stream(parts).forEach(merged::merge);
        Arrays.sort(values);
        double[] ranks = {0, 0.01, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999, 1};
        double[] told = Objects.requireNonNull(merged.at(ranks));
        for (int i = 0; i < ranks.length; i++) {
            double exact = values[(int) Math.floor(ranks[i] * (values.length - 1))];
            assertThat(told[i])
                    .as("p" + ranks[i] * 100)
                    .isCloseTo(exact, within(Math.abs(exact) * Measure.PERCENTILE_ERROR * 1.000001));
        }
        assertThat(new Quantiles().at(ranks)).isNull();
    }

    @Test
    void shouldCountDifferentValuesExactlyAndThenWithinTheError() {
        DistinctValues values = new DistinctValues();
        for (int i = 0; i < 3 * Measure.EXACT_DISTINCT; i++) {
            values.add("v" + i % Measure.EXACT_DISTINCT);
        }
        assertThat(values.sketched()).isFalse();
        assertThat(values.count()).isEqualTo(Measure.EXACT_DISTINCT);
        values.add("one more");
        assertThat(values.sketched()).isTrue();
        assertThat((double) values.count()).isCloseTo(1001, within(1001 * 4 * Measure.DISTINCT_ERROR));
        for (long i = 0; i < 200_000; i++) {
            values.add(i);
        }
        assertThat((double) values.count()).isCloseTo(201_001, within(201_001 * 4 * Measure.DISTINCT_ERROR));
    }

    @Test
    void shouldCountTheSameInWhateverOrderPartsAreMerged() {
        Random random = new Random(SEED);
        List<Integer> order = new ArrayList<>();
        List<List<Object>> parts = new ArrayList<>();
        for (int i = 0; i < 8; i++) {
            List<Object> part = new ArrayList<>();
            int size = i % 2 == 0 ? 100 : 3000;
            for (int j = 0; j < size; j++) {
                part.add((long) random.nextInt(8000));
            }
            parts.add(part);
            order.add(i);
        }
        DistinctValues all = new DistinctValues();
        parts.forEach(part -> part.forEach(all::add));
        for (int trial = 0; trial < 10; trial++) {
            Collections.shuffle(order, random);
            DistinctValues merged = new DistinctValues();
            for (int i : order) {
                DistinctValues part = new DistinctValues();
                parts.get(i).forEach(part::add);
                merged.merge(part);
            }
            assertThat(merged.count()).isEqualTo(all.count());
        }
    }
}
