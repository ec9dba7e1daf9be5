package io.levee.sqlite;

import io.levee.Bytes;
import io.levee.Column;
import io.levee.PartitionId;
import io.levee.TableSpec;
import io.levee.internal.adopt.SplitRow;
import io.levee.internal.json.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One new partition of moved rows while it is made: nobody knows it before it is whole, read back, and synced. Its numbers are those that
 * the rows had in the adopted database, below zero, so that its highest one is told as 0. Split thread.
 */
final class SplitFile {
    private static final Bytes CACHE = Bytes.kibi(512);

    private final PartitionId id;
    private final TableSpec spec;
    private final Path file;
    private final Connection connection;
    private final PreparedStatement insert;
    private final @Nullable PreparedStatement details;
    private final PreparedStatement byNumber;
    private final List<Integer> hot = new ArrayList<>();
    private final List<Integer> detail = new ArrayList<>();
    private long rows;
    private long min = Long.MAX_VALUE;
    private long max = Long.MIN_VALUE;
    private long lowest;
    private boolean closed;

    private SplitFile(PartitionId id, TableSpec spec, Path file, Connection connection, Instant now)
            throws SQLException {
        this.id = id;
        this.spec = spec;
        this.file = file;
        this.connection = connection;
        Connections.setCache(connection, CACHE);
        PartitionSchema.prepare(connection, spec, id, now);
        PartitionSchema.hot(spec).forEach(c -> hot.add(spec.position(c.name())));
        PartitionSchema.detail(spec).forEach(c -> detail.add(spec.position(c.name())));
        this.insert = connection.prepareStatement(insert(spec.name(), hot, spec.separateTime()));
        this.details = detail.isEmpty()
                ? null
                : connection.prepareStatement(insert(PartitionSchema.details(spec), detail, false));
        this.byNumber = connection.prepareStatement(select() + " WHERE m._seq = ?");
        Sqlite.run(connection, "BEGIN");
    }

    /** Begins a new file. */
    static SplitFile make(PartitionId id, TableSpec spec, Path file, Instant now) throws SQLException, IOException {
        for (String suffix : new String[] {"", "-journal"}) {
            Files.deleteIfExists(file.resolveSibling(file.getFileName() + suffix));
        }
        Connection connection = Connections.making(file);
        boolean done = false;
        try {
            SplitFile made = new SplitFile(id, spec, file, connection, now);
            done = true;
            return made;
        } finally {
            if (!done) {
                Connections.closeQuietly(file, connection);
            }
        }
    }

    private String insert(String table, List<Integer> positions, boolean time) {
        List<String> columns = new ArrayList<>(List.of("_seq"));
        if (time) {
            columns.add("_time");
        }
        positions.forEach(at -> columns.add(Sqlite.quote(spec.columns().get(at).name())));
        return "INSERT INTO " + Sqlite.quote(table) + "(" + String.join(", ", columns) + ") VALUES("
                + String.join(", ", Collections.nCopies(columns.size(), "?")) + ")";
    }

    /** All columns of the spec in its order, then number and time. */
    private String select() {
        List<String> columns = new ArrayList<>();
        for (Column column : spec.columns()) {
            columns.add((column.detail() ? "d." : "m.") + Sqlite.quote(column.name()));
        }
        columns.add("m._seq");
        columns.add("m." + Sqlite.quote(PartitionSchema.timeColumn(spec)));
        return "SELECT " + String.join(", ", columns) + " FROM " + Sqlite.quote(spec.name()) + " m"
                + (detail.isEmpty()
                        ? ""
                        : " LEFT JOIN " + Sqlite.quote(PartitionSchema.details(spec)) + " d ON d._seq = m._seq");
    }

    PartitionId id() {
        return id;
    }

    Path file() {
        return file;
    }

