package io.levee.testkit.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.levee.Ack;
import io.levee.Adoption;
import io.levee.Aggregation;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.Expr;
import io.levee.LeveeException;
import io.levee.Measure;
import io.levee.Order;
import io.levee.PartitionBy;
import io.levee.PartitionId;
import io.levee.PartitionInfo;
import io.levee.Query;
import io.levee.Receipt;
import io.levee.Result;
import io.levee.Row;
import io.levee.SplitStatus;
import io.levee.SqlQuery;
import io.levee.SqlResult;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.engine.Capability;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;

/** Older databases and tables answer as the same rows would in the store (guarantees G64, G65, G67). */
abstract class AdoptionConformance extends Conformance {
    private static final int ROWS = 500;
    private static final Instant BEGIN = NOW.minus(Duration.ofDays(3));
    private static final String[] KINDS = {"a", "b", "c"};

    /** The old table has no {@code note} and another name for {@code ms}. */
    private static final TableSpec SPEC = spec().build();

    AdoptionConformance(EngineConformance kit) {
        super(kit);
    }

    private static TableSpec.Builder spec() {
        return TableSpec.builder("e")
                .column("id", ColumnType.INTEGER)
                .column("kind", ColumnType.TEXT)
                .column("ms", ColumnType.INTEGER)
                .column("at", ColumnType.TIMESTAMP)
                .column("note", ColumnType.TEXT)
                .time("at")
                .key("id")
                .partitionBy(PartitionBy.DAY);
    }

    /** Times rise and meet each other; a fifth of the rows has no duration. */
    private static Instant at(long id) {
        return BEGIN.plusSeconds(id / 3 * 7);
    }

    private static Row own(long id, Instant at) {
        return row(SPEC, "id", id, "kind", KINDS[(int) (id % 3)], "ms", id % 5 == 0 ? null : id * 7 % 100, "at", at);
    }

    private @Nullable Adoption legacy(boolean indexed) {
        List<String> statements = new ArrayList<>();
        statements.add("CREATE TABLE old(id INTEGER PRIMARY KEY, kind TEXT, took INTEGER, at BIGINT)");
        StringBuilder rows = new StringBuilder("INSERT INTO old VALUES ");
        for (long id = 1; id <= ROWS; id++) {
            rows.append(id == 1 ? "" : ", ")
                    .append("(" + id + ", '" + KINDS[(int) (id % 3)] + "', " + (id % 5 == 0 ? "NULL" : id * 7 % 100)
                            + ", " + at(id).toEpochMilli() + ")");
        }
        statements.add(rows.toString());
        if (indexed) {
            statements.add("CREATE INDEX old_at ON old(at)");
        }
        Adoption adoption = engine().legacy(statements, "old");
        return adoption == null ? null : adoption.map("ms", "took");
    }

    private static boolean able(Store store, TestReporter reporter) {
        return has(
                store, Capability.ADOPTION, reporter, () -> store.adopt("e", Adoption.of(Path.of("none.db"), "old")));
    }

    @Test
    void shouldAnswerAsItsRowsWouldInTheStore(TestReporter reporter) {
        for (boolean indexed : new boolean[] {true, false}) {
            Store store = newStore();
            Table<Row> table = store.createTable(SPEC);
            if (!able(store, reporter)) {
                return;
            }
            store.adopt("e", Objects.requireNonNull(legacy(indexed)));
            Store oracle = newOracle();
            Table<Row> model = oracle.createTable(SPEC);
            List<Row> rows = new ArrayList<>();
            for (long id = 1; id <= ROWS; id++) {
                rows.add(own(id, at(id)));
            }
            append(model, rows);
            // Rows of the table's own among the old ones, and after them.
            List<Row> more = List.of(own(1001, at(100)), own(1002, at(ROWS)), own(1003, NOW));
            append(table, more);
            append(model, more);
            compare(store, oracle);
            assertThat(table.find(7L).orElseThrow().get("ms")).isEqualTo(49L);
            assertThat(table.find(7L).orElseThrow().seq()).isNegative();
            assertThat(table.find(1001L)).isPresent();
            assertThat(table.find(5000L)).isEmpty();
        }
    }

