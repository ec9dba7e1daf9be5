package io.levee.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.levee.Ack;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.Explanation;
import io.levee.Expr;
import io.levee.Levee;
import io.levee.LeveeException;
import io.levee.Order;
import io.levee.PartitionBy;
import io.levee.Query;
import io.levee.Result;
import io.levee.RetentionRule;
import io.levee.Row;
import io.levee.Store;
import io.levee.StoreOptions;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.engine.EngineSettings;
import io.levee.engine.Execution;
import io.levee.engine.PlanStep;
import io.levee.engine.ReadView;
import io.levee.engine.RowQuery;
import io.levee.engine.RowSink;
import io.levee.engine.StorageEngine;
import io.levee.internal.supervisor.Supervisor;
import io.levee.testkit.PostgresServer;
import io.levee.testkit.conformance.EngineUnderTest;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What the server's planner makes of queries (G49), and what a view of several statements holds on to. */
class PlansTest {
    private static final Instant NOW = Instant.parse("2026-05-20T12:00:00Z");

    private final PostgresServer server = PostgresServer.shared();
    private final String address = server.newStore();
    private final Names names = new Names(PostgresServer.schema(address));
    private final Store store = Levee.open(address, false, o -> o.asOf(NOW));

    @AfterEach
    void close() {
        store.close();
    }

    private static TableSpec spec(RetentionRule rule) {
        return TableSpec.builder("jobs")
                .column("at", ColumnType.TIMESTAMP)
                .column("n", ColumnType.INTEGER)
                .column("text", ColumnType.TEXT)
                .column("extra", ColumnType.JSON)
                .time("at")
                .index("n")
                .fulltext("text")
                .retention(rule)
                .partitionBy(PartitionBy.DAY)
                .build();
    }

    private Table<Row> fill(int rows) {
        Table<Row> table = store.createTable(spec(RetentionRule.KEEP_ALL));
        List<Row> all = new ArrayList<>();
        for (int i = 0; i < rows; i++) {
            all.add(Row.of(table.spec())
                    .set("at", NOW.minus(Duration.ofDays(i % 4)).minusMillis(i))
                    .set("n", i % 5 == 0 ? null : (Object) i)
                    .set(
                            "text",
                            "the job number " + i + " ended with " + "words ".repeat(20)
                                    + Integer.toHexString(i * 7919))
                    .set("extra", List.of(i))
                    .build());
        }
        assertThat(table.appendAll(all, Ack.COMMITTED).join().stored()).isEqualTo(rows);
        return table;
    }

    private static List<PlanStep> steps(Explanation explanation) {
        return explanation.steps().stream().map(Explanation.Step::plan).toList();
    }

    @Test
    void shouldReadOrdersAndTextsByTheirIndexes() {
        fill(8000);
        // As autovacuum does in its time: what an index of trigrams has not sorted in yet makes it costly.
        server.run("VACUUM ANALYZE " + names.in("jobs"));
        for (Order order : List.of(Order.asc("n"), Order.desc("n"))) {
            Query.Builder page = Query.builder("jobs").orderBy(order).limit(10);
            assertThat(steps(store.explain(page.build())))
                    .as("null first, as the index has it")
                    .noneMatch(PlanStep::sorts)
                    .noneMatch(PlanStep::fullScan)
                    .allMatch(s -> s.indexes().size() == 4);
            try (Result<Row> rows = store.query(page.where(Expr.notNull("n")).build())) {
                rows.toList();
                Query next = page.after(rows.next()).build();
                assertThat(steps(store.explain(next))).as("behind a row").noneMatch(PlanStep::fullScan);
            }
        }
        List<PlanStep> found = steps(store.explain(Query.builder("jobs")
                .where(Expr.contains("text", "ZZ-no such"))
                .limit(50)
                .build()));
        assertThat(found).noneMatch(PlanStep::fullScan);
        assertThat(String.join(" ", found.get(0).plan())).contains("Bitmap Index Scan", "_text_idx");
        assertThat(store.count(Query.builder("jobs")
                        .where(Expr.contains("text", "NUMBER 4711 "))
                        .build()))
                .isEqualTo(1);
        assertThat(store.diagnose()).anyMatch(f -> f.what().contains("indexed by pg_trgm"));
        Explanation day = store.explain(
                Query.builder("jobs").from(NOW.minus(Duration.ofHours(12))).build());
        assertThat(day.touched()).isEqualTo(1);
        assertThat(String.join(" ", steps(day).get(0).plan())).doesNotContain("2026-05-19");
    }

