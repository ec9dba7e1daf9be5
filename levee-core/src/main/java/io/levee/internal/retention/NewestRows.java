package io.levee.internal.retention;

import io.levee.Aggregation;
import io.levee.Column;
import io.levee.ErrorCode;
import io.levee.Expr;
import io.levee.LeveeException;
import io.levee.Measure;
import io.levee.PartitionInfo;
import io.levee.Query;
import io.levee.RetentionRule;
import io.levee.TableSpec;
import io.levee.engine.RowQuery;
import io.levee.engine.StorageEngine;
import io.levee.internal.query.PageReader;
import io.levee.internal.query.QueryService;
import io.levee.internal.row.Values;
import io.levee.internal.time.Micros;
import io.levee.internal.time.MonotonicClock;
import io.levee.internal.write.TableState;
import io.levee.internal.write.WriteService;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The rows past {@code keepNewest}, of a table or of each key (guarantees G69, G70). They are the oldest of their key: so the keys are
 * counted, which closed partitions answer from what they came to before, and rows are read from the oldest on only until all that is too
 * many was met. The writer deletes them in slices between its batches, each of about {@link #TARGET}, one partition at a time.
 *
 * <p>What is written meanwhile only adds to what is too many. What is deleted or replaced meanwhile may not: a slice looks, on the writer,
 * how many rows that were, and leaves as many of each key (G74).
 */
final class NewestRows {
    /** What one slice of the writer is to take. */
    static final Duration TARGET = Duration.ofMillis(25);

    private static final int PAGE = 5_000;
    private static final int FIRST_SLICE = 100;
    private static final int MOST_SLICE = 2_000;
    private static final Duration DEADLINE = Duration.ofMinutes(5);

    private final StorageEngine engine;
    private final QueryService queries;
    private final @Nullable WriteService writes;
    private final MonotonicClock clock = MonotonicClock.SYSTEM;
    private int slice = FIRST_SLICE;

    NewestRows(StorageEngine engine, QueryService queries, @Nullable WriteService writes) {
        this.engine = engine;
        this.queries = queries;
        this.writes = writes;
    }

    /**
     * What is too many.
     *
     * @param byKey how many rows of each key; the key of a table as a whole is empty
     * @param removedBefore {@link TableState#removed} before it was counted
     */
    record Surplus(Map<List<@Nullable Object>, Long> byKey, long removedBefore) {
        long rows() {
            return byKey.values().stream().mapToLong(Long::longValue).sum();
        }
    }

    /** A row that is to go, and how many of its key that are too many are younger. */
    private record Doomed(List<@Nullable Object> key, RowQuery.Mark mark, long younger) {}

    /**
     * The part of a table that is left once partitions have gone: all rows from a time on, and where those that stay reach below it, all
     * without those that go.
     *
     * @param fromMicros the first time
     * @param without partitions that are left out
     */
    record Part(long fromMicros, List<PartitionInfo> without) {
        static final Part ALL = new Part(Long.MIN_VALUE, List.of());

        /** What is left of a table. Partitions overlap in time where classes, late rows, several widths or adopted databases do. */
        static Part without(List<PartitionInfo> gone, List<PartitionInfo> left) {
            List<PartitionInfo> held = gone.stream().filter(p -> p.rows() != 0).toList();
            long from = held.stream()
                    .mapToLong(p -> p.maxMicros() == Long.MAX_VALUE ? p.maxMicros() : p.maxMicros() + 1)
                    .max()
                    .orElse(Long.MIN_VALUE);
            boolean below = left.stream().anyMatch(p -> p.rows() != 0 && p.minMicros() < from);
            return below ? new Part(Long.MIN_VALUE, held) : new Part(from, List.of());
        }
    }

    /** How many rows a table has after a time. */
    long rowsAfter(TableSpec spec, long micros) {
        return number(queries.aggregate(counting(spec, List.of(), micros))
                .groups()
                .get(0)
                .get(0));
    }

    /** The same without those of some partitions. */
    long rowsAfter(TableSpec spec, long micros, List<PartitionInfo> without) {
        long rows = rowsAfter(spec, micros);
        for (PartitionInfo partition : without) {
            if (partition.rows() != 0 && partition.maxMicros() > micros) {
                for (List<@Nullable Object> one : groups(queries, counting(spec, List.of(), micros), partition)) {
                    rows -= number(one.get(0));
                }
            }
        }
        return rows;
    }

    /** The groups of one partition; none where it is being rewritten or gone just now: what a drop then does is looked at again. */
    static List<List<@Nullable Object>> groups(QueryService queries, Aggregation aggregation, PartitionInfo partition) {
        try {
            return queries.aggregate(aggregation, partition.id());
        } catch (LeveeException e) {
            if (e.code() == ErrorCode.PARTITION_BUSY || e.code() == ErrorCode.NOT_FOUND) {
                return List.of();
            }
            throw e;
        }
    }

    /** The rows after a time, counted by columns. */
    static Aggregation counting(TableSpec spec, List<String> by, long afterMicros) {
        Query.Builder query = Query.builder(spec.name()).deadline(DEADLINE);
        if (afterMicros != Long.MIN_VALUE) {
            query.from(Micros.instant(afterMicros + 1));
        }
        return new Aggregation(query.build(), by, List.of(Measure.count()));
    }

    /** Counts what is too many of a part of a table. */
    Surplus count(TableState table, Part part) {
        TableSpec spec = table.spec();
        RetentionRule rule = spec.retention();
        long before = table.removed();
        long after = part.fromMicros() == Long.MIN_VALUE ? Long.MIN_VALUE : part.fromMicros() - 1;
        Map<List<@Nullable Object>, Long> byKey = new HashMap<>();
        if (rule.per().isEmpty()) {
            byKey.put(List.of(), rowsAfter(spec, after, part.without()));
        } else {
            Aggregation all = counting(spec, rule.per(), after);
            // Those within the rule are of no interest, unless rows are taken off the others first.
            Aggregation many = new Aggregation(
                    all.query(),
                    rule.per(),
                    all.measures(),
                    Expr.gt(Measure.count().name(), rule.keepNewest()),
                    List.of(),
                    Query.NO_LIMIT);
            add(byKey, queries.aggregate(part.without().isEmpty() ? many : all).groups(), 1);
            for (PartitionInfo partition : part.without()) {
                add(byKey, groups(queries, all, partition), -1);
            }
        }
        byKey.replaceAll((key, rows) -> rows - rule.keepNewest());
        byKey.values().removeIf(rows -> rows <= 0);
        return new Surplus(byKey, before);
    }

    private static void add(Map<List<@Nullable Object>, Long> byKey, List<List<@Nullable Object>> groups, long times) {
        for (List<@Nullable Object> group : groups) {
            int width = group.size() - 1;
            List<@Nullable Object> key = Collections.unmodifiableList(new ArrayList<>(group.subList(0, width)));
            byKey.merge(key, times * number(group.get(width)), Long::sum);
        }
    }

    /** Of what is too many what can be deleted: rows of adopted databases count, and stay until their database goes. */
    Surplus deletable(TableSpec spec, Surplus surplus, Part part) {
        Map<List<@Nullable Object>, Long> left = new HashMap<>(surplus.byKey());
        Map<List<@Nullable Object>, Long> ours = new HashMap<>();
        GoingRows going = GoingRows.of(queries, spec, part.without());
        String after = null;
        do {
            List<Doomed> page = new ArrayList<>();
            after = read(spec, left, part.fromMicros(), going, after, page);
            page.forEach(doomed -> ours.merge(doomed.key(), 1L, Long::sum));
        } while (after != null && !left.isEmpty());
        return new Surplus(ours, surplus.removedBefore());
    }

    static long number(@Nullable Object value) {
        return value instanceof Number number ? number.longValue() : 0;
    }

    /**
     * Deletes what is too many, the oldest first.
     *
     * @param enough asked before each page: whether to stop, and go on with the next pass
     * @return how many rows went
     */
    long delete(TableState table, Surplus surplus, BooleanSupplier enough) {
        Map<List<@Nullable Object>, Long> left = new HashMap<>(surplus.byKey());
        long deleted = 0;
        String after = null;
        do {
            List<Doomed> page = new ArrayList<>();
            after = read(table.spec(), left, Long.MIN_VALUE, GoingRows.NONE, after, page);
            if (!page.isEmpty()) {
                engine.raiseDroppedSeq(table.spec().name(), highest(table.spec(), page));
                deleted += delete(table, surplus, page);
            }
        } while (after != null && !left.isEmpty() && !enough.getAsBoolean());
        return deleted;
    }

    /** A changed row's number for those who follow is a later one than that which it has: any up to the highest. */
    private long highest(TableSpec spec, List<Doomed> page) {
        return spec.keyed()
                ? queries.highestSeq(spec)
                : page.stream().mapToLong(d -> d.mark().seq()).max().orElse(0);
    }

    /** Looks through a page of rows for those that are too many. Returns where the next one begins, null at the end. */
    private @Nullable String read(
            TableSpec spec,
            Map<List<@Nullable Object>, Long> left,
            long fromMicros,
            GoingRows going,
            @Nullable String after,
            List<Doomed> page) {
        List<String> columns = new ArrayList<>(spec.retention().per());
        String time = spec.time().get(0);
        if (!columns.contains(time)) {
            columns.add(time);
        }
        Query.Builder query = Query.builder(spec.name())
                .oldestFirst()
                .columns(columns)
                .limit(PAGE)
                .after(after)
                .deadline(DEADLINE);
        if (fromMicros != Long.MIN_VALUE) {
            query.from(Micros.instant(fromMicros));
        }
        PageReader rows = queries.rows(query.build());
        try {
            while (!left.isEmpty() && rows.hasNext()) {
                PageReader.Stored row = rows.next();
                List<@Nullable Object> key = key(spec, row);
                Long many = left.get(key);
                if (many != null) {
                    boolean adopted = engine.inAdopted(spec.name(), row.seq());
                    if (going.take(key, row.timeMicros(), adopted)) {
                        continue;
                    }
                    // Rows of adopted databases count, and stay until their database goes.
                    if (!adopted) {
                        page.add(new Doomed(key, new RowQuery.Mark(row.timeMicros(), row.seq()), many - 1));
                    }
                    if (many > 1) {
                        left.put(key, many - 1);
                    } else {
                        left.remove(key);
                    }
                }
            }
            return rows.nextCursor();
        } finally {
            rows.close();
        }
    }

    private static List<@Nullable Object> key(TableSpec spec, PageReader.Stored row) {
        List<@Nullable Object> key = new ArrayList<>();
        for (String name : spec.retention().per()) {
            int at = spec.position(name);
            Column column = spec.columns().get(at);
            key.add(Values.read(column, row.values()[at]));
        }
        return key;
    }

    private long delete(TableState table, Surplus surplus, List<Doomed> page) {
        if (writes == null) {
            throw new LeveeException(ErrorCode.NOT_WRITABLE, "the store was opened for reading");
        }
        long deleted = 0;
        for (int from = 0; from < page.size(); ) {
            int to = Math.min(page.size(), from + slice);
            long before = clock.nanos();
            deleted += writes.changes()
                    .deletePast(
                            table,
                            marks(page.subList(from, to)),
                            younger(page.subList(from, to)),
                            surplus.removedBefore());
            slice = next(slice, clock.nanos() - before);
            from = to;
        }
        return deleted;
    }

    private static List<RowQuery.Mark> marks(List<Doomed> page) {
        return page.stream().map(Doomed::mark).toList();
    }

    private static long[] younger(List<Doomed> page) {
        return page.stream().mapToLong(Doomed::younger).toArray();
    }

    /** Grows slowly and halves at once; what waited for the writer counts, so that a busy writer gets small slices. */
    private static int next(int slice, long nanos) {
        return nanos > TARGET.toNanos() ? Math.max(10, slice / 2) : Math.min(MOST_SLICE, slice + slice / 5 + 1);
    }
}
