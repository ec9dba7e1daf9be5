package io.levee.testkit.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Aggregation;
import io.levee.Expr;
import io.levee.Histogram;
import io.levee.Measure;
import io.levee.Order;
import io.levee.Query;
import io.levee.Result;
import io.levee.Row;
import io.levee.SqlQuery;
import io.levee.SqlResult;
import io.levee.Store;
import io.levee.TimeSeries;
import io.levee.engine.Capability;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** All kinds of questions to a store that has adopted the monitor ({@link OldTables}), beside the same ones to the original by hand-written SQL. */
final class OriginalAnswers {
    private static final String[] NAMES = {"task_id", "state", "finished_at", "runtime_ms"};

    private final Store store;
    private final OldDatabase old;
    private final Instant from;
    private final Instant to;

    /** The condition of the range, on the original. */
    private final String range;

    private OriginalAnswers(Store store, OldDatabase old, int rows) {
        this.store = store;
        this.old = old;
        this.from = OldTables.at(rows / 4);
        this.to = OldTables.at(rows * 3L / 5);
        this.range = old.within("finished_at", from, to);
    }

    /**
     * Compares all.
     *
     * @param rows how many the original has; two of them without a time
     */
    static void compareAll(Store store, OldDatabase old, int rows) {
        OriginalAnswers answers = new OriginalAnswers(store, old, rows);
        answers.compareRows();
        answers.comparePages();
        answers.compareCounts(rows);
        answers.compareGroups();
        answers.compareSeries();
        answers.compareHistogram();
        answers.compareNewest();
        if (store.capabilities().contains(Capability.SQL)) {
            answers.compareSql();
        }
    }

    private static Query.Builder query() {
        return Query.builder("invocations");
    }

    private Query.Builder within() {
        return query().from(from).to(to);
    }

    private void compareRows() {
        String columns = "task_id, state, " + old.seconds("finished_at") + ", runtime_ms";
        assertThat(OldTopic.rows(store, query().newestFirst().limit(300).build(), NAMES))
                .isEqualTo(old.ask("SELECT " + columns
                        + " FROM invocations ORDER BY finished_at DESC NULLS LAST, task_id DESC LIMIT 300"));
        Query oldest = query().from(OldTables.BEGIN.minusSeconds(1000))
                .oldestFirst()
                .limit(300)
                .build();
        assertThat(OldTopic.rows(store, oldest, NAMES))
                .isEqualTo(old.ask("SELECT " + columns
                        + " FROM invocations WHERE finished_at IS NOT NULL ORDER BY finished_at, task_id LIMIT 300"));
        Query sorted = within().where(where("task_name = 'app.task7' AND args_preview LIKE '%77%'"))
                .orderBy(Order.desc("runtime_ms"), Order.asc("task_id"))
                .limit(50)
                .build();
        assertThat(OldTopic.rows(store, sorted, "task_id", "runtime_ms"))
                .isEqualTo(old.ask(
                        "SELECT i.task_id, runtime_ms FROM invocations i JOIN invocation_details d USING (task_id)"
                                + " WHERE task_name = 'app.task7' AND args_preview LIKE '%77%' AND " + range
                                + " ORDER BY runtime_ms DESC, i.task_id LIMIT 50"));
    }

    private static Expr where(String text) {
        return Expr.parse(text, OldTables.BEGIN);
    }

    /** With details, page by page. */
    private void comparePages() {
        List<List<@Nullable Object>> all = new ArrayList<>();
        String after = null;
        do {
            Query page = within().where(where("state = 'FAILURE'"))
                    .details()
                    .newestFirst()
                    .limit(97)
                    .after(after)
                    .build();
            try (Result<Row> result = store.query(page)) {
                result.forEach(row -> {
                    List<@Nullable Object> values = new ArrayList<>();
                    values.add(row.get("task_id"));
                    values.add(row.get("traceback_snippet"));
                    all.add(values);
                });
                after = result.next();
            }
        } while (after != null);
        assertThat(all)
                .isEqualTo(old.ask(
                        "SELECT i.task_id, d.traceback_snippet FROM invocations i LEFT JOIN invocation_details d USING (task_id)"
                                + " WHERE state = 'FAILURE' AND " + range
                                + " ORDER BY finished_at DESC, i.task_id DESC"));
    }

