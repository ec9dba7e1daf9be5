package io.levee.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.levee.Ack;
import io.levee.Bytes;
import io.levee.ColumnType;
import io.levee.Levee;
import io.levee.PartitionBy;
import io.levee.Query;
import io.levee.Result;
import io.levee.RetentionEvent;
import io.levee.Row;
import io.levee.Store;
import io.levee.StoreStatus;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.testkit.PostgresServer;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

/** The cap of a store on a server: the oldest partitions go and give their space back, and no more of them than have to (G85, G86). */
class DiskCapTest {
    private static final Instant DAY1 = Instant.parse("2026-05-01T00:00:00Z");
    private static final TableSpec SPEC = TableSpec.builder("events")
            .column("i", ColumnType.INTEGER)
            .column("at", ColumnType.TIMESTAMP)
            .column("text", ColumnType.TEXT)
            .time("at")
            .partitionBy(PartitionBy.DAY)
            .build();
    private static final int A_DAY = 1000;
    private static final Bytes CAP = Bytes.mebi(8);

    private final PostgresServer server = PostgresServer.shared();
    private final String address = server.newStore();

    private Store open() {
        return Levee.open(
                address, false, o -> o.disk(CAP).asOf(DAY1).queryThreads(2).retentionEvery(Duration.ofHours(1)));
    }

    /** A kilobyte a row, which the server cannot compress. */
    private static void fill(Table<Row> events, int fromDay, int toDay) {
        for (int day = fromDay; day < toDay; day++) {
            List<Row> rows = new ArrayList<>();
            for (long i = (long) day * A_DAY; i < (day + 1L) * A_DAY; i++) {
                StringBuilder text = new StringBuilder();
                for (long x = i + 1; text.length() < 1000; x = x * 0x9E3779B97F4A7C15L + 1) {
                    text.append(Long.toHexString(x));
                }
                rows.add(Row.of(SPEC)
                        .set("i", i)
                        .set("at", DAY1.plus(Duration.ofDays(day)).plusMillis(i % A_DAY))
                        .set("text", text.toString())
                        .build());
            }
            assertThat(events.appendAll(rows, Ack.COMMITTED).join().stored()).isEqualTo(A_DAY);
        }
    }

    private static List<Long> numbers(Store store) {
        try (Result<Row> rows = store.query(Query.builder("events").build())) {
            List<Long> numbers = new ArrayList<>();
            rows.forEach(row -> numbers.add((Long) row.get("i")));
            numbers.sort(null);
            return numbers;
        }
    }

    /** Nothing ever went: a partition is detached only below the table's floor, which nobody had raised. */
    @Test
    void shouldDropTheOldestForTheCapAndNoMore() {
        try (Store store = open()) {
            fill(store.createTable(SPEC), 0, 20);
            await().until(() -> {
                StoreStatus.Disk disk = store.status().disk();
                return disk.bytes() > 0 && disk.bytes() <= CAP.value();
            });
            StoreStatus status = store.status();
            assertThat(status.disk().limitBytes()).isEqualTo(CAP.value());
            assertThat(status.lost()).isZero();
            List<Long> left = numbers(store);
            assertThat(left).hasSizeBetween(2 * A_DAY, 8 * A_DAY);
            assertThat(left)
                    .as("the newest, without a hole")
                    .isEqualTo(LongStream.range(20L * A_DAY - left.size(), 20L * A_DAY)
                            .boxed()
                            .toList());
            assertThat(store.retentionEvents("events", 100))
                    .anyMatch(event -> event.rule() == RetentionEvent.Rule.SPACE
                            && event.action() == RetentionEvent.Action.DROPPED
                            && event.bytes() > 0);
            assertThat(store.gaps()).isNotEmpty();
        }
    }

    /** A dropped table that somebody's view hangs on cannot be freed: the cap's rule goes on all the same, and it counts as history. */
    @Test
    void shouldGoOnWhereADroppedPartitionCannotBeFreed() throws Exception {
        try (Store store = open()) {
            Table<Row> events = store.createTable(SPEC);
            fill(events, 0, 1);
            String leaf = server.texts("SELECT table_name FROM information_schema.tables WHERE table_schema = '"
                            + PostgresServer.schema(address) + "' AND table_name LIKE 'events%2026%'")
                    .get(0);
            String schema = "\"" + PostgresServer.schema(address) + "\"";
            server.run("CREATE VIEW " + schema + ".somebodys AS SELECT * FROM " + schema + ".\"" + leaf + "\"");
            fill(events, 1, 12);
            // Then that look has ended, and the next one meets what cannot be freed before it drops anything.
            await().until(() -> {
                StoreStatus.Disk disk = store.status().disk();
                return disk.bytes() <= CAP.value() && disk.byPart().getOrDefault("dropped", 0L) > A_DAY * 1000;
            });
            fill(events, 12, 24);
            await().until(() -> numbers(store).size() <= 6 * A_DAY);
            assertThat(numbers(store)).hasSizeGreaterThanOrEqualTo(2 * A_DAY);
            await().until(() -> store.status().disk().bytes() <= CAP.value());
            server.run("DROP VIEW " + schema + ".somebodys");
            // Its grace lasts for an hour, but its space is needed: where not by the look that still drops, then by a
            // later one.
            int[] day = {24};
            await().until(() -> {
                fill(events, day[0], ++day[0]);
                return !store.status().disk().byPart().containsKey("dropped");
            });
        }
    }
}
