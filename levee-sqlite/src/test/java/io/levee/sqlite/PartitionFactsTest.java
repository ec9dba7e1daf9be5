package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.ColumnType;
import io.levee.Expr;
import io.levee.Levee;
import io.levee.PartitionBy;
import io.levee.Query;
import io.levee.Result;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Design section 6: partitions are left out by their statistics, and an answer is never another one for that. */
class PartitionFactsTest {
    private static final Instant NOW = Instant.parse("2026-05-20T12:00:00Z");
    private static final int DAYS = 8;
    private static final List<Expr.Op> OPS = List.of(Expr.Op.values());
    private static final TableSpec SPEC = TableSpec.builder("runs")
            .column("at", ColumnType.TIMESTAMP)
            .column("state", ColumnType.TEXT)
            .column("n", ColumnType.INTEGER)
            .column("load", ColumnType.REAL)
            .time("at")
            .index("state", "at")
            .index("n")
            .index("load")
            .partitionBy(PartitionBy.DAY)
            .build();

    @TempDir
    Path directory;

    private long written;

    private Store open() {
        return Levee.open(directory, o -> o.asOf(NOW));
    }

    private void put(Store store, int daysAgo, String state, Long n, Double load) {
        Table<Row> table = store.createTable(SPEC);
        table.append(
                        Row.of(SPEC)
                                .set("at", NOW.minus(Duration.ofDays(daysAgo)).minusSeconds(written++))
                                .set("state", state)
                                .set("n", n)
                                .set("load", load)
                                .build(),
                        Ack.COMMITTED)
                .join();
    }

    private static List<Object> ask(Store store, Expr filter) {
        List<Object> found = new ArrayList<>();
        try (Result<Row> rows = store.query(Query.builder("runs").where(filter).build())) {
            rows.forEach(row -> found.add(row.get("at")));
        }
        assertThat(store.count(Query.builder("runs").where(filter).build())).isEqualTo(found.size());
        return found;
    }

    private static int touched(Store store, Expr filter) {
        return store.explain(Query.builder("runs").where(filter).build()).touched();
    }

    @Test
    void shouldLeaveOutWhatHeldNothingAndReadItAgainOnceItWasWrittenTo() {
        try (Store store = open()) {
            for (int day = 0; day < DAYS; day++) {
                put(store, day, day == 3 ? "FAILURE" : "SUCCESS", (long) day, null);
            }
        }
        try (Store store = open()) {
            Expr failed = Expr.eq("state", "FAILURE");
            assertThat(touched(store, failed)).isEqualTo(DAYS);
            assertThat(ask(store, failed)).hasSize(1);
            assertThat(touched(store, failed)).isEqualTo(1);
            assertThat(store.explain(Query.builder("runs").where(failed).build())
                            .notes())
                    .anyMatch(note -> note.contains("left out by their range or their statistics"));
            assertThat(ask(store, Expr.and(failed, Expr.ge("n", 3)))).hasSize(1);
            assertThat(ask(store, Expr.isNull("load"))).hasSize(DAYS);
            put(store, 5, "FAILURE", 5L, null);
            assertThat(ask(store, failed)).hasSize(2);
            assertThat(touched(store, failed)).isEqualTo(2);
        }
    }

    /** The oracle is a reader of the same files: what it knows of another process's partitions is nothing. */
    @Test
    void shouldAnswerAsAReaderWithoutStatisticsDoes() {
        long seed = 20260521;
        SplittableRandom random = new SplittableRandom(seed);
        String[] states = {"a", "b", "c", "é", "😀"};
        try (Store store = open()) {
            for (int i = 0; i < 60; i++) {
                int day = random.nextInt(DAYS);
                put(
                        store,
                        day,
                        random.nextInt(5) == 0 ? null : states[(day + random.nextInt(2)) % states.length],
                        random.nextInt(5) == 0 ? null : (long) (day + random.nextInt(40)),
                        random.nextInt(5) == 0 ? null : day + random.nextInt(4) / 4.0);
            }
        }
        int left = 0;
        try (Store store = open();
                Store reader = Levee.open(directory.toString(), true, o -> o.asOf(NOW))) {
            for (int i = 0; i < 300; i++) {
                Expr filter = filter(random, states, 2);
                List<Object> expected = ask(reader, filter);
                assertThat(ask(store, filter)).as("seed %d, %s", seed, filter).isEqualTo(expected);
                left += touched(store, filter) < DAYS ? 1 : 0;
                if (i % 20 == 19) {
                    put(store, random.nextInt(DAYS), states[random.nextInt(states.length)], random.nextLong(50), 0.5);
                }
            }
        }
        assertThat(left).as("filters that left something out").isGreaterThan(20);
    }

    private static Expr filter(SplittableRandom random, String[] states, int depth) {
        int kind = random.nextInt(depth > 0 ? 8 : 5);
        Expr.Op op = OPS.get(random.nextInt(OPS.size()));
        return switch (kind) {
            case 0 -> new Expr.Compare("state", op, states[random.nextInt(states.length)]);
            case 1 -> new Expr.Compare("n", op, random.nextLong(50));
            case 2 -> new Expr.Compare("load", op, random.nextInt(40) / 4.0);
            case 3 -> new Expr.In("n", List.of(random.nextLong(50), random.nextLong(50)), random.nextBoolean());
            case 4 -> new Expr.IsNull(random.nextBoolean() ? "state" : "load", random.nextBoolean());
            case 5 -> new Expr.Not(filter(random, states, depth - 1));
            case 6 -> new Expr.And(List.of(filter(random, states, depth - 1), filter(random, states, depth - 1)));
            default -> new Expr.Or(List.of(filter(random, states, depth - 1), filter(random, states, depth - 1)));
        };
    }
}
