package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;

import io.levee.Ack;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.Levee;
import io.levee.LeveeException;
import io.levee.PartitionBy;
import io.levee.Query;
import io.levee.Result;
import io.levee.RetentionRule;
import io.levee.Row;
import io.levee.SqlQuery;
import io.levee.SqlResult;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Readers who read slowly, or not at all: they keep no thread from others (G44–G48), and lose no row. */
class SlowReaderTest {
    private static final Instant DAY1 = Instant.parse("2026-05-10T00:00:00Z");
    private static final int DAYS = 4;
    private static final int ROWS = 20_000;
    private static final Duration PATIENCE = Duration.ofMinutes(10);

    @TempDir
    Path directory;

    private Store store;
    private Table<Row> events;
    private TableSpec spec;

    @BeforeEach
    void open() {
        store = Levee.open(directory, o -> o.queryThreads(2).asOf(DAY1.plus(Duration.ofDays(DAYS))));
        spec = TableSpec.builder("events")
                .column("i", ColumnType.INTEGER)
                .column("at", ColumnType.TIMESTAMP)
                .column("text", ColumnType.TEXT)
                .time("at")
                .partitionBy(PartitionBy.DAY)
                .retention(RetentionRule.maxAge(Duration.ofDays(30)))
                .build();
        events = store.createTable(spec);
        List<Row> batch = new ArrayList<>();
        for (int i = 0; i < ROWS; i++) {
            // Many share a moment: a place between equal times has to be exact too.
            Instant at = DAY1.plus(Duration.ofDays(i % DAYS)).plusSeconds(i / 1000);
            batch.add(Row.of(spec)
                    .set("i", i)
                    .set("at", at)
                    .set("text", "text " + i)
                    .build());
        }
        assertThat(events.appendAll(batch, Ack.COMMITTED).join().stored()).isEqualTo(ROWS);
    }

    @AfterEach
    void close() {
        store.close();
    }

    /** The reader's pace is what counts here, and no deadline. */
    private static Query.Builder all() {
        return Query.builder("events").deadline(PATIENCE);
    }

    private static SqlQuery sql(String text) {
        return new SqlQuery(text, Long.MIN_VALUE, Long.MAX_VALUE, PATIENCE);
    }

    private static List<Long> numbers(Iterator<Row> rows) {
        List<Long> numbers = new ArrayList<>();
        rows.forEachRemaining(r -> numbers.add(r.seq()));
        return numbers;
    }

    private List<Long> expected(Query query) {
        try (Result<Row> rows = store.query(query)) {
            return numbers(rows.iterator());
        }
    }

    /** Every query waits for its reader, and has no thread: what waits for one is answered. */
    private void awaitParked(int readers) {
        await().until(() -> store.queries().stream()
                        .filter(q -> q.state().equals("fetching"))
                        .count()
                == readers);
        assertThat(store.count(all().build())).isEqualTo(ROWS);
    }

    @Test
    void shouldAnswerOthersWhile200ReadersReadNothing() {
        List<Result<Row>> slow = new ArrayList<>();
        List<Iterator<Row>> iterators = new ArrayList<>();
        try {
            for (int i = 0; i < 200; i++) {
                Result<Row> rows = store.query(all().build());
                slow.add(rows);
                Iterator<Row> iterator = rows.iterator();
                assertThat(iterator.next()).isNotNull();
                iterators.add(iterator);
            }
            awaitParked(200);
            for (Iterator<Row> iterator : iterators) {
                assertThat(iterator.next()).isNotNull();
            }
            awaitParked(200);
            assertThat(numbers(iterators.get(7))).hasSize(ROWS - 2).doesNotHaveDuplicates();
        } finally {
            slow.forEach(Result::close);
        }
        await().until(() -> store.queries().isEmpty());
    }

    @Test
    void shouldGoOnExactlyWhereItStopped() {
        List<Query> kinds = List.of(
                all().build(), all().oldestFirst().build(), all().limit(7001).build());
        for (Query query : kinds) {
            List<Long> wanted = expected(query);
            try (Result<Row> rows = store.query(query)) {
                Iterator<Row> iterator = rows.iterator();
                List<Long> got = new ArrayList<>();
                while (iterator.hasNext()) {
                    if (got.size() % 3000 == 0) {
                        await().until(() ->
                                store.queries().stream().allMatch(q -> q.state().equals("fetching")));
                    }
                    got.add(iterator.next().seq());
                }
                assertThat(got).as("%s", query).isEqualTo(wanted);
                assertThat(rows.next() == null).isEqualTo(query.limit() > ROWS);
            }
        }
    }

