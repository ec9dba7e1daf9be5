package io.levee.internal.query;

import io.levee.Column;
import io.levee.ErrorCode;
import io.levee.Expr;
import io.levee.LeveeException;
import io.levee.PartitionId;
import io.levee.Row;
import io.levee.RowBuilder;
import io.levee.TableSpec;
import io.levee.engine.Execution;
import io.levee.engine.Figure;
import io.levee.engine.GroupKey;
import io.levee.engine.Grouping;
import io.levee.engine.ReadView;
import io.levee.engine.RowQuery;
import io.levee.engine.RowSink;
import io.levee.engine.ScanPart;
import io.levee.engine.StorageEngine;
import io.levee.engine.Term;
import io.levee.internal.row.StoredOrder;
import io.levee.internal.row.Values;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** The rows that a rollup keeps of one partition. One query thread. */
public final class RollupRows {
    /** Most groups, and most buckets of quantiles of all of them: what a partition has more is not kept, and the partition stays. */
    static final int MAX_GROUPS = 200_000;

    private static final int MAX_BUCKETS = 2_000_000;

    private final StorageEngine engine;
    private final RollupShape shape;
    private final PartitionId id;
    private final Execution execution;
    private final Map<List<@Nullable Object>, Kept> groups = new LinkedHashMap<>();
    private int buckets;

    /** What is known of one group. */
    private static final class Kept {
        private final @Nullable Object[] figures;
        private final List<Map<Long, Long>> sketches = new ArrayList<>();

        Kept(int figures, int sketches) {
            this.figures = new Object[figures];
            for (int i = 0; i < sketches; i++) {
                this.sketches.add(new TreeMap<>());
            }
        }
    }

    RollupRows(StorageEngine engine, RollupShape shape, PartitionId id, Execution execution) {
        this.engine = engine;
        this.shape = shape;
        this.id = id;
        this.execution = execution;
    }

    /**
     * What is to be kept of a partition.
     *
     * @param rows to be written, by key: writing them again changes nothing
     * @param version of the partition that they are of, as {@link ScanPart#version}; null where that cannot be told
     */
    public record Made(List<Row> rows, @Nullable String version) {}

    Made make() {
        List<GroupKey> keys = new ArrayList<>();
        keys.add(new GroupKey.TimeBucket(0, shape.everyMicros()));
        shape.rollup().by().forEach(name -> keys.add(new GroupKey.Value(Term.of(shape.base(), name))));
        String version;
        try (ReadView view = engine.view(shape.base(), id)) {
            Grouping main = grouping(keys, shape.figures());
            version = version(view, main);
            run(view, main, this::addFigures);
            for (int i = 0; i < shape.sketches().size(); i++) {
                List<GroupKey> more = new ArrayList<>(keys);
                more.add(new GroupKey.LogBucket(shape.sketches().get(i), Quantiles.MULTIPLIER));
                int at = i;
                run(view, grouping(more, List.of(new Figure(Figure.Kind.COUNT, null))), row -> addBucket(at, row));
            }
        }
        List<Row> rows = new ArrayList<>();
        Set<String> there = new HashSet<>();
        RowBuilder builder = Row.of(shape.hidden());
        groups.forEach((key, kept) -> {
            Row row = row(builder, key, kept);
            there.add(String.valueOf(row.get(RollupShape.ID)));
            rows.add(row);
        });
        rows.addAll(outdated(there));
        return new Made(rows, version);
    }

    /** The present version of the partition. */
    static @Nullable String version(StorageEngine engine, RollupShape shape, PartitionId id) {
        try (ReadView view = engine.view(shape.base(), id)) {
            return version(
                    view, new Grouping(shape.base(), Long.MIN_VALUE, Long.MAX_VALUE, null, List.of(), shape.figures()));
        }
    }

    private static @Nullable String version(ReadView view, Grouping grouping) {
        StringBuilder all = new StringBuilder();
        for (ScanPart part : view.parts(grouping)) {
            String one = part.version();
            if (one == null) {
                return null;
            }
            all.append(one).append(';');
        }
        return all.toString();
    }

    private Grouping grouping(List<GroupKey> keys, List<Figure> figures) {
        return new Grouping(shape.base(), Long.MIN_VALUE, Long.MAX_VALUE, null, keys, figures);
    }

    private interface Taker {
        void take(@Nullable Object[] row);
    }

    private void run(ReadView view, Grouping grouping, Taker taker) {
        for (ScanPart part : view.parts(grouping)) {
            execution.check();
            part.run(execution, new Rows(taker));
        }
    }

    private record Rows(Taker taker) implements RowSink {
        @Override
        public void columns(List<String> names) {
            // They are known.
        }

        @Override
        public boolean row(@Nullable Object[] values) {
            taker.take(values);
            return true;
        }
    }

    private Kept group(@Nullable Object[] row) {
        List<@Nullable Object> key = new ArrayList<>();
        for (int i = 0; i <= shape.rollup().by().size(); i++) {
            key.add(row[i]);
        }
        Kept kept = groups.get(key);
        if (kept == null) {
            if (groups.size() >= MAX_GROUPS) {
                throw tooMany(MAX_GROUPS + " groups");
            }
            kept = new Kept(shape.figures().size(), shape.sketches().size());
            groups.put(key, kept);
        }
        return kept;
    }

