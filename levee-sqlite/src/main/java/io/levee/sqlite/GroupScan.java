package io.levee.sqlite;

import io.levee.Aggregation;
import io.levee.Column;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.Measure;
import io.levee.Query;
import io.levee.TableSpec;
import io.levee.engine.Execution;
import io.levee.engine.RowSink;
import io.levee.sqlite.ReadHandles.ReadHandle;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Groups of one table's rows: each partition groups its own, and the partial figures are merged. One query thread. */
final class GroupScan {
    private final StorePaths paths;
    private final ReadHandles handles;
    private final TableSpec spec;
    private final Aggregation aggregation;
    private final Execution execution;
    private final Consumer<Partition> missing;
    private final List<Column> by;
    private final boolean details;
    private final Map<List<@Nullable Object>, Partial[]> groups = new HashMap<>();

    /** The figures of one measure so far. Sums of reals carry their rounding errors along (Neumaier 1974). */
    private static final class Partial {
        private long count;
        private long whole;
        private double real;
        private double rest;
        private @Nullable Object extreme;

        void addReal(double value) {
            double sum = real + value;
            rest += Math.abs(real) >= Math.abs(value) ? (real - sum) + value : (value - sum) + real;
            real = sum;
        }

        double real() {
            double sum = real + rest;
            return Double.isNaN(sum) ? real : sum;
        }
    }

    /**
     * A scan.
     *
     * @param missing told of each partition whose file or tables are not there
     */
    GroupScan(
            StorePaths paths,
            ReadHandles handles,
            TableSpec spec,
            Aggregation aggregation,
            Execution execution,
            Consumer<Partition> missing) {
        this.missing = missing;
        this.paths = paths;
        this.handles = handles;
        this.spec = spec;
        this.aggregation = aggregation;
        this.execution = execution;
        this.by = aggregation.by().stream().map(spec::column).toList();
        this.details = by.stream().anyMatch(Column::detail)
                || aggregation.measures().stream()
                        .anyMatch(m ->
                                m.column() != null && spec.column(m.column()).detail())
                || PartitionSql.namesDetails(spec, aggregation.query().where());
    }

    /** Sends the groups of these partitions to the sink, in the order of their columns. */
    void run(List<Partition> touched, RowSink sink) {
        if (by.isEmpty()) {
            groups.put(List.of(), partials());
        }
        try {
            for (Partition partition : touched) {
                execution.check();
                collect(partition);
            }
        } catch (SQLException e) {
            execution.check();
            if (String.valueOf(e.getMessage()).contains("integer overflow")) {
                // SUM within one partition: the name of the figure is not in SQLite's message.
                throw pastRange(sums(), e);
            }
            throw Sqlite.failure("the aggregation failed", paths.root(), e);
        }
        List<Map.Entry<List<@Nullable Object>, Partial[]>> sorted = new ArrayList<>(groups.entrySet());
        sorted.sort((a, b) -> compare(a.getKey(), b.getKey()));
        for (Map.Entry<List<@Nullable Object>, Partial[]> group : sorted) {
            sink.row(figures(group.getKey(), group.getValue()));
        }
    }

    private static int compare(List<@Nullable Object> a, List<@Nullable Object> b) {
        for (int i = 0; i < a.size(); i++) {
            int order = Stored.compare(unwrapped(a.get(i)), unwrapped(b.get(i)));
            if (order != 0) {
                return order;
            }
        }
        return 0;
    }

    private Partial[] partials() {
        Partial[] partials = new Partial[aggregation.measures().size()];
        for (int i = 0; i < partials.length; i++) {
            partials[i] = new Partial();
        }
        return partials;
    }

