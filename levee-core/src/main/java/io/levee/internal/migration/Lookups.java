package io.levee.internal.migration;

import io.levee.Aggregation;
import io.levee.Aggregation.Groups;
import io.levee.Column;
import io.levee.Coverage;
import io.levee.ErrorCode;
import io.levee.Expr;
import io.levee.Gap;
import io.levee.LeveeException;
import io.levee.Lookup;
import io.levee.LossReason;
import io.levee.Measure;
import io.levee.PartitionInfo;
import io.levee.Query;
import io.levee.TableSpec;
import io.levee.engine.MigrationRows;
import io.levee.engine.SliceOrder;
import io.levee.engine.StorageEngine;
import io.levee.internal.query.QueryService;
import io.levee.internal.query.WhereParser;
import io.levee.internal.row.Values;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The lookups of one backfill: for rows that were read, figures of rows of other tables, through the query service. Confined to the
 * migration thread.
 *
 * <p>Where that is cheaper than asking for so many keys, the other table is read once as a whole ({@link WholeAnswer}). Else, and for rows that
 * were changed since, it is asked by keys, many at a time. Either is done on one query thread and at times a second, in short pieces: readers
 * wait for one of those at most.
 */
final class Lookups implements AutoCloseable {
    private static final Duration DEADLINE = Duration.ofMinutes(5);
    /** Most rows of a block that need no questions. */
    private static final int MOST_KNOWN = 10_000;

    private final StorageEngine engine;
    private final QueryService queries;
    private final Function<String, TableSpec> tables;
    private final TableSpec spec;
    private final Instant now;
    private final List<One> lookups = new ArrayList<>();
    private final Questions sizes = new Questions();
    private final List<Column> columns;
    private final List<Column> wanted;
    private final boolean gapsAccepted;
    /** What was not read, where that was accepted. */
    private final Set<String> missed = new LinkedHashSet<>();

    /** One lookup, and what is known of the whole of its table. */
    private static final class One {
        final Lookup lookup;
        final Column column;
        /** Where the columns that it matches are among {@link Lookups#wanted}. */
        final int[] at;

        @Nullable
        WholeAnswer whole;

        One(Lookup lookup, Column column, int[] at) {
            this.lookup = lookup;
            this.column = column;
            this.at = at;
        }
    }

    Lookups(
            Fill fill,
            TableSpec spec,
            StorageEngine engine,
            QueryService queries,
            Function<String, TableSpec> tables,
            Instant now,
            boolean gapsAccepted) {
        this.gapsAccepted = gapsAccepted;
        this.engine = engine;
        this.queries = queries;
        this.tables = tables;
        this.spec = spec;
        this.now = now;
        this.columns = fill.columns();
        Set<String> names = new LinkedHashSet<>();
        fill.lookups().values().forEach(lookup -> names.addAll(lookup.match().values()));
        List<String> all = List.copyOf(names);
        this.wanted = all.stream().map(spec::column).toList();
        int i = 0;
        for (Lookup lookup : fill.lookups().values()) {
            int[] at = lookup.match().values().stream().mapToInt(all::indexOf).toArray();
            lookups.add(new One(lookup, columns.get(i++), at));
        }
    }

    /** What was not read, where that was accepted: table, range and reason of each gap. */
    Set<String> missed() {
        return missed;
    }

    /** The columns of the migrated table that it needs. */
    List<Column> wanted() {
        return wanted;
    }

    /** Name and type of what it gives. */
    List<Column> columns() {
        return columns;
    }

    /**
     * Reads tables as a whole where that is cheaper for so many rows.
     *
     * @throws LeveeException what kept them from being read: the migration fails (guarantee G124)
     */
    void prepare(long rows) {
        for (One one : lookups) {
            String table = one.lookup.table();
            long theirs = 0;
            int partitions = 0;
            for (PartitionInfo partition : engine.partitions()) {
                if (partition.id().table().equals(table)) {
                    theirs += Math.max(0, partition.rows());
                    partitions++;
                }
            }
            boolean indexed =
                    indexed(tables.apply(table), List.copyOf(one.lookup.match().keySet())) >= 0;
            if (one.whole == null && WholeAnswer.cheaper(rows, theirs, partitions, indexed)) {
                one.whole = whole(one);
            }
        }
    }

