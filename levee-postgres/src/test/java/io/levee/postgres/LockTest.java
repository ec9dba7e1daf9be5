package io.levee.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.levee.Ack;
import io.levee.BatchReceipt;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.Levee;
import io.levee.LeveeException;
import io.levee.Overflow;
import io.levee.PartitionBy;
import io.levee.PartitionInfo;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.postgres.FaultyCommits.Fault;
import io.levee.testkit.PostgresServer;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

/** One writer, whose lock ends with its session; a lost session costs no row that has a receipt (guarantees G1, G13). */
class LockTest {
    private static final TableSpec EVENTS = TableSpec.builder("events")
            .column("at", ColumnType.TIMESTAMP)
            .column("n", ColumnType.INTEGER)
            .time("at")
            .partitionBy(PartitionBy.DAY)
            .build();
    private static final TableSpec KEYED = TableSpec.builder("keyed")
            .column("at", ColumnType.TIMESTAMP)
            .column("n", ColumnType.INTEGER)
            .time("at")
            .key("n")
            .partitionBy(PartitionBy.DAY)
            .build();

    private final PostgresServer server = PostgresServer.shared();
    private final String address = server.newStore();
    private final String schema = PostgresServer.schema(address);
    private final Names names = new Names(schema);

    private static Row event(TableSpec spec, int n) {
        return Row.of(spec)
                .set("at", Instant.parse("2026-05-20T00:00:00Z").plusSeconds(n))
                .set("n", n)
                .build();
    }

    private Store open() {
        return Levee.open(
                address,
                false,
                o -> o.overflow(Overflow.block(Duration.ofMinutes(1))).closeTimeout(Duration.ofSeconds(1)));
    }

    private List<String> events() {
        return server.texts("SELECT n FROM " + names.in("events") + " ORDER BY n");
    }

    /** The backend that holds this store's lock. */
    private String holder() {
        return "(SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND objid::bigint = "
                + Integer.toUnsignedLong(names.lockNumber()) + ")";
    }

    @Test
    void shouldRefuseASecondWriterAndNameTheFirst() {
        try (Store store = open()) {
            assertThatThrownBy(this::open).isInstanceOfSatisfying(LeveeException.class, e -> {
                assertThat(e.code()).isEqualTo(ErrorCode.STORE_LOCKED);
                assertThat(e.details())
                        .containsEntry("pid", ProcessHandle.current().pid())
                        .containsKeys("host", "since");
                assertThat(e.details()).doesNotContainKey("opening");
            });
            assertThat(store.status().owner()).containsKeys("pid", "host", "since");
        }
        open().close();
    }

