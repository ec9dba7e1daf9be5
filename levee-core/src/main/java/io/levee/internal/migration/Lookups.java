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
import java.util.ArrayList;
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
 * <p>Where the other table is small beside what it would be asked for, it is read once as a whole, and what it said then holds for rows
 * that were not changed since; for the others, and where it has too many groups, it is asked row by row, many at a time.
 */
final class Lookups {
    private static final Duration DEADLINE = Duration.ofMinutes(5);
    /** Keys of one question. */
    private static final int KEYS = 500;
    /** A question for one key costs about what reading so many rows does. */
    private static final long ROWS_PER_KEY = 50;
    /** Fewer rows are not worth reading a table as a whole. */
    private static final long LEAST_ROWS = 2_000;

    private final StorageEngine engine;
    private final QueryService queries;
    private final Function<String, TableSpec> tables;
    private final TableSpec spec;
    private final Instant now;
    private final List<One> lookups = new ArrayList<>();
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
        Map<List<Object>, Object> whole;
        /** Rows whose last change has a higher number are newer than {@link #whole}. */
        long wholeSeq;

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
            long theirs = 0;
            for (var partition : engine.partitions()) {
                theirs += partition.id().table().equals(one.lookup.table()) ? Math.max(0, partition.rows()) : 0;
            }
            if (rows >= LEAST_ROWS && theirs <= rows * ROWS_PER_KEY) {
                // Before the table is read: what is changed afterwards has a higher number.
                one.wholeSeq = queries.highestSeq(spec);
                one.whole = whole(one);
            }
        }
    }

    private @Nullable Map<List<Object>, Object> whole(One one) {
        Map<List<Object>, Object> found = new HashMap<>();
        try {
            ask(one, null, found);
            return found;
        } catch (LeveeException e) {
            if (e.code() == ErrorCode.LIMIT_EXCEEDED || e.code() == ErrorCode.DEADLINE) {
                return null;
            }
            throw e;
        }
    }

    /** The values for rows that were read, in their order. */
    List<SliceOrder.Values> values(List<MigrationRows.Read> rows) {
        List<@Nullable Object[]> values = new ArrayList<>(rows.size());
        rows.forEach(row -> values.add(new Object[lookups.size()]));
        for (int i = 0; i < lookups.size(); i++) {
            fill(lookups.get(i), i, rows, values);
        }
        List<SliceOrder.Values> made = new ArrayList<>(rows.size());
        for (int r = 0; r < rows.size(); r++) {
            made.add(new SliceOrder.Values(rows.get(r).seq(), rows.get(r).version(), values.get(r)));
        }
        return made;
    }

    private void fill(One one, int at, List<MigrationRows.Read> rows, List<@Nullable Object[]> values) {
        Map<List<Object>, Object> fresh = new HashMap<>();
        Set<List<Object>> asked = new LinkedHashSet<>();
        for (MigrationRows.Read row : rows) {
            List<Object> key = key(one, row);
            if (key != null && !fromWhole(one, row)) {
                asked.add(key);
            }
        }
        List<List<Object>> keys = new ArrayList<>(asked);
        for (int from = 0; from < keys.size(); from += KEYS) {
            ask(one, keys.subList(from, Math.min(keys.size(), from + KEYS)), fresh);
        }
        for (int r = 0; r < rows.size(); r++) {
            List<Object> key = key(one, rows.get(r));
            Map<List<Object>, Object> known = one.whole;
            Object value =
                    key == null ? null : known != null && fromWhole(one, rows.get(r)) ? known.get(key) : fresh.get(key);
            boolean count = one.lookup.function() == Lookup.Function.COUNT;
            values.get(r)[at] = value == null && count ? Long.valueOf(0) : value;
        }
    }

    private static boolean fromWhole(One one, MigrationRows.Read row) {
        return one.whole != null && Math.max(row.version(), row.seq()) <= one.wholeSeq;
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

    /** Asks for the keys, or for all. */
    private void ask(One one, @Nullable List<List<Object>> keys, Map<List<Object>, Object> into) {
        Lookup lookup = one.lookup;
        TableSpec other = tables.apply(lookup.table());
        List<String> match = List.copyOf(lookup.match().keySet());
        Query.Builder query = Query.builder(lookup.table()).deadline(DEADLINE);
        String where = lookup.where();
        if (where != null) {
            query.where(WhereParser.parse(where, now));
        }
        if (keys != null) {
            Column first = other.column(match.get(0));
            Set<Object> values = new LinkedHashSet<>();
            keys.forEach(key -> {
                Object value = Values.read(first, key.get(0));
                if (value != null) {
                    values.add(value);
                }
            });
            query.where(new Expr.In(first.name(), new ArrayList<>(values), false));
        }
        Groups groups = queries.aggregate(new Aggregation(query.build(), match, List.of(measure(lookup))));
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
