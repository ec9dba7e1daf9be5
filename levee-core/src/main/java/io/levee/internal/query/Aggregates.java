package io.levee.internal.query;

import io.levee.Aggregation;
import io.levee.Expr;
import io.levee.PartitionId;
import io.levee.TableSpec;
import io.levee.engine.Execution;
import io.levee.engine.Grouping;
import io.levee.engine.ReadView;
import io.levee.engine.StorageEngine;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** One aggregation, its names resolved. Immutable. */
final class Aggregates {
    private final Grouped grouped;
    private final Predicate<@Nullable Object[]> having;
    private final Comparator<@Nullable Object[]> order;
    private final long limit;

    /** Resolves the names. Errors as {@link Grouped}. */
    Aggregates(Aggregation aggregation, TableSpec spec) {
        this.grouped = new Grouped(
                aggregation.query(),
                spec,
                aggregation.by().stream()
                        .map(n -> Grouped.Dimension.of(spec, n))
                        .toList(),
                aggregation.measures());
        Having names = new Having(grouped.out(), spec);
        this.having = names.filter(aggregation.having());
        this.order = names.order(aggregation.order(), grouped.keys());
        this.limit = aggregation.limit();
    }

    /** An answer without its coverage. */
    record Answer(List<String> columns, List<List<@Nullable Object>> groups, Map<String, Double> errors) {}

    /** What engines are asked. */
    Grouped grouped() {
        return grouped;
    }

    /** What any of them reads. */
    private static @Nullable Expr where(List<Fold> folds) {
        List<Expr> parts = new ArrayList<>();
        for (Fold fold : folds) {
            Expr where = fold.grouping().where();
            if (where == null) {
                return null;
            }
            parts.add(where);
        }
        return new Expr.Or(parts);
    }

    /** The answer. Query thread. */
    Answer run(StorageEngine engine, Folding folding, Execution execution) {
        return run(engine, null, folding, execution, true);
    }

    /** The same of one partition. Query thread. */
    Answer run(StorageEngine engine, PartitionId only, Folding folding, Execution execution) {
        return run(engine, only, folding, execution, true);
    }

    /** All groups in any order: for who puts them into a map. Query thread. */
    Answer unordered(StorageEngine engine, Folding folding, Execution execution) {
        return run(engine, null, folding, execution, false);
    }

    private Answer run(
            StorageEngine engine, @Nullable PartitionId only, Folding folding, Execution execution, boolean ordered) {
        List<GroupTable> tables;
        Grouping first = grouped.folds().get(0).grouping();
        try (ReadView view = only == null
                ? engine.view(first.spec(), first.fromMicros(), first.toMicros(), where(grouped.folds()))
                : engine.view(first.spec(), only)) {
            execution.keeps(view::wanted);
            tables = folding.run(view, grouped.folds(), execution);
        }
        List<List<@Nullable Object>> groups = new ArrayList<>();
        Stream<@Nullable Object[]> lines = grouped.lines(tables).stream().filter(having);
        (ordered ? lines.sorted(order).limit(limit) : lines).forEach(line -> {
            execution.check();
            List<@Nullable Object> row = new ArrayList<>(line.length);
            for (int i = 0; i < line.length; i++) {
                row.add(grouped.out().get(i).read(line[i]));
            }
            groups.add(row);
        });
        return new Answer(grouped.columns(), groups, grouped.errors(tables));
    }
}
