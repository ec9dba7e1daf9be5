package io.levee.sqlite;

import io.levee.Aggregation;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.engine.Execution;
import io.levee.engine.RowQuery;
import io.levee.engine.RowSink;
import io.levee.engine.Term;
import io.levee.sqlite.ReadHandles.ReadHandle;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The newest row of each key over all partitions. First each partition tells its newest row of each key, without the columns that are
 * wanted; then only the rows that are sent are read whole, each by its number. One query thread.
 */
final class NewestPer {
    private static final int CHUNK = 256;

    private final StorePaths paths;
    private final ReadHandles handles;
    private final RowQuery query;
    private final RowOrder order;
    private final Execution execution;
    private final Consumer<Partition> missing;
    private final Sight sight;

    /** The newest row of each key so far. */
    private final Map<List<@Nullable Object>, Newest> byKey = new HashMap<>();

    /** Where a row is, with its values in the order; the wanted columns are still empty. */
    private record Newest(Partition partition, @Nullable Object[] row) {}

    NewestPer(
            StorePaths paths,
            ReadHandles handles,
            RowQuery query,
            Execution execution,
            Consumer<Partition> missing,
            Sight sight) {
        this.sight = sight;
        this.paths = paths;
        this.handles = handles;
        this.query = query;
        this.order = new RowOrder(query);
        this.execution = execution;
        this.missing = missing;
    }

    /** Sends the rows to the sink. */
    void run(List<Partition> newestFirst, RowSink sink) throws SQLException {
        for (Partition partition : newestFirst) {
            execution.check();
            collect(partition);
        }
        List<Newest> wanted = wanted();
        for (int from = 0; from < wanted.size(); from += CHUNK) {
            for (@Nullable Object[] row : whole(wanted.subList(from, Math.min(wanted.size(), from + CHUNK)))) {
                if (!sink.row(row)) {
                    return;
                }
            }
        }
    }

    /** Those behind the page before, up to the limit, in order. */
    private List<Newest> wanted() {
        RowQuery.Place after = query.after();
        @Nullable Object[] last = after == null ? null : order.row(after);
        return byKey.values().stream()
                .filter(n -> last == null || order.compare(n.row, last) > 0)
                .sorted((a, b) -> order.compare(a.row, b.row))
                .limit(query.limit())
                .toList();
    }

    private void collect(Partition partition) throws SQLException {
        if (Files.notExists(paths.partition(partition))) {
            missing.accept(partition);
            return;
        }
        if (handles.ruledOut(partition, query.where())) {
            return;
        }
        ReadHandle handle = handles.takeUnlessGone(partition, execution);
        if (handle == null) {
            missing.accept(partition);
            return;
        }
        boolean usable = false;
        try {
            sight.begin(partition, handle);
            if (!new PartitionSql(query.spec(), handle).tableThere()) {
                missing.accept(partition);
            } else if (!collect(
                    partition, handle, HeldRange.of(partition, query.fromMicros(), query.toMicros(), handles.live()))) {
                collect(partition, handle, HeldRange.whole(query.fromMicros(), query.toMicros()));
            }
            usable = true;
        } catch (SQLException e) {
            handles.met(partition, e);
            throw e;
        } finally {
            handles.giveBack(handle, usable);
        }
    }

    /** Returns false, with nothing taken, where the partition was opened meanwhile and may hold rows out of the range. */
    private boolean collect(Partition partition, ReadHandle handle, HeldRange range) throws SQLException {
        boolean[] sound = new boolean[1];
        try (PreparedStatement statement = sql(query, order, handle, range).prepare(handle)) {
            execution.<SQLException>interruptibly(() -> RowScan.cancel(statement), () -> {
                try (ResultSet rows = statement.executeQuery()) {
                    sound[0] = range.holds(partition);
                    while (sound[0] && rows.next()) {
                        add(partition, rows);
                    }
                }
            });
        }
        return sound[0];
    }

