package io.levee.testkit.drill;

import io.levee.Ack;
import io.levee.Aggregation;
import io.levee.BatchReceipt;
import io.levee.Expr;
import io.levee.Levee;
import io.levee.Lookup;
import io.levee.Measure;
import io.levee.Migration;
import io.levee.MigrationStatus;
import io.levee.MigrationStep;
import io.levee.Query;
import io.levee.Result;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/** Levee with its defaults: a table each, a file a day; the column is filled by a migration. */
final class PacketsLevee implements PacketSide {
    private static final int FILL_BATCH = 10_000;
    private static final int PAGE = 50;
    private static final String UNFILLED = Packets.LAST_SEEN + " IS NULL";
    private static final long LOOK_NANOS = TimeUnit.MILLISECONDS.toNanos(2);

    private final Packets packets;
    private final Store store;
    private final Table<Row> transmissions;
    private final Table<Row> observations;

    /** Opens a store. */
    PacketsLevee(Path directory, Packets packets) {
        this.packets = packets;
        this.store = open(directory);
        this.transmissions = store.createTable(Packets.specs().get(0));
        this.observations = store.createTable(Packets.specs().get(1));
    }

    private static Store open(Path directory) {
        return Levee.open(directory, o -> o.asOf(Packets.LIVE));
    }

    /** Makes a store with the history. */
    static void fill(Path directory, Packets packets) {
        try (PacketsLevee side = new PacketsLevee(directory, packets)) {
            Filling sent = new Filling(side.transmissions);
            Filling heard = new Filling(side.observations);
            for (long i = 0; i < packets.transmissions(); i++) {
                sent.add(row(side.transmissions, Packets.TRANSMISSION, packets.transmission(i)));
                for (int n = 0; n < packets.heardBy(i); n++) {
                    heard.add(row(side.observations, Packets.OBSERVATION, packets.observation(i, n)));
                }
            }
            sent.finish();
            heard.finish();
        }
    }

    private static Row row(Table<Row> table, List<String> columns, Object[] values) {
        return Packets.row(table.spec(), columns, values);
    }

    /** A table's rows in batches, one ahead: the queue never sheds. */
    private static final class Filling {
        private final Table<Row> table;
        private CompletableFuture<BatchReceipt> last = CompletableFuture.completedFuture(null);
        private List<Row> batch = new ArrayList<>(FILL_BATCH);

        Filling(Table<Row> table) {
            this.table = table;
        }

        void add(Row row) {
            batch.add(row);
            if (batch.size() == FILL_BATCH) {
                finish();
                batch = new ArrayList<>(FILL_BATCH);
            }
        }

        void finish() {
            last.join();
            last = table.appendAll(batch, Ack.COMMITTED);
        }
    }

    @Override
    public void accept(long n, Object[] values, Runnable committed) {
        boolean first = Packets.liveTransmission(n);
        Table<Row> table = first ? transmissions : observations;
        CompletableFuture<?> unused = table.append(
                        row(table, first ? Packets.TRANSMISSION : Packets.OBSERVATION, values), Ack.COMMITTED)
                .thenRun(committed);
    }

    @Override
    public void read(int reader, long n) {
        switch ((int) ((n + reader) % 3)) {
            case 0 -> rows(Query.builder(Packets.TRANSMISSIONS).newestFirst().limit(PAGE));
            case 1 ->
                rows(Query.builder(Packets.OBSERVATIONS)
                        .where(Expr.eq(
                                "hash", Packets.hash(Math.floorMod(n * 7919 + reader, packets.transmissions())))));
            default ->
                store.aggregate(new Aggregation(
                        Query.builder(Packets.OBSERVATIONS)
                                .from(Packets.LAST_HOUR)
                                .to(Packets.LIVE)
                                .build(),
                        List.of("observer"),
                        List.of(Measure.count(), Measure.avg("snr"))));
        }
    }

    private void rows(Query.Builder query) {
        try (Result<Row> rows = store.query(query.build())) {
            rows.forEach(row -> {});
        }
    }

    @Override
    public boolean migrate(long boundMillis, Batches batches) {
        Lookup heard = Lookup.of(Lookup.Function.MAX, Packets.OBSERVATIONS, "rx_time", "hash", "hash");
        MigrationStep fill =
                new MigrationStep.Backfill(Map.of(Packets.LAST_SEEN, "heard"), Map.of("heard", heard), UNFILLED);
        long last = System.nanoTime();
        long end = last + TimeUnit.MILLISECONDS.toNanos(boundMillis);
        store.migrate(List.of(new Migration("last-seen", Packets.TRANSMISSIONS, fill)), true);
        long rows = 0;
        while (true) {
            MigrationStatus status = store.migrations().get(0);
            long now = System.nanoTime();
            if (status.rowsDone() > rows && rows == 0) {
                // What comes before the first batch (the other table may be read as a whole) is part of the whole time,
                // and of no batch's.
                rows = status.rowsDone();
                last = now;
            } else if (status.rowsDone() > rows) {
                batches.done(status.rowsDone() - rows, now - last);
                rows = status.rowsDone();
                last = now;
            }
            if (!status.open() || now > end) {
                if (status.error() != null) {
                    System.err.println("the migration failed: " + status.error());
                }
                return status.state() == MigrationStatus.State.DONE;
            }
            LockSupport.parkNanos(LOOK_NANOS);
        }
    }

    @Override
    public long finish() {
        store.flush(Duration.ofMillis(RetentionChild.CLOSE_MILLIS));
        return store.count(
                        Query.builder(Packets.TRANSMISSIONS).from(Packets.LIVE).build())
                + store.count(
                        Query.builder(Packets.OBSERVATIONS).from(Packets.LIVE).build());
    }

    @Override
    public long wrong() {
        Map<String, Long> right = new HashMap<>();
        for (long i = 0; i < packets.transmissions(); i++) {
            right.put(Packets.hash(i), packets.lastSeen(i));
        }
        int seen = transmissions.spec().position(Packets.LAST_SEEN);
        long wrong = 0;
        try (Result<Row> rows = store.query(Query.builder(Packets.TRANSMISSIONS)
                .deadline(Duration.ofMinutes(5))
                .build())) {
            for (Row row : rows) {
                Long old = right.remove(String.valueOf(row.get("hash")));
                long found = row.stored(seen) instanceof Long micros ? micros : 0;
                wrong += found == (old == null ? row.timeMicros() : old) ? 0 : 1;
            }
        }
        // What is left nobody has answered with.
        return wrong + right.size();
    }

    @Override
    public void close() {
        store.close();
    }
}
