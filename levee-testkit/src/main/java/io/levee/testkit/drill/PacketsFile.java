package io.levee.testkit.drill;

import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;

/** The incident's ways: both tables in one SQLite file, one connection that writes behind a lock, one connection a reader. */
final class PacketsFile implements PacketSide {
    /** How the column is filled. */
    enum Way {
        UPDATE,
        CHUNKED_UPDATE
    }

    private static final long PAUSE_MILLIS = 100;
    private static final int FILL_BATCH = 10_000;
    private static final int PAGE = 50;

    private static final String SET =
            "UPDATE transmissions SET last_seen = coalesce((SELECT max(rx_time) FROM observations"
                    + " WHERE transmission_id = transmissions.id), last_seen)";

    private static final List<String> READS = List.of(
            "SELECT * FROM transmissions ORDER BY first_seen DESC LIMIT " + PAGE,
            "SELECT * FROM observations WHERE transmission_id = ?",
            "SELECT observer, count(*), avg(snr) FROM observations WHERE rx_time >= ? AND rx_time < ? GROUP BY observer");

    private final Way way;
    private final int batch;
    private final Packets packets;
    private final Connection connection;
    private final PreparedStatement transmission;
    private final PreparedStatement observation;
    private final List<PreparedStatement[]> readers;
    private final ReentrantLock lock = new ReentrantLock(true);
    private final OldWriter writer;

    /**
     * Opens a file.
     *
     * @param batch rows of a chunk
     */
    PacketsFile(Path file, Way way, Packets packets, int readers, int batch) throws SQLException {
        this.way = way;
        this.batch = batch;
        this.packets = packets;
        this.connection = open(file);
        this.transmission = insertTransmission(connection);
        this.observation = insertObservation(connection);
        this.readers = new ArrayList<>();
        for (int i = 0; i < readers; i++) {
            Connection own = open(file);
            this.readers.add(new PreparedStatement[] {
                own.prepareStatement(READS.get(0)),
                own.prepareStatement(READS.get(1)),
                own.prepareStatement(READS.get(2))
            });
        }
        this.writer = new OldWriter(this::write);
    }

    private static Connection open(Path file) throws SQLException {
        Connection connection = DriverManager.getConnection("jdbc:sqlite:" + file);
        try (Statement statement = connection.createStatement()) {
            statement.executeUpdate("PRAGMA journal_mode=WAL");
            statement.executeUpdate("PRAGMA synchronous=NORMAL");
            statement.executeUpdate("PRAGMA busy_timeout=5000");
        }
        return connection;
    }

    private static PreparedStatement insertTransmission(Connection connection) throws SQLException {
        return connection.prepareStatement(
                "INSERT INTO transmissions(hash, first_seen, route_type, payload_type, from_pubkey, raw_hex, decoded_json, last_seen, id)"
                        + " VALUES(?,?,?,?,?,?,?,coalesce(?,0),?)");
    }

    private static PreparedStatement insertObservation(Connection connection) throws SQLException {
        return connection.prepareStatement(
                "INSERT INTO observations(transmission_id, rx_time, observer, snr, rssi, path_json, resolved_path, raw_hex)"
                        + " VALUES(?,?,?,?,?,?,?,?)");
    }

    /** Makes a file with the history. */
    static void fill(Path file, Packets packets) throws SQLException {
        try (Connection connection = open(file);
                Statement statement = connection.createStatement()) {
            statement.executeUpdate("CREATE TABLE transmissions(id INTEGER PRIMARY KEY, hash TEXT NOT NULL UNIQUE,"
                    + " first_seen INTEGER NOT NULL, route_type INTEGER, payload_type INTEGER, from_pubkey TEXT, raw_hex TEXT,"
                    + " decoded_json TEXT, last_seen INTEGER NOT NULL DEFAULT 0)");
            statement.executeUpdate("CREATE INDEX transmissions_seen ON transmissions(first_seen)");
            statement.executeUpdate("CREATE INDEX transmissions_type ON transmissions(payload_type, first_seen)");
            statement.executeUpdate(
                    "CREATE TABLE observations(id INTEGER PRIMARY KEY, transmission_id INTEGER NOT NULL, rx_time INTEGER NOT NULL,"
                            + " observer TEXT, snr REAL, rssi REAL, path_json TEXT, resolved_path TEXT, raw_hex TEXT)");
            // As the incident had it: the latest of a transmission is found by reading all of its observations.
            statement.executeUpdate("CREATE INDEX observations_transmission ON observations(transmission_id)");
            statement.executeUpdate("CREATE INDEX observations_time ON observations(rx_time)");
            statement.executeUpdate("CREATE INDEX observations_observer ON observations(observer, rx_time)");
            connection.setAutoCommit(false);
            try (PreparedStatement transmission = insertTransmission(connection);
                    PreparedStatement observation = insertObservation(connection)) {
                for (long i = 0; i < packets.transmissions(); i++) {
                    bind(transmission, packets.transmission(i), Packets.TRANSMISSION.size(), i + 1);
                    for (int n = 0; n < packets.heardBy(i); n++) {
                        bindObservation(observation, i + 1, packets.observation(i, n));
                    }
                    if ((i + 1) % (FILL_BATCH / 20) == 0) {
                        commit(connection, transmission, observation);
                    }
                }
                commit(connection, transmission, observation);
            }
            connection.setAutoCommit(true);
            statement.executeUpdate("PRAGMA wal_checkpoint(TRUNCATE)");
        }
    }

