package io.levee.sqlite;

import io.levee.Column;
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
import java.util.ArrayList;
import java.util.List;
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
    private final Consumer<Partition> missing;

    /**
     * A scan.
     *
     * @param missing told of each partition whose file or tables are not there
     */
    GroupScan(
            StorePaths paths,
            ReadHandles handles,
            Partition partition,
            Grouping grouping,
            Consumer<Partition> missing) {
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
        return null;
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
        ReadHandle handle = handles.take(partition);
        boolean usable = false;
        try {
            PartitionSql sql = new PartitionSql(grouping.spec(), handle);
            if (!sql.tableThere()) {
                missing.accept(partition);
            } else {
                try (PreparedStatement statement = statement(sql).prepare(handle)) {
                    execution.<SQLException>interruptibly(() -> RowScan.cancel(statement), () -> {
                        try (ResultSet rows = statement.executeQuery()) {
                            while (rows.next()) {
                                sink.row(read(rows));
                            }
                        }
                    });
                }
            }
            usable = true;
        } catch (SQLException e) {
            handles.met(partition, e);
            throw e;
        } finally {
            handles.giveBack(handle, usable);
        }
    }

    private PartitionSql statement(PartitionSql sql) {
        List<String> selected = new ArrayList<>();
        grouping.keys().forEach(key -> selected.add(key(key, sql)));
        grouping.figures().forEach(figure -> selected.add(figure(figure, sql)));
        sql.add("SELECT " + (selected.isEmpty() ? "1" : String.join(", ", selected))).from(details());
        sql.where(grouping.fromMicros(), grouping.toMicros(), grouping.where());
        int keys = grouping.keys().size();
        return keys == 0
                ? sql
                : sql.add(" GROUP BY "
                        + IntStream.rangeClosed(1, keys)
                                .mapToObj(Integer::toString)
                                .collect(Collectors.joining(", ")));
    }

    private static String key(GroupKey key, PartitionSql sql) {
        if (key instanceof GroupKey.Value value) {
            return sql.column(value.term().column().name());
        }
        throw new LeveeException(ErrorCode.NOT_SUPPORTED, "grouping by " + key + " is not built yet");
    }

    private static String figure(Figure figure, PartitionSql sql) {
        Term term = figure.term();
        String value = term == null ? "*" : sql.column(term.column().name());
        return switch (figure.kind()) {
            case COUNT -> "COUNT(" + value + ")";
            case SUM_WHOLE -> "SUM(" + value + ")";
            case SUM_REAL -> "TOTAL(" + value + ")";
            case MIN -> "MIN(" + value + ")";
            case MAX -> "MAX(" + value + ")";
        };
    }

    /** Whether a detail column is named anywhere. */
    private boolean details() {
        return grouping.keys().stream().anyMatch(k -> k instanceof GroupKey.Value v && v.term().column().detail())
                || grouping.figures().stream()
                        .anyMatch(f -> f.term() != null && f.term().column().detail())
                || PartitionSql.namesDetails(grouping.spec(), grouping.where());
    }

    private @Nullable Object[] read(ResultSet rows) throws SQLException {
        int keys = grouping.keys().size();
        @Nullable Object[] row = new Object[keys + grouping.figures().size()];
        for (int i = 0; i < keys; i++) {
            Column column = grouping.keys().get(i) instanceof GroupKey.Value value && !value.term().inJson()
                    ? value.term().column()
                    : null;
            row[i] = column == null ? Stored.any(rows, i + 1) : Stored.read(rows, i + 1, column);
        }
        for (int i = keys; i < row.length; i++) {
            row[i] = Stored.any(rows, i + 1);
        }
        return row;
    }
}