    private void compare(Store store, Store oracle) {
        Instant from = at(90);
        Instant to = at(400);
        for (boolean newest : new boolean[] {true, false}) {
            assertThat(ids(store, query(newest).limit(37)))
                    .isEqualTo(ids(oracle, query(newest).limit(37)));
            assertThat(ids(store, query(newest).from(from).to(to).limit(41)))
                    .isEqualTo(ids(oracle, query(newest).from(from).to(to).limit(41)));
            assertThat(ids(
                            store,
                            query(newest)
                                    .where(Expr.parse("kind = 'b' AND ms >= 20", NOW))
                                    .limit(11)))
                    .isEqualTo(ids(
                            oracle,
                            query(newest)
                                    .where(Expr.parse("kind = 'b' AND ms >= 20", NOW))
                                    .limit(11)));
        }
        Query.Builder sorted =
                Query.builder("e").orderBy(Order.desc("ms"), Order.asc("id")).limit(60);
        assertThat(ids(store, sorted)).isEqualTo(ids(oracle, sorted));
        Query.Builder each = Query.builder("e").newestPer("kind").orderBy(Order.asc("kind"));
        assertThat(ids(store, each)).isEqualTo(ids(oracle, each));
        for (Query query : List.of(
                Query.builder("e").build(),
                Query.builder("e").from(from).to(to).build(),
                Query.builder("e")
                        .where(Expr.parse("ms IS NULL AND note IS NULL", NOW))
                        .build(),
                Query.builder("e")
                        .where(Expr.parse("id IN (3, 77, 1002) OR kind = 'c'", NOW))
                        .build())) {
            assertThat(store.count(query)).isEqualTo(oracle.count(query)).isPositive();
            Aggregation groups =
                    new Aggregation(query, List.of("kind"), List.of(Measure.count(), Measure.parse("sum(ms)")));
            assertThat(store.aggregate(groups).groups())
                    .containsExactlyInAnyOrderElementsOf(
                            oracle.aggregate(groups).groups());
        }
    }

    private static Query.Builder query(boolean newest) {
        return newest ? Query.builder("e").newestFirst() : Query.builder("e").oldestFirst();
    }

    /** All pages of it. */
    private static List<@Nullable Object> ids(Store store, Query.Builder query) {
        List<@Nullable Object> ids = new ArrayList<>();
        String after = null;
        do {
            try (Result<Row> result = store.query(query.after(after).build())) {
                result.forEach(row -> ids.add(row.get("id")));
                after = result.next();
            }
        } while (after != null);
        query.after(null);
        return ids;
    }

    @Test
    void shouldKeepItOverOpeningsAndAdoptItOnce(TestReporter reporter) {
        String address = engine().newStore();
        Store first = open(address, false);
        first.createTable(SPEC);
        if (!able(first, reporter)) {
            return;
        }
        Adoption adoption = Objects.requireNonNull(legacy(true));
        assertThat(first.adopt("e", adoption).fresh()).isTrue();
        assertThat(first.adopt("e", adoption).fresh()).isFalse();
        Store reader = open(address, true);
        assertThat(reader.count(Query.builder("e").build())).isEqualTo(ROWS);
        reader.close();
        first.close();
        // Declared in the spec as well: it is the same one.
        Store second = open(address, false);
        second.createTable(spec().adopt(adoption).build());
        assertThat(second.partitions()).extracting(PartitionInfo::state).containsExactly(PartitionInfo.State.ADOPTED);
        assertThat(second.count(Query.builder("e").build())).isEqualTo(ROWS);
        assertThat(second.adopted()).hasSize(1);
        if (second.capabilities().contains(Capability.SQL)) {
            try (SqlResult result = second.sql(SqlQuery.of("SELECT count(*), sum(ms) FROM e WHERE kind = 'a'"))) {
                List<List<@Nullable Object>> rows = new ArrayList<>();
                result.forEach(rows::add);
                assertThat(rows).hasSize(1);
                assertThat(rows.get(0).get(0)).isEqualTo((long) ROWS / 3);
            }
        }
    }