    /** Makes the column empty again, and takes the new records out. */
    static void reset(Path file, Packets packets) throws SQLException {
        try (Connection connection = open(file);
                Statement statement = connection.createStatement()) {
            statement.executeUpdate("DELETE FROM observations WHERE rx_time >= " + JobStores.micros(Packets.LIVE));
            statement.executeUpdate("DELETE FROM transmissions WHERE id > " + packets.transmissions());
            statement.executeUpdate("UPDATE transmissions SET last_seen = 0 WHERE last_seen <> 0");
            statement.executeUpdate("PRAGMA wal_checkpoint(TRUNCATE)");
        }
    }

    private static void commit(Connection connection, PreparedStatement... batches) throws SQLException {
        for (PreparedStatement one : batches) {
            one.executeBatch();
        }
        connection.commit();
    }

    private static void bind(PreparedStatement insert, Object[] values, int count, long id) throws SQLException {
        for (int i = 0; i < count; i++) {
            insert.setObject(i + 1, values[i]);
        }
        insert.setLong(count + 1, id);
        insert.addBatch();
    }

    private static void bindObservation(PreparedStatement insert, long id, Object[] values) throws SQLException {
        insert.setLong(1, id);
        for (int i = 1; i < values.length; i++) {
            insert.setObject(i + 1, values[i]);
        }
        insert.addBatch();
    }

    @Override
    public void accept(long n, Object[] values, Runnable committed) {
        writer.accept(new Object[] {n, values}, committed);
    }

    private void write(List<Object[]> records) throws SQLException {
        lock.lock();
        try {
            connection.setAutoCommit(false);
            for (Object[] record : records) {
                long n = (Long) record[0];
                if (Packets.liveTransmission(n)) {
                    bind(transmission, (Object[]) record[1], Packets.TRANSMISSION.size(), Packets.ofLive(n));
                } else {
                    bindObservation(observation, Packets.ofLive(n), (Object[]) record[1]);
                }
            }
            commit(connection, transmission, observation);
            connection.setAutoCommit(true);
        } finally {
            lock.unlock();
        }
    }

    @Override
    public void read(int reader, long n) throws SQLException {
        int which = (int) ((n + reader) % READS.size());
        PreparedStatement statement = readers.get(reader)[which];
        if (which == 1) {
            statement.setLong(1, 1 + Math.floorMod(n * 7919 + reader, packets.transmissions()));
        } else if (which == 2) {
            statement.setLong(1, JobStores.micros(Packets.LAST_HOUR));
            statement.setLong(2, JobStores.micros(Packets.LIVE));
        }
        try (ResultSet rows = statement.executeQuery()) {
            while (rows.next()) {
                rows.getObject(2);
            }
        }
    }

    @Override
    public boolean migrate(long boundMillis, Batches batches) throws SQLException {
        if (way == Way.UPDATE) {
            run(SET + " WHERE last_seen = 0", batches);
            return true;
        }
        String chunk = SET + " WHERE id IN (SELECT id FROM transmissions WHERE last_seen = 0 LIMIT " + batch + ")";
        long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(boundMillis);
        while (System.nanoTime() < end) {
            if (run(chunk, batches) == 0) {
                return true;
            }
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(PAUSE_MILLIS));
        }
        return false;
    }

    private int run(String sql, Batches batches) throws SQLException {
        int rows;
        long begun;
        lock.lock();
        try {
            begun = System.nanoTime();
            rows = changed(sql);
        } finally {
            lock.unlock();
        }
        batches.done(rows, System.nanoTime() - begun);
        return rows;
    }

    private int changed(String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            return statement.executeUpdate(sql);
        }
    }

    @Override
    public long finish() throws Exception {
        writer.finish(RetentionChild.CLOSE_MILLIS);
        long live = JobStores.micros(Packets.LIVE);
        return one("SELECT count(*) FROM transmissions WHERE first_seen >= " + live)
                + one("SELECT count(*) FROM observations WHERE rx_time >= " + live);
    }

    private long one(String sql) throws SQLException {
        lock.lock();
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(sql)) {
            rows.next();
            return rows.getLong(1);
        } finally {
            lock.unlock();
        }
    }

    @Override
    public long wrong() throws SQLException {
        long wrong = 0;
        lock.lock();
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery("SELECT id, first_seen, last_seen FROM transmissions")) {
            while (rows.next()) {
                long number = rows.getLong(1) - 1;
                long right = number < packets.transmissions() ? packets.lastSeen(number) : rows.getLong(2);
                wrong += rows.getLong(3) == right ? 0 : 1;
            }
        } finally {
            lock.unlock();
        }
        return wrong;
    }

    @Override
    public void close() throws SQLException {
        for (PreparedStatement[] reader : readers) {
            reader[0].getConnection().close();
        }
        connection.close();
    }
}