    void add(SplitRow row) throws SQLException {
        int parameter = 1;
        insert.setLong(parameter++, row.seq());
        if (spec.separateTime()) {
            insert.setLong(parameter++, row.timeMicros());
        }
        for (int at : hot) {
            RowStatements.bind(insert, parameter++, row.values()[at]);
        }
        insert.executeUpdate();
        boolean any = detail.stream().anyMatch(at -> row.values()[at] != null);
        PreparedStatement ofDetails = details;
        if (any && ofDetails != null) {
            ofDetails.setLong(1, row.seq());
            for (int i = 0; i < detail.size(); i++) {
                RowStatements.bind(ofDetails, i + 2, row.values()[detail.get(i)]);
            }
            ofDetails.executeUpdate();
        }
        rows++;
        min = Math.min(min, row.timeMicros());
        max = Math.max(max, row.timeMicros());
        lowest = Math.min(lowest, row.seq());
    }

    /** Takes the row of a key out again; returns its hash, or null where there is none. */
    @Nullable
    Long remove(Object[] key) throws SQLException {
        long seq = find(key);
        if (seq == 0) {
            return null;
        }
        long hash;
        byNumber.setLong(1, seq);
        try (ResultSet found = byNumber.executeQuery()) {
            if (!found.next()) {
                throw new SQLException("the row " + seq + " is gone");
            }
            hash = hash(found);
        }
        Sqlite.run(connection, "DELETE FROM " + Sqlite.quote(spec.name()) + " WHERE _seq = " + seq);
        if (!detail.isEmpty()) {
            Sqlite.run(
                    connection, "DELETE FROM " + Sqlite.quote(PartitionSchema.details(spec)) + " WHERE _seq = " + seq);
        }
        rows--;
        return hash;
    }

    private long find(Object[] key) throws SQLException {
        String sql = "SELECT _seq FROM " + Sqlite.quote(spec.name()) + " WHERE "
                + RowStatements.keyTest(FileColumns.of(spec, connection));
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            for (int i = 0; i < key.length; i++) {
                RowStatements.bind(statement, i + 1, key[i]);
            }
            try (ResultSet found = statement.executeQuery()) {
                return found.next() ? found.getLong(1) : 0;
            }
        }
    }

    private long hash(ResultSet found) throws SQLException {
        int width = spec.columns().size();
        @Nullable Object[] all = Stored.row(found, width + 2);
        @Nullable Object[] values = java.util.Arrays.copyOf(all, width);
        return SplitRow.hash(LedgerState.number(all[width]), LedgerState.number(all[width + 1]), values);
    }

    /**
     * Makes it whole: figures, keys, and its rows read back from it.
     *
     * @param pace told now and then while rows are read back
     * @return the number of rows and the sum of their hashes
     */
    long[] finish(Map<String, Object> origin, Runnable pace) throws SQLException, IOException {
        Sqlite.run(
                connection,
                "UPDATE levee_stats SET rows = " + rows + ", min_time = " + held().minMicros() + ", max_time = "
                        + held().maxMicros() + ", max_seq = 0 WHERE id = 1");
        if (spec.keyed()) {
            TableKeys.store(connection, TableKeys.of(connection, spec, rows));
        }
        PartitionSchema.describe(connection, "split_of", Json.write(origin));
        Sqlite.run(connection, "COMMIT");
        long[] found = new long[2];
        try (PreparedStatement all = connection.prepareStatement(select());
                ResultSet each = all.executeQuery()) {
            while (each.next()) {
                found[1] += hash(each);
                if (++found[0] % SplitBuild.BATCH == 0) {
                    pace.run();
                }
            }
        }
        if (!"ok".equals(Sqlite.value(connection, "PRAGMA quick_check(1)"))) {
            throw new SQLException("the new file is not whole");
        }
        close();
        Handles.visit(file, file, true, false, channel -> {
            channel.force(true);
            return true;
        });
        return found;
    }

    /** What it holds; at least as wide as that. */
    Partition.Held held() {
        // A range never includes its end, and the last microsecond has to be in one.
        long from = Math.min(min, Long.MAX_VALUE - 1);
        return rows == 0 ? Partition.Held.nothing(0, 0) : new Partition.Held(from, max, rows, lowest, 0);
    }

    void close() throws SQLException {
        if (!closed) {
            closed = true;
            Connections.close(file, connection);
        }
    }

    /** Ends it, whatever it is; nobody knows it. */
    void giveUp() {
        try {
            close();
            Files.deleteIfExists(file);
        } catch (SQLException | IOException e) {
            System.getLogger("io.levee.sqlite").log(System.Logger.Level.DEBUG, "the next step removes " + file, e);
        }
    }
}
