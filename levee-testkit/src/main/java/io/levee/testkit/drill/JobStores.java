package io.levee.testkit.drill;

import io.levee.Ack;
import io.levee.Levee;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.LongConsumer;

/** The same jobs in a Levee store and in one SQLite file. */
public final class JobStores {
    private static final int BATCH = 10_000;

    private JobStores() {}

    /**
     * Fills a Levee store, and closes it.
     *
     * @param done told how many are in now and then
     */
    public static void levee(Path directory, JobArchive archive, LongConsumer done) {
        try (Store store = Levee.open(directory, o -> o.asOf(archive.end()))) {
            Table<Row> jobs = store.createTable(JobArchive.spec());
            List<Row> batch = new ArrayList<>(BATCH);
            CompletableFuture<?> last = CompletableFuture.completedFuture(null);
            for (long i = 0; i < archive.rows(); i++) {
                batch.add(archive.row(jobs.spec(), i));
                if (batch.size() == BATCH || i == archive.rows() - 1) {
                    // One batch ahead: the queue never sheds.
                    last.join();
                    last = jobs.appendAll(batch, Ack.COMMITTED);
                    batch = new ArrayList<>(BATCH);
                    done.accept(i + 1);
                }
            }
            last.join();
        }
    }

    /**
     * Fills one SQLite file, and builds its indexes.
     *
     * @param done told how many are in now and then
     */
    public static void oneFile(Path file, JobArchive archive, LongConsumer done) throws SQLException {
        try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + file);
                Statement statement = connection.createStatement()) {
            statement.executeUpdate("PRAGMA journal_mode=WAL");
            statement.executeUpdate("PRAGMA synchronous=NORMAL");
            statement.executeUpdate("PRAGMA cache_size=-65536");
            statement.executeUpdate(JobArchive.createTable());
            connection.setAutoCommit(false);
            String marks = ",?".repeat(JobArchive.COLUMNS.size()).substring(1);
            try (PreparedStatement insert = connection.prepareStatement("INSERT INTO " + JobArchive.TABLE + "("
                    + String.join(",", JobArchive.COLUMNS) + ") VALUES(" + marks + ")")) {
                for (long i = 0; i < archive.rows(); i++) {
                    Object[] values = archive.job(i);
                    for (int c = 0; c < values.length; c++) {
                        insert.setObject(c + 1, values[c] instanceof Instant at ? (Object) micros(at) : values[c]);
                    }
                    insert.addBatch();
                    if ((i + 1) % BATCH == 0) {
                        insert.executeBatch();
                        connection.commit();
                        done.accept(i + 1);
                    }
                }
                insert.executeBatch();
                connection.commit();
            }
            for (String index : JobArchive.createIndexes()) {
                statement.executeUpdate(index);
                connection.commit();
            }
            connection.setAutoCommit(true);
            statement.executeUpdate("PRAGMA wal_checkpoint(TRUNCATE)");
        }
    }

    /** Microseconds since 1970. */
    public static long micros(Instant at) {
        return at.getEpochSecond() * 1_000_000 + at.getNano() / 1000;
    }
}
