package io.levee.sqlite;

import io.levee.Column;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.engine.Execution;
import io.levee.engine.RowQuery;
import io.levee.engine.RowSink;
import io.levee.sqlite.ReadHandles.ReadHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Rows of one table in the order of time and number, from many partitions: an ordered merge that opens a partition only when
 * its range comes up, and stops as soon as the limit is reached. One query thread.
 */
final class RowScan {
    /** Most partitions read at the same time: those whose ranges overlap each other. */
    private static final int MAX_AT_ONCE = 120;

    private final StorePaths paths;
    private final ReadHandles handles;
    private final RowQuery query;
    private final Execution execution;
    private final Consumer<Partition> missing;
    private final int direction;
    private final boolean details;
    private final PriorityQueue<Source> sources;

    /** The last row sent, or that of the page before: what is opened later begins behind it. */
    private RowQuery.@Nullable Place last;

    /** One partition's rows, standing on one. */
    private final class Source {
        private final Partition partition;
        private final ReadHandle handle;
        private final PreparedStatement statement;
        private @Nullable ResultSet rows;
        private @Nullable Object[] row = new Object[0];
        private boolean sound;

        Source(Partition partition, ReadHandle handle, PreparedStatement statement) {
            this.partition = partition;
            this.handle = handle;
            this.statement = statement;
        }

        /** Steps to the next row; false at the end. */
        boolean step() throws SQLException {
            boolean[] more = new boolean[1];
            execution.<SQLException>interruptibly(() -> cancel(statement), () -> {
                ResultSet open = rows;
                if (open == null) {
                    open = statement.executeQuery();
                    rows = open;
                }
                more[0] = open.next();
                if (more[0]) {
                    row = read(open);
                }
            });
            return more[0];
        }

        private @Nullable Object[] read(ResultSet open) throws SQLException {
            List<Column> columns = query.columns();
            @Nullable Object[] values = new Object[columns.size() + 2];
            for (int i = 0; i < columns.size(); i++) {
                values[i] = Stored.read(open, i + 1, columns.get(i));
            }
            values[columns.size()] = open.getLong(columns.size() + 1);
            values[columns.size() + 1] = open.getLong(columns.size() + 2);
            return values;
        }

        long time() {
            return number(row[row.length - 2]);
        }

        long seq() {
            return number(row[row.length - 1]);
        }

        void close() {
            boolean usable = sound;
            try {
                statement.close();
            } catch (SQLException e) {
                usable = false;
            }
            handles.giveBack(handle, usable);
        }
    }

    private static long number(@Nullable Object value) {
        return value instanceof Long number ? number : 0;
    }

    /**
     * A scan.
     *
     * @param missing told of each partition whose file or tables are not there
     */
    RowScan(StorePaths paths, ReadHandles handles, RowQuery query, Execution execution, Consumer<Partition> missing) {
        this.missing = missing;
        this.paths = paths;
        this.handles = handles;
        this.query = query;
        this.execution = execution;
        this.direction = query.newestFirst() ? -1 : 1;
        this.last = query.after();
        this.details = query.columns().stream().anyMatch(Column::detail)
                || PartitionSql.namesDetails(query.spec(), query.where());
        this.sources = new PriorityQueue<>((a, b) ->
                direction * (a.time() != b.time() ? Long.compare(a.time(), b.time()) : Long.compare(a.seq(), b.seq())));
    }

    static void cancel(PreparedStatement statement) {
        try {
            statement.cancel();
        } catch (SQLException e) {
            // The statement ended meanwhile; the watchdog looks again.
            System.getLogger("io.levee.sqlite").log(System.Logger.Level.DEBUG, "cancel", e);
        }
    }

    /** Sends the rows of these partitions to the sink. */
    void run(List<Partition> touched, RowSink sink) {
        List<Ahead> ahead = new ArrayList<>();
        touched.forEach(p -> ahead.add(new Ahead(p, bound(p))));
        ahead.sort(Comparator.comparingLong(a -> direction * a.bound));
        long sent = 0;
        int next = 0;
        try {
            while (sent < query.limit()) {
                while (next < ahead.size() && comesUp(ahead.get(next))) {
                    open(ahead.get(next++).partition);
                }
                // It stays in the queue until its row is taken: where nobody wants more, it is closed with the others.
                Source first = sources.peek();
                if (first == null) {
                    return;
                }
                boolean more = sink.row(first.row);
                sent++;
                last = RowQuery.Place.of(first.time(), first.seq());
                if (!more) {
                    return;
                }
                sources.remove();
                advance(first);
            }
        } catch (SQLException e) {
            execution.check();
            throw Sqlite.failure("the query failed", paths.root(), e);
        } finally {
            sources.forEach(Source::close);
        }
    }

    /**
     * A partition that is still to be opened, with the end of its range that is met first, as it was when the query began: a row
     * that comes in late may widen the range meanwhile, and must not turn up behind its place.
     */
    private record Ahead(Partition partition, long bound) {}

    private long bound(Partition partition) {
        return query.newestFirst()
                ? partition.held().maxMicros()
                : partition.held().minMicros();
    }

    private boolean comesUp(Ahead ahead) {
        Source first = sources.peek();
        return first == null || direction * Long.compare(ahead.bound, first.time()) <= 0;
    }

    private void open(Partition partition) throws SQLException {
        Path file = paths.partition(partition);
        if (Files.notExists(file)) {
            missing.accept(partition);
            return;
        }
        if (sources.size() >= MAX_AT_ONCE) {
            throw new LeveeException(
                            ErrorCode.LIMIT_EXCEEDED, "more than " + MAX_AT_ONCE + " partitions overlap in time")
                    .hint("ask for a narrower range");
        }
        ReadHandle handle = handles.take(partition);
        Source source = null;
        try {
            PartitionSql sql = new PartitionSql(query.spec(), handle);
            if (sql.tableThere()) {
                source = new Source(partition, handle, statement(sql).prepare(handle));
            }
        } catch (SQLException e) {
            handles.met(partition, e);
            throw e;
        } finally {
            if (source == null) {
                handles.giveBack(handle, true);
            }
        }
        if (source == null) {
            missing.accept(partition);
        } else {
            advance(source);
        }
    }

    private PartitionSql statement(PartitionSql sql) {
        List<String> selected = new ArrayList<>();
        query.columns().forEach(c -> selected.add(sql.column(c.name())));
        selected.add(sql.time());
        selected.add("m._seq");
        sql.add("SELECT " + String.join(", ", selected)).from(details);
        sql.where(query.fromMicros(), query.toMicros(), query.where());
        RowQuery.Place after = last;
        if (after != null) {
            String past = query.newestFirst() ? "<" : ">";
            sql.add(" AND (" + sql.time() + ", m._seq) " + past + " (?, ", after.timeMicros())
                    .add("?)", after.seq());
        }
        String order = query.newestFirst() ? " DESC" : "";
        sql.add(" ORDER BY " + sql.time() + order + ", m._seq" + order);
        return query.limit() == Long.MAX_VALUE ? sql : sql.add(" LIMIT ?", query.limit());
    }

    /** Puts a source back into the merge on its next row, or closes it at its end. */
    private void advance(Source source) throws SQLException {
        boolean more = false;
        try {
            source.sound = false;
            more = source.step();
            source.sound = true;
        } catch (SQLException e) {
            handles.met(source.partition, e);
            throw e;
        } finally {
            if (!more) {
                source.close();
            }
        }
        if (more) {
            sources.add(source);
        }
    }
}