    @Test
    void shouldSeePinnedPartitionsToTheEndThoughTheyAreDroppedMeanwhile() {
        try (Result<Row> rows = store.query(all().build())) {
            Iterator<Row> iterator = rows.iterator();
            assertThat(iterator.next()).isNotNull();
            awaitParked(1);
            java.util.Map<String, Object> shorter = new java.util.LinkedHashMap<>(spec.toMap());
            shorter.put("retention", java.util.Map.of("maxAge", "2d"));
            store.createTable(TableSpec.fromMap(shorter));
            assertThat(store.applyRetention(store.planRetention()).dropped()).isNotEmpty();
            assertThat(numbers(iterator)).hasSize(ROWS - 1);
        }
    }

    @Test
    void shouldEndAStalledStatementThatOthersWaitFor() {
        String endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c";
        try (SqlResult one = store.sql(sql(endless));
                SqlResult two = store.sql(sql(endless))) {
            assertThat(one.iterator().next()).isNotEmpty();
            assertThat(two.iterator().next()).isNotEmpty();
            // Both threads are taken by statements whose readers have gone to sleep.
            assertThat(store.count(all().build())).isEqualTo(ROWS);
            List<LeveeException> ends = new ArrayList<>();
            for (SqlResult rows : List.of(one, two)) {
                Iterator<List<Object>> left = rows.iterator();
                try {
                    // More than waits in the queue: one that was ended says so by then.
                    for (int i = 0; i < 5000; i++) {
                        left.next();
                    }
                } catch (LeveeException e) {
                    ends.add(e);
                }
            }
            assertThat(ends).isNotEmpty().allMatch(e -> e.code() == ErrorCode.LEASE_EXPIRED && e.hint() != null);
        }
    }

    private long dropped() {
        List<String> live =
                store.partitions().stream().map(p -> p.id().period()).toList();
        return Tree.files(directory).stream()
                .filter(f -> f.toString().endsWith(".db") && !f.endsWith("catalog.db"))
                .filter(f -> live.stream().noneMatch(f.toString()::contains))
                .count();
    }

    /** T6: the writer moves its WAL although a reader of that very partition sleeps. */
    @Test
    void shouldKeepTheWalSmallWhileAReaderSleeps() throws Exception {
        try (Result<Row> rows = store.query(all().build())) {
            Iterator<Row> iterator = rows.iterator();
            assertThat(iterator.next()).isNotNull();
            awaitParked(1);
            int partitions = store.partitions().size();
            long cap = Limits.of(null, Long.MAX_VALUE).walCap();
            String text = "x".repeat(4000);
            long most = 0;
            Path wal = directory.resolve("tables/events/2026-05-13.db-wal");
            for (int round = 0; round < 30; round++) {
                List<Row> batch = new ArrayList<>();
                for (int i = 0; i < 1000; i++) {
                    Instant at = DAY1.plus(Duration.ofDays(3)).plusSeconds(1000 + i);
                    batch.add(Row.of(spec)
                            .set("i", i)
                            .set("at", at)
                            .set("text", text)
                            .build());
                }
                events.appendAll(batch, Ack.COMMITTED).join();
                most = Math.max(most, Partition.size(wal));
            }
            // 120 MB went through it, and no sibling had to be made.
            assertThat(most).isPositive().isLessThan(cap);
            assertThat(store.partitions()).hasSize(partitions);
            assertThat(numbers(iterator)).hasSizeGreaterThanOrEqualTo(ROWS - 1);
        }
    }

    @Test
    void shouldEndAReaderWhoKeepsADroppedPartition() throws Exception {
        store.close();
        store = Levee.open(
                directory,
                o -> o.asOf(DAY1.plus(Duration.ofDays(DAYS)))
                        .retentionEvery(Duration.ofMillis(200))
                        .trashGrace(Duration.ZERO));
        try (Result<Row> rows = store.query(all().build())) {
            Iterator<Row> iterator = rows.iterator();
            assertThat(iterator.next()).isNotNull();
            awaitParked(1);
            java.util.Map<String, Object> shorter = new java.util.LinkedHashMap<>(spec.toMap());
            shorter.put("retention", java.util.Map.of("maxAge", "2d"));
            store.createTable(TableSpec.fromMap(shorter));
            await().until(() -> store.partitions().size() < DAYS);
            // T6: the space of what was dropped comes back although its reader sleeps.
            await().until(() -> store.queries().isEmpty());
            // The walk may meet a file that goes at this moment.
            await().ignoreExceptionsInstanceOf(java.io.UncheckedIOException.class)
                    .until(() -> dropped() == 0);
            assertThat(catchThrowableOfType(LeveeException.class, () -> numbers(iterator))
                            .code())
                    .isEqualTo(ErrorCode.LEASE_EXPIRED);
        }
    }
}