    private LeveeException tooMany(String what) {
        return new LeveeException(
                        ErrorCode.LIMIT_EXCEEDED,
                        "the rollup '" + shape.rollup().name() + "' of " + id + " has more than " + what)
                .hint("declare one with wider buckets or fewer group columns");
    }

    private void addFigures(@Nullable Object[] row) {
        Kept kept = group(row);
        int keys = shape.rollup().by().size() + 1;
        for (int i = 0; i < kept.figures.length; i++) {
            kept.figures[i] = merged(shape.figures().get(i), kept.figures[i], row[keys + i]);
        }
    }

    private static @Nullable Object merged(Figure figure, @Nullable Object a, @Nullable Object b) {
        if (a == null || b == null) {
            return a == null ? b : a;
        }
        return switch (figure.kind()) {
            case COUNT, SUM_WHOLE -> (Object) Math.addExact((Long) a, (Long) b);
            case SUM_REAL -> (Object) (((Number) a).doubleValue() + ((Number) b).doubleValue());
            case MIN -> StoredOrder.compare(a, b) <= 0 ? a : b;
            case MAX -> StoredOrder.compare(a, b) >= 0 ? a : b;
        };
    }

    private void addBucket(int sketch, @Nullable Object[] row) {
        int at = shape.rollup().by().size() + 1;
        if (row[at] instanceof Long bucket && row[at + 1] instanceof Long count) {
            Kept kept = group(row);
            if (kept.sketches.get(sketch).merge(bucket, count, Long::sum).equals(count) && ++buckets > MAX_BUCKETS) {
                throw tooMany(MAX_BUCKETS + " buckets of percentiles");
            }
        }
    }

    private Row row(RowBuilder builder, List<@Nullable Object> key, Kept kept) {
        builder.clear();
        builder.set(RollupShape.ID, key(key));
        builder.set(RollupShape.PART, id.toString());
        set(builder, RollupShape.AT, key.get(0));
        for (int i = 1; i < key.size(); i++) {
            set(builder, shape.rollup().by().get(i - 1), key.get(i));
        }
        for (int i = 0; i < kept.figures.length; i++) {
            set(builder, shape.figureColumn(i), kept.figures[i]);
        }
        for (int i = 0; i < kept.sketches.size(); i++) {
            Map<Long, Long> sketch = kept.sketches.get(i);
            set(builder, shape.sketchColumn(i), sketch.isEmpty() ? null : text(sketch));
        }
        return builder.build();
    }

    private void set(RowBuilder builder, String name, @Nullable Object stored) {
        Column column = shape.hidden().column(name);
        builder.set(name, Values.read(column, stored));
    }

    private static String text(Map<Long, Long> sketch) {
        StringBuilder text = new StringBuilder();
        sketch.forEach((bucket, count) -> text.append(text.length() == 0 ? "" : ",")
                .append(bucket)
                .append(':')
                .append(count));
        return text.toString();
    }

    /** Buckets and counts of a text. */
    static Map<Long, Long> sketch(@Nullable Object text) {
        Map<Long, Long> sketch = new LinkedHashMap<>();
        if (text instanceof String pairs && !pairs.isEmpty()) {
            for (String pair : pairs.split(",", -1)) {
                int colon = pair.indexOf(':');
                sketch.put(Long.parseLong(pair.substring(0, colon)), Long.parseLong(pair.substring(colon + 1)));
            }
        }
        return sketch;
    }

    /** The same for the same partition, bucket and group, so that a repetition writes over what is there. */
    private String key(List<@Nullable Object> key) {
        StringBuilder text = new StringBuilder(id.toString());
        for (Object value : key) {
            String part = value == null ? "" : value.getClass().getSimpleName() + value;
            text.append('|').append(part.length()).append(':').append(part);
        }
        try {
            byte[] hash =
                    MessageDigest.getInstance("SHA-256").digest(text.toString().getBytes(StandardCharsets.UTF_8));
            return Base64.getUrlEncoder().withoutPadding().encodeToString(java.util.Arrays.copyOf(hash, 18));
        } catch (NoSuchAlgorithmException e) {
            throw new LeveeException(ErrorCode.INTERNAL, "every Java has SHA-256", e);
        }
    }

    /** What an earlier try has kept of groups that are no more, since rows were deleted or moved meanwhile: with counts of nothing. */
    private List<Row> outdated(Set<String> there) {
        TableSpec hidden = shape.hidden();
        List<Row> rows = new ArrayList<>();
        RowQuery query = new RowQuery(
                hidden,
                Long.MIN_VALUE,
                Long.MAX_VALUE,
                ExprResolver.resolve(Expr.eq(RollupShape.PART, id.toString()), hidden),
                false,
                List.of(),
                List.of(),
                Long.MAX_VALUE,
                null,
                hidden.columns());
        RowBuilder builder = Row.of(hidden);
        engine.rows(query, execution, new Rows(values -> {
            if (!there.contains(String.valueOf(values[hidden.position(RollupShape.ID)]))) {
                builder.clear();
                builder.set(RollupShape.ID, values[hidden.position(RollupShape.ID)]);
                builder.set(RollupShape.PART, id.toString());
                set(builder, RollupShape.AT, values[hidden.position(RollupShape.AT)]);
                shape.rollup().by().forEach(name -> set(builder, name, values[hidden.position(name)]));
                builder.set(shape.figureColumn(0), 0L);
                rows.add(builder.build());
            }
        }));
        return rows;
    }
}
