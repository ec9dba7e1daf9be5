package io.levee.sqlite;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.engine.Execution;
import io.levee.engine.Figure;
import io.levee.engine.GroupKey;
import io.levee.engine.Grouping;
import io.levee.engine.RowSink;
import io.levee.engine.ScanPart;
import io.levee.engine.Term;
import io.levee.sqlite.ReadHandles.ReadHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** The groups of one partition, in one statement. One query thread. */
final class GroupScan implements ScanPart {
    private final StorePaths paths;
    private final ReadHandles handles;
    private final Partition partition;
    private final Grouping grouping;
    private final SeqRange rows;
    private final Consumer<Partition> missing;
    private final Sight sight;

    /**
     * A scan.
     *
     * @param rows which of the partition's rows
     * @param missing told of each partition whose file or tables are not there
     * @param sight where rows are found that move meanwhile
     */
    GroupScan(
            StorePaths paths,
            ReadHandles handles,
            Partition partition,
            Grouping grouping,
            SeqRange rows,
            Consumer<Partition> missing,
            Sight sight) {
        this.rows = rows;
        this.sight = sight;
        this.missing = missing;
        this.paths = paths;
        this.handles = handles;
        this.partition = partition;
        this.grouping = grouping;
    }

    @Override
    public String name() {
        return partition.id().toString();
    }

    @Override
    public @Nullable String version() {
        HeldRange range = range();
        return range.openings() < 0 || !rows.all() ? null : range.version(partition);
    }

    @Override
    public void run(Execution execution, RowSink sink) {
        try {
            collect(execution, sink);
        } catch (SQLException e) {
            execution.check();
            if (String.valueOf(e.getMessage()).contains("integer overflow")) {
                // SUM within one partition: the name of the figure is not in SQLite's message.
                throw new LeveeException(ErrorCode.LIMIT_EXCEEDED, sums() + " is past the range of 64 bits", e)
                        .hint("use avg, or narrow the range or the filter");
            }
            throw Sqlite.failure("the aggregation failed", paths.root(), e);
        }
    }

    private String sums() {
        return grouping.figures().stream()
                .filter(f -> f.kind() == Figure.Kind.SUM_WHOLE && f.term() != null)
                .map(f -> "sum(" + f.term().name() + ")")
                .collect(Collectors.joining(" or "));
    }

    private void collect(Execution execution, RowSink sink) throws SQLException {
        Path file = paths.partition(partition);
        if (Files.notExists(file)) {
            missing.accept(partition);
            return;
        }
        if (handles.ruledOut(partition, grouping.where())) {
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
            if (!new PartitionSql(grouping.spec(), handle).tableThere()) {
                missing.accept(partition);
                usable = true;
                return;
            }
            if (!collect(handle, range(), execution, sink)) {
                collect(handle, HeldRange.whole(grouping.fromMicros(), grouping.toMicros()), execution, sink);
            }
            usable = true;
        } catch (SQLException e) {
            handles.met(partition, e);
            throw e;
        } finally {
            handles.giveBack(handle, usable);
        }
    }

    /** Returns false, with nothing sent, where the partition was opened meanwhile and may hold rows out of the range. */
    private boolean collect(ReadHandle handle, HeldRange range, Execution execution, RowSink sink) throws SQLException {
        boolean[] sound = new boolean[1];
        boolean[] any = new boolean[1];
        PartitionSql sql = statement(grouping, rows, handle, range);
        PreparedStatement statement = sql.prepare(handle);
        try {
            execution.<SQLException>interruptibly(() -> RowScan.cancel(statement), () -> {
                try (ResultSet rows = statement.executeQuery()) {
                    sound[0] = range.holds(partition);
                    while (sound[0] && rows.next()) {
                        @Nullable Object[] row = read(rows);
                        // Without keys there always is one, which counts nothing.
                        any[0] |= !grouping.keys().isEmpty() || !Long.valueOf(0).equals(row[0]);
                        sink.row(row);
                    }
                }
            });
        } catch (SQLException | RuntimeException | Error e) {
            statement.close();
            throw e;
        }
        handle.done(sql.text(), statement);
        if (sound[0] && !any[0] && rows.all()) {
            handles.facts().learn(grouping.spec(), grouping.where(), partition, range, handle, execution);
        }
        return sound[0];
    }

    private HeldRange range() {
        return HeldRange.of(partition, grouping.fromMicros(), grouping.toMicros(), handles.live());
    }

    /** The statement of a grouping. */
    static PartitionSql statement(Grouping grouping, SeqRange rows, ReadHandle handle, HeldRange range)
            throws SQLException {
        PartitionSql sql = new PartitionSql(grouping.spec(), handle);
        sql.add("SELECT ");
        String comma = "";
        for (GroupKey key : grouping.keys()) {
            KeySql.append(key, sql.add(comma));
            comma = ", ";
        }
        for (Figure figure : grouping.figures()) {
            sql.add(comma + figure(figure, sql));
            comma = ", ";
        }
        sql.add(comma.isEmpty() ? "1" : "").from(details(grouping), rows);
        sql.where(range.fromMicros(), range.toMicros(), grouping.where());
        if (!rows.all()) {
            sql.add(" AND m._seq >= ?", rows.from()).add(" AND m._seq < ?", rows.to());
        }
        int keys = grouping.keys().size();
        return keys == 0
                ? sql
                : sql.add(" GROUP BY "
                        + IntStream.rangeClosed(1, keys)
                                .mapToObj(Integer::toString)
                                .collect(Collectors.joining(", ")));
    }

    private static String figure(Figure figure, PartitionSql sql) {
        Term term = figure.term();
        String value = term == null ? "*" : term.inJson() ? "CAST(" + sql.number(term) + " AS REAL)" : sql.text(term);
        return switch (figure.kind()) {
            case COUNT -> "COUNT(" + value + ")";
            case SUM_WHOLE -> "SUM(" + value + ")";
            case SUM_REAL -> "TOTAL(" + value + ")";
            case MIN -> "MIN(" + value + ")";
            case MAX -> "MAX(" + value + ")";
        };
    }

    /** Whether a detail column is named anywhere. */
    private static boolean details(Grouping grouping) {
        return grouping.keys().stream().anyMatch(GroupScan::ofDetails)
                || grouping.figures().stream()
                        .anyMatch(f -> f.term() != null && f.term().column().detail())
                || PartitionSql.namesDetails(grouping.spec(), grouping.where());
    }

    private static boolean ofDetails(GroupKey key) {
        Term term = key instanceof GroupKey.Value value
                ? value.term()
                : key instanceof GroupKey.NumberBucket bucket
                        ? bucket.term()
                        : key instanceof GroupKey.Edges edges
                                ? edges.term()
                                : key instanceof GroupKey.LogBucket log ? log.term() : null;
        return term != null && term.column().detail();
    }

    private @Nullable Object[] read(ResultSet rows) throws SQLException {
        int keys = grouping.keys().size();
        @Nullable Object[] row = Stored.row(rows, keys + grouping.figures().size());
        for (int i = 0; i < keys; i++) {
            if (grouping.keys().get(i) instanceof GroupKey.Value value
                    && !value.term().inJson()) {
                Stored.checked(row[i], value.term().column());
            }
        }
        return row;
    }
}
