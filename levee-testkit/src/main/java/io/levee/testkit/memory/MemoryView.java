package io.levee.testkit.memory;

import io.levee.PartitionInfo;
import io.levee.TableSpec;
import io.levee.engine.Execution;
import io.levee.engine.Grouping;
import io.levee.engine.PlanStep;
import io.levee.engine.ReadView;
import io.levee.engine.RowQuery;
import io.levee.engine.RowSink;
import io.levee.engine.ScanPart;
import io.levee.testkit.memory.MemoryStore.Held;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What a query reads of the reference engine: a loop over all rows, each time it is asked. */
final class MemoryView implements ReadView {
    private final ReferenceEngine engine;
    private final TableSpec spec;

    MemoryView(ReferenceEngine engine, TableSpec spec) {
        this.engine = engine;
        this.spec = spec;
    }

    @Override
    public List<PartitionInfo> partitions() {
        return engine.partitions().stream()
                .filter(p -> p.id().table().equals(spec.name()))
                .toList();
    }

    @Override
    public void rows(RowQuery query, Execution execution, RowSink sink) {
        Comparator<Held> oldestFirst =
                Comparator.comparingLong(Held::timeMicros).thenComparingLong(Held::seq);
        Comparator<Held> order = query.newestFirst() ? oldestFirst.reversed() : oldestFirst;
        RowQuery.Place after = query.after();
        Held last = after == null ? null : new Held(new Object[0], after.timeMicros(), after.seq(), 0);
        List<Held> rows = engine
                .select(query.spec(), query.fromMicros(), query.toMicros(), query.where(), execution)
                .stream()
                .filter(row -> last == null || order.compare(row, last) > 0)
                .sorted(order)
                .limit(query.limit())
                .toList();
        for (Held row : rows) {
            @Nullable Object[] values = ReferenceEngine.values(query.columns(), query.spec(), row, 2);
            values[values.length - 2] = row.timeMicros();
            values[values.length - 1] = row.seq();
            if (!sink.row(values)) {
                return;
            }
        }
    }

    @Override
    public List<ScanPart> parts(Grouping grouping) {
        return List.of(new ScanPart() {
            @Override
            public String name() {
                return spec.name();
            }

            @Override
            public @Nullable String version() {
                return null;
            }

            @Override
            public void run(Execution execution, RowSink sink) {
                List<Held> rows =
                        engine.select(spec, grouping.fromMicros(), grouping.toMicros(), grouping.where(), execution);
                new Figures(grouping).of(rows).forEach(sink::row);
            }
        });
    }

    @Override
    public List<PlanStep> explain(RowQuery query, Execution execution) {
        return List.of();
    }

    @Override
    public List<PlanStep> explain(Grouping grouping, Execution execution) {
        return List.of();
    }

    @Override
    public void close() {
        // Rows in memory are held by nobody.
    }
}
