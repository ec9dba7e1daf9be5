package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.levee.Ack;
import io.levee.Bytes;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.Levee;
import io.levee.LeveeException;
import io.levee.PartitionBy;
import io.levee.RetentionRule;
import io.levee.Row;
import io.levee.SqlQuery;
import io.levee.SqlResult;
import io.levee.Store;
import io.levee.StoreStatus;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.internal.memory.NativeHeap;
import io.levee.testkit.ChildJvm;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Queries that want more memory than there is: they take files, or end; nobody else notices (G33–G43, T21). */
class HeavyQueryTest {
    private static final Instant DAY = Instant.parse("2026-05-10T00:00:00Z");
    private static final int READERS = 8;

    @TempDir
    Path directory;

    private static Table<Row> fill(Store store, int rows) {
        TableSpec spec = TableSpec.builder("events")
                .column("i", ColumnType.INTEGER)
                .column("at", ColumnType.TIMESTAMP)
                .column("text", ColumnType.TEXT)
                .time("at")
                .partitionBy(PartitionBy.DAY)
                .retention(RetentionRule.maxAge(Duration.ofDays(30)))
                .build();
        Table<Row> events = store.createTable(spec);
        for (int begin = 0; begin < rows; begin += 5000) {
            List<Row> batch = new ArrayList<>();
            for (int i = begin; i < Math.min(rows, begin + 5000); i++) {
                batch.add(row(spec, i));
            }
            events.appendAll(batch, Ack.COMMITTED).join();
        }
        return events;
    }

    private static Row row(TableSpec spec, int i) {
        return Row.of(spec)
                .set("i", i)
                .set("at", DAY.plusSeconds(i % 80_000))
                .set("text", Integer.toHexString(i * 0x9E3779B1) + "-".repeat(200))
                .build();
    }

    private static SqlQuery sort(int times) {
        return new SqlQuery(
                "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT " + times
                        + ") SELECT text FROM events, c ORDER BY text || x",
                Long.MIN_VALUE,
                Long.MAX_VALUE,
                Duration.ofMinutes(5));
    }

    /** T21: eight readers, each sorting far more than the store's whole budget, in a small heap. */
    @Test
    void shouldWriteOnWhileEightReadersSort() {
        try (ChildJvm child = ChildJvm.start(HeavyQueryTest.class, directory.toString())) {
            List<String> said = child.linesUntil("done");
            assertThat(said).contains("ended " + READERS, "stored", "temporary");
            assertThat(child.await(Duration.ofSeconds(60))).isZero();
        }
    }

    /** The child's side. */
    public static void main(String[] args) throws InterruptedException {
        try (Store store = Levee.open(
                Path.of(args[0]),
                o -> o.memory(Bytes.mebi(32)).queryThreads(READERS).asOf(DAY.plus(Duration.ofDays(1))))) {
            Table<Row> events = fill(store, 20_000);
            AtomicInteger ended = new AtomicInteger();
            AtomicInteger running = new AtomicInteger(READERS);
            List<Thread> readers = new ArrayList<>();
            for (int i = 0; i < READERS; i++) {
                Thread reader = new Thread(() -> {
                    try (SqlResult rows = store.sql(sort(4))) {
                        int[] count = new int[1];
                        rows.iterator().forEachRemaining(r -> count[0]++);
                        if (count[0] >= 80_000) {
                            ended.incrementAndGet();
                        }
                    } finally {
                        running.decrementAndGet();
                    }
                });
                reader.start();
                readers.add(reader);
            }
            long written = 0;
            boolean temporary = false;
            while (running.get() > 0) {
                events.append(row(events.spec(), 30_000), Ack.COMMITTED).join();
                written++;
                temporary |= store.status().memory().temporaryBytes() > 0;
            }
            for (Thread reader : readers) {
                reader.join();
            }
            System.out.println("ended " + ended.get());
            System.out.println(
                    store.status().stored() == 20_000 + written
                                    && store.status().lost() == 0
                            ? "stored"
                            : "lost");
            System.out.println(temporary ? "temporary" : "nothing");
            System.out.println("done");
        }
    }

    @Test
    void shouldEndTheLargestSortWhenTemporaryFilesTakeTooMuch() {
        // A quarter of the cap is what sorts may take.
        try (Store store = Levee.open(directory, o -> o.disk(Bytes.mebi(64)).asOf(DAY.plus(Duration.ofDays(1))))) {
            fill(store, 20_000);
            assertThat(store.status().memory().temporaryLimitBytes()).isEqualTo(16 << 20);
            LeveeException e = catchThrowableOfType(LeveeException.class, () -> {
                try (SqlResult rows = store.sql(sort(200))) {
                    rows.iterator().forEachRemaining(r -> {});
                }
            });
            assertThat(e.code()).isEqualTo(ErrorCode.LIMIT_EXCEEDED);
            assertThat(e.what()).contains("temporary files");
            try (SqlResult rows = store.sql(SqlQuery.of("SELECT count(*) FROM events"))) {
                assertThat(rows.iterator().next()).isEqualTo(List.of(20_000L));
            }
        }
    }

    @Test
    void shouldShowEachPartWithItsLimitAndSumUpToTheBudget() {
        for (Bytes memory : List.of(Bytes.mebi(32), Bytes.mebi(256), Bytes.gibi(64))) {
            try (Store store =
                    Levee.open(directory.resolve(memory.toString().replace(' ', '_')), o -> o.memory(memory))) {
                fill(store, 10);
                store.count(io.levee.Query.builder("events").build());
                StoreStatus.Memory status = store.status().memory();
                assertThat(status.limits().values().stream().mapToLong(v -> v).sum())
                        .isEqualTo(memory.value());
                assertThat(status.byPart().keySet()).isSubsetOf(status.limits().keySet());
                status.byPart()
                        .forEach((part, bytes) -> assertThat(bytes)
                                .as(part + " of " + memory)
                                .isLessThanOrEqualTo(status.limits().get(part)));
                assertThat(status.rssBytes()).isPositive().isLessThan(status.alarmBytes());
            }
        }
    }

    @Test
    void shouldTrimTheNativeHeapOnThisJvm() {
        assertThat(NativeHeap.canTrim()).isTrue();
        assertThat(NativeHeap.trim()).isTrue();
    }
}