    private @Nullable WholeAnswer whole(One one) {
        Map<List<Object>, Object> found = new HashMap<>();
        try {
            // Before the table is read: what is changed afterwards has a higher number.
            long seq = queries.highestSeq(spec);
            take(one, queries.aggregateLater(aggregation(one, null)).answer(), found);
            return WholeAnswer.kept(found, seq, queries.partials());
        } catch (LeveeException e) {
            if (e.code() == ErrorCode.LIMIT_EXCEEDED || e.code() == ErrorCode.DEADLINE) {
                return null;
            }
            throw e;
        }
    }

    /**
     * How many rows it should be asked for at once, so that a query thread is free again soon.
     *
     * @param slice rows of the next slice
     */
    int rows(int slice) {
        boolean known = lookups.stream().allMatch(one -> one.whole != null);
        return known ? Math.max(Questions.MOST, Math.min(MOST_KNOWN, 2 * slice)) : sizes.keys();
    }

    /** Gives back the memory of what was read as a whole. */
    @Override
    public void close() {
        for (One one : lookups) {
            if (one.whole != null) {
                one.whole.close();
                one.whole = null;
            }
        }
    }

    /**
     * Asks for the values of rows that were read. Returns at once: {@link Asked#values} waits.
     *
     * @param known values that were made before, by number: they hold for a row that has its version still
     */
    Asked ask(List<MigrationRows.Read> rows, Map<Long, SliceOrder.Values> known) {
        return new Asked(rows, known);
    }

    /** Values on their way: questions are asked one after the other, the first at once. */
    final class Asked implements AutoCloseable {
        private final List<MigrationRows.Read> rows;
        private final Map<Long, SliceOrder.Values> known;
        private final List<Map<List<Object>, Object>> found = new ArrayList<>();
        private final Deque<Question> questions = new ArrayDeque<>();
        private QueryService.@Nullable Later running;

        private Asked(List<MigrationRows.Read> rows, Map<Long, SliceOrder.Values> known) {
            this.rows = rows;
            this.known = known;
            for (One one : lookups) {
                Map<List<Object>, Object> answers = new HashMap<>();
                found.add(answers);
                Set<List<Object>> asked = new LinkedHashSet<>();
                for (MigrationRows.Read row : rows) {
                    List<Object> key = knows(row) || wholeFor(one, row) != null ? null : key(one, row);
                    if (key != null) {
                        asked.add(key);
                    }
                }
                List<List<Object>> keys = new ArrayList<>(asked);
                for (int from = 0; from < keys.size(); from += Questions.MOST) {
                    questions.add(new Question(
                            one, keys.subList(from, Math.min(keys.size(), from + Questions.MOST)), answers));
                }
            }
            next();
        }

        private boolean knows(MigrationRows.Read row) {
            SliceOrder.Values values = known.get(row.seq());
            return values != null && values.version() == row.version();
        }

        private void next() {
            Question question = questions.peek();
            running = question == null ? null : queries.aggregateLater(aggregation(question.one, question.keys));
        }

        /** The values for the rows, in their order. Once. */
        List<SliceOrder.Values> values() {
            QueryService.Later now = running;
            while (now != null) {
                Groups groups = now.answer();
                Question question = questions.remove();
                sizes.took(question.keys.size(), now.nanos());
                next();
                take(question.one, groups, question.into);
                now = running;
            }
            List<SliceOrder.Values> made = new ArrayList<>(rows.size());
            rows.forEach(row -> made.add(made(row)));
            return made;
        }

        private SliceOrder.Values made(MigrationRows.Read row) {
            SliceOrder.Values before = known.get(row.seq());
            if (before != null && before.version() == row.version()) {
                return before;
            }
            @Nullable Object[] values = new Object[lookups.size()];
            for (int i = 0; i < values.length; i++) {
                One one = lookups.get(i);
                List<Object> key = key(one, row);
                WholeAnswer whole = wholeFor(one, row);
                Object value = key == null
                        ? null
                        : whole != null ? whole.of(key) : found.get(i).get(key);
                boolean count = one.lookup.function() == Lookup.Function.COUNT;
                values[i] = value == null && count ? Long.valueOf(0) : value;
            }
            return new SliceOrder.Values(row.seq(), row.version(), values);
        }

        /** Nobody wants them any more. */
        @Override
        public void close() {
            QueryService.Later now = running;
            if (now != null) {
                now.close();
            }
        }
    }

