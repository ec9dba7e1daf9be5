package io.levee.testkit.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Aggregation;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.Expr;
import io.levee.LeveeException;
import io.levee.Measure;
import io.levee.PartitionBy;
import io.levee.Query;
import io.levee.Result;
import io.levee.Row;
import io.levee.RunningQuery;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.FutureTask;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Queries end: at their deadline, when they are cancelled, when their result is closed; and the store goes on (G44). */
abstract class DeadlineConformance extends Conformance {
    /** Far below what these queries take to their ends, and far above what a loaded machine adds to their deadlines. */
    private static final Duration STALL = Duration.ofSeconds(30);

    private static final int ROWS = 1500;
    private static final TableSpec SPEC = TableSpec.builder("events")
            .column("i", ColumnType.INTEGER)
            .column("at", ColumnType.TIMESTAMP)
            .column("text", ColumnType.TEXT)
            .time("at")
            .partitionBy(PartitionBy.DAY)
            .build();

    private final Store store;

    DeadlineConformance(EngineConformance kit) {
        super(kit);
        store = newStore();
    }

    @BeforeEach
    final void fill() {
        Table<Row> table = store.createTable(SPEC);
        String text = "abcdefghij".repeat(1000);
        List<Row> rows = new ArrayList<>();
        for (long i = 0; i < ROWS; i++) {
            rows.add(row(SPEC, "i", i, "at", NOW.minusSeconds(i * 100), "text", text));
        }
        append(table, rows);
    }

    private static Query.Builder all() {
        return Query.builder("events");
    }

    /** Takes any engine many seconds: hundreds of patterns that never match, each looked for in every row. */
    private static Query.Builder endless() {
        List<Expr> patterns = new ArrayList<>();
        for (int i = 0; i < 900; i++) {
            patterns.add(Expr.like("text", "%a%j%a%j%a%no such text " + i));
        }
        return all().where(new Expr.Or(patterns));
    }

    private void nextQueryWorks() {
        assertThat(store.count(all().build())).isEqualTo(ROWS);
        await("no query is left", () -> store.queries().isEmpty());
    }

    private static ErrorCode end(Iterator<?> rows) {
        try {
            while (rows.hasNext()) {
                rows.next();
            }
        } catch (LeveeException e) {
            return e.code();
        }
        throw new AssertionError("the query came to its end");
    }

    @Test
    void shouldEndAQueryAtItsDeadline() {
        for (Duration deadline : List.of(Duration.ofMillis(1), Duration.ofMillis(300))) {
            long start = System.nanoTime();
            try (Result<Row> rows = store.query(endless().deadline(deadline).build())) {
                assertThat(end(rows.iterator())).isEqualTo(ErrorCode.DEADLINE);
            }
            assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(STALL);
        }
        nextQueryWorks();
    }

    @Test
    void shouldEndAnAggregationAtItsDeadline() {
        Aggregation slow = new Aggregation(
                endless().deadline(Duration.ofMillis(300)).build(), List.of("text"), List.of(Measure.count()));
        long start = System.nanoTime();
        refused(ErrorCode.DEADLINE, () -> store.aggregate(slow));
        assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(STALL);
        nextQueryWorks();
    }

    /** The time that a reader takes counts, and what is given back in time is right. */
    @Test
    void shouldEndAQueryWhoseReaderIsSlow() {
        // As long as this machine needs today for a first row.
        for (Duration deadline = Duration.ofMillis(300); !endsAfterItsFirstRow(deadline); ) {
            deadline = deadline.multipliedBy(3);
            assertThat(deadline).as("a first row comes").isLessThan(Duration.ofMinutes(1));
        }
        nextQueryWorks();
    }

    private boolean endsAfterItsFirstRow(Duration deadline) {
        try (Result<Row> rows = store.query(all().deadline(deadline).build())) {
            Iterator<Row> iterator = rows.iterator();
            try {
                assertThat(iterator.next().get("i")).isEqualTo(0L);
            } catch (LeveeException e) {
                assertThat(e.code()).isEqualTo(ErrorCode.DEADLINE);
                return false;
            }
            await("the query is over", () -> store.queries().isEmpty());
            assertThat(end(iterator)).isEqualTo(ErrorCode.DEADLINE);
            return true;
        }
    }

    /** Waiting for a thread counts too: both of the store's are taken. */
    @Test
    void shouldEndAQueryThatWaits() {
        try (Result<Row> one = store.query(endless().build());
                Result<Row> two = store.query(endless().build())) {
            await(
                    "both run",
                    () -> store.queries().stream().allMatch(q -> q.state().equals("running")));
            try (Result<Row> waiting =
                    store.query(all().deadline(Duration.ofMillis(200)).build())) {
                assertThat(end(waiting.iterator())).isEqualTo(ErrorCode.DEADLINE);
            }
            assertThat(one.coverage()).isEqualTo(two.coverage());
        }
        nextQueryWorks();
    }

    @Test
    void shouldCancelAQueryByItsNumber() {
        try (Result<Row> rows = store.query(endless().build())) {
            await(
                    "it runs",
                    () -> store.queries().stream().anyMatch(q -> q.state().equals("running")));
            RunningQuery running = store.queries().get(0);
            assertThat(store.cancelQuery(running.id())).isTrue();
            assertThat(end(rows.iterator())).isEqualTo(ErrorCode.CANCELLED);
        }
        assertThat(store.cancelQuery(4711)).isFalse();
        nextQueryWorks();
    }

    /** A cancel meets the query that it was meant for, and never the next one on the same thread or connection. */
    @Test
    void shouldNotLetACancelReachTheNextQuery() {
        for (int i = 0; i < 30; i++) {
            Query slow = all().where(Expr.like("text", "%nothing%like%it%")).build();
            try (Result<Row> rows = store.query(slow)) {
                store.queries().forEach(q -> store.cancelQuery(q.id()));
                assertThat(rows.next()).isNull();
            }
            assertThat(store.count(all().build())).isEqualTo(ROWS);
        }
    }

    @Test
    void shouldGiveItsThreadBackWhenAHalfReadResultIsClosed() {
        for (int i = 0; i < 10; i++) {
            try (Result<Row> rows = store.query(all().build())) {
                assertThat(rows.iterator().next()).isNotNull();
            }
        }
        nextQueryWorks();
    }

    /** Appends go on while queries run, and closing ends them. */
    @Test
    void shouldNotHinderTheWriterOrTheEnd() {
        Result<Row> rows = store.query(endless().build());
        await("it runs", () -> store.queries().stream().anyMatch(q -> q.state().equals("running")));
        append(store.table("events"), row(SPEC, "i", 9999L, "at", NOW));
        FutureTask<ErrorCode> reader = new FutureTask<>(() -> end(rows.iterator()));
        Thread thread = new Thread(reader, "levee-test-reader");
        thread.start();
        long start = System.nanoTime();
        assertThat(store.close(STALL.multipliedBy(2)).reason()).isEmpty();
        assertThat(Duration.ofNanos(System.nanoTime() - start)).isLessThan(STALL);
        assertThat(reader).succeedsWithin(STALL).isEqualTo(ErrorCode.CANCELLED);
    }
}
