package io.levee.bench;

import io.levee.Aggregation;
import io.levee.Expr;
import io.levee.Histogram;
import io.levee.Levee;
import io.levee.Measure;
import io.levee.Query;
import io.levee.Result;
import io.levee.Row;
import io.levee.Store;
import io.levee.testkit.drill.JobArchive;
import io.levee.testkit.drill.JobStores;
import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Queries against one SQLite file with the same rows and the same indexes, and against DuckDB, alternating in one run: medians in
 * milliseconds and their ratio. Above 1.0 the other one is faster.
 */
final class QueriesBench {
    private static final long SEED = 20260521;
    private static final int DAYS = 90;
    private static final int MANY = 400;

    /** A round that is shorter is run this often, after half as many that do not count. */
    private static final int SHORT_ROUNDS = 2000;

    private static final double SHORT_MILLIS = 200;

    private static final String[] PLAIN = {
        "job_id", "cluster", "hpc_user", "project", "start_time", "duration", "job_state", "num_nodes", "energy"
    };

    private final Path directory;
    private final int rows;
    private final int rounds;

    QueriesBench(Options options) throws IOException {
        directory = options.fresh();
        rows = options.number("--rows", 400_000);
        rounds = options.number("--rounds", 7);
    }

    /** Something that is timed; it reads its whole answer, and says how many rows there were. */
    @FunctionalInterface
    private interface Timed {
        long run(int round) throws SQLException;
    }

    void run() throws IOException, SQLException {
        try {
            JobArchive archive = new JobArchive(SEED, rows, DAYS);
            say("writing %,d jobs over %d days, twice", rows, DAYS);
            JobStores.oneFile(directory.resolve("one.db"), archive, done -> {});
            JobStores.levee(directory.resolve("levee"), archive, done -> {});
            try (Connection one = file(directory.resolve("one.db"));
                    Store store = Levee.open(directory.resolve("levee"), o -> o.asOf(archive.end()))) {
                System.out.println("| query | Levee ms | one SQLite file ms | Levee / file |");
                System.out.println("|---|---|---|---|");
                oneFile(store, one);
                System.out.println("| query | Levee ms | DuckDB ms | Levee / DuckDB |");
                System.out.println("|---|---|---|---|");
                duck(store, archive);
            }
            many();
        } finally {
            Options.delete(directory);
        }
    }

    private static void say(String format, Object... values) {
        System.err.println(String.format(Locale.ROOT, format, values));
    }

    private static Connection file(Path file) throws SQLException {
        Connection connection = DriverManager.getConnection("jdbc:sqlite:" + file);
        try (Statement statement = connection.createStatement()) {
            // As much as Levee's whole budget is by default, and what sorts in memory like it.
            statement.executeUpdate("PRAGMA cache_size=-262144");
            statement.executeUpdate("PRAGMA query_only=1");
        }
        return connection;
    }

    private void oneFile(Store store, Connection one) throws SQLException {
        contest(
                "newest 100 by cluster and user",
                round -> newest(store, user(round)),
                round -> read(
                        one,
                        "SELECT * FROM job WHERE cluster = 'fritz' AND hpc_user = '" + user(round)
                                + "' ORDER BY start_time DESC, _seq DESC LIMIT 100"));
        contest(
                "newest 100 by state",
                round -> rows(store, Expr.eq("job_state", "node_fail")),
                round -> read(
                        one,
                        "SELECT * FROM job WHERE job_state = 'node_fail' ORDER BY start_time DESC, _seq DESC LIMIT 100"));
        contest("group by user: count, sum, avg", round -> groups(store, round), round -> read(one, grouped(round)));
        contest(
                "histogram of the duration, 60 bins",
                round -> histogram(store, round),
                round -> read(
                        one,
                        "SELECT CAST(duration / 60 AS INTEGER) AS b, count(*) FROM job WHERE num_nodes > " + -round
                                + " AND duration < 3600 GROUP BY b"));
    }

    /** Another filter each round, which lets everything through: nothing that was kept answers it. */
    private static String grouped(int round) {
        return "SELECT hpc_user, count(*), sum(duration), avg(energy) FROM job WHERE num_nodes > " + -round
                + " GROUP BY hpc_user";
    }

    private static String user(int round) {
        return new String[] {"uaa0000h", "uba0001h", "uca0002h", "uha0007h"}[Math.floorMod(round, 4)];
    }

    private static long newest(Store store, String user) {
        return rows(store, Expr.and(Expr.eq("cluster", "fritz"), Expr.eq("hpc_user", user)));
    }

    private static long rows(Store store, Expr filter) {
        long count = 0;
        try (Result<Row> rows = store.query(Query.builder(JobArchive.TABLE)
                .where(filter)
                .limit(100)
                .details()
                .build())) {
            for (Row row : rows) {
                count += row.seq() > 0 ? 1 : 0;
            }
        }
        return count;
    }

    private static long groups(Store store, int round) {
        Query query = Query.builder(JobArchive.TABLE)
                .where(Expr.gt("num_nodes", -round))
                .deadline(Duration.ofMinutes(5))
                .build();
        return store.aggregate(new Aggregation(
                        query,
                        List.of("hpc_user"),
                        List.of(Measure.count(), Measure.sum("duration"), Measure.avg("energy"))))
                .groups()
                .size();
    }

