package io.levee.internal.query;

import io.levee.PartitionInfo;
import io.levee.Query;
import io.levee.TableSpec;
import io.levee.engine.Execution;
import io.levee.engine.Figure;
import io.levee.engine.Grouping;
import io.levee.engine.ReadView;
import io.levee.engine.RowSink;
import io.levee.engine.ScanPart;
import io.levee.engine.StorageEngine;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * About how many rows a query has (guarantee G52): without a filter by what is known of each partition, of one that is partly in the range by its
 * share of the time; with a filter by counting in a few partitions, spread evenly. Immutable.
 */
final class Estimates {
    /** In how many partitions rows are counted at most. */
    private static final int COUNTED = 4;

    private final Grouping counting;

    /** Resolves the names. Errors as {@link ExprResolver}. */
    Estimates(Query query, TableSpec spec) {
        this.counting = new Grouping(
                spec,
                query.fromMicros(),
                query.toMicros(),
                query.where() == null ? null : ExprResolver.resolve(query.where(), spec),
                List.of(),
                List.of(new Figure(Figure.Kind.COUNT, null)));
    }

    /** An answer without its coverage. */
    record Answer(long rows, boolean exact, String how) {}

    /** The answer. Query thread. */
    Answer run(StorageEngine engine, Execution execution) {
        try (ReadView view =
                engine.view(counting.spec(), counting.fromMicros(), counting.toMicros(), counting.where())) {
            execution.keeps(view::wanted);
            List<PartitionInfo> partitions = view.partitions();
            if (counting.where() == null && partitions.stream().allMatch(p -> p.rows() == 0 || known(p))) {
                double rows = partitions.stream().mapToDouble(this::expected).sum();
                // A partition that is written to may have counted rows whose commit is still to come.
                boolean exact =
                        partitions.stream().allMatch(p -> !partly(p) && p.state() == PartitionInfo.State.CLOSED);
                return new Answer(Math.round(rows), exact, "statistics");
            }
            return sample(view, partitions, execution);
        }
    }

    private Answer sample(ReadView view, List<PartitionInfo> partitions, Execution execution) {
        List<ScanPart> parts = view.parts(counting);
        int counted = Math.min(COUNTED, parts.size());
        long found = 0;
        double read = 0;
        for (int i = 0; i < counted; i++) {
            // The newest is always among them.
            ScanPart part = parts.get(parts.size() - 1 - (int) ((long) i * parts.size() / counted));
            execution.check();
            found += count(part, execution);
            read += expected(part.name(), partitions);
        }
        if (counted == parts.size()) {
            return new Answer(found, true, "count");
        }
        double all = partitions.stream().mapToDouble(this::expected).sum();
        double share = read > 0 && all > 0 ? all / read : (double) parts.size() / counted;
        return new Answer(Math.round(found * share), false, "sample");
    }

    private static long count(ScanPart part, Execution execution) {
        long[] count = new long[1];
        part.run(execution, new RowSink() {
            @Override
            public void columns(List<String> names) {
                // It has one column, the count.
            }

            @Override
            public boolean row(@Nullable Object[] values) {
                count[0] += values[0] instanceof Long number ? number : 0;
                return true;
            }
        });
        return count[0];
    }

    private double expected(String part, List<PartitionInfo> partitions) {
        return partitions.stream()
                .filter(p -> p.id().toString().equals(part))
                .mapToDouble(this::expected)
                .sum();
    }

    /** How many rows of a partition are in the range, were they spread evenly over its time. */
    private double expected(PartitionInfo partition) {
        if (partition.rows() <= 0 || !partition.touches(counting.fromMicros(), counting.toMicros())) {
            return 0;
        }
        if (!partition.rangeKnown() || !partly(partition)) {
            return partition.rows();
        }
        double from = (double) Math.max(counting.fromMicros(), partition.minMicros());
        double to = Math.min((double) counting.toMicros(), partition.maxMicros() + 1.0);
        return partition.rows() * (to - from) / (partition.maxMicros() + 1.0 - partition.minMicros());
    }

    private boolean partly(PartitionInfo partition) {
        return partition.rows() != 0
                && partition.touches(counting.fromMicros(), counting.toMicros())
                && (partition.minMicros() < counting.fromMicros() || partition.maxMicros() >= counting.toMicros());
    }

    private boolean known(PartitionInfo partition) {
        boolean open = counting.fromMicros() == Long.MIN_VALUE && counting.toMicros() == Long.MAX_VALUE;
        return partition.rows() >= 0 && (open || partition.rangeKnown());
    }
}
