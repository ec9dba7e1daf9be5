package io.levee.testkit.memory;

import io.levee.Expr;
import io.levee.PartitionInfo;
import io.levee.TableSpec;
import io.levee.engine.Execution;
import io.levee.engine.Grouping;
import io.levee.engine.PlanStep;
import io.levee.engine.ReadView;
import io.levee.engine.RowQuery;
import io.levee.engine.RowSink;
import io.levee.engine.ScanPart;
import io.levee.internal.row.StoredOrder;
import io.levee.testkit.memory.MemoryStore.Held;
import io.levee.testkit.memory.MemoryStore.Partition;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** What a query reads of the reference engine: the partitions of its begin, and a loop over all their rows each time it is asked. */
final class MemoryView implements ReadView {
    private static final Comparator<List<@Nullable Object>> BY_VALUES = (a, b) -> {
        int order = 0;
        for (int i = 0; i < a.size() && order == 0; i++) {
            order = StoredOrder.compare(a.get(i), b.get(i));
        }
        return order;
    };

    private final MemoryStore store;
    private final List<Partition> partitions;

    MemoryView(MemoryStore store, List<Partition> partitions) {
        this.store = store;
        this.partitions = partitions;
    }

    @Override
    public List<PartitionInfo> partitions() {
        synchronized (store) {
            return partitions.stream().map(Partition::info).toList();
        }
    }

    /** The rows of a range that pass a filter. Evaluates it outside the monitor: a long query must not hold the writer up. */
    private List<Held> select(
            List<Partition> of, TableSpec spec, long from, long to, @Nullable Expr where, Execution execution) {
        List<Held> rows = new ArrayList<>();
        synchronized (store) {
            of.forEach(p -> rows.addAll(p.rows.values()));
        }
        rows.removeIf(row -> {
            execution.check();
            return row.timeMicros() < from || row.timeMicros() >= to || !Filter.passes(where, spec, row);
        });
        return rows;
    }

    @Override
    public void rows(RowQuery query, Execution execution, RowSink sink) {
        Collection<Held> rows =
                select(partitions, query.spec(), query.fromMicros(), query.toMicros(), query.where(), execution);
        if (!query.perKey().isEmpty()) {
            rows = newest(rows, query);
        }
        RowQuery.Place after = query.after();
        List<Held> page = rows.stream()
                .filter(row -> after == null || order(query, place(query, row), after) > 0)
                .sorted((a, b) -> order(query, place(query, a), place(query, b)))
                .limit(query.limit())
                .toList();
        for (Held row : page) {
            List<@Nullable Object> sorts =
                    query.sorts().isEmpty() ? List.of() : place(query, row).values();
            @Nullable Object[] values = ReferenceEngine.values(query.columns(), query.spec(), row, 2 + sorts.size());
            int at = query.columns().size();
            values[at++] = row.timeMicros();
            values[at++] = row.seq();
            for (Object value : sorts) {
                values[at++] = value;
            }
            if (!sink.row(values)) {
                return;
            }
        }
    }

    private static Collection<Held> newest(Collection<Held> rows, RowQuery query) {
        Comparator<Held> byTime = Comparator.comparingLong(Held::timeMicros).thenComparingLong(Held::seq);
        Map<List<@Nullable Object>, Held> newest = new TreeMap<>(BY_VALUES);
        for (Held row : rows) {
            List<@Nullable Object> key = new ArrayList<>();
            query.perKey().forEach(term -> key.add(Places.value(term, query.spec(), row)));
            newest.merge(key, row, (a, b) -> byTime.compare(a, b) < 0 ? b : a);
        }
        return newest.values();
    }

    private static RowQuery.Place place(RowQuery query, Held row) {
        if (query.sorts().isEmpty()) {
            return RowQuery.Place.of(row.timeMicros(), row.seq());
        }
        List<@Nullable Object> values = new ArrayList<>();
        query.sorts().forEach(sort -> values.add(Places.value(sort.term(), query.spec(), row)));
        return new RowQuery.Place(values, row.seq());
    }

    /** Below zero where the first comes first. */
    private static int order(RowQuery query, RowQuery.Place a, RowQuery.Place b) {
        boolean descending = query.newestFirst();
        for (int i = 0; i < a.values().size(); i++) {
            descending =
                    query.sorts().isEmpty() ? descending : query.sorts().get(i).descending();
            int order = StoredOrder.compare(a.values().get(i), b.values().get(i));
            if (order != 0) {
                return descending ? -order : order;
            }
        }
        int order = Long.compare(a.seq(), b.seq());
        return descending ? -order : order;
    }

    @Override
    public List<ScanPart> parts(Grouping grouping) {
        return partitions.stream().map(p -> (ScanPart) new Part(p, grouping)).toList();
    }

    /** The groups of one partition. */
    private final class Part implements ScanPart {
        private final Partition partition;
        private final Grouping grouping;

        Part(Partition partition, Grouping grouping) {
            this.partition = partition;
            this.grouping = grouping;
        }

        @Override
        public String name() {
            return partition.id.toString();
        }

        @Override
        public String version() {
            synchronized (store) {
                return partition.id + " after " + partition.changes + " changes";
            }
        }

        @Override
        public void run(Execution execution, RowSink sink) {
            List<Held> rows = select(
                    List.of(partition),
                    grouping.spec(),
                    grouping.fromMicros(),
                    grouping.toMicros(),
                    grouping.where(),
                    execution);
            new Figures(grouping).of(rows).forEach(sink::row);
        }
    }

    /** No statements are run here, and so none are planned. */
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
