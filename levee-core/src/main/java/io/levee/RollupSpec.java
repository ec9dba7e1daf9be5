package io.levee;

import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Figures that are kept of a table's partitions when these are dropped, so that a time series goes on across the edge of retention.
 *
 * <p>Before retention drops a partition, its rows are grouped by buckets of event time and the group columns, and the figures of each
 * group are stored in a hidden table, durably. {@link Store#timeSeries} reads them where the rows are gone.
 *
 * @param name unique in its table: a small letter, then small letters, digits and single underscores, at most 24
 * @param every the width of a bucket: whole seconds that divide a day evenly, so that wider buckets of time series are made of whole ones
 * @param by the columns that make a group; a time series can ask for fewer
 * @param measures the figures: any but {@code distinct}, which cannot be merged from counts
 * @param keep how long the figures are kept, by the time of their buckets; null for ever
 */
public record RollupSpec(
        String name,
        Duration every,
        List<String> by,
        List<Measure> measures,
        @Nullable Duration keep) {
    /** Most rollups of a table. */
    public static final int MAX_ROLLUPS = 8;

    private static final Pattern NAME = Pattern.compile("[a-z](_?[a-z0-9]){0,23}");

    /**
     * Copies the lists.
     *
     * @throws LeveeException {@link ErrorCode#BAD_SPEC}
     */
    public RollupSpec {
        by = List.copyOf(by);
        measures = List.copyOf(measures);
        if (!NAME.matcher(name).matches() || name.endsWith("_details")) {
            throw bad(name, "is no name of a rollup")
                    .hint("use a small letter, then small letters, digits and single underscores, at most 24");
        }
        if (every.compareTo(Duration.ofSeconds(1)) < 0
                || every.getNano() != 0
                || Duration.ofDays(1).toSeconds() % every.toSeconds() != 0) {
            throw bad(name, "has buckets of " + every + ", which do not divide a day evenly")
                    .hint("use every: 1m, 5m, 15m, 1h, 6h or 1d");
        }
        if (measures.isEmpty()) {
            throw bad(name, "has no measures").hint("write measures: [count]");
        }
        for (Measure measure : measures) {
            if (measure.function() == Measure.Function.DISTINCT) {
                throw bad(name, "asks for " + measure.name() + ", which cannot be kept as figures that merge")
                        .hint("leave it out, or keep the rows for longer");
            }
        }
        if (new LinkedHashSet<>(by).size() != by.size()) {
            throw bad(name, "names a column twice: " + by);
        }
        if (keep != null && (keep.isZero() || keep.isNegative())) {
            throw bad(name, "keeps its figures for " + keep);
        }
    }

    /** Starts a rollup. */
    public static Builder builder(String name) {
        return new Builder(name);
    }

    private static LeveeException bad(String name, String what) {
        return new LeveeException(ErrorCode.BAD_SPEC, "the rollup '" + name + "' " + what).with("rollup", name);
    }

    /** Collects a rollup's parts. Not thread-safe. */
    public static final class Builder {
        private final String name;
        private Duration every = Duration.ofHours(1);
        private final List<String> by = new ArrayList<>();
        private final List<Measure> measures = new ArrayList<>();
        private @Nullable Duration keep;

        private Builder(String name) {
            this.name = name;
        }

        /** The width of a bucket; an hour by default. */
        public Builder every(Duration width) {
            every = width;
            return this;
        }

        /** The columns that make a group; none by default. */
        public Builder by(String... columns) {
            by.addAll(List.of(columns));
            return this;
        }

        /** Adds figures; {@code count} where none is added. */
        public Builder measures(Measure... figures) {
            measures.addAll(List.of(figures));
            return this;
        }

        /** How long the figures are kept; for ever by default. */
        public Builder keep(Duration age) {
            keep = age;
            return this;
        }

        /**
         * The rollup.
         *
         * @throws LeveeException {@link ErrorCode#BAD_SPEC}
         */
        public RollupSpec build() {
            return new RollupSpec(name, every, by, measures.isEmpty() ? List.of(Measure.count()) : measures, keep);
        }
    }
}
