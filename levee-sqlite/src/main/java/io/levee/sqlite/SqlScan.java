package io.levee.sqlite;

import io.levee.Bytes;
import io.levee.Column;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.SqlQuery;
import io.levee.TableSpec;
import io.levee.engine.Execution;
import io.levee.engine.RowSink;
import io.levee.internal.memory.Budget;
import io.levee.internal.query.SqlDialect;
import io.levee.internal.query.SqlText;
import io.levee.internal.time.Micros;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.sqlite.SQLiteConnection;

/**
 * Free SQL over views named after the tables: a connection in memory with the partitions of the range attached for reading.
 * One query thread.
 *
 * <p>Nothing can be written: the text is one SELECT, WITH or EXPLAIN, the files are attached with {@code mode=ro}, the
 * connection is {@code query_only}, nothing more can be attached once the views are made, and {@link SqlGuard} sees that every step
 * of the compiled statement only reads.
 */
final class SqlScan {
    /** Most partitions of one query; SQLite attaches at most 125 files. */
    static final int MAX_PARTITIONS = 120;

    /** The caches of one query: the main one, and those of the attached partitions together. */
    static final int CACHES = 2;

    private static final Bytes LARGEST_CACHE = Bytes.mebi(8);
    private static final int LIMIT_ATTACHED = 7;
    private static final int LIMIT_LENGTH = 0;
    private static final int LONGEST_VALUE = 64 << 20;

    private final StorePaths paths;
    private final SqlQuery query;
    private final Execution execution;
    private final Consumer<Partition> missing;
    private final Suspects suspects;
    private final Bytes cache;
    private final @Nullable SortRoom sorts;

    /**
     * A scan.
     *
     * @param missing told of each partition whose file or tables are not there
     * @param suspects told of files that are damaged
     * @param cache its page cache; the attached partitions share as much again, and a sort takes as much
     * @param sorts keeps sorts below a cap; null where there is none
     */
    SqlScan(
            StorePaths paths,
            SqlQuery query,
            Execution execution,
            Consumer<Partition> missing,
            Suspects suspects,
            Bytes cache,
            @Nullable SortRoom sorts) {
        this.sorts = sorts;
        this.cache = cache;
        this.missing = missing;
        this.suspects = suspects;
        this.paths = paths;
        this.query = query;
        this.execution = execution;
    }

    /** What one query's cache may be, so that all query threads together leave two thirds of the readers' share. */
    static Bytes cache(Budget budget, int threads) {
        return new Bytes(Math.min(LARGEST_CACHE.value(), budget.readerCache() / 3 / CACHES / threads));
    }

    /** One table with its partitions of the range, and where the rows of it are found that move meanwhile. */
    record TablePart(TableSpec spec, List<Partition> partitions, Sight sight) {}

    /** Sends the rows to the sink. */
    void run(List<TablePart> tables, RowSink sink) {
        String sql = SqlText.requireOneRead(query.sql(), SqlDialect.SQLITE);
        List<TablePart> named = tables.stream()
                .filter(t -> SqlText.mayName(sql, t.spec().name()))
                .toList();
        int count = named.stream().mapToInt(t -> t.partitions().size()).sum();
        if (count > MAX_PARTITIONS) {
            throw tooMany(named, count);
        }
        List<Path> attached = new ArrayList<>();
        Connection connection = null;
        try {
            connection = Connections.memory(cache, MAX_PARTITIONS + 5);
            Map<TablePart, List<Part>> parts = new LinkedHashMap<>();
            for (TablePart table : named) {
                parts.put(table, parts(connection, table, attached));
            }
            if (named.stream().anyMatch(t -> t.sight() != Sight.NONE)) {
                // What the statement finds in each file is what that had when its view was made.
                Sqlite.run(connection, "BEGIN");
            }
            for (Map.Entry<TablePart, List<Part>> view : parts.entrySet()) {
                view(connection, view.getKey(), view.getValue());
            }
            seal(connection, attached.size());
            if (sorts != null) {
                sorts.guard(connection).runs(execution);
            }
            select(connection, sql, sink);
        } catch (SQLException e) {
            execution.check();
            LeveeException failure = Sqlite.failure("the query failed", paths.root(), e);
            if (failure.code() == ErrorCode.CORRUPT) {
                // SQLite does not say which of the attached files it is.
                named.forEach(t -> t.partitions().forEach(p -> suspects.report(p, String.valueOf(e.getMessage()))));
                throw failure;
            }
            throw new LeveeException(ErrorCode.BAD_QUERY, "SQLite refuses the query: " + e.getMessage(), e)
                    .hint("tables are views named "
                            + tables.stream().map(t -> t.spec().name()).toList());
        } finally {
            close(connection, attached);
        }
    }