    @Test
    void shouldWriteNothingWhenOpenedForReading() {
        assertThatThrownBy(() -> Levee.open(address, true, o -> {}))
                .isInstanceOfSatisfying(
                        LeveeException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.NOT_FOUND));
        assertThat(server.texts("SELECT nspname FROM pg_namespace WHERE nspname LIKE '" + schema + "%'"))
                .isEmpty();
        try (Store writer = open();
                Store reader = Levee.open(address, true, o -> {})) {
            Table<Row> events = writer.createTable(EVENTS);
            assertThat(reader.tables()).containsExactly(EVENTS);
            events.append(event(EVENTS, 1), Ack.COMMITTED).join();
            assertThat(reader.partitions()).extracting(PartitionInfo::rows).containsExactly(1L);
            assertThatThrownBy(() -> reader.createTable(KEYED)).isInstanceOf(LeveeException.class);
        }
    }

    @Test
    void shouldLoseAndRepeatNothingWhenItsSessionsAreTerminated() {
        List<CompletableFuture<BatchReceipt>> receipts = new ArrayList<>();
        int count = 0;
        int killed = 0;
        try (Store store = open()) {
            Table<Row> events = store.createTable(EVENTS);
            for (int round = 0; round < 40; round++) {
                List<Row> rows = new ArrayList<>();
                for (int i = 0; i < 500; i++) {
                    rows.add(event(EVENTS, count++));
                }
                receipts.add(events.appendAll(rows, Ack.COMMITTED));
                if (round % 4 == 3) {
                    receipts.get(round - 2).join();
                    killed += server.texts("SELECT pg_terminate_backend(pid) FROM " + holder() + " AS holder")
                            .size();
                }
            }
            assertThat(killed).isGreaterThan(2);
            long stored = receipts.stream().mapToLong(r -> r.join().stored()).sum();
            assertThat(stored).isEqualTo(count);
            assertThat(events()).hasSize(count).doesNotHaveDuplicates();
            assertThat(store.partitions().stream()
                            .mapToLong(PartitionInfo::rows)
                            .sum())
                    .isEqualTo(count);
        }
    }

    @Test
    void shouldWaitWhileSomebodyElseHasTheLockAndGoOnAfterwards() throws SQLException {
        try (Store store = open();
                Connection thief = server.dataSource().getConnection()) {
            Table<Row> events = store.createTable(EVENTS);
            events.append(event(EVENTS, 1), Ack.COMMITTED).join();
            takeLock(thief);
            CompletableFuture<?> receipt = events.append(event(EVENTS, 2), Ack.COMMITTED);
            await().until(() -> store.status().health().reasons().toString().contains("STORE_LOCKED"));
            assertThat(receipt).isNotDone();
            assertThat(events()).containsExactly("1");
            release(thief);
            receipt.join();
            assertThat(events()).containsExactly("1", "2");
        }
    }

    @Test
    void shouldWriteNoMoreWhenAnotherWriterHadTheStoreMeanwhile() throws SQLException {
        try (Store store = open();
                Connection thief = server.dataSource().getConnection()) {
            Table<Row> events = store.createTable(EVENTS);
            events.append(event(EVENTS, 1), Ack.COMMITTED).join();
            takeLock(thief);
            server.run("UPDATE " + names.catalog("store") + " SET value = '{\"pid\":1}' WHERE key = 'owner'");
            CompletableFuture<?> receipt = events.append(event(EVENTS, 2), Ack.COMMITTED);
            await().until(() -> store.status().health().reasons().toString().contains("STORE_LOCKED"));
            release(thief);
            await().until(() -> store.status().health().reasons().toString().contains("another writer had the store"));
            assertThat(receipt).isNotDone();
            assertThat(events()).containsExactly("1");
        }
    }

    /** Ends the thief's session, and its lock with it. */
    private static void release(Connection thief) throws SQLException {
        thief.close();
    }

    /** Queues for the lock, then ends the session that has it. */
    private void takeLock(Connection thief) throws SQLException {
        String holder = server.texts(holder()).get(0);
        CompletableFuture<Void> queued = CompletableFuture.runAsync(() -> {
            try (Statement statement = thief.createStatement()) {
                statement.execute("SELECT pg_advisory_lock(1818588773, " + names.lockNumber() + ")");
            } catch (SQLException e) {
                throw new IllegalStateException(e);
            }
        });
        await().until(() -> server.texts("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND"
                                + " objid::bigint = " + Integer.toUnsignedLong(names.lockNumber()))
                        .size()
                == 1);
        server.run("SELECT pg_terminate_backend(" + holder + ")");
        queued.join();
    }

    @Test
    void shouldFindOutWhetherACommitTookEffectThatNobodyAnswered() {
        for (Fault fault : List.of(Fault.LOST_BEFORE, Fault.LOST_AFTER)) {
            for (TableSpec spec : List.of(EVENTS, KEYED)) {
                FaultyCommits faults = new FaultyCommits(server.dataSource());
                String own = PostgresServer.schema(server.newStore());
                try (Store store = LeveePostgres.open(faults.dataSource(), own, o -> {})) {
                    Table<Row> table = store.createTable(spec);
                    table.append(event(spec, 1), Ack.COMMITTED).join();
                    faults.next.set(fault);
                    List<Row> rows = List.of(event(spec, 2), event(spec, 100_000), event(spec, 3));
                    BatchReceipt receipt = table.appendAll(rows, Ack.COMMITTED).join();
                    assertThat(receipt.stored()).as("%s %s", fault, spec.name()).isEqualTo(3);
                    assertThat(faults.next.get()).isNull();
                    assertThat(server.texts("SELECT n FROM \"" + own + "\"." + spec.name() + " ORDER BY n"))
                            .containsExactly("1", "2", "3", "100000");
                    assertThat(store.partitions())
                            .extracting(PartitionInfo::rows)
                            .containsExactly(3L, 1L);
                    table.append(event(spec, 4), Ack.COMMITTED).join();
                    assertThat(server.texts("SELECT sum(row_count) FROM \"" + own + "_levee\".partitions"))
                            .containsExactly("5");
                }
            }
        }
    }
}
