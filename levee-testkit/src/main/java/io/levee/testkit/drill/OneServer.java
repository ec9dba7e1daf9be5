package io.levee.testkit.drill;

import java.net.URI;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** The old ways on PostgreSQL: one table and {@code DELETE} with a {@code VACUUM} behind it, or native partitions kept by pg_partman. */
final class OneServer implements HistorySide {
    /** How the oldest day goes. */
    enum Way {
        PG_DELETE,
        PG_PARTMAN
    }

    /** Where the old ways keep their tables; it goes when they are done. */
    static final String SCHEMA = "levee_drill_old";

    /** Where Levee keeps its. */
    static final String LEVEE_SCHEMA = "levee_drill_levee";

    private static final int FILL_BATCH = 5000;
    private static final String DAY = "interval '1 day'";

    private final Way way;
    private final Connection connection;
    private final Connection other;
    private final PreparedStatement insert;
    private final Figures figures;
    private final OldWriter writer;

    OneServer(String address, Way way) throws SQLException {
        this.way = way;
        this.connection = open(address, SCHEMA);
        this.other = open(address, SCHEMA);
        this.figures = new Figures(address, SCHEMA);
        connection.setAutoCommit(false);
        this.insert = connection.prepareStatement(insert());
        this.writer = new OldWriter(this::write);
    }

    /** A connection to {@code postgres://user@host:port/db}; the password comes from {@code PGPASSWORD}. */
    private static Connection open(String address, String schema) throws SQLException {
        URI uri = URI.create(address);
        String password = System.getenv("PGPASSWORD");
        return DriverManager.getConnection("jdbc:postgresql://" + uri.getHost()
                + (uri.getPort() > 0 ? ":" + uri.getPort() : "") + uri.getPath() + "?reWriteBatchedInserts=true&user="
                + encoded(uri.getUserInfo() == null ? "postgres" : uri.getUserInfo())
                + (password == null ? "" : "&password=" + encoded(password)) + "&currentSchema=" + schema);
    }