    /** G116: what has thousands of rows is no key; such a record is refused by name, and keeps no other one from being stored. */
    @Test
    void shouldRefuseARecordOfWhoseKeyItHasThousands(TestReporter reporter) {
        Store store = newStore();
        Table<Row> table = store.createTable(SPEC);
        if (!able(store, reporter)) {
            return;
        }
        List<String> statements = new ArrayList<>();
        statements.add("CREATE TABLE many(n INTEGER PRIMARY KEY, id INTEGER, kind TEXT, at BIGINT)");
        statements.add("INSERT INTO many VALUES (0, 7, 'a', " + NOW.toEpochMilli() + ")");
        for (int rows = 1; rows < 10_001; rows *= 2) {
            statements.add("INSERT INTO many SELECT n + " + rows + ", id, kind, at FROM many");
        }
        statements.add("UPDATE many SET id = 8 WHERE n = 5");
        statements.add("CREATE INDEX many_id ON many(id)");
        store.adopt("e", Objects.requireNonNull(engine().legacy(statements, "many")));
        CompletableFuture<Receipt> refused = table.append(own(7, NOW), Ack.COMMITTED);
        CompletableFuture<Receipt> stored = table.append(own(8, NOW), Ack.COMMITTED);
        stored.join();
        List<ErrorCode> codes = new ArrayList<>();
        for (Throwable e = catchThrowable(refused::join); e != null; e = e.getCause()) {
            if (e instanceof LeveeException known) {
                codes.add(known.code());
            }
        }
        assertThat(codes).contains(ErrorCode.LIMIT_EXCEEDED);
        assertThat(store.count(Query.builder("e").where(Expr.eq("id", 8)).build()))
                .isEqualTo(1);
        assertThat(store.count(Query.builder("e").where(Expr.eq("id", 7)).build()))
                .isEqualTo(16_383);
    }

    /** Its rows become the table's own: one of each number and key all the time, and after it they can be changed and deleted. */
    @Test
    void shouldAnswerTheSameWhileItsRowsBecomeTheTablesOwn(TestReporter reporter) {
        for (boolean indexed : new boolean[] {true, false}) {
            String address = engine().newStore();
            Store store = open(address, false);
            Table<Row> table = store.createTable(SPEC);
            if (!able(store, reporter)) {
                return;
            }
            PartitionId id =
                    store.adopt("e", Objects.requireNonNull(legacy(indexed))).partition();
            Store oracle = newOracle();
            Table<Row> model = oracle.createTable(SPEC);
            List<Row> rows = new ArrayList<>();
            for (long i = 1; i <= ROWS; i++) {
                rows.add(own(i, at(i)));
            }
            append(model, rows);
            List<Row> more = List.of(own(1001, at(100)), own(1002, at(ROWS)), own(1003, NOW));
            append(table, more);
            append(model, more);
            store.split(id);
            while (store.splits().get(0).state() == SplitStatus.State.RUNNING) {
                assertThat(store.count(Query.builder("e").build())).isEqualTo(ROWS + 3);
                compare(store, oracle);
            }
            assertThat(store.splits().get(0)).satisfies(s -> {
                assertThat(s.state()).isEqualTo(SplitStatus.State.DONE);
                assertThat(s.rowsMoved()).isEqualTo(ROWS);
            });
            compare(store, oracle);
            assertThat(store.adopted()).isEmpty();
            assertThat(table.find(7L).orElseThrow().seq()).isNegative();
            // They are rows like any other now.
            append(table, List.of(own(7, NOW)));
            assertThat(table.find(7L).orElseThrow().time()).isEqualTo(NOW);
            table.delete(Ack.COMMITTED, 8L).join();
            assertThat(table.find(8L)).isEmpty();
            assertThat(store.count(Query.builder("e").build())).isEqualTo(ROWS + 2);
            store.close();
            Store again = open(address, false);
            assertThat(again.count(Query.builder("e").build())).isEqualTo(ROWS + 2);
        }
    }
}
