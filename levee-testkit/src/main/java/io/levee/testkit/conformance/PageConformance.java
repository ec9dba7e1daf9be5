package io.levee.testkit.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Column;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.Expr;
import io.levee.PartitionBy;
import io.levee.Query;
import io.levee.Result;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Pages by cursor: every row once, in the order of time and number, whatever comes in between. */
abstract class PageConformance extends Conformance {
    private static final int ROWS = 60;
    private static final TableSpec SPEC = TableSpec.builder("events")
            .column("i", ColumnType.INTEGER)
            .column("at", ColumnType.TIMESTAMP)
            .column("kind", ColumnType.TEXT)
            .column(new Column("trace", ColumnType.TEXT, true, false, null))
            .time("at")
            .partitionBy(PartitionBy.DAY)
            .build();

    private final Store store;
    private final Table<Row> table;

    PageConformance(EngineConformance kit) {
        super(kit);
        store = newStore();
        table = store.createTable(SPEC);
    }

    private static Row event(long i, Instant at) {
        return row(SPEC, "i", i, "at", at, "kind", i % 2 == 0 ? "even" : "odd", "trace", "trace " + i);
    }

    /** Three days, ten rows of one time in each, then one each second. */
    private void fill() {
        List<Row> rows = new ArrayList<>();
        for (int i = 0; i < ROWS; i++) {
            Instant day = NOW.minus(Duration.ofDays(2 - i / 20));
            rows.add(event(i, day.plusSeconds(i % 20 < 10 ? 0 : i % 20)));
        }
        append(table, rows);
    }

    private List<Long> pages(Query.Builder query, int limit, Consumer<List<Long>> between) {
        List<Long> read = new ArrayList<>();
        String cursor = null;
        do {
            try (Result<Row> page = store.query(query.limit(limit).after(cursor).build())) {
                List<Row> rows = page.toList();
                rows.forEach(row -> read.add((Long) row.get("i")));
                cursor = page.next();
                assertThat(rows).hasSizeLessThanOrEqualTo(limit);
                assertThat(cursor == null || rows.size() == limit)
                        .as("a page with a next one is full")
                        .isTrue();
            }
            assertThat(read).as("pages come to an end").hasSizeLessThan(10 * ROWS);
            between.accept(read);
        } while (cursor != null);
        return read;
    }

    private static List<Long> numbers() {
        List<Long> numbers = new ArrayList<>();
        for (long i = 0; i < ROWS; i++) {
            numbers.add(i);
        }
        return numbers;
    }

    @Test
    void shouldGiveEveryRowOnceInBothDirectionsForEveryLimit() {
        fill();
        List<Long> newest = numbers();
        Collections.reverse(newest);
        for (int limit : new int[] {1, 2, 7, 10, 19, 20, 21, ROWS - 1, ROWS, ROWS + 1, 10_000}) {
            assertThat(pages(Query.builder("events").oldestFirst(), limit, read -> {}))
                    .as("limit %s", limit)
                    .isEqualTo(numbers());
            assertThat(pages(Query.builder("events").newestFirst(), limit, read -> {}))
                    .as("limit %s", limit)
                    .isEqualTo(newest);
        }
        try (Result<Row> none = store.query(Query.builder("events").limit(0).build())) {
            assertThat(none.toList()).isEmpty();
        }
    }

    @Test
    void shouldKeepRangeAndFilterFromPageToPage() {
        fill();
        List<Long> expected =
                numbers().stream().filter(i -> i >= 20 && i % 2 == 1).toList();
        Query.Builder query = Query.builder("events")
                .oldestFirst()
                .from(NOW.minus(Duration.ofDays(1)))
                .where(Expr.eq("kind", "odd"));
        assertThat(pages(query, 3, read -> {})).isEqualTo(expected);
    }

