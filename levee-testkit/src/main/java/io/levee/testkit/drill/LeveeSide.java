package io.levee.testkit.drill;

import io.levee.Ack;
import io.levee.BatchReceipt;
import io.levee.Levee;
import io.levee.PartitionInfo;
import io.levee.Query;
import io.levee.RetentionReport;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Levee with its defaults: the oldest day goes by retention, on the janitor. */
final class LeveeSide implements HistorySide {
    private static final int FILL_BATCH = 10_000;
    private static final Duration FOREVER = Duration.ofDays(3650);

    private final @Nullable Path directory;
    private final OneServer.@Nullable Figures server;
    private final Store store;
    private final Table<Row> runs;

    /**
     * Opens a store.
     *
     * @param address a directory, or the address of a schema on a server
     */
    LeveeSide(String address) throws SQLException {
        boolean file = !address.contains("://");
        this.directory = file ? Path.of(address) : null;
        this.server = file ? null : new OneServer.Figures(address, OneServer.LEVEE_SCHEMA);
        this.store = open(address);
        this.runs = store.createTable(Invocations.spec(FOREVER));
    }

    private static Store open(String address) {
        return Levee.open(
                // Without a grace: the space is to come back while somebody watches.
                address,
                false,
                o -> o.asOf(Invocations.LIVE)
                        .retentionEvery(Duration.ofSeconds(1))
                        .trashGrace(Duration.ZERO));
    }

    /** Makes a store with the two days before; returns the bytes of the first. */
    static long fill(String address, long ofDay) {
        try (Store store = open(address)) {
            Table<Row> runs = store.createTable(Invocations.spec(FOREVER));
            CompletableFuture<BatchReceipt> last = CompletableFuture.completedFuture(null);
            List<Row> batch = new ArrayList<>(FILL_BATCH);
            for (long i = 0; i < 2 * ofDay; i++) {
                Object[] values = Invocations.run(i, Invocations.within((int) (i / ofDay), i % ofDay, ofDay));
                batch.add(Invocations.row(runs.spec(), values));
                if (batch.size() == FILL_BATCH || i == 2 * ofDay - 1) {
                    // One batch ahead: the queue never sheds.
                    last.join();
                    last = runs.appendAll(batch, Ack.COMMITTED);
                    batch = new ArrayList<>(FILL_BATCH);
                }
            }
            last.join();
        }
        try (Store store = Levee.open(address, true, o -> {})) {
            return oldest(store);
        }
    }

    /** Bytes of the partitions of the oldest day. */
    private static long oldest(Store store) {
        String day = Invocations.BEGIN.toString().substring(0, 10);
        return store.partitions().stream()
                .filter(p -> p.id().period().equals(day))
                .mapToLong(PartitionInfo::bytes)
                .sum();
    }

    @Override
    public void accept(Object[] values, Runnable committed) {
        CompletableFuture<?> unused =
                runs.append(Invocations.row(runs.spec(), values), Ack.COMMITTED).thenRun(committed);
    }

    @Override
    public void retire() throws IOException {
        store.createTable(Invocations.spec(Invocations.DAY));
        RetentionReport report = store.applyRetention(store.planRetention());
        report.blocked().forEach((id, why) -> System.err.println(id + " stays for now: " + why));
        // The janitor frees in steps, a moment later.
        while (oldest(store) > 0 || trashed()) {
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(20));
        }
    }

    private boolean trashed() throws IOException {
        if (directory == null) {
            return !store.dropped().isEmpty();
        }
        try (Stream<Path> files = Files.list(directory.resolve("trash"))) {
            return files.findAny().isPresent();
        }
    }

    @Override
    public long finish() {
        store.flush(Duration.ofMillis(RetentionChild.CLOSE_MILLIS));
        return store.count(
                Query.builder(Invocations.TABLE).from(Invocations.LIVE).build());
    }

    @Override
    public Map<String, Long> files() throws SQLException {
        if (directory == null) {
            return server == null ? Map.of() : server.files();
        }
        return Blocks.byInode(directory, path -> !path.endsWith("-wal") && !path.endsWith("-shm"));
    }

    @Override
    public long wal() throws IOException, SQLException {
        if (directory == null) {
            return server == null ? 0 : server.wal();
        }
        long sum = 0;
        try (DirectoryStream<Path> wals =
                Files.newDirectoryStream(directory.resolve("tables").resolve(Invocations.TABLE), "*-wal")) {
            for (Path wal : wals) {
                sum += size(wal);
            }
        }
        return sum;
    }

    private static long size(Path file) {
        try {
            return Files.size(file);
        } catch (IOException e) {
            // It was closed just now.
            return 0;
        }
    }

    @Override
    public void close() throws SQLException {
        store.close();
        if (server != null) {
            server.close();
        }
    }
}
