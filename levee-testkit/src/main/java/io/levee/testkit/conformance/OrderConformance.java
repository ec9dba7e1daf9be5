package io.levee.testkit.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.Aggregation;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.Explanation;
import io.levee.Expr;
import io.levee.Measure;
import io.levee.Order;
import io.levee.Query;
import io.levee.Result;
import io.levee.Row;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.engine.PlanStep;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Rows in other orders than that of time, the newest of each key, places in json columns, texts within texts, and how all that is read. */
abstract class OrderConformance extends KindConformance {
    private static final Comparator<@Nullable String> TEXT = Comparator.nullsFirst(KindConformance::compareText);

    OrderConformance(EngineConformance kit) {
        super(kit);
    }

    private List<Long> pages(Query.Builder query, int limit, Runnable between) {
        List<Long> read = new ArrayList<>();
        String cursor = null;
        do {
            try (Result<Row> page = store.query(
                    query.limit(limit).after(cursor).columns(List.of("i")).build())) {
                List<Row> rows = page.toList();
                rows.forEach(row -> read.add((Long) row.get("i")));
                cursor = page.next();
                assertThat(cursor == null || rows.size() == limit)
                        .as("a page with a next one is full")
                        .isTrue();
            }
            assertThat(read).as("pages come to an end").hasSizeLessThan(10 * ROWS);
            between.run();
        } while (cursor != null);
        return read;
    }

    private List<Long> sorted(Comparator<Run> order) {
        return runs.stream().sorted(order).map(Run::i).toList();
    }

    /** Null first rising and last falling, text by its UTF-8 bytes; the limit is the page's, whatever the partitions. */
    @Test
    void shouldOrderByAnyColumnPageByPage() {
        with("orders", gen -> {
            fill(gen);
            Comparator<Run> byName = Comparator.comparing(Run::name, TEXT);
            Comparator<Run> byN = Comparator.comparing(Run::n, Comparator.nullsFirst(Comparator.naturalOrder()));
            Comparator<Run> byR = Comparator.comparing(Run::r, Comparator.nullsFirst(Comparator.naturalOrder()));
            Comparator<Run> byTook = Comparator.comparing(Run::took, Comparator.nullsFirst(Comparator.naturalOrder()));
            Comparator<Run> byI = Comparator.comparingLong(Run::i);
            for (int limit : new int[] {gen.between(1, 20), ROWS}) {
                assertThat(pages(all().orderBy(Order.asc("name"), Order.desc("n"), Order.asc("i")), limit, () -> {}))
                        .isEqualTo(sorted(byName.thenComparing(byN.reversed()).thenComparing(byI)));
                assertThat(pages(all().orderBy(Order.desc("r"), Order.desc("i")), limit, () -> {}))
                        .isEqualTo(sorted(byR.reversed().thenComparing(byI.reversed())));
                assertThat(pages(all().orderBy(Order.desc("name"), Order.asc("took"), Order.asc("i")), limit, () -> {}))
                        .isEqualTo(
                                sorted(byName.reversed().thenComparing(byTook).thenComparing(byI)));
                assertThat(pages(all().orderBy(Order.asc("extra.on.host"), Order.asc("i")), limit, () -> {}))
                        .isEqualTo(sorted(Comparator.comparing(OrderConformance::host, TEXT)
                                .thenComparing(byI)));
            }
        });
    }

    private static @Nullable String host(Run run) {
        return run.extra().get("on") instanceof Map<?, ?> on ? String.valueOf(on.get("host")) : null;
    }

    /** Rows that come in between: none of the first is twice or missing at the edges of pages. */
    @Test
    void shouldKeepPagesOfAnyOrderStableWhileRowsComeIn() {
        with("stable pages", gen -> {
            fill(gen);
            int first = runs.size();
            List<Run> later = new ArrayList<>();
            Runnable appending = () -> {
                Run run = run(gen, first + later.size());
                later.add(run);
                append(table, run.row());
            };
            Comparator<Run> byN = Comparator.comparing(Run::n, Comparator.nullsFirst(Comparator.naturalOrder()));
            List<Long> got = pages(all().orderBy(Order.desc("n"), Order.asc("i")), 13, appending);
            assertThat(got).doesNotHaveDuplicates();
            assertThat(got.stream().filter(i -> i < first).toList())
                    .isEqualTo(sorted(byN.reversed().thenComparing(Run::i)));
            assertThat(later).hasSizeGreaterThan(20);
            List<Long> ties = pages(all().orderBy(Order.asc("name")), 7, appending);
            assertThat(ties).doesNotHaveDuplicates();
            assertThat(ties).containsAll(runs.stream().map(Run::i).toList());
        });
    }