    /** Rows that come in between: later ones follow, earlier ones are not seen, and none of the first is twice or missing. */
    @Test
    void shouldStayStableWhileRowsComeIn() {
        fill();
        List<Long> newest = pages(Query.builder("events").newestFirst(), 7, read -> {
            append(table, event(1000 + read.size(), NOW.plusSeconds(100)));
            append(table, event(2000 + read.size(), NOW.minus(Duration.ofDays(1))));
        });
        List<Long> first = new ArrayList<>(newest.stream().filter(i -> i < 1000).toList());
        Collections.reverse(first);
        assertThat(first).isEqualTo(numbers());
        assertThat(newest).doesNotHaveDuplicates().noneMatch(i -> i >= 1000 && i < 2000);

        List<Long> oldest = pages(Query.builder("events").oldestFirst().where(Expr.lt("i", 3000L)), 7, read -> {
            if (read.size() < 40) {
                append(table, event(2500 + read.size(), NOW.plusSeconds(200 + read.size())));
            }
        });
        assertThat(oldest).doesNotHaveDuplicates().containsAll(numbers());
        assertThat(oldest.stream().filter(i -> i >= 2500)).isSorted().hasSizeGreaterThan(3);
    }

    /** Equal times are in the order of their numbers, which is that of their commits. */
    @Test
    void shouldOrderEqualTimesByNumber() {
        for (long i = 0; i < 30; i++) {
            append(table, event(i, NOW));
        }
        assertThat(read(store, all(SPEC), "i"))
                .isEqualTo(new ArrayList<Object>(numbers().subList(0, 30)));
        try (Result<Row> rows = store.query(all(SPEC))) {
            List<Long> seqs = rows.toList().stream().map(Row::seq).toList();
            assertThat(seqs).isSorted();
            assertThat(new HashSet<>(seqs)).hasSize(30);
        }
    }

    @Test
    void shouldGoOnBehindARowThatIsGone() {
        TableSpec keyed = TableSpec.builder("keyed")
                .column("i", ColumnType.INTEGER)
                .column("at", ColumnType.TIMESTAMP)
                .time("at")
                .key("i")
                .build();
        Table<Row> states = store.createTable(keyed);
        for (long i = 0; i < 6; i++) {
            append(states, row(keyed, "i", i, "at", NOW.plusSeconds(i)));
        }
        String cursor;
        try (Result<Row> page =
                store.query(Query.builder("keyed").oldestFirst().limit(3).build())) {
            assertThat(page.toList()).hasSize(3);
            cursor = page.next();
        }
        assertThat(states.delete(io.levee.Ack.COMMITTED, 2L).join()).isTrue();
        assertThat(read(
                        store,
                        Query.builder("keyed").oldestFirst().after(cursor).build(),
                        "i"))
                .containsExactly(3L, 4L, 5L);
    }

    @Test
    void shouldRefuseTheCursorOfAnotherQuery() {
        fill();
        TableSpec other = TableSpec.builder("other")
                .column("at", ColumnType.TIMESTAMP)
                .time("at")
                .build();
        store.createTable(other);
        String cursor;
        try (Result<Row> page = store.query(Query.builder("events").limit(5).build())) {
            page.toList();
            cursor = page.next();
        }
        assertThat(cursor).isNotNull();
        List<Query> misuses = List.of(
                Query.builder("events").oldestFirst().after(cursor).build(),
                Query.builder("other").after(cursor).build(),
                Query.builder("events").after("no cursor").build(),
                Query.builder("events").after("").build(),
                Query.builder("events").after(cursor + "x").build());
        misuses.forEach(misuse -> refused(ErrorCode.BAD_QUERY, () -> store.query(misuse)));
    }

    @Test
    void shouldReadOnlyTheColumnsThatAreWanted() {
        append(table, event(1, NOW));
        assertThat(columns(Query.builder("events").columns(List.of("kind", "i"))))
                .containsExactly(null, null, 1L, "odd");
        assertThat(columns(Query.builder("events"))).containsExactly(NOW, null, 1L, "odd");
        assertThat(columns(Query.builder("events").details())).containsExactly(NOW, "trace 1", 1L, "odd");
        assertThat(columns(Query.builder("events").columns(List.of("trace"))))
                .containsExactly(null, "trace 1", null, null);
        refused(
                ErrorCode.UNKNOWN_COLUMN,
                () -> store.query(Query.builder("events").columns(List.of("no")).build()));
        refused(ErrorCode.UNKNOWN_TABLE, () -> store.query(Query.builder("no").build()));
    }

    private List<@Nullable Object> columns(Query.Builder query) {
        var only = read(store, query.build()).get(0);
        return java.util.Arrays.asList(only.get("at"), only.get("trace"), only.get("i"), only.get("kind"));
    }
}