    private static long histogram(Store store, int round) {
        Query query = Query.builder(JobArchive.TABLE)
                .where(Expr.gt("num_nodes", -round))
                .deadline(Duration.ofMinutes(5))
                .build();
        return store.histogram(new Histogram(query, "duration", new Histogram.Even(0, 60, 60)))
                .bins()
                .size();
    }

    private void duck(Store store, JobArchive archive) throws IOException, SQLException {
        Path csv = directory.resolve("jobs.csv");
        try (BufferedWriter out = Files.newBufferedWriter(csv)) {
            out.write(String.join(",", PLAIN) + "\n");
            for (long i = 0; i < archive.rows(); i++) {
                Object[] values = archive.job(i);
                List<String> words = new ArrayList<>();
                for (String column : PLAIN) {
                    Object value = values[JobArchive.COLUMNS.indexOf(column)];
                    words.add(String.valueOf(value instanceof Instant at ? (Object) JobStores.micros(at) : value));
                }
                out.write(String.join(",", words) + "\n");
            }
        }
        try (Connection duck = DriverManager.getConnection("jdbc:duckdb:" + directory.resolve("jobs.duckdb"));
                Statement statement = duck.createStatement()) {
            statement.execute("CREATE TABLE job AS SELECT * FROM read_csv('" + csv + "')");
            contest(
                    "group by user, nothing kept",
                    round -> groups(store, 1000 + round),
                    round -> read(duck, grouped(1000 + round)));
            contest("group by user, asked again", round -> groups(store, 0), round -> read(duck, grouped(0)));
        } catch (SQLException e) {
            say("DuckDB is left out: %s", String.valueOf(e.getMessage()));
        }
    }

    /** Hundreds of partitions, with handles that are open and without. */
    private void many() throws IOException, SQLException {
        int few = Math.max(MANY * 10, rows / 10);
        JobArchive archive = new JobArchive(SEED, few, MANY);
        say("writing %,d jobs over %d days", few, MANY);
        Path place = directory.resolve("many");
        JobStores.levee(place, archive, done -> {});
        System.out.println("| " + MANY + " partitions | cold ms | open handles ms |");
        System.out.println("|---|---|---|");
        many("count by state, through its index", archive, place, QueriesBench::nodeFails);
        many("newest 100 by state", archive, place, (store, round) -> rows(store, Expr.eq("job_state", "node_fail")));
        many("group by user, every row", archive, place, QueriesBench::groups);
    }

    /** Something that is asked of a store, in a way that is new each round. */
    @FunctionalInterface
    private interface Asked {
        long of(Store store, int round);
    }

    private void many(String name, JobArchive archive, Path place, Asked asked) throws SQLException {
        List<Double> cold = new ArrayList<>();
        List<Double> warm = new ArrayList<>();
        for (int i = 0; i < rounds; i++) {
            try (Store store = Levee.open(place, o -> o.asOf(archive.end()))) {
                cold.add(millis(r -> asked.of(store, r), i));
                warm.add(millis(r -> asked.of(store, 500 + r), i));
            }
        }
        System.out.println(String.format(Locale.ROOT, "| %s | %.1f | %.1f |", name, median(cold), median(warm)));
    }

    /** Another filter each round: nothing that was kept answers it. */
    private static long nodeFails(Store store, int round) {
        return store.count(Query.builder(JobArchive.TABLE)
                .where(Expr.and(Expr.eq("job_state", "node_fail"), Expr.gt("num_nodes", -round)))
                .build());
    }

    private void contest(String name, Timed levee, Timed other) throws SQLException {
        List<Double> ours = new ArrayList<>();
        List<Double> theirs = new ArrayList<>();
        // What takes milliseconds is told by many: else it is the compiler that is measured.
        int warm = 1;
        int last = rounds;
        for (int round = 0; round <= last; round++) {
            double mine = millis(levee, round);
            double its = millis(other, round);
            if (round == 0 && mine + its < SHORT_MILLIS) {
                warm = SHORT_ROUNDS / 2;
                last = warm + SHORT_ROUNDS;
            }
            if (round >= warm) {
                ours.add(mine);
                theirs.add(its);
            }
        }
        System.out.println(String.format(
                Locale.ROOT,
                "| %s | %.2f | %.2f | %.2f |",
                name,
                median(ours),
                median(theirs),
                median(ours) / median(theirs)));
    }

    private static double millis(Timed timed, int round) throws SQLException {
        long begin = System.nanoTime();
        if (timed.run(round) < 0) {
            throw new IllegalStateException("an answer of less than nothing");
        }
        return (System.nanoTime() - begin) / 1e6;
    }

    private static double median(List<Double> values) {
        return values.stream().sorted().toList().get(values.size() / 2);
    }

    private static long read(Connection connection, String sql) throws SQLException {
        long count = 0;
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(sql)) {
            int width = rows.getMetaData().getColumnCount();
            while (rows.next()) {
                for (int i = 1; i <= width; i++) {
                    rows.getObject(i);
                }
                count++;
            }
        }
        return count;
    }
}
