package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.awaitility.Awaitility.await;

import io.levee.Ack;
import io.levee.Aggregation;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.Expr;
import io.levee.Levee;
import io.levee.LeveeException;
import io.levee.Measure;
import io.levee.Order;
import io.levee.PartitionBy;
import io.levee.Query;
import io.levee.Result;
import io.levee.Row;
import io.levee.RunningQuery;
import io.levee.Store;
import io.levee.TableSpec;
import io.levee.testkit.Property;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** T20: a cancel in the middle of parts that several threads read harms no later query on the same handles, and leaks none (G38). */
class CancelPartsTest {
    private static final Instant DAY1 = Instant.parse("2026-05-01T00:00:00Z");
    private static final int DAYS = 24;
    private static final int ROWS = 12_000;
    private static final int THREADS = 3;
    private static final TableSpec SPEC = TableSpec.builder("events")
            .column("i", ColumnType.INTEGER)
            .column("at", ColumnType.TIMESTAMP)
            .column("host", ColumnType.TEXT)
            .column("text", ColumnType.TEXT)
            .time("at")
            .partitionBy(PartitionBy.DAY)
            .build();

    @TempDir
    Path directory;

    private final ExecutorService callers = Executors.newFixedThreadPool(2);
    private Store store;

    @BeforeEach
    void open() {
        store = Levee.open(directory, o -> o.queryThreads(THREADS).asOf(DAY1.plus(Duration.ofDays(DAYS))));
        List<Row> rows = new ArrayList<>();
        for (int i = 0; i < ROWS; i++) {
            rows.add(Row.of(SPEC)
                    .set("i", i)
                    .set("at", DAY1.plus(Duration.ofDays(i % DAYS)).plusSeconds(i))
                    .set("host", "h" + i % 5)
                    .set("text", "text " + i)
                    .build());
        }
        store.createTable(SPEC).appendAll(rows, Ack.COMMITTED).join();
    }

    @AfterEach
    void close() throws Exception {
        store.close();
        callers.shutdown();
        try (Stream<Path> files = Files.walk(directory)) {
            assertThat(files.filter(f -> f.toString().endsWith(".db")).filter(f -> Handles.open(f) > 0))
                    .isEmpty();
        }
    }

    /** Each is another question, so that no part of its answer is kept. */
    private static Aggregation question(int least, int slow) {
        List<Expr> parts = new ArrayList<>(List.of(Expr.ge("i", least)));
        for (int i = 0; i < slow; i++) {
            parts.add(Expr.not(Expr.like("text", "%no " + i + "% such %text%")));
        }
        Query query = Query.builder("events")
                .where(Expr.and(parts.toArray(new Expr[0])))
                .build();
        return new Aggregation(query, List.of("host"), List.of(Measure.count(), Measure.sum("i")));
    }

    private List<List<Object>> ask(Aggregation question) {
        List<List<Object>> groups = new ArrayList<>();
        store.aggregate(question).groups().forEach(group -> groups.add(new ArrayList<>(group)));
        return groups;
    }

    private static List<List<Object>> answer(int least) {
        List<List<Object>> groups = new ArrayList<>();
        for (int host = 0; host < 5; host++) {
            long count = 0;
            long sum = 0;
            for (int i = host; i < ROWS; i += 5) {
                count += i >= least ? 1 : 0;
                sum += i >= least ? i : 0;
            }
            groups.add(List.of("h" + host, count, sum));
        }
        return groups;
    }

    private long handlesOut() {
        return store.status().memory().byPart().get("sorters");
    }

