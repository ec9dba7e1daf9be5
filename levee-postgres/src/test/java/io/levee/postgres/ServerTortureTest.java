package io.levee.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.levee.Ack;
import io.levee.CloseReport;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.Levee;
import io.levee.LeveeException;
import io.levee.Overflow;
import io.levee.PartitionBy;
import io.levee.Query;
import io.levee.Row;
import io.levee.Store;
import io.levee.StoreStatus;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.testkit.PostgresProcess;
import io.levee.testkit.PostgresServer;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * The server is stopped without warning, its sessions are ended at random, under load: no receipt is lost, nothing is there twice, and
 * accepted = stored + queued + lost + uncertain at every look (guarantees G8, G9, G13; I1, I2, I12).
 *
 * <p>{@code -Dlevee.long=true} for 20 stops and 100 kills, {@code -Dlevee.seed=…} for the same order again.
 */
class ServerTortureTest {
    private static final boolean LONG = Boolean.getBoolean("levee.long");
    private static final int STOPS = LONG ? 20 : 8;
    private static final int KILLS = 100;
    private static final int KEYS = 500;
    private static final int IN_FLIGHT = 3000;
    private static final Instant START = Instant.parse("2026-05-20T00:00:00Z");

    private static final TableSpec EVENTS = TableSpec.builder("events")
            .column("at", ColumnType.TIMESTAMP)
            .column("n", ColumnType.INTEGER)
            .column("payload", ColumnType.BLOB)
            .time("at")
            .partitionBy(PartitionBy.DAY)
            .build();
    private static final TableSpec STATES = TableSpec.builder("states")
            .column("at", ColumnType.TIMESTAMP)
            .column("k", ColumnType.INTEGER)
            .column("version", ColumnType.INTEGER)
            .time("at")
            .key("k")
            .partitionBy(PartitionBy.DAY)
            .build();

    @TempDir
    private Path directory;

    private final long seed = Long.getLong("levee.seed", new Random().nextLong());
    private final SplittableRandom random = new SplittableRandom(seed);
    private final AtomicBoolean over = new AtomicBoolean();
    private final ConcurrentHashMap<Long, Long> receipts = new ConcurrentHashMap<>();
    private final ConcurrentHashMap<Long, Long> versions = new ConcurrentHashMap<>();
    private final AtomicLong refusals = new AtomicLong();
    private final AtomicLong looks = new AtomicLong();
    private final AtomicLong uncertain = new AtomicLong();

    @Test
    @Timeout(value = 10, unit = TimeUnit.MINUTES)
    void shouldLoseAndRepeatNothingWhenItsServerStopsWithoutWarning() throws Exception {
        try (PostgresProcess process = PostgresProcess.start(directory)) {
            torture(process.server(), store -> {
                for (int stop = 0; stop < STOPS; stop++) {
                    progress(store);
                    LockSupport.parkNanos(random.nextLong(300_000_000));
                    process.stopImmediately();
                    LockSupport.parkNanos(random.nextLong(500_000_000));
                    process.start();
                }
                // I12: nobody does anything, and it is well again.
                progress(store);
            });
        }
    }

    @Test
    @Timeout(value = 10, unit = TimeUnit.MINUTES)
    void shouldLoseAndRepeatNothingWhenItsSessionsAreEndedAtRandom() throws Exception {
        try (PostgresProcess process = PostgresProcess.start(directory)) {
            PostgresServer server = process.server();
            torture(server, store -> {
                int killed = 0;
                while (killed < KILLS) {
                    List<String> sessions = server.texts(
                            "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'levee %' ORDER BY pid");
                    if (!sessions.isEmpty()) {
                        String pid = sessions.get(random.nextInt(sessions.size()));
                        killed += server.texts(
                                        "SELECT 1 FROM (SELECT pg_terminate_backend(" + pid + ") AS done) x WHERE done")
                                .size();
                    }
                    LockSupport.parkNanos(random.nextLong(60_000_000));
                    if (killed % 10 == 9) {
                        progress(store);
                    }
                }
            });
        }
    }

    private interface Faults {
        void happen(Store store) throws Exception;
    }

    private void torture(PostgresServer server, Faults faults) throws Exception {
        String address = server.newStore();
        String schema = PostgresServer.schema(address);
        ExecutorService others = Executors.newFixedThreadPool(3);
        CloseReport report;
        try (Store store = Levee.open(
                address,
                false,
                o -> o.overflow(Overflow.block(Duration.ofMinutes(2))).queryThreads(2))) {
            Table<Row> events = store.createTable(EVENTS);
            Table<Row> states = store.createTable(STATES);
            Future<?> writer = others.submit(() -> write(events, states));
            Future<?> reader = others.submit(() -> read(store));
            Future<?> sampler = others.submit(() -> sample(store));
            faults.happen(store);
            over.set(true);
            writer.get(120, TimeUnit.SECONDS);
            reader.get(60, TimeUnit.SECONDS);
            sampler.get(60, TimeUnit.SECONDS);
            await("everything is settled")
                    .atMost(Duration.ofSeconds(60))
                    .until(() -> store.flush(Duration.ofSeconds(1)));
            report = store.close(Duration.ofSeconds(30));
        } finally {
            over.set(true);
            others.shutdownNow();
        }
        assertThat(report.reason()).as("seed %d", seed).isEmpty();
        assertThat(report.lost()).as("lost, seed %d", seed).isZero();
        assertThat(report.uncertain()).isZero();
        assertThat(report.stored()).isEqualTo(report.accepted());
        check(server, schema, report);
        System.out.println("seed " + seed + ": " + report + ", " + looks
                + " looks at the books, most uncertain at once " + uncertain + ", " + refusals + " queries refused");
    }