    /** What is asked for at once. */
    private record Question(One one, List<List<Object>> keys, Map<List<Object>, Object> into) {}

    /** What the whole table said, where that holds for a row. */
    private static @Nullable WholeAnswer wholeFor(One one, MigrationRows.Read row) {
        WholeAnswer whole = one.whole;
        return whole != null && whole.holdsFor(row.seq(), row.version()) ? whole : null;
    }

    private static @Nullable List<Object> key(One one, MigrationRows.Read row) {
        List<Object> key = new ArrayList<>(one.at.length);
        for (int at : one.at) {
            Object value = row.values()[at];
            if (value == null) {
                return null;
            }
            key.add(value);
        }
        return key;
    }

    /** What is asked for the keys, or for all. */
    private Aggregation aggregation(One one, @Nullable List<List<Object>> keys) {
        Lookup lookup = one.lookup;
        TableSpec other = tables.apply(lookup.table());
        List<String> match = List.copyOf(lookup.match().keySet());
        Query.Builder query = Query.builder(lookup.table()).deadline(DEADLINE);
        String where = lookup.where();
        if (where != null) {
            query.where(WhereParser.parse(where, now));
        }
        if (keys != null) {
            int at = Math.max(0, indexed(other, match));
            Column by = other.column(match.get(at));
            Set<Object> values = new LinkedHashSet<>();
            keys.forEach(key -> {
                Object value = Values.read(by, key.get(at));
                if (value != null) {
                    values.add(value);
                }
            });
            query.where(new Expr.In(by.name(), new ArrayList<>(values), false));
        }
        return new Aggregation(query.build(), match, List.of(measure(lookup)));
    }

    /** The first of the columns whose rows an index finds; -1 where none does. */
    private static int indexed(TableSpec other, List<String> match) {
        for (int i = 0; i < match.size(); i++) {
            String column = match.get(i);
            boolean key = !other.key().isEmpty() && other.key().get(0).equals(column);
            if (key || other.indexes().stream().anyMatch(index -> index.get(0).equals(column))) {
                return i;
            }
        }
        return -1;
    }

    private void take(One one, Groups groups, Map<List<Object>, Object> into) {
        Lookup lookup = one.lookup;
        TableSpec other = tables.apply(lookup.table());
        List<String> match = List.copyOf(lookup.match().keySet());
        requireAllRead(lookup, groups.coverage());
        for (List<@Nullable Object> group : groups.groups()) {
            List<Object> key = new ArrayList<>(match.size());
            for (int i = 0; i < match.size(); i++) {
                Object value = Values.store(other.column(match.get(i)), group.get(i));
                if (value != null) {
                    key.add(value);
                }
            }
            Object value = Values.store(one.column, group.get(match.size()));
            if (key.size() == match.size() && value != null) {
                into.put(key, value);
            }
        }
    }

    /**
     * Rows that are there and cannot be read are no answer: what they would have said must not be taken for nothing (guarantee G124). Rows that
     * are gone for good were lost or dropped, and told of where that happened.
     */
    private void requireAllRead(Lookup lookup, Coverage coverage) {
        for (Gap gap : coverage.gaps()) {
            if (gap.reason() == LossReason.QUARANTINED || gap.reason() == LossReason.ADOPTED_MISSING) {
                if (gapsAccepted) {
                    missed.add(lookup.table() + " " + gap.toMap());
                    continue;
                }
                throw new LeveeException(
                                ErrorCode.CORRUPT,
                                "the lookup in " + lookup.table() + " cannot be answered: rows of it cannot be read")
                        .with("gap", gap.toMap())
                        .hint(
                                "bring them back (levee quarantine list; levee restore BACKUP --partition ID), then levee migrate resume ID; or go on without"
                                        + " them: levee migrate resume ID --accept-gaps");
            }
        }
    }

    private static Measure measure(Lookup lookup) {
        return switch (lookup.function()) {
            case COUNT -> new Measure(Measure.Function.COUNT, lookup.column());
            case SUM -> new Measure(Measure.Function.SUM, lookup.column());
            case AVG -> new Measure(Measure.Function.AVG, lookup.column());
            case MAX -> new Measure(Measure.Function.MAX, lookup.column());
            case MIN, ANY -> new Measure(Measure.Function.MIN, lookup.column());
        };
    }
}