    private static String encoded(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8);
    }

    private static String insert() {
        String marks = Invocations.COLUMNS.stream()
                .map(column -> column.equals("finished_at") ? ",to_timestamp(? / 1e6)" : ",?")
                .reduce("", String::concat)
                .substring(1);
        return "INSERT INTO " + Invocations.TABLE + "(" + String.join(",", Invocations.COLUMNS) + ") VALUES(" + marks
                + ")";
    }

    private static void bind(PreparedStatement insert, Object[] values) throws SQLException {
        for (int i = 0; i < values.length; i++) {
            insert.setObject(i + 1, values[i]);
        }
        insert.addBatch();
    }

    private static void run(Connection connection, String... all) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            for (String sql : all) {
                statement.execute(sql);
            }
        }
    }

    /** Removes what drills have made. */
    static void clear(String address) throws SQLException {
        try (Connection connection = open(address, "public")) {
            for (String schema : List.of(SCHEMA, LEVEE_SCHEMA, LEVEE_SCHEMA + "_levee")) {
                run(connection, "DROP SCHEMA IF EXISTS " + schema + " CASCADE");
            }
            try (Statement statement = connection.createStatement();
                    ResultSet found = statement.executeQuery("SELECT to_regclass('partman.part_config') IS NOT NULL")) {
                if (found.next() && found.getBoolean(1)) {
                    run(
                            connection,
                            "DELETE FROM partman.part_config WHERE parent_table = '" + SCHEMA + "." + Invocations.TABLE
                                    + "'",
                            "DROP TABLE IF EXISTS partman.template_" + SCHEMA + "_" + Invocations.TABLE);
                }
            }
        }
    }

    /**
     * Makes the tables with the two days before.
     *
     * @throws SQLException also where the server has no pg_partman
     */
    static void fill(String address, Way way, long ofDay) throws SQLException {
        clear(address);
        try (Connection connection = open(address, SCHEMA)) {
            run(connection, "CREATE SCHEMA " + SCHEMA);
            make(connection, way);
            connection.setAutoCommit(false);
            try (PreparedStatement insert = connection.prepareStatement(insert())) {
                for (long i = 0; i < 2 * ofDay; i++) {
                    bind(insert, Invocations.run(i, Invocations.within((int) (i / ofDay), i % ofDay, ofDay)));
                    if ((i + 1) % FILL_BATCH == 0 || i == 2 * ofDay - 1) {
                        insert.executeBatch();
                        connection.commit();
                    }
                }
            }
            connection.setAutoCommit(true);
            run(connection, "VACUUM ANALYZE " + Invocations.TABLE);
        }
    }

    private static void make(Connection connection, Way way) throws SQLException {
        List<String> create = Invocations.create(Invocations.TABLE);
        String table = create.get(0).replace("finished_at BIGINT", "finished_at TIMESTAMPTZ NOT NULL");
        if (way == Way.PG_PARTMAN) {
            run(
                    connection,
                    "CREATE SCHEMA IF NOT EXISTS partman",
                    "CREATE EXTENSION IF NOT EXISTS pg_partman SCHEMA partman");
            table = table.replace("task_id TEXT PRIMARY KEY", "task_id TEXT");
            table = table.substring(0, table.length() - 1)
                    + ", PRIMARY KEY(task_id, finished_at)) PARTITION BY RANGE (finished_at)";
        }
        run(connection, table, create.get(1), create.get(2));
        if (way == Way.PG_PARTMAN) {
            run(
                    connection,
                    "SELECT partman.create_parent('" + SCHEMA + "." + Invocations.TABLE
                            + "', 'finished_at', 'native', 'daily', p_start_partition := '" + Invocations.BEGIN + "')");
        }
    }

    @Override
    public void accept(Object[] values, Runnable committed) {
        writer.accept(values, committed);
    }

    private void write(List<Object[]> runs) throws SQLException {
        try {
            for (Object[] values : runs) {
                bind(insert, values);
            }
            insert.executeBatch();
            connection.commit();
        } catch (SQLException e) {
            insert.clearBatch();
            connection.rollback();
            throw e;
        }
    }

    @Override
    public void retire() throws SQLException {
        if (way == Way.PG_DELETE) {
            run(
                    other,
                    "DELETE FROM " + Invocations.TABLE + " WHERE finished_at < '" + Invocations.within(1, 0, 1) + "'",
                    "VACUUM " + Invocations.TABLE);
        } else {
            run(
                    other,
                    "SELECT partman.drop_partition_time('" + SCHEMA + "." + Invocations.TABLE + "', " + DAY
                            + ", p_keep_table := false, p_reference_timestamp := '" + Invocations.LIVE + "')");
        }
    }

    @Override
    public long finish() throws Exception {
        writer.finish(RetentionChild.CLOSE_MILLIS);
        try (Statement statement = other.createStatement();
                ResultSet rows = statement.executeQuery("SELECT count(*) FROM " + Invocations.TABLE
                        + " WHERE finished_at >= '" + Invocations.LIVE + "'")) {
            rows.next();
            return rows.getLong(1);
        }
    }

    @Override
    public Map<String, Long> files() throws SQLException {
        return figures.files();
    }

    @Override
    public long wal() throws SQLException {
        return figures.wal();
    }

    @Override
    public void close() throws SQLException {
        figures.close();
        other.close();
        connection.close();
    }

    /** What the server says of a schema's files and of its log. Used by one thread at a time. */
    static final class Figures implements AutoCloseable {
        private static final long FRESH_NANOS = TimeUnit.MILLISECONDS.toNanos(250);

        private final Connection connection;
        private final String schema;
        private String begin = "";
        private long wal;
        private long takenNanos;

        Figures(String address, String schema) throws SQLException {
            this.connection = open(address, "public");
            this.schema = schema;
        }

        /** Bytes of tables, indexes and large values, by relation. */
        synchronized Map<String, Long> files() throws SQLException {
            Map<String, Long> files = new LinkedHashMap<>();
            try (Statement statement = connection.createStatement();
                    ResultSet rows = statement.executeQuery("SELECT c.oid::text, pg_total_relation_size(c.oid)"
                            + " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = '"
                            + schema + "' AND c.relkind = 'r'")) {
                while (rows.next()) {
                    files.put(rows.getString(1), rows.getLong(2));
                }
            }
            return files;
        }

        /** Bytes of log written since the first call: of what the server keeps of it nobody knows whose it is. */
        synchronized long wal() throws SQLException {
            if (!begin.isEmpty() && System.nanoTime() - takenNanos < FRESH_NANOS) {
                return wal;
            }
            try (Statement statement = connection.createStatement();
                    ResultSet rows = statement.executeQuery(
                            begin.isEmpty()
                                    ? "SELECT pg_current_wal_lsn(), 0"
                                    : "SELECT pg_current_wal_lsn(), pg_wal_lsn_diff(pg_current_wal_lsn(), '" + begin
                                            + "')")) {
                rows.next();
                begin = begin.isEmpty() ? rows.getString(1) : begin;
                wal = rows.getLong(2);
                takenNanos = System.nanoTime();
                return wal;
            }
        }

        @Override
        public void close() throws SQLException {
            connection.close();
        }
    }
}
