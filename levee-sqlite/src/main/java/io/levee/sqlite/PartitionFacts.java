package io.levee.sqlite;

import io.levee.Expr;
import io.levee.TableSpec;
import io.levee.engine.Execution;
import io.levee.engine.Term;
import io.levee.sqlite.ColumnFacts.Fact;
import io.levee.sqlite.ReadHandles.ReadHandle;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Statistics of closed partitions, by which queries leave out those that cannot hold a row of their filter. They are learned where they
 * would have helped: when a partition was read and had none, through its indexes and in a few look-ups, so that neither opening nor closing
 * costs anything. Of a partition that was opened since, nothing is known. Bounded: what was of no use for longest goes first. Thread-safe.
 */
final class PartitionFacts {
    /** A column of more different values is known by its least and its greatest only. */
    static final int MOST_VALUES = 16;

    /** Of longer texts nothing is kept. */
    private static final int LONGEST = 200;

    private final long limit;
    private final Map<String, Known> byFile = new LinkedHashMap<>(16, 0.75f, true);
    private long bytes;

    private record Known(int openings, ColumnFacts facts, long bytes) {}

    PartitionFacts(long limit) {
        this.limit = limit;
    }

    /** Whether no row of a partition, as it is now, passes a filter. Only where this process writes to the store. */
    boolean ruleOut(Partition partition, @Nullable Expr filter) {
        int openings = partition.openings();
        if (filter == null || partition.state() != Partition.State.CLOSED) {
            return false;
        }
        ColumnFacts facts = known(partition.file(), openings);
        return facts != null && !facts.maybe(filter);
    }

    private synchronized @Nullable ColumnFacts known(String file, int openings) {
        Known known = byFile.get(file);
        return known != null && known.openings == openings ? known.facts : null;
    }

    /**
     * Learns what a filter's columns hold, after it let no row of the partition through.
     *
     * @param range of the statement that found none: it tells whether the file is still what it was
     */
    void learn(
            TableSpec spec,
            @Nullable Expr filter,
            Partition partition,
            HeldRange range,
            ReadHandle handle,
            Execution execution)
            throws SQLException {
        if (filter == null || range.openings() < 0) {
            return;
        }
        Set<String> wanted = new LinkedHashSet<>();
        columns(filter, spec, wanted);
        ColumnFacts before = known(partition.file(), range.openings());
        Map<String, Fact> facts = new HashMap<>(before == null ? Map.of() : before.byColumn());
        wanted.removeAll(facts.keySet());
        FileColumns columns = handle.shape(spec);
        Set<String> indexed = indexed(spec, handle);
        wanted.removeIf(column -> !columns.plain(spec.column(column)) || !indexed.contains(columns.named(column)));
        if (wanted.isEmpty()) {
            return;
        }
        for (String column : wanted) {
            Fact fact = look(spec, columns.named(column), handle, execution);
            if (fact != null) {
                facts.put(column, fact);
            }
        }
        if (range.holds(partition)) {
            keep(partition.file(), range.openings(), new ColumnFacts(Map.copyOf(facts)));
        }
    }

    private synchronized void keep(String file, int openings, ColumnFacts facts) {
        long size = file.length() * 2L + 100;
        for (Map.Entry<String, Fact> one : facts.byColumn().entrySet()) {
            size += one.getKey().length() * 2L + one.getValue().bytes();
        }
        Known before = byFile.put(file, new Known(openings, facts, size));
        bytes += size - (before == null ? 0 : before.bytes);
        Iterator<Known> oldest = byFile.values().iterator();
        while (bytes > limit && oldest.hasNext()) {
            bytes -= oldest.next().bytes;
            oldest.remove();
        }
    }

    synchronized long bytes() {
        return bytes;
    }

    private static void columns(Expr filter, TableSpec spec, Set<String> into) {
        if (filter instanceof Expr.Compare compare) {
            add(compare.column(), spec, into);
        } else if (filter instanceof Expr.In in) {
            add(in.column(), spec, into);
        } else if (filter instanceof Expr.IsNull isNull) {
            add(isNull.column(), spec, into);
        } else if (filter instanceof Expr.And and) {
            and.parts().forEach(part -> columns(part, spec, into));
        } else if (filter instanceof Expr.Or or) {
            or.parts().forEach(part -> columns(part, spec, into));
        }
    }

    private static void add(String name, TableSpec spec, Set<String> into) {
        Term term = Term.of(spec, name);
        if (!term.inJson() && !term.column().detail()) {
            into.add(term.column().name());
        }
    }

    /** The columns that the file has an index on: the others would have to be scanned. */
    private static Set<String> indexed(TableSpec spec, ReadHandle handle) throws SQLException {
        Set<String> first = new HashSet<>();
        try (PreparedStatement statement = handle.connection()
                .prepareStatement("SELECT c.name FROM pragma_index_list(?) i, pragma_index_info(i.name) c"
                        + " WHERE c.seqno = 0 AND i.partial = 0")) {
            statement.setString(1, spec.name());
            try (ResultSet rows = statement.executeQuery()) {
                while (rows.next()) {
                    first.add(rows.getString(1));
                }
            }
        }
        return first;
    }

    private static @Nullable Fact look(TableSpec spec, String column, ReadHandle handle, Execution execution)
            throws SQLException {
        String table = Sqlite.quote(spec.name());
        String name = Sqlite.quote(column);
        String bounds = "SELECT (SELECT min(" + name + ") FROM " + table + "), (SELECT max(" + name + ") FROM " + table
                + "), EXISTS(SELECT 1 FROM " + table + " WHERE " + name + " IS NULL)";
        String values = "WITH RECURSIVE v(x) AS (SELECT min(" + name + ") FROM " + table
                + " UNION ALL SELECT (SELECT min(" + name + ") FROM " + table + " WHERE " + name + " > v.x) FROM v"
                + " WHERE v.x IS NOT NULL LIMIT " + (MOST_VALUES + 1) + ") SELECT x FROM v WHERE x IS NOT NULL";
        @Nullable Object[] found = new Object[3];
        Set<Object> all = new HashSet<>();
        each(bounds, 3, handle, execution, row -> System.arraycopy(row, 0, found, 0, 3));
        each(values, 1, handle, execution, row -> all.add(Objects.requireNonNull(row[0])));
        boolean nulls = !Long.valueOf(0).equals(found[2]);
        if (tooLong(found[0]) || tooLong(found[1]) || all.stream().anyMatch(PartitionFacts::tooLong)) {
            return null;
        }
        return new Fact(found[0], found[1], nulls, all.size() > MOST_VALUES ? null : Set.copyOf(all));
    }

    /** Blobs too: they are equal by what they hold, and a set does not see that. */
    private static boolean tooLong(@Nullable Object value) {
        return value instanceof byte[] || value instanceof String text && text.length() > LONGEST;
    }

    private interface Taker {
        void row(@Nullable Object[] values);
    }

    private static void each(String sql, int width, ReadHandle handle, Execution execution, Taker taker)
            throws SQLException {
        try (PreparedStatement statement = handle.connection().prepareStatement(sql)) {
            execution.<SQLException>interruptibly(() -> RowScan.cancel(statement), () -> {
                try (ResultSet rows = statement.executeQuery()) {
                    while (rows.next()) {
                        taker.row(Stored.row(rows, width));
                    }
                }
            });
        }
    }
}