    private LeveeException tooMany(List<TablePart> named, int count) {
        List<Partition> all =
                named.stream().flatMap(t -> t.partitions().stream()).toList();
        String other = "query, count and aggregate read any number of partitions";
        String hint = all.stream()
                .map(p -> p.period().startMicros())
                .filter(from -> all.stream()
                                .filter(p -> p.touches(from, query.toMicros()))
                                .count()
                        <= MAX_PARTITIONS)
                .min(Long::compare)
                .map(from -> "ask from " + Micros.text(from) + " on: that is "
                        + all.stream()
                                .filter(p -> p.touches(from, query.toMicros()))
                                .count() + " partitions; " + other)
                .orElse("narrow the range with from and to; " + other);
        return new LeveeException(
                        ErrorCode.LIMIT_EXCEEDED,
                        "the query would read " + count + " partitions; SQL reads at most " + MAX_PARTITIONS)
                .with("partitions", count)
                .with("limit", MAX_PARTITIONS)
                .hint(hint);
    }

    /** An attached partition, with the SELECT of its rows. */
    private record Part(Partition partition, String schema, String select, String seq) {}

    private List<Part> parts(Connection connection, TablePart table, List<Path> attached) throws SQLException {
        List<Part> parts = new ArrayList<>();
        for (Partition partition : table.partitions()) {
            Path file = paths.partition(partition);
            if (Files.notExists(file)) {
                missing.accept(partition);
                continue;
            }
            String schema = "p" + attached.size();
            if (!attached(connection, partition, file, schema, attached)) {
                missing.accept(partition);
                continue;
            }
            Sqlite.run(
                    connection,
                    "PRAGMA " + schema + ".cache_size=-" + Math.max(1, cache.value() / 1024 / MAX_PARTITIONS));
            Part part = part(connection, table.spec(), schema, partition, attached);
            if (part == null) {
                missing.accept(partition);
            } else {
                parts.add(part);
            }
        }
        return parts;
    }

    private static void view(Connection connection, TablePart table, List<Part> parts) throws SQLException {
        List<String> selects = new ArrayList<>();
        for (Part part : parts) {
            Set<Long> out = table.sight()
                    .leftOut(
                            part.partition,
                            () -> Sqlite.value(connection, "SELECT count(*) FROM " + part.schema + ".sqlite_master"));
            selects.add(
                    out.isEmpty()
                            ? part.select
                            : part.select + " AND " + part.seq + " NOT IN (SELECT value FROM json_each('"
                                    + Sight.json(out) + "'))");
        }
        if (selects.isEmpty()) {
            selects.add(select(table.spec(), "", column -> FileColumns.cast(column, "NULL")) + " WHERE 0");
        }
        Sqlite.run(
                connection,
                "CREATE TEMP VIEW " + Sqlite.quote(table.spec().name()) + " AS " + String.join(" UNION ALL ", selects));
    }

    /** Returns false where it was dropped, and unlinked, just now. */
    private boolean attached(Connection connection, Partition partition, Path file, String schema, List<Path> attached)
            throws SQLException {
        try {
            attach(connection, partition, file, schema, attached);
            return true;
        } catch (SQLException e) {
            if (ReadHandles.gone(paths, partition)) {
                return false;
            }
            throw e;
        }
    }

    private void attach(Connection connection, Partition partition, Path file, String schema, List<Path> attached)
            throws SQLException {
        suspects.requireAlone(partition, file);
        try {
            Handles.opening(file, () -> {
                String frozen = Connections.uriOptions(file);
                String uri = file.toAbsolutePath().toUri() + "?mode=ro" + (frozen.isEmpty() ? "" : "&" + frozen);
                Sqlite.run(connection, "ATTACH " + Sqlite.literal(uri) + " AS " + schema);
                return schema;
            });
            attached.add(file);
            suspects.requireIdentity(partition, file, connection, schema);
        } catch (SQLException e) {
            suspects.met(partition, file, e);
            throw e;
        }
    }