    @Test
    void shouldHarmNoLaterQueryWhereItIsCancelledInTheMiddle() {
        int[] cancelled = {0};
        int[] work = {60};
        Property.check("a cancel harms no later query", 40, gen -> {
            int least = gen.between(0, ROWS / 2);
            List<CompletableFuture<List<List<Object>>>> running = new ArrayList<>();
            for (int i = gen.between(1, 2); i > 0; i--) {
                Aggregation question = question(least, work[0] + i);
                running.add(CompletableFuture.supplyAsync(() -> ask(question), callers));
            }
            await().pollDelay(Duration.ZERO)
                    .pollInterval(Duration.ofMillis(1))
                    .until(() -> handlesOut() > 0 || running.stream().allMatch(CompletableFuture::isDone));
            LockSupport.parkNanos(gen.between(0, 6_000_000));
            store.queries().stream().map(RunningQuery::id).forEach(store::cancelQuery);
            // At once, while others of the cancelled query's threads may still be on their way out.
            assertThat(ask(question(least, gen.between(0, 2)))).isEqualTo(answer(least));
            for (CompletableFuture<List<List<Object>>> one : running) {
                Throwable e = catchThrowable(one::join);
                if (e == null) {
                    assertThat(one.join()).isEqualTo(answer(least));
                } else {
                    assertThat(e).isInstanceOf(CompletionException.class);
                    assertThat(((LeveeException) e.getCause()).code()).isEqualTo(ErrorCode.CANCELLED);
                    cancelled[0]++;
                }
            }
            // As much work as this machine cannot do before the cancel comes.
            work[0] *= running.stream().allMatch(one -> one.isDone() && !one.isCompletedExceptionally()) ? 2 : 1;
            await().pollInterval(Duration.ofMillis(1)).until(() -> handlesOut() == 0);
            try (Result<Row> rows = store.query(
                    Query.builder("events").where(Expr.ge("i", least)).build())) {
                assertThat(rows.toList()).hasSize(ROWS - least);
            }
        });
        assertThat(cancelled[0]).as("queries that were cancelled in the middle").isGreaterThan(15);
        assertThat(store.queries()).isEmpty();
    }

    /** Rows that no filter lets through, so that a cancel comes while a statement runs: slow, and never the same twice. */
    private Runnable slow(String kind, int round) {
        List<Expr> parts = new ArrayList<>();
        for (int i = 0; i < 60; i++) {
            parts.add(Expr.not(Expr.like("text", "%no " + round + "% such %" + i + "%text%")));
        }
        parts.add(Expr.lt("i", 0));
        Query.Builder query = Query.builder("events").where(Expr.and(parts.toArray(new Expr[0])));
        return switch (kind) {
            case "rows" -> () -> read(query.build());
            case "sorted" -> () -> read(query.orderBy(Order.asc("text")).build());
            case "newestPer" -> () -> read(query.newestPer("host").build());
            default -> () -> store.aggregate(new Aggregation(query.build(), List.of("host"), List.of(Measure.count())));
        };
    }

    private void read(Query query) {
        try (Result<Row> rows = store.query(query)) {
            rows.toList();
        }
    }

    private int handles() {
        return Tree.files(directory.resolve("tables")).stream()
                .filter(f -> f.toString().endsWith(".db"))
                .mapToInt(Handles::open)
                .sum();
    }

    /** Whatever a cancel leaves behind in a connection: no other query gets it. */
    @ParameterizedTest
    @ValueSource(strings = {"rows", "sorted", "newestPer", "groups"})
    void shouldCloseTheHandleWhoseStatementWasCancelled(String kind) throws Exception {
        int closed = 0;
        for (int round = 0; round < 200 && closed < 3; round++) {
            // A handle on every partition waits for whoever comes.
            store.count(Query.builder("events").where(Expr.ge("i", round)).build());
            await().until(() -> handlesOut() == 0);
            int before = handles();
            CompletableFuture<Void> running = CompletableFuture.runAsync(slow(kind, round), callers);
            await().pollDelay(Duration.ZERO)
                    .pollInterval(Duration.ofMillis(1))
                    .until(() -> handlesOut() > 0 || running.isDone());
            store.queries().stream().map(RunningQuery::id).forEach(store::cancelQuery);
            Throwable end = catchThrowable(running::join);
            await().until(() -> handlesOut() == 0);
            closed += end != null && handles() < before ? 1 : 0;
        }
        assertThat(closed).as("cancelled queries that left a handle less").isEqualTo(3);
    }
}
