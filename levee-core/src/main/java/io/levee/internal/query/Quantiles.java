package io.levee.internal.query;

import com.datadoghq.sketch.ddsketch.DDSketch;
import com.datadoghq.sketch.ddsketch.mapping.LogarithmicMapping;
import com.datadoghq.sketch.ddsketch.store.SparseStore;
import io.levee.Measure;
import io.levee.engine.GroupKey.LogBucket;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Quantiles of numbers that were counted by {@link LogBucket}: a DDSketch (Masson, Rim, Lee 2019), whose buckets an engine can compute too. What
 * is merged answers as if it had been counted together. One thread at a time.
 */
final class Quantiles {
    /** Bytes that a bucket takes, about. */
    private static final long BUCKET_BYTES = 96;

    private static final LogarithmicMapping MAPPING = new LogarithmicMapping(Measure.PERCENTILE_ERROR);

    /** What {@code floor(ln(x) * multiplier)} is the mapping's index with. */
    static final double MULTIPLIER =
            1 / Math.log1p((1 + Measure.PERCENTILE_ERROR) / (1 - Measure.PERCENTILE_ERROR) - 1);

    private final Map<Long, Long> counts = new HashMap<>();

    /** The mapping's own index of a number above 0: for tests. */
    static int index(double value) {
        return MAPPING.index(value);
    }

    /**
     * Counts values of one bucket.
     *
     * @param bucket as a {@link LogBucket} key tells it
     * @return how many bytes more that takes, about
     */
    long add(long bucket, long count) {
        return counts.merge(bucket, count, Long::sum) == count ? BUCKET_BYTES : 0;
    }

    /** As {@link #add}, with all that another one has counted. */
    long merge(Quantiles other) {
        int before = counts.size();
        other.counts.forEach((bucket, count) -> counts.merge(bucket, count, Long::sum));
        return (counts.size() - before) * BUCKET_BYTES;
    }

    /** About the values of these ranks; null where there is no value. */
    double @Nullable [] at(double[] quantiles) {
        if (counts.isEmpty()) {
            return null;
        }
        DDSketch sketch = new DDSketch(MAPPING, SparseStore::new);
        counts.forEach((bucket, count) -> {
            if (bucket == 0) {
                sketch.accept(0, count);
            } else if (bucket > 0) {
                sketch.getPositiveValueStore().add((int) (bucket - LogBucket.OFFSET), (double) count);
            } else {
                sketch.getNegativeValueStore().add((int) (-bucket - LogBucket.OFFSET), (double) count);
            }
        });
        return sketch.getValuesAtQuantiles(quantiles);
    }
}