    /** A row of each table at a time: some wait for a receipt, of one level or the other, some do not. */
    private void write(Table<Row> events, Table<Row> states) {
        Semaphore inFlight = new Semaphore(IN_FLIGHT);
        for (long i = 0; !over.get(); i++) {
            long n = i;
            inFlight.acquireUninterruptibly(2);
            Row event = Row.of(EVENTS)
                    .set("at", START.plusSeconds(n % 5 * 86_400 + n % 1000))
                    .set("n", n)
                    .set("payload", payload(n))
                    .build();
            if (n % 3 == 0) {
                events.append(event);
                inFlight.release();
            } else {
                var unusedEvent = events.append(event, n % 30 == 1 ? Ack.DURABLE : Ack.COMMITTED)
                        .whenComplete((receipt, error) -> {
                            if (error == null) {
                                receipts.put(n, receipt.seq());
                            }
                            inFlight.release();
                        });
            }
            Row state = Row.of(STATES)
                    .set("at", START.plusSeconds(n % 7 * 86_400))
                    .set("k", n % KEYS)
                    .set("version", n)
                    .build();
            var unusedState = states.append(state, Ack.COMMITTED).whenComplete((receipt, error) -> {
                if (error == null) {
                    versions.merge(n % KEYS, n, Math::max);
                }
                inFlight.release();
            });
            if (n % 50 == 0) {
                LockSupport.parkNanos(2_000_000);
            }
        }
        inFlight.acquireUninterruptibly(IN_FLIGHT);
    }

    /** Queries either answer or say that the server is away. */
    private void read(Store store) {
        while (!over.get()) {
            try {
                store.count(Query.builder("events")
                        .from(START)
                        .to(START.plusSeconds(60))
                        .build());
            } catch (LeveeException e) {
                assertThat(e.code()).as(e.getMessage()).isEqualTo(ErrorCode.SERVER_UNAVAILABLE);
                refusals.incrementAndGet();
            }
            LockSupport.parkNanos(20_000_000);
        }
    }

    private void sample(Store store) {
        while (!over.get()) {
            StoreStatus now = store.status();
            long lost = now.lostByReason().values().stream()
                    .mapToLong(Long::longValue)
                    .sum();
            assertThat(now.stored() + now.queue().records() + now.queue().spilledRecords() + lost + now.uncertain())
                    .as("%s", now)
                    .isEqualTo(now.accepted());
            uncertain.accumulateAndGet(now.uncertain(), Math::max);
            looks.incrementAndGet();
            LockSupport.parkNanos(3_000_000);
        }
    }

    private void progress(Store store) {
        int before = receipts.size();
        await("receipts come")
                .atMost(Duration.ofMinutes(2))
                .untilAsserted(() ->
                        assertThat(receipts.size()).as("%s", store.status()).isGreaterThan(before + 100));
    }

    private void check(PostgresServer server, String schema, CloseReport report) {
        List<String> events = server.texts(
                "SELECT n || ' ' || _seq || ' ' || encode(payload, 'hex') FROM \"" + schema + "\".events ORDER BY n");
        List<Long> numbers = new ArrayList<>();
        long expected = 0;
        for (String event : events) {
            String[] words = event.split(" ", -1);
            long n = Long.parseLong(words[0]);
            assertThat(n).as("each event once, none left out, seed %d", seed).isEqualTo(expected++);
            assertThat(words[2]).isEqualTo(HexFormat.of().formatHex(payload(n)));
            numbers.add(Long.parseLong(words[1]));
            Long told = receipts.get(n);
            if (told != null) {
                assertThat(told).as("number of event %d", n).isEqualTo(Long.parseLong(words[1]));
            }
        }
        assertThat(numbers).doesNotHaveDuplicates();
        assertThat(receipts.size()).isLessThanOrEqualTo(events.size());
        assertThat(report.accepted()).isEqualTo(2L * events.size());
        List<String> states = server.texts("SELECT k || ' ' || version FROM \"" + schema + "\".states");
        assertThat(states).hasSize(Math.min(KEYS, events.size()));
        for (String state : states) {
            String[] words = state.split(" ", -1);
            assertThat(Long.parseLong(words[1]))
                    .as("version of key %s", words[0])
                    .isEqualTo(versions.get(Long.parseLong(words[0])));
        }
        assertThat(server.texts("SELECT sum(row_count) FROM \"" + schema + "_levee\".partitions"))
                .containsExactly(Long.toString(events.size() + states.size()));
    }

    /** {@code seq | crc32c | f(seed, seq)}: any row can be judged without a copy of what was sent. */
    private byte[] payload(long n) {
        byte[] noise = new byte[40 + (int) (n % 50)];
        new Random(seed ^ n).nextBytes(noise);
        CRC32C crc = new CRC32C();
        crc.update(noise);
        return ByteBuffer.allocate(12 + noise.length)
                .putLong(n)
                .putInt((int) crc.getValue())
                .put(noise)
                .array();
    }
}
