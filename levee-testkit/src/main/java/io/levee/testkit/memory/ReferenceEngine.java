package io.levee.testkit.memory;

import io.levee.Ack;
import io.levee.Column;
import io.levee.ErrorCode;
import io.levee.Expr;
import io.levee.LeveeException;
import io.levee.PartitionId;
import io.levee.SqlQuery;
import io.levee.TableSpec;
import io.levee.engine.Capability;
import io.levee.engine.Classes;
import io.levee.engine.EngineSettings;
import io.levee.engine.Execution;
import io.levee.engine.ReadView;
import io.levee.engine.RowQuery;
import io.levee.engine.RowSink;
import io.levee.engine.SeqSource;
import io.levee.engine.StoredRow;
import io.levee.engine.TailQuery;
import io.levee.engine.WriteRow;
import io.levee.testkit.memory.MemoryStore.Held;
import io.levee.testkit.memory.MemoryStore.Partition;
import io.levee.testkit.memory.MemoryStore.Table;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The engine that says what an engine does: rows in lists, every query a loop over all of them. Obviously right rather than fast,
 * and the oracle that {@code io.levee.testkit.conformance} compares others with. It can undo drops; it lacks persistence, second
 * processes, siblings and SQL. Rows are not counted against the store's memory budget.
 */
public final class ReferenceEngine extends MemoryCatalog {
    ReferenceEngine(MemoryStore store, EngineSettings settings, Runnable whenClosed) {
        super(store, settings, whenClosed);
    }

    @Override
    public void append(TableSpec spec, List<? extends WriteRow> rows, Ack level, SeqSource seq) {
        synchronized (store) {
            Table table = store.table(spec.name());
            for (WriteRow row : rows) {
                Partition there = table.of(row.slot());
                if (!spec.keyed() && there != null && there.knows(row.source())) {
                    row.settle(WriteRow.Outcome.KNOWN, 0, null);
                    continue;
                }
                long number = seq.next();
                Object key = spec.keyed() ? key(spec, row.values()) : (Object) number;
                Partition home = table.home(key);
                Held known = home == null ? null : home.rows.get(key);
                if (home == null || known == null) {
                    Partition target = there == null ? table.create(row.slot()) : there;
                    target.got(row.source());
                    target.put(key, new Held(row.values(), row.timeMicros(), number, number));
                    row.settle(WriteRow.Outcome.STORED, number, null);
                } else {
                    // Updated where it lives, whatever its new time, unless its class is another one: it keeps its
                    // number.
                    if (!home.id.retentionClass().equals(row.slot().retentionClass())) {
                        home.removeRows(one -> one.getKey().equals(key));
                        home = there == null ? table.create(row.slot()) : there;
                    }
                    home.put(key, new Held(row.values(), row.timeMicros(), known.seq(), number));
                    row.settle(WriteRow.Outcome.UPDATED, known.seq(), null);
                }
            }
        }
    }

    private static Object key(TableSpec spec, @Nullable Object[] values) {
        return MemoryStore.key(
                spec.key().stream().map(c -> values[spec.position(c)]).toArray());
    }

    @Override
    public @Nullable StoredRow find(TableSpec spec, Object[] key) {
        synchronized (store) {
            Object wanted = MemoryStore.key(key);
            Partition home = store.table(spec.name()).home(wanted);
            Held row = home == null ? null : home.rows.get(wanted);
            return row == null
                    ? null
                    : new StoredRow(values(spec.columns(), spec, row, 0), row.timeMicros(), row.seq());
        }
    }

    @Override
    public int delete(TableSpec spec, List<RowQuery.Mark> rows, @Nullable Expr still, Ack level) {
        synchronized (store) {
            Set<Long> wanted = new HashSet<>();
            rows.forEach(mark -> wanted.add(mark.seq()));
            int before = count(spec);
            store.table(spec.name())
                    .live
                    .forEach(p -> p.removeRows(row ->
                            wanted.contains(row.getValue().seq()) && Filter.passes(still, spec, row.getValue())));
            return before - count(spec);
        }
    }

    private int count(TableSpec spec) {
        return store.table(spec.name()).live.stream()
                .mapToInt(p -> p.rows.size())
                .sum();
    }

    @Override
    public ReadView view(TableSpec spec, long fromMicros, long toMicros) {
        return view(spec, fromMicros, toMicros, null);
    }

    @Override
    public ReadView view(TableSpec spec, long fromMicros, long toMicros, @Nullable Expr where) {
        synchronized (store) {
            Set<@Nullable String> wanted = Classes.of(spec).wanted(where);
            return new MemoryView(
                    store,
                    store.table(spec.name()).live.stream()
                            .filter(p -> p.touches(fromMicros, toMicros))
                            .filter(p -> Classes.mayHold(p.id, p.apart, wanted))
                            .sorted(Comparator.comparingLong((Partition p) -> p.period.startMicros())
                                    .thenComparing(p -> p.id))
                            .toList());
        }
    }

    @Override
    public ReadView view(TableSpec spec, PartitionId id) {
        synchronized (store) {
            return new MemoryView(
                    store,
                    store.table(spec.name()).all().stream()
                            .filter(p -> p.id.equals(id))
                            .toList());
        }
    }

    /** The values of some columns, with room for more. */
    static @Nullable Object[] values(List<Column> columns, TableSpec spec, Held row, int more) {
        @Nullable Object[] values = new Object[columns.size() + more];
        for (int i = 0; i < columns.size(); i++) {
            values[i] = row.value(spec.position(columns.get(i).name()));
        }
        return values;
    }

    @Override
    public void tail(TailQuery query, Execution execution, RowSink sink) {
        List<Held> rows = new ArrayList<>();
        synchronized (store) {
            store.table(query.spec().name()).live.forEach(p -> rows.addAll(p.rows.values()));
        }
        rows.stream()
                .filter(row -> row.changed() > query.after())
                .sorted((a, b) -> Long.compare(a.changed(), b.changed()))
                .limit(query.limit())
                .forEach(row -> {
                    @Nullable Object[] values = values(query.columns(), query.spec(), row, 3);
                    values[values.length - 3] = row.timeMicros();
                    values[values.length - 2] = row.seq();
                    values[values.length - 1] = row.changed();
                    sink.row(values);
                });
    }

    @Override
    public long highestSeq(TableSpec spec, Execution execution) {
        synchronized (store) {
            return store.table(spec.name()).live.stream()
                    .mapToLong(Partition::highestNumber)
                    .max()
                    .orElse(0);
        }
    }

    @Override
    public void sql(SqlQuery query, Execution execution, RowSink sink) {
        throw new LeveeException(ErrorCode.NOT_SUPPORTED, name() + " lacks " + Capability.SQL)
                .hint("use query and aggregate, or another engine");
    }
}
