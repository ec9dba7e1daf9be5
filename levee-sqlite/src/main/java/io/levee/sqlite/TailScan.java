package io.levee.sqlite;

import io.levee.Column;
import io.levee.TableSpec;
import io.levee.engine.Execution;
import io.levee.engine.RowSink;
import io.levee.engine.TailQuery;
import io.levee.sqlite.ReadHandles.ReadHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Rows of one table in the order of their numbers, from many partitions. One query thread.
 *
 * <p>Numbers are given in commit order. So once the highest number of all partitions is known, every number below it is
 * committed, and a look at all partitions <em>after</em> that finds each of them: the list of partitions, and their highest
 * numbers, are asked for a second time, because a partition may have got its first row in between.
 *
 * <p>The numbers are collected first, one partition at a time, then their rows are read one by one: no statement is open while
 * the sink waits for a slow reader, and no more than {@value #MAX_HANDLES} partitions are.
 */
final class TailScan {
    private static final int MAX_HANDLES = 16;

    private final StorePaths paths;
    private final ReadHandles handles;
    private final Execution execution;
    private final Consumer<Partition> missing;
    private final @Nullable Homes homes;

    /**
     * A scan.
     *
     * @param missing told of each partition whose file or tables are not there
     * @param homes knows of copies that rows left behind when they moved; null beside another process's writer
     */
    TailScan(
            StorePaths paths,
            ReadHandles handles,
            Execution execution,
            Consumer<Partition> missing,
            @Nullable Homes homes) {
        this.homes = homes;
        this.paths = paths;
        this.handles = handles;
        this.execution = execution;
        this.missing = missing;
    }

    /** Where the row of a number is; {@code change} is null where the number is that of a new row. */
    private record Place(
            Partition partition, long seq, @Nullable Long change) {}

    /** The highest number of all partitions. */
    long highest(List<Partition> partitions) throws SQLException {
        long highest = 0;
        for (Partition partition : partitions) {
            highest = Math.max(highest, highest(partition));
        }
        return highest;
    }

    /** A partition's highest number, mostly from memory: what is not known there is read, and remembered if it is closed. */
    private long highest(Partition partition) throws SQLException {
        Partition.Held held = partition.held();
        if (held.maxSeq() >= 0) {
            return held.maxSeq();
        }
        Path file = paths.partition(partition);
        if (Files.notExists(file)) {
            return 0;
        }
        long[] found = new long[1];
        using(partition, handle -> {
            found[0] = PartitionSchema.held(handle.connection()).maxSeq();
            return true;
        });
        if (partition.state() == Partition.State.CLOSED) {
            partition.learned(held, held.withSeq(found[0]));
        }
        return Math.max(0, found[0]);
    }

    @FunctionalInterface
    private interface Reading {
        boolean with(ReadHandle handle) throws SQLException;
    }

    private void using(Partition partition, Reading reading) throws SQLException {
        ReadHandle handle = handles.takeUnlessGone(partition, execution);
        if (handle == null) {
            // Its highest number went with it, and a cursor below that is told.
            return;
        }
        boolean usable = false;
        try {
            usable = reading.with(handle);
        } catch (SQLException e) {
            handles.met(partition, e);
            throw e;
        } finally {
            handles.giveBack(handle, usable);
        }
    }

    /**
     * Sends the rows behind the cursor to the sink.
     *
     * @param bound the highest number that is delivered: of before {@code partitions} was asked for
     * @param partitions the table's partitions, pinned by the caller
     */
    void run(TailQuery query, long bound, List<Partition> partitions, RowSink sink) throws SQLException {
        List<Partition> above = new ArrayList<>();
        for (Partition partition : partitions) {
            if (highest(partition) > query.after()) {
                above.add(partition);
            }
        }
        above.sort(Comparator.comparingLong(p -> p.held().minSeq()));
        TreeMap<Long, Place> places = new TreeMap<>();
        long upTo = bound;
        for (Partition partition : above) {
            if (partition.held().minSeq() > upTo) {
                break;
            }
            collect(query, partition, upTo, places);
            while (places.size() > query.limit()) {
                places.pollLastEntry();
            }
            upTo = places.size() == query.limit() ? places.lastKey() : bound;
        }
        deliver(query, places, sink);
    }

    private void collect(TailQuery query, Partition partition, long upTo, NavigableMap<Long, Place> places)
            throws SQLException {
        Path file = paths.partition(partition);
        if (Files.notExists(file)) {
            missing.accept(partition);
            return;
        }
        // What moved before comes with the number of that change, from where it is now.
        Set<Long> moved = homes == null ? Set.of() : homes.left(partition.id());
        using(partition, handle -> {
            if (!new PartitionSql(query.spec(), handle).tableThere()) {
                missing.accept(partition);
                return true;
            }
            long end = upTo;
            if (query.spec().keyed()) {
                // Changes first: new rows are then asked for no further than the changes reach, or a partition whose
                // rows were
                // all updated would be walked through for each page.
                List<long[]> changes = numbers(handle, changes(query.spec()), query, end);
                changes.stream()
                        .filter(n -> !moved.contains(n[1]))
                        .forEach(n -> places.put(n[0], new Place(partition, n[1], n[0])));
                if (changes.size() == query.limit()) {
                    end = changes.get(changes.size() - 1)[0];
                }
            }
            numbers(handle, unchanged(query.spec()), query, end).stream()
                    .filter(n -> !moved.contains(n[1]))
                    .forEach(n -> places.put(n[0], new Place(partition, n[1], null)));
            return true;
        });
    }

    private static String changes(TableSpec spec) {
        return "SELECT _chg, _seq FROM " + Sqlite.quote(spec.name())
                + " WHERE _chg > ? AND _chg <= ? ORDER BY _chg LIMIT ?";
    }

    private static String unchanged(TableSpec spec) {
        return "SELECT _seq, _seq FROM " + Sqlite.quote(spec.name()) + " WHERE _seq > ? AND _seq <= ?"
                + (spec.keyed() ? " AND _chg IS NULL" : "") + " ORDER BY _seq LIMIT ?";
    }

    /** The statements that look for numbers: each has to be a search of an index or of row numbers. */
    static List<String> statements(TableSpec spec) {
        return spec.keyed() ? List.of(changes(spec), unchanged(spec)) : List.of(unchanged(spec));
    }

    private List<long[]> numbers(ReadHandle handle, String sql, TailQuery query, long upTo) throws SQLException {
        List<long[]> found = new ArrayList<>();
        try (PreparedStatement statement = handle.connection().prepareStatement(sql)) {
            statement.setLong(1, query.after());
            statement.setLong(2, upTo);
            statement.setInt(3, query.limit());
            execution.<SQLException>interruptibly(() -> RowScan.cancel(statement), () -> {
                try (ResultSet rows = statement.executeQuery()) {
                    while (rows.next()) {
                        found.add(new long[] {rows.getLong(1), rows.getLong(2)});
                    }
                }
            });
        }
        return found;
    }

    /** One open partition with its look-up. */
    private static final class Source {
        private final ReadHandle handle;
        private final PreparedStatement statement;
        private final boolean utf8;
        private boolean sound;

        Source(ReadHandle handle, PreparedStatement statement) throws SQLException {
            this.handle = handle;
            this.statement = statement;
            this.utf8 = handle.utf8();
        }
    }

    private void deliver(TailQuery query, NavigableMap<Long, Place> places, RowSink sink) throws SQLException {
        Map<Partition, Source> sources = new LinkedHashMap<>(16, 0.75f, true);
        try {
            for (Map.Entry<Long, Place> entry : places.entrySet()) {
                Place place = entry.getValue();
                Source source = sources.get(place.partition);
                if (source == null) {
                    closeLeastUsed(sources);
                    source = open(query, place.partition);
                    sources.put(place.partition, source);
                }
                @Nullable Object @Nullable [] row;
                try {
                    row = read(query, source, place, entry.getKey());
                } catch (SQLException e) {
                    handles.met(place.partition, e);
                    throw e;
                }
                if (row != null) {
                    sink.row(row);
                }
            }
        } finally {
            sources.values().forEach(this::close);
        }
    }

    private void closeLeastUsed(Map<Partition, Source> sources) {
        if (sources.size() == MAX_HANDLES) {
            Iterator<Source> inOrderOfUse = sources.values().iterator();
            close(inOrderOfUse.next());
            inOrderOfUse.remove();
        }
    }

    private Source open(TailQuery query, Partition partition) throws SQLException {
        ReadHandle handle = handles.take(partition);
        Source source = null;
        try {
            TableSpec spec = query.spec();
            PartitionSql sql = new PartitionSql(spec, handle);
            List<String> selected = new ArrayList<>();
            query.columns().forEach(c -> selected.add(sql.column(c.name())));
            selected.add(sql.time());
            sql.add("SELECT " + String.join(", ", selected))
                    .from(query.columns().stream().anyMatch(Column::detail))
                    .add(" WHERE m._seq = ?" + (spec.keyed() ? " AND m._chg IS ?" : ""));
            source = new Source(handle, handle.connection().prepareStatement(sql.text()));
            source.sound = true;
            return source;
        } finally {
            if (source == null) {
                handles.giveBack(handle, false);
            }
        }
    }

    /** The row of a number; null where it was changed or deleted meanwhile, and comes with a later number or not at all. */
    private @Nullable Object @Nullable [] read(TailQuery query, Source source, Place place, long number)
            throws SQLException {
        List<Column> columns = query.columns();
        int width = columns.size();
        @Nullable Object[] @Nullable [] found = new Object[1][];
        source.sound = false;
        source.statement.setLong(1, place.seq);
        if (query.spec().keyed()) {
            RowStatements.bind(source.statement, 2, place.change);
        }
        execution.<SQLException>interruptibly(() -> RowScan.cancel(source.statement), () -> {
            try (ResultSet rows = source.statement.executeQuery()) {
                found[0] = rows.next() ? Stored.row(rows, width + 1, source.utf8) : null;
            }
        });
        source.sound = true;
        @Nullable Object[] row = found[0];
        if (row == null) {
            return null;
        }
        @Nullable Object[] values = Arrays.copyOf(row, width + 3);
        for (int i = 0; i < width; i++) {
            Stored.checked(values[i], columns.get(i));
        }
        values[width + 1] = place.seq;
        values[width + 2] = number;
        return values;
    }

    private void close(Source source) {
        boolean usable = source.sound;
        try {
            source.statement.close();
        } catch (SQLException e) {
            usable = false;
        }
        handles.giveBack(source.handle, usable);
    }
}