    private void collect(Partition partition) throws SQLException {
        Path file = paths.partition(partition);
        if (Files.notExists(file)) {
            missing.accept(partition);
            return;
        }
        ReadHandle handle = handles.take(partition);
        boolean usable = false;
        try {
            PartitionSql sql = new PartitionSql(spec, handle);
            if (!sql.tableThere()) {
                missing.accept(partition);
            } else {
                try (PreparedStatement statement = statement(sql).prepare(handle)) {
                    execution.<SQLException>interruptibly(() -> RowScan.cancel(statement), () -> {
                        try (ResultSet rows = statement.executeQuery()) {
                            while (rows.next()) {
                                merge(rows);
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
        by.forEach(c -> selected.add(sql.column(c.name())));
        for (Measure measure : aggregation.measures()) {
            String column = measure.column() == null ? "*" : sql.column(measure.column());
            switch (measure.function()) {
                case COUNT -> selected.add("COUNT(" + column + ")");
                case SUM -> selected.add((wholeSum(measure) ? "SUM(" : "TOTAL(") + column + "), COUNT(" + column + ")");
                case AVG -> selected.add("TOTAL(" + column + "), COUNT(" + column + ")");
                case MIN -> selected.add("MIN(" + column + ")");
                case MAX -> selected.add("MAX(" + column + ")");
            }
        }
        Query query = aggregation.query();
        sql.add("SELECT " + String.join(", ", selected)).from(details);
        sql.where(query.fromMicros(), query.toMicros(), query.where());
        if (!by.isEmpty()) {
            List<String> positions = new ArrayList<>();
            for (int i = 1; i <= by.size(); i++) {
                positions.add(Integer.toString(i));
            }
            sql.add(" GROUP BY " + String.join(", ", positions));
        }
        return sql;
    }

    private boolean wholeSum(Measure measure) {
        return measure.column() != null && spec.column(measure.column()).type() != ColumnType.REAL;
    }

    private void merge(ResultSet rows) throws SQLException {
        List<@Nullable Object> key = new ArrayList<>(by.size());
        for (int i = 0; i < by.size(); i++) {
            Object value = Stored.read(rows, i + 1, by.get(i));
            key.add(wrapped(value));
        }
        Partial[] partials = groups.get(key);
        if (partials == null) {
            if (groups.size() >= Aggregation.MAX_GROUPS) {
                throw new LeveeException(ErrorCode.LIMIT_EXCEEDED, "more than " + Aggregation.MAX_GROUPS + " groups")
                        .hint("group by a column of fewer values, or narrow the range or the filter");
            }
            partials = partials();
            groups.put(key, partials);
        }
        int index = by.size() + 1;
        for (int i = 0; i < partials.length; i++) {
            index = merge(rows, index, aggregation.measures().get(i), partials[i]);
        }
    }

    /** A value as a key of a map: arrays are equal only to themselves, and there are two zeros. */
    private static @Nullable Object wrapped(@Nullable Object value) {
        if (value instanceof byte[] bytes) {
            return ByteBuffer.wrap(bytes);
        }
        return value instanceof Double real && real == 0 ? (Object) 0.0 : value;
    }

    private static @Nullable Object unwrapped(@Nullable Object value) {
        if (value instanceof ByteBuffer bytes) {
            byte[] copy = new byte[bytes.remaining()];
            bytes.duplicate().get(copy);
            return copy;
        }
        return value;
    }

    private int merge(ResultSet rows, int index, Measure measure, Partial partial) throws SQLException {
        switch (measure.function()) {
            case COUNT -> partial.count += rows.getLong(index);
            case SUM, AVG -> {
                if (measure.function() == Measure.Function.SUM && wholeSum(measure)) {
                    addWhole(partial, rows.getLong(index), measure);
                } else {
                    partial.addReal(rows.getDouble(index));
                }
                partial.count += rows.getLong(index + 1);
                return index + 2;
            }
            case MIN, MAX -> {
                Object value = Stored.any(rows, index);
                int wanted = measure.function() == Measure.Function.MIN ? -1 : 1;
                if (value != null
                        && (partial.extreme == null
                                || Integer.signum(Stored.compare(value, partial.extreme)) == wanted)) {
                    partial.extreme = value;
                }
            }
        }
        return index + 1;
    }

    private static void addWhole(Partial partial, long value, Measure measure) {
        try {
            partial.whole = Math.addExact(partial.whole, value);
        } catch (ArithmeticException e) {
            throw pastRange(measure.name(), e);
        }
    }

    private String sums() {
        return aggregation.measures().stream()
                .filter(m -> m.function() == Measure.Function.SUM)
                .map(Measure::name)
                .collect(Collectors.joining(" or "));
    }

    private static LeveeException pastRange(String what, Exception cause) {
        return new LeveeException(ErrorCode.LIMIT_EXCEEDED, what + " is past the range of 64 bits", cause)
                .hint("use avg, or narrow the range or the filter");
    }

    private @Nullable Object[] figures(List<@Nullable Object> key, Partial[] partials) {
        @Nullable Object[] row = new Object[by.size() + partials.length];
        for (int i = 0; i < by.size(); i++) {
            row[i] = unwrapped(key.get(i));
        }
        for (int i = 0; i < partials.length; i++) {
            row[by.size() + i] = figure(aggregation.measures().get(i), partials[i]);
        }
        return row;
    }

    private @Nullable Object figure(Measure measure, Partial partial) {
        return switch (measure.function()) {
            case COUNT -> (Object) partial.count;
            case SUM ->
                partial.count == 0 ? null : wholeSum(measure) ? (Object) partial.whole : (Object) partial.real();
            case AVG -> partial.count == 0 ? null : (Object) (partial.real() / partial.count);
            case MIN, MAX -> partial.extreme;
        };
    }
}