    private @Nullable Part part(
            Connection connection, TableSpec spec, String schema, Partition partition, List<Path> attached)
            throws SQLException {
        Adopted adopted = partition.adopted();
        if (adopted != null) {
            boolean there = attached.contains(paths.overrides());
            if (!there && Overrides.attach(paths, connection)) {
                attached.add(paths.overrides());
                there = true;
            }
            long overrides = there ? Overrides.attachedPart(connection, partition.id()) : 0;
            AdoptedTable table = AdoptedTable.read(connection, schema, adopted, overrides);
            return table.there() ? new Part(partition, schema, table.select(spec), table.seq()) : null;
        }
        FileColumns columns = FileColumns.of(spec, connection, schema);
        if (!columns.there()) {
            return null;
        }
        String from = " FROM " + schema + "." + Sqlite.quote(spec.name()) + " m";
        if (columns.detailsThere()) {
            from += " LEFT JOIN " + schema + "." + Sqlite.quote(PartitionSchema.details(spec))
                    + " d ON d._seq = m._seq";
        }
        return new Part(partition, schema, select(spec, from, columns::read) + " WHERE 1", "m._seq");
    }

    private static String select(TableSpec spec, String from, FileColumns.Reading reading) {
        List<String> selected = new ArrayList<>();
        selected.add((from.isEmpty() ? "NULL" : "m._seq") + " AS _seq");
        for (Column column : spec.columns()) {
            selected.add(reading.of(column) + " AS " + Sqlite.quote(column.name()));
        }
        return "SELECT " + String.join(", ", selected) + from;
    }

    private static void seal(Connection connection, int attached) throws SQLException {
        Sqlite.run(connection, "PRAGMA query_only=1");
        SQLiteConnection sqlite = (SQLiteConnection) connection;
        sqlite.getDatabase().limit(LIMIT_ATTACHED, attached);
        sqlite.getDatabase().limit(LIMIT_LENGTH, LONGEST_VALUE);
    }

    private void select(Connection connection, String sql, RowSink sink) throws SQLException {
        // A statement can take longer to compile than to run: there is none to cancel yet, so the connection is
        // interrupted.
        execution.<SQLException>interruptibly(() -> interrupt(connection), () -> SqlGuard.requireRead(connection, sql));
        try (PreparedStatement statement = prepare(connection, sql)) {
            Runnable interrupt = () -> RowScan.cancel(statement);
            ResultSet[] opened = new ResultSet[1];
            execution.<SQLException>interruptibly(interrupt, () -> opened[0] = statement.executeQuery());
            try (ResultSet rows = opened[0]) {
                int width = rows.getMetaData().getColumnCount();
                List<String> names = new ArrayList<>();
                for (int i = 1; i <= width; i++) {
                    names.add(rows.getMetaData().getColumnLabel(i));
                }
                sink.columns(names);
                while (step(rows, interrupt)) {
                    sink.row(Stored.row(rows, width));
                }
            }
        }
    }

    private PreparedStatement prepare(Connection connection, String sql) throws SQLException {
        PreparedStatement[] made = new PreparedStatement[1];
        boolean done = false;
        try {
            execution.<SQLException>interruptibly(
                    () -> interrupt(connection), () -> made[0] = connection.prepareStatement(sql));
            done = true;
            return made[0];
        } finally {
            if (!done && made[0] != null) {
                made[0].close();
            }
        }
    }

    private static void interrupt(Connection connection) {
        try {
            ((SQLiteConnection) connection).getDatabase().interrupt();
        } catch (SQLException e) {
            System.getLogger("io.levee.sqlite").log(System.Logger.Level.DEBUG, "interrupt", e);
        }
    }

    private boolean step(ResultSet rows, Runnable interrupt) throws SQLException {
        boolean[] more = new boolean[1];
        execution.<SQLException>interruptibly(interrupt, () -> more[0] = rows.next());
        return more[0];
    }

    private static void close(@Nullable Connection connection, List<Path> attached) {
        try {
            if (connection != null) {
                connection.close();
            }
        } catch (SQLException e) {
            System.getLogger("io.levee.sqlite").log(System.Logger.Level.WARNING, "closing an sql connection failed", e);
        } finally {
            attached.forEach(file -> Handles.closing(file, () -> {}));
        }
    }
}