    private void compareCounts(int rows) {
        assertThat(store.count(query().build())).isEqualTo(rows);
        assertThat(store.count(within().build()))
                .isEqualTo(old.ask("SELECT count(*) FROM invocations WHERE " + range)
                        .get(0)
                        .get(0));
        assertThat(store.count(query().to(Instant.EPOCH.plusSeconds(1)).build()))
                .isEqualTo(2);
    }

    private void compareGroups() {
        assertThat(store.aggregate(new Aggregation(
                                within().build(),
                                List.of("task_name", "state"),
                                List.of(Measure.count(), Measure.max("runtime_ms"), Measure.parse("count(queue)"))))
                        .groups())
                .containsExactlyInAnyOrderElementsOf(old.ask(
                        "SELECT task_name, state, count(*), max(runtime_ms), count(queue) FROM invocations WHERE "
                                + range + " GROUP BY task_name, state"));
        assertThat(store.values(query().build(), "queue", 10).groups())
                .containsExactlyInAnyOrderElementsOf(old.ask("SELECT queue, count(*) FROM invocations GROUP BY queue"));
    }

    private void compareSeries() {
        Map<Object, Object> hours = new TreeMap<>();
        old.ask("SELECT " + old.seconds("finished_at") + " FROM invocations WHERE " + range)
                .forEach(row -> {
                    long hour = (long) Math.floor((Double) Objects.requireNonNull(row.get(0)) / 3600) * 3600;
                    hours.merge(hour, 1L, (a, b) -> (Long) a + (Long) b);
                });
        assertThat(store
                        .timeSeries(new TimeSeries(
                                within().build(), Duration.ofHours(1), List.of(), List.of(Measure.count())))
                        .points()
                        .stream()
                        .map(p -> List.of(p.at().getEpochSecond(), p.figures().get(0)))
                        .toList())
                .isEqualTo(hours.entrySet().stream()
                        .map(hour -> List.of(hour.getKey(), hour.getValue()))
                        .toList());
    }

    private void compareHistogram() {
        assertThat(store
                        .histogram(new Histogram(within().build(), "runtime_ms", new Histogram.Even(0, 100, 15)))
                        .bins()
                        .stream()
                        .map(b -> (Object) b.count())
                        .toList())
                .isEqualTo(old
                        .ask(
                                "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 14) SELECT (SELECT"
                                        + " count(*) FROM invocations WHERE " + range
                                        + " AND runtime_ms >= i * 100 AND runtime_ms < i * 100 + 100) FROM n ORDER BY i")
                        .stream()
                        .map(r -> r.get(0))
                        .toList());
    }

    private void compareNewest() {
        Query newest =
                within().newestPer("task_name").orderBy(Order.asc("task_name")).build();
        List<List<@Nullable Object>> wanted = new ArrayList<>(
                old.ask("SELECT task_name, task_id FROM (SELECT task_name, task_id, row_number() OVER (PARTITION BY"
                        + " task_name ORDER BY finished_at DESC, task_id DESC) AS n FROM invocations WHERE " + range
                        + ") AS numbered WHERE n = 1"));
        // By their code points: the original's server may sort by a language.
        wanted.sort(Comparator.comparing(row -> (String) Objects.requireNonNull(row.get(0))));
        assertThat(OldTopic.rows(store, newest, "task_name", "task_id")).isEqualTo(wanted);
    }

    private void compareSql() {
        try (SqlResult result =
                store.sql(SqlQuery.of("SELECT state, count(*), count(retries), count(args_preview), min(_seq) < 0"
                        + " FROM invocations GROUP BY state ORDER BY state"))) {
            List<List<@Nullable Object>> rows = new ArrayList<>();
            result.forEach(rows::add);
            assertThat(rows)
                    .isEqualTo(old.ask(
                            "SELECT state, count(*), 0, count(args_preview), 1 FROM invocations LEFT JOIN invocation_details"
                                    + " USING (task_id) GROUP BY state ORDER BY state"));
        }
    }
}