    /** As a reader beside the writer: what the writer drops while the reader is behind is read to the end, until it is freed. */
    @Test
    void shouldReadOnInWhatWasDroppedUntilItIsFreed() {
        Table<Row> table = fill(40);
        EngineUnderTest under = server::newStore;
        Supervisor supervisor = new Supervisor();
        StorageEngine reader = under.provider(address)
                .open(address, new EngineSettings(StoreOptions.builder().build(), true, supervisor));
        try (ReadView view = reader.view(table.spec(), Long.MIN_VALUE, Long.MAX_VALUE)) {
            RowQuery query = new RowQuery(
                    table.spec(),
                    Long.MIN_VALUE,
                    Long.MAX_VALUE,
                    null,
                    true,
                    List.of(),
                    List.of(),
                    Long.MAX_VALUE,
                    null,
                    List.of());
            List<RowQuery.Place> read = new ArrayList<>();
            read(view, query, 5, read);
            store.createTable(spec(RetentionRule.maxAge(Duration.ofDays(2))));
            assertThat(store.applyRetention(store.planRetention()).blocked()).isEmpty();
            assertThat(store.count(Query.builder("jobs").build())).isLessThan(40);
            read(view, query.from(read.get(4), Long.MAX_VALUE), 30, read);
            read(view, query.from(read.get(34), Long.MAX_VALUE), 100, read);
            assertThat(read).hasSize(40).doesNotHaveDuplicates();

            table.erase(Expr.eq("n", -1L));
            LeveeException e = catchThrowableOfType(
                    LeveeException.class, () -> read(view, query.from(read.get(4), Long.MAX_VALUE), 100, read));
            assertThat(e.code()).isEqualTo(ErrorCode.NOT_FOUND);
            assertThat(e.getMessage()).contains("freed", "jobs-2026-05-17");
        } finally {
            reader.close(null);
            supervisor.stop();
        }
    }

    private static void read(ReadView view, RowQuery query, int most, List<RowQuery.Place> read) {
        int end = read.size() + most;
        view.rows(query, new Execution(1, "test", System.nanoTime(), Duration.ofSeconds(30)), new RowSink() {
            @Override
            public void columns(List<String> unused) {}

            @Override
            public boolean row(@Nullable Object[] values) {
                read.add(RowQuery.Place.of((Long) values[0], (Long) values[1]));
                return read.size() < end;
            }
        });
    }

    /** A store of an older release, which a reader opens before any writer of this one. */
    @Test
    void shouldSayWhatAnOlderStoreLacks() {
        fill(10);
        store.close();
        server.run(
                "DROP TABLE " + names.catalog("spec_additions") + "; DROP FUNCTION " + names.catalog(SqlFunctions.TEXT)
                        + "(text, text[]); DROP FUNCTION " + names.catalog(SqlFunctions.NUMBER) + "(text, text[])");
        Query places = Query.builder("jobs").where(Expr.ge("extra[0]", 5L)).build();
        try (Store reader = Levee.open(address, true, o -> {})) {
            assertThat(reader.count(Query.builder("jobs").build())).isEqualTo(10);
            LeveeException e = catchThrowableOfType(LeveeException.class, () -> reader.count(places));
            assertThat(e.code()).isEqualTo(ErrorCode.NOT_SUPPORTED);
            assertThat(e.hint()).contains("for writing");
            try (Store writer = Levee.open(address, false, o -> {})) {
                assertThat(writer.count(places)).isEqualTo(5);
            }
            assertThat(reader.count(places)).isEqualTo(5);
        }
    }
}
