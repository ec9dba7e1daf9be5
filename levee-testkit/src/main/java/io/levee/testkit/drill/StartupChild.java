package io.levee.testkit.drill;

import io.levee.Ack;
import io.levee.Adoption;
import io.levee.BatchReceipt;
import io.levee.Levee;
import io.levee.Overflow;
import io.levee.PartitionBy;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.testkit.fault.ChildProcess;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.locks.LockSupport;

/** A process of {@link StartupDrill}: made to be killed. */
public final class StartupChild {
    private static final int BATCH = 1000;

    /** Rows of the last batches: their log stays below the size at which it is moved into the database. */
    private static final int LATEST = 8000;

    private StartupChild() {}

    /**
     * {@code fill DIRECTORY PARTITIONS}, {@code levee DIRECTORY PARTITIONS LEGACY SPAWNED_NANOS} or {@code old FILE SPAWNED_NANOS}; each says what
     * it has come to, and then waits for its end.
     */
    public static void main(String[] args) throws Exception {
        ChildProcess.endWithParent();
        switch (args[0]) {
            case "fill" -> fill(Path.of(args[1]), Integer.parseInt(args[2]));
            case "levee" ->
                levee(Path.of(args[1]), Integer.parseInt(args[2]), Path.of(args[3]), Long.parseLong(args[4]));
            default -> old(args[1], Long.parseLong(args[2]));
        }
        while (!Thread.currentThread().isInterrupted()) {
            LockSupport.park();
        }
    }

    /** What one clock of the machine has shown since the parent started this process: the JVM's own start is in it. */
    private static void say(String what, long spawnedNanos) {
        synchronized (System.out) {
            System.out.println(what + " " + Math.round((System.nanoTime() - spawnedNanos) / 1e4) / 100.0);
            System.out.flush();
        }
    }

    private static TableSpec spec() {
        TableSpec.Builder spec = TableSpec.builder(Invocations.TABLE).time("finished_at");
        Invocations.spec(Duration.ofDays(3650)).columns().forEach(spec::column);
        return spec.partitionBy(PartitionBy.HOUR).build();
    }

    private static Instant hour(int n) {
        return Invocations.BEGIN.plus(Duration.ofHours(n));
    }

    private static Store open(Path directory, int partitions) {
        return Levee.open(directory, o -> o.asOf(hour(partitions)));
    }

    private static void fill(Path directory, int partitions) {
        Store store = open(directory, partitions);
        Table<Row> runs = store.createTable(spec());
        List<Row> batch = new ArrayList<>(BATCH);
        for (int i = 0; i < partitions; i++) {
            batch.add(Invocations.row(runs.spec(), Invocations.run(i, hour(i).plusSeconds(1))));
            if (batch.size() == BATCH || i == partitions - 1) {
                append(runs, batch);
                batch = new ArrayList<>(BATCH);
                say("made " + (i + 1), 0);
            }
        }
        for (int i = 0; i < LATEST; i++) {
            batch.add(Invocations.row(
                    runs.spec(),
                    Invocations.run(partitions + i, hour(partitions - 1).plusSeconds(2))));
        }
        append(runs, batch);
        say("filled", 0);
    }

    private static void append(Table<Row> runs, List<Row> batch) {
        CompletableFuture<BatchReceipt> receipt =
                runs.appendAll(batch, Ack.DURABLE, Overflow.block(Duration.ofMinutes(5)));
        if (receipt.join().lost() > 0) {
            throw new IllegalStateException("records were lost while the store was made");
        }
    }

    private static void levee(Path directory, int partitions, Path legacy, long spawnedNanos) {
        say("jvm", spawnedNanos);
        Store store = open(directory, partitions);
        say("ready", spawnedNanos);
        Table<Row> runs = store.createTable(spec());
        // By the first start; the later ones find it adopted.
        store.adopt(Invocations.TABLE, Adoption.of(legacy, Invocations.TABLE).timeUnit(Adoption.TimeUnit.MICROS));
        say("adopted", spawnedNanos);
        Instant now = hour(partitions - 1).plusSeconds(3);
        runs.append(Invocations.row(runs.spec(), Invocations.run(System.nanoTime(), now)), Ack.DURABLE)
                .join();
        say("committed", spawnedNanos);
    }

    /** The service takes requests when its indexes are there. */
    private static void old(String file, long spawnedNanos) throws Exception {
        try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + file);
                Statement statement = connection.createStatement()) {
            statement.executeUpdate("PRAGMA journal_mode=WAL");
            statement.executeUpdate("PRAGMA synchronous=NORMAL");
            say("jvm", spawnedNanos);
            statement.executeUpdate(StartupDrill.OLD_INDEX);
        }
        say("ready", spawnedNanos);
    }
}