    @Test
    void shouldRefuseTheCursorOfAnotherOrder() {
        with("cursors", gen -> {
            fill(gen);
            try (Result<Row> page =
                    store.query(all().orderBy(Order.asc("n")).limit(3).build())) {
                page.toList();
                String cursor = page.next();
                refused(
                        ErrorCode.BAD_QUERY,
                        () -> read(
                                store,
                                all().orderBy(Order.desc("n")).after(cursor).build()));
                refused(
                        ErrorCode.BAD_QUERY,
                        () -> read(store, all().after(cursor).build()));
            }
            refused(
                    ErrorCode.UNKNOWN_COLUMN,
                    () -> read(store, all().orderBy(Order.asc("no")).build()));
        });
    }

    @Test
    void shouldTellTheNewestOfEachKey() {
        with("newest per key", gen -> {
            fill(gen);
            Map<@Nullable String, Instant> newest = new HashMap<>();
            runs.stream()
                    .filter(run -> run.n() != null && run.n() > 0)
                    .forEach(run -> newest.merge(run.name(), run.at(), (a, b) -> a.isAfter(b) ? a : b));
            List<Map<String, @Nullable Object>> got =
                    read(store, all().where(Expr.gt("n", 0L)).newestPer("name").build());
            Map<@Nullable Object, @Nullable Object> told = new HashMap<>();
            got.forEach(row -> told.put(row.get("name"), row.get("at")));
            assertThat(got).hasSameSizeAs(newest.keySet());
            assertThat(told).isEqualTo(new HashMap<Object, Object>(newest));
            assertThat(got).extracting(row -> (Instant) row.get("at")).isSortedAccordingTo(Comparator.reverseOrder());
            // In pages and in another order, too.
            List<Long> pages =
                    pages(all().where(Expr.gt("n", 0L)).newestPer("name").orderBy(Order.asc("name")), 2, () -> {});
            assertThat(pages).hasSameSizeAs(newest.keySet()).doesNotHaveDuplicates();
            Set<Long> same = new HashSet<>();
            got.forEach(row -> same.add((Long) row.get("i")));
            assertThat(new HashSet<>(pages)).isEqualTo(same);
        });
    }

    @Test
    void shouldLookIntoJson() {
        with("places", gen -> {
            fill(gen);
            assertThat(store.count(all().where(Expr.ge("extra.retries", 5L)).build()))
                    .isEqualTo(runs.stream()
                            .filter(run -> run.extra().get("retries") instanceof Long r && r >= 5)
                            .count());
            assertThat(store.count(all().where(Expr.eq("extra.on.host", "ü")).build()))
                    .isEqualTo(
                            runs.stream().filter(run -> "ü".equals(host(run))).count());
            assertThat(store.count(all().where(Expr.isNull("extra.on.host")).build()))
                    .isEqualTo(runs.stream().filter(run -> host(run) == null).count());
            assertThat(store.count(
                            all().where(Expr.notNull("extra.no.such[3].place")).build()))
                    .isZero();
            assertThat(store.count(
                            all().where(Expr.parse("extra.on.host IN ('n1', 'ü') AND NOT extra.retries < 3", NOW))
                                    .build()))
                    .isEqualTo(runs.stream()
                            .filter(run -> ("n1".equals(host(run)) || "ü".equals(host(run)))
                                    && run.extra().get("retries") instanceof Long r
                                    && r >= 3)
                            .count());
        });
    }