    /** The statement that tells a partition's newest row of each key. */
    static PartitionSql sql(RowQuery query, RowOrder order, ReadHandle handle, HeldRange range) throws SQLException {
        PartitionSql sql = new PartitionSql(query.spec(), handle);
        List<String> keys = new ArrayList<>();
        query.perKey().forEach(term -> keys.add(sql.text(term)));
        List<String> outer = new ArrayList<>(List.of("t", "s"));
        List<String> inner = new ArrayList<>(List.of(sql.time() + " AS t", sql.seq() + " AS s"));
        for (int i = 0; i < query.sorts().size(); i++) {
            inner.add(sql.text(query.sorts().get(i).term()) + " AS o" + i);
            outer.add("o" + i);
        }
        for (int i = 0; i < keys.size(); i++) {
            inner.add(keys.get(i) + " AS k" + i);
            outer.add("k" + i);
        }
        sql.add("SELECT " + String.join(", ", outer) + " FROM (SELECT " + String.join(", ", inner)
                + ", row_number() OVER (PARTITION BY " + String.join(", ", keys) + " ORDER BY " + sql.time()
                + " DESC, " + sql.seq() + " DESC) AS n");
        boolean details = order.details()
                || query.perKey().stream().anyMatch(term -> term.column().detail());
        return sql.from(details)
                .where(range.fromMicros(), range.toMicros(), query.where())
                .add(") WHERE n = 1");
    }

    private void add(Partition partition, ResultSet rows) throws SQLException {
        int width = query.columns().size();
        int sorts = query.sorts().size();
        @Nullable Object[] row = new Object[order.rowWidth()];
        @Nullable Object[] read = Stored.row(rows, 2 + sorts + query.perKey().size());
        System.arraycopy(read, 0, row, width, 2 + sorts);
        List<@Nullable Object> key = new ArrayList<>();
        for (int i = 2 + sorts; i < read.length; i++) {
            key.add(equalByValue(read[i]));
        }
        Newest found = new Newest(partition, row);
        byKey.merge(key, found, (a, b) -> newer(a.row, b.row) ? a : b);
        if (byKey.size() > Aggregation.MAX_GROUPS) {
            throw new LeveeException(
                            ErrorCode.LIMIT_EXCEEDED,
                            "more than " + Aggregation.MAX_GROUPS + " keys ("
                                    + query.perKey().stream().map(Term::name).toList() + ")")
                    .hint("narrow the range or the filter");
        }
    }

    private boolean newer(@Nullable Object[] a, @Nullable Object[] b) {
        return order.time(a) != order.time(b) ? order.time(a) > order.time(b) : order.seq(a) > order.seq(b);
    }

    private static @Nullable Object equalByValue(@Nullable Object value) {
        if (value instanceof byte[] blob) {
            return ByteBuffer.wrap(blob);
        }
        return value instanceof Double number && number == 0 ? (Object) 0.0 : value;
    }

    /** The rows with all that is wanted of them, in the same order; without those that were deleted meanwhile. */
    private List<@Nullable Object[]> whole(List<Newest> chunk) throws SQLException {
        Map<Partition, List<Newest>> byPartition = new LinkedHashMap<>();
        chunk.forEach(n ->
                byPartition.computeIfAbsent(n.partition, p -> new ArrayList<>()).add(n));
        Map<Newest, @Nullable Object[]> rows = new HashMap<>();
        for (Map.Entry<Partition, List<Newest>> part : byPartition.entrySet()) {
            ReadHandle handle = handles.takeUnlessGone(part.getKey(), execution);
            if (handle == null) {
                missing.accept(part.getKey());
                continue;
            }
            boolean usable = false;
            try {
                read(handle, part.getValue(), rows);
                usable = true;
            } catch (SQLException e) {
                handles.met(part.getKey(), e);
                throw e;
            } finally {
                handles.giveBack(handle, usable);
            }
        }
        List<@Nullable Object[]> inOrder = new ArrayList<>();
        for (Newest newest : chunk) {
            @Nullable Object[] row = rows.get(newest);
            if (row != null) {
                inOrder.add(row);
            }
        }
        return inOrder;
    }

    private void read(ReadHandle handle, List<Newest> wanted, Map<Newest, @Nullable Object[]> into)
            throws SQLException {
        PartitionSql sql = new PartitionSql(query.spec(), handle);
        order.select(sql);
        sql.from(order.details()).whereSeq();
        boolean utf8 = handle.utf8();
        try (PreparedStatement statement = handle.connection().prepareStatement(sql.text())) {
            for (Newest newest : wanted) {
                statement.setLong(1, sql.number(order.seq(newest.row)));
                execution.<SQLException>interruptibly(() -> RowScan.cancel(statement), () -> {
                    try (ResultSet rows = statement.executeQuery()) {
                        if (rows.next()) {
                            into.put(newest, order.read(rows, utf8));
                        }
                    }
                });
            }
        }
    }
}
