package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;

import io.levee.Ack;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.Expr;
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
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A future's cancel, an interrupt and a closing store end a query wherever it is (G44–G48). */
class AsyncQueryTest {
    private static final Instant DAY1 = Instant.parse("2026-05-10T00:00:00Z");
    private static final int ROWS = 20_000;
    private static final String ENDLESS =
            "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c";

    @TempDir
    Path directory;

    private Store store;
    private Table<Row> events;

    @BeforeEach
    void open() {
        store = Levee.open(directory, o -> o.queryThreads(1).asOf(DAY1.plus(Duration.ofDays(1))));
        TableSpec spec = TableSpec.builder("events")
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
            batch.add(Row.of(spec)
                    .set("i", i)
                    .set("at", DAY1.plusSeconds(i))
                    .set("text", "text " + i)
                    .build());
        }
        assertThat(events.appendAll(batch, Ack.COMMITTED).join().stored()).isEqualTo(ROWS);
    }

    @AfterEach
    void close() {
        store.close();
    }

    private void nextQueryWorks() {
        assertThat(events.query().deadline(Duration.ofMinutes(1)).count()).isEqualTo(ROWS);
        await().until(() -> store.queries().isEmpty());
    }

    /** Takes seconds, and finds nothing. */
    private static Expr slow() {
        List<Expr> parts = new ArrayList<>();
        for (int i = 0; i < 900; i++) {
            parts.add(Expr.like("text", "%no " + i + "% such %text%"));
        }
        return Expr.or(parts.toArray(new Expr[0]));
    }

    private static ErrorCode code(CompletableFuture<?> future) {
        Throwable e = catchThrowable(future::join);
        return ((LeveeException) (e instanceof CompletionException ? e.getCause() : e)).code();
    }

    @Test
    void shouldCompleteOffTheQueryThreads() {
        AtomicReference<String> thread = new AtomicReference<>("");
        List<Row> rows = events.query()
                .limit(5)
                .runAsync()
                .thenApply(result -> {
                    thread.set(Thread.currentThread().getName());
                    try (result) {
                        return result.toList();
                    }
                })
                .join();
        assertThat(rows).hasSize(5);
        // Where it was settled before the stage was added, the stage runs here.
        assertThat(thread.get()).isIn("levee-results", Thread.currentThread().getName());
    }

    @Test
    void shouldNotKeepOthersWaitingForAStageThatBlocks() {
        CountDownLatch never = new CountDownLatch(1);
        CompletableFuture<Result<Row>> first;
        CompletableFuture<Object> stuck;
        // While all threads are taken: had the first one its answer before its stage, that would run here, and stop the
        // test.
        try (SqlResult busy = store.sql(new SqlQuery(ENDLESS, Long.MIN_VALUE, Long.MAX_VALUE, Duration.ofMinutes(5)))) {
            first = events.query().where(Expr.eq("i", 4711)).runAsync();
            stuck = first.thenApply(result -> {
                try {
                    never.await();
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                }
                return result;
            });
            assertThat(busy.coverage().complete()).isTrue();
        }
        try (Result<Row> rows = events.query().limit(1).runAsync().join()) {
            assertThat(rows.toList()).hasSize(1);
        }
        never.countDown();
        stuck.join();
        first.join().close();
    }

    @Test
    void shouldEndWhileItWaits() {
        try (SqlResult busy = store.sql(new SqlQuery(ENDLESS, Long.MIN_VALUE, Long.MAX_VALUE, Duration.ofMinutes(5)))) {
            CompletableFuture<Result<Row>> waiting = events.query().runAsync();
            assertThat(store.queries()).anyMatch(q -> q.state().equals("waiting"));
            assertThat(waiting.cancel(true)).isTrue();
            assertThat(store.queries()).hasSize(1);
            assertThat(waiting).isCancelled();
            assertThat(busy.coverage().complete()).isTrue();
        }
        nextQueryWorks();
    }

    @Test
    void shouldEndWhileItRuns() {
        CompletableFuture<Result<Row>> running = events.query().where(slow()).runAsync();
        await().until(() -> store.queries().stream().anyMatch(q -> q.state().equals("running")));
        assertThat(running.cancel(true)).isTrue();
        await().until(() -> store.queries().isEmpty());
        nextQueryWorks();
    }

    @Test
    void shouldEndWhileItIsRead() {
        CompletableFuture<Result<Row>> future = events.query().runAsync();
        try (Result<Row> rows = future.join()) {
            Iterator<Row> iterator = rows.iterator();
            assertThat(iterator.next()).isNotNull();
            future.cancel(true);
            assertThat(catchThrowableOfType(LeveeException.class, () -> iterator.forEachRemaining(r -> {}))
                            .code())
                    .isEqualTo(ErrorCode.CANCELLED);
        }
        nextQueryWorks();
    }

    @Test
    void shouldFailAsTheQueryDoes() {
        assertThat(code(events.query().where(Expr.eq("nothing", 1)).runAsync())).isEqualTo(ErrorCode.UNKNOWN_COLUMN);
        assertThat(code(events.query()
                        .where(slow())
                        .deadline(Duration.ofMillis(100))
                        .runAsync()))
                .isEqualTo(ErrorCode.DEADLINE);
        CompletableFuture<Result<Row>> running = events.query().where(slow()).runAsync();
        store.close();
        assertThat(code(running)).isEqualTo(ErrorCode.CANCELLED);
        assertThat(code(store.queryAsync(Query.builder("events").build()))).isEqualTo(ErrorCode.CLOSED);
    }

    @Test
    void shouldEndWhenItsCallerIsInterruptedWhileItWaitsForAThread() throws Exception {
        try (SqlResult busy = store.sql(new SqlQuery(ENDLESS, Long.MIN_VALUE, Long.MAX_VALUE, Duration.ofMinutes(5)))) {
            AtomicReference<Throwable> ended = new AtomicReference<>();
            Thread caller = new Thread(() -> {
                try {
                    store.count(Query.builder("events").build());
                } catch (LeveeException e) {
                    ended.set(e);
                }
            });
            caller.start();
            await().until(() -> store.queries().stream().anyMatch(q -> q.state().equals("waiting")));
            caller.interrupt();
            caller.join(60_000);
            assertThat(ended.get())
                    .isInstanceOfSatisfying(
                            LeveeException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.CANCELLED));
            assertThat(store.queries()).hasSize(1);
            assertThat(busy.coverage().complete()).isTrue();
        }
        nextQueryWorks();
    }
}