    /** Without wildcards, ASCII letters in both cases, and the same with an index and without, also after an update. */
    @Test
    void shouldFindTextsWithinTexts() {
        with("contains", gen -> {
            fill(gen);
            for (String text : List.of(
                    "timeout",
                    "TIMEOUT 30%",
                    "0% in",
                    "x_y",
                    "x-y",
                    "😀",
                    "É",
                    "é",
                    "",
                    "in",
                    "t",
                    "line 1",
                    "it's in")) {
                String low = asciiLower(text);
                assertThat(store.count(all().where(Expr.contains("trace", text)).build()))
                        .as("trace contains '%s'", text)
                        .isEqualTo(runs.stream()
                                .filter(run -> run.trace() != null
                                        && asciiLower(run.trace()).contains(low))
                                .count());
                assertThat(store.count(all().where(Expr.not(Expr.contains("name", text)))
                                .build()))
                        .as("name does not contain '%s'", text)
                        .isEqualTo(runs.stream()
                                .filter(run -> run.name() != null
                                        && !asciiLower(run.name()).contains(low))
                                .count());
            }
            TableSpec keyed = TableSpec.builder("texts")
                    .column("k", ColumnType.INTEGER)
                    .column("at", ColumnType.TIMESTAMP)
                    .column("text", ColumnType.TEXT)
                    .time("at")
                    .key("k")
                    .fulltext("text")
                    .build();
            Table<Row> texts = store.createTable(keyed);
            append(
                    texts,
                    row(keyed, "k", 1L, "at", NOW, "text", "before"),
                    row(keyed, "k", 2L, "at", NOW, "text", "before too"));
            append(texts, row(keyed, "k", 1L, "at", NOW, "text", "afterwards"));
            texts.delete(Ack.COMMITTED, 2L).join();
            assertThat(store.count(Query.builder("texts")
                            .where(Expr.contains("text", "before"))
                            .build()))
                    .isZero();
            assertThat(store.count(Query.builder("texts")
                            .where(Expr.contains("text", "AFTER"))
                            .build()))
                    .isEqualTo(1);
        });
    }

    /** G53: the oldest and the newest row are found without reading the others. */
    @Test
    void shouldFindTheOldestAndTheNewest() {
        with("oldest and newest", gen -> {
            fill(gen);
            Instant oldest =
                    runs.stream().map(Run::at).min(Comparator.naturalOrder()).orElseThrow();
            Instant newest =
                    runs.stream().map(Run::at).max(Comparator.naturalOrder()).orElseThrow();
            assertThat(read(store, all().oldestFirst().limit(1).build(), "at")).containsExactly(oldest);
            assertThat(read(store, all().newestFirst().limit(1).build(), "at")).containsExactly(newest);
            Aggregation both = new Aggregation(all().build(), List.of(), List.of(Measure.min("at"), Measure.max("at")));
            assertThat(store.aggregate(both).groups()).containsExactly(List.of(oldest, newest));
            assertThat(steps(store.explain(all().newestFirst().limit(1).build())))
                    .noneMatch(PlanStep::fullScan)
                    .noneMatch(PlanStep::sorts);
        });
    }

    private static List<PlanStep> steps(Explanation explanation) {
        return explanation.steps().stream().map(Explanation.Step::plan).toList();
    }

    /** What is left out by its range is said to be (G49); nothing is read for it. */
    @Test
    void shouldExplainWhatItWouldRead() {
        with("explain", gen -> {
            fill(gen);
            Instant from = NOW.minus(Duration.ofDays(1));
            Explanation some = store.explain(all().from(from).build());
            assertThat(some.partitions()).isEqualTo((int) store.partitions().stream()
                    .filter(p -> p.id().table().equals("runs"))
                    .count());
            assertThat(some.query()).contains("runs");
            if (!some.steps().isEmpty()) {
                assertThat(some.touched()).isBetween(1, 2).isLessThan(some.partitions());
            }
            Explanation groups = store.explain(new Aggregation(
                    all().where(Expr.eq("trace", "no index has it")).build(),
                    List.of("name"),
                    List.of(Measure.count())));
            if (!groups.steps().isEmpty()) {
                assertThat(groups.touched()).isEqualTo(groups.partitions());
                assertThat(steps(groups)).anyMatch(PlanStep::fullScan);
                assertThat(groups.notes()).as("a full scan is called one (G51)").isNotEmpty();
            }
            refused(
                    ErrorCode.UNKNOWN_COLUMN,
                    () -> store.explain(all().where(Expr.eq("no", 1L)).build()));
        });
    }
}
