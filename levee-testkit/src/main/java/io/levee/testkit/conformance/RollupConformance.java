package io.levee.testkit.conformance;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.Expr;
import io.levee.Gap;
import io.levee.LossReason;
import io.levee.Measure;
import io.levee.PartitionBy;
import io.levee.Query;
import io.levee.RetentionRule;
import io.levee.RollupSpec;
import io.levee.Row;
import io.levee.SqlQuery;
import io.levee.SqlResult;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.TimeSeries;
import io.levee.engine.Capability;
import io.levee.testkit.ChildJvm;
import io.levee.testkit.Property;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;

/** A time series goes on across the edge of retention: what rows said before the drop, the rollup says after it. */
abstract class RollupConformance extends Conformance {
    static final int DAYS = 8;
    /** {@code -Dlevee.kills=N} for more. */
    private static final int KILLS = Integer.getInteger("levee.kills", 2);

    private static final Instant FROM = NOW.minus(Duration.ofDays(DAYS)).minus(Duration.ofHours(12));
    private static final Instant TO = FROM.plus(Duration.ofDays(DAYS + 2));

    RollupConformance(EngineConformance kit) {
        super(kit);
    }

    static TableSpec jobs(RetentionRule rule) {
        return TableSpec.builder("jobs")
                .column("id", ColumnType.INTEGER)
                .column("state", ColumnType.TEXT)
                .column("host", ColumnType.TEXT)
                .column("runtime", ColumnType.REAL)
                .column("tries", ColumnType.INTEGER)
                .column("at", ColumnType.TIMESTAMP)
                .time("at")
                .key("id")
                .partitionBy(PartitionBy.DAY)
                .retention(rule)
                .rollup(RollupSpec.builder("hourly")
                        .every(Duration.ofHours(1))
                        .by("state")
                        .measures(
                                Measure.count(),
                                Measure.sum("tries"),
                                Measure.avg("runtime"),
                                Measure.min("runtime"),
                                Measure.max("at"),
                                Measure.percentile(0.95, "runtime"))
                        .build())
                .build();
    }

    static final RetentionRule SHORT = RetentionRule.maxAge(Duration.ofDays(3));

    static Row job(SplittableRandom random, long id) {
        String[] states = {"SUCCESS", "FAILURE", "", "Ünicode"};
        int state = random.nextInt(5);
        return row(
                jobs(RetentionRule.KEEP_ALL),
                "id",
                id,
                "state",
                state == 4 ? null : states[state],
                "host",
                "h" + random.nextInt(3),
                "runtime",
                random.nextInt(7) == 0 ? null : (Object) random.nextDouble(-5, 1000),
                "tries",
                (long) random.nextInt(4),
                "at",
                NOW.minus(Duration.ofSeconds(random.nextInt(DAYS * 86_400))));
    }

    private static List<Row> jobs(long seed, int count) {
        SplittableRandom random = new SplittableRandom(seed);
        List<Row> rows = new ArrayList<>();
        for (long id = 0; id < count; id++) {
            rows.add(job(random, id));
        }
        return rows;
    }

    private static Query.Builder range() {
        return Query.builder("jobs").from(FROM).to(TO);
    }

    private static List<TimeSeries> questions() {
        List<Measure> all = List.of(
                Measure.count(),
                Measure.sum("tries"),
                Measure.avg("tries"),
                Measure.avg("runtime"),
                new Measure(Measure.Function.COUNT, "runtime"),
                Measure.min("runtime"),
                Measure.max("at"),
                Measure.percentile(0.95, "runtime"),
                Measure.percentile(0.5, "runtime"));
        return List.of(
                new TimeSeries(range().build(), Duration.ofHours(1), List.of("state"), all),
                new TimeSeries(range().build(), Duration.ofHours(6), List.of(), all),
                new TimeSeries(range().build(), Duration.ofDays(7), List.of("state"), List.of(Measure.count())),
                new TimeSeries(range().where(Expr.eq("state", "FAILURE")).build(), Duration.ofDays(1), List.of(), all));
    }

    private static List<TimeSeries.Points> answers(Store store) {
        return questions().stream().map(store::timeSeries).toList();
    }

    private static void assertSame(TimeSeries.Points now, TimeSeries.Points before) {
        assertThat(now.columns()).isEqualTo(before.columns());
        assertThat(now.points()).hasSameSizeAs(before.points());
        for (int i = 0; i < now.points().size(); i++) {
            TimeSeries.Point a = now.points().get(i);
            TimeSeries.Point b = before.points().get(i);
            assertThat(a.at()).isEqualTo(b.at());
            assertThat(a.by()).isEqualTo(b.by());
            for (int f = 0; f < a.figures().size(); f++) {
                if (a.figures().get(f) instanceof Double x && b.figures().get(f) instanceof Double y) {
                    assertThat(x)
                            .as("%s of %s %s", now.columns(), a.at(), a.by())
                            .isCloseTo(y, within(1e-6));
                } else {
                    assertThat(a.figures().get(f))
                            .as("%s of %s %s", now.columns(), a.at(), a.by())
                            .isEqualTo(b.figures().get(f));
                }
            }
        }
    }

    @Test
    void shouldGoOnAcrossTheEdgeOfRetention() {
        Property.check("a rollup says what the rows said", 2, gen -> {
            Store store = newStore();
            Table<Row> table = store.createTable(jobs(RetentionRule.KEEP_ALL));
            append(table, jobs(gen.bits(), gen.between(10, 900)));
            List<TimeSeries.Points> before = answers(store);
            before.forEach(points -> assertThat(points.rawFrom()).isNull());
            store.createTable(jobs(SHORT));
            var report = store.applyRetention(store.planRetention());
            assertThat(report.blocked()).isEmpty();
            assertThat(report.dropped()).isNotEmpty();
            List<TimeSeries.Points> after = answers(store);
            for (int i = 0; i < before.size(); i++) {
                assertSame(after.get(i), before.get(i));
                assertThat(after.get(i).coverage().complete())
                        .as("%s", after.get(i).coverage())
                        .isTrue();
            }
            assertThat(after.get(0).rawFrom()).isNotNull().isAfter(FROM).isBefore(NOW);
            store.close();
        });
    }

    /** What comes back counts as rows, and not as its rollup too. */
    @Test
    void shouldNotCountTwiceWhatCameBack(TestReporter reporter) {
        Store store = newStore();
        if (!has(
                store,
                Capability.UNDO_DROP,
                reporter,
                () -> store.restore(new io.levee.PartitionId("jobs", "", "2026-05-12", 1)))) {
            return;
        }
        Table<Row> table = store.createTable(jobs(RetentionRule.KEEP_ALL));
        append(table, jobs(7, 400));
        List<TimeSeries.Points> before = answers(store);
        store.createTable(jobs(SHORT));
        var dropped = store.applyRetention(store.planRetention()).dropped();
        assertThat(dropped).hasSizeGreaterThan(2);
        store.restore(dropped.get(1));
        List<TimeSeries.Points> after = answers(store);
        for (int i = 0; i < before.size(); i++) {
            assertSame(after.get(i), before.get(i));
        }
    }

    @Test
    void shouldHideWhereItKeepsThem(TestReporter reporter) throws Exception {
        Store store = newStore();
        Table<Row> table = store.createTable(jobs(RetentionRule.KEEP_ALL));
        append(table, jobs(3, 30));
        assertThat(store.tables()).extracting(TableSpec::name).containsExactly("jobs");
        assertThat(store.status().tables()).extracting(t -> t.name()).contains("jobs__hourly");
        assertThat(store.table("jobs__hourly").spec().rollupOf()).isEqualTo("jobs");
        refused(
                ErrorCode.SPEC_CONFLICT,
                () -> store.createTable(TableSpec.builder("jobs__hourly")
                        .column("at", ColumnType.TIMESTAMP)
                        .time("at")
                        .build()));
        TableSpec other = TableSpec.fromMap(store.table("jobs").spec().toMap());
        assertThat(other.rollups()).isEqualTo(table.spec().rollups());
        if (has(
                store,
                Capability.SQL,
                reporter,
                () -> store.sql(SqlQuery.of("SELECT 1")).columns())) {
            try (SqlResult rows = store.sql(SqlQuery.of("SELECT count(*) FROM jobs__hourly"))) {
                assertThat(rows.columns()).hasSize(1);
            }
        }
    }

    /** What neither rows nor a rollup can tell is told. */
    @Test
    void shouldTellWhatNeitherHas() {
        Store store = newStore();
        Table<Row> table = store.createTable(jobs(RetentionRule.KEEP_ALL));
        append(table, jobs(11, 200));
        store.createTable(jobs(SHORT));
        assertThat(store.applyRetention(store.planRetention()).dropped()).isNotEmpty();
        List<TimeSeries> unanswered = List.of(
                new TimeSeries(range().build(), Duration.ofHours(1), List.of("host"), List.of(Measure.count())),
                new TimeSeries(range().build(), Duration.ofMinutes(30), List.of(), List.of(Measure.count())),
                new TimeSeries(range().build(), Duration.ofHours(1), List.of(), List.of(Measure.max("runtime"))),
                new TimeSeries(
                        range().where(Expr.eq("host", "h1")).build(),
                        Duration.ofHours(1),
                        List.of(),
                        List.of(Measure.count())));
        for (TimeSeries series : unanswered) {
            TimeSeries.Points points = store.timeSeries(series);
            assertThat(points.rawFrom()).isNull();
            assertThat(points.coverage().gaps()).extracting(Gap::reason).containsExactly(LossReason.EXPIRED);
        }
        TimeSeries.Points cut = store.timeSeries(new TimeSeries(
                Query.builder("jobs")
                        .from(FROM.plus(Duration.ofMinutes(70)))
                        .to(TO)
                        .build(),
                Duration.ofHours(1),
                List.of(),
                List.of(Measure.count())));
        assertThat(cut.points().get(1).at()).isEqualTo(FROM.plus(Duration.ofHours(2)));
    }

    /** A rollup that cannot be kept keeps its partition, which says so; the others go. */
    @Test
    void shouldKeepThePartitionWhoseRollupFails() {
        Store store = newStore();
        Table<Row> table = store.createTable(jobs(RetentionRule.KEEP_ALL));
        append(table, jobs(29, 100));
        Instant old = NOW.minus(Duration.ofDays(5));
        for (long id = 1000; id < 1002; id++) {
            // Together past 64 bits.
            append(table, row(table.spec(), "id", id, "state", "X", "tries", Long.MAX_VALUE, "at", old));
        }
        store.createTable(jobs(SHORT));
        var report = store.applyRetention(store.planRetention());
        assertThat(report.dropped()).isNotEmpty();
        assertThat(report.blocked()).hasSize(1);
        assertThat(report.blocked().values().iterator().next()).contains("hourly");
        assertThat(store.planRetention().drops())
                .singleElement()
                .satisfies(drop -> assertThat(drop.blockedBy()).contains("hourly"));
        assertThat(store.status().health().reasons()).anyMatch(reason -> reason.contains("hourly"));
        assertThat(table.find(1000L)).isPresent();
        table.delete(io.levee.Ack.COMMITTED, 1000L).join();
        assertThat(store.applyRetention(store.planRetention()).dropped()).hasSize(1);
        assertThat(store.status().health().reasons()).noneMatch(reason -> reason.contains("hourly"));
    }

    /** Partitions go while queries run: each answer is whole, and nothing counts twice. */
    @Test
    void shouldAnswerAlikeWhilePartitionsGo() throws Exception {
        Store store = newStore();
        Table<Row> table = store.createTable(jobs(RetentionRule.KEEP_ALL));
        append(table, jobs(23, 500));
        List<TimeSeries.Points> before = answers(store);
        store.createTable(jobs(SHORT));
        AtomicBoolean over = new AtomicBoolean();
        FutureTask<Integer> asking = new FutureTask<>(() -> {
            int asked = 0;
            while (!over.get() || asked < 3) {
                List<TimeSeries.Points> now = answers(store);
                for (int i = 0; i < before.size(); i++) {
                    assertSame(now.get(i), before.get(i));
                }
                asked++;
            }
            return asked;
        });
        Thread thread = new Thread(asking, "levee-test-asking");
        thread.start();
        try {
            // A query may be in the way of one, and of the next; of all of them it is not for long.
            await(
                    "some go",
                    () -> !store.applyRetention(store.planRetention()).dropped().isEmpty());
        } finally {
            over.set(true);
        }
        assertThat(asking.get()).isPositive();
    }

    /** Killed anywhere between the first rollup and the last drop: nothing is missing, nothing counts twice. */
    @Test
    void shouldSurviveKillsBetweenRollupAndDrop(TestReporter reporter) {
        String address = engine().newStore();
        Store first = open(address, false);
        if (!first.capabilities().contains(Capability.SECOND_PROCESS)) {
            reportLack(first, Capability.SECOND_PROCESS, reporter);
            return;
        }
        append(first.createTable(jobs(RetentionRule.KEEP_ALL)), jobs(5, 600));
        List<TimeSeries.Points> before = answers(first);
        first.close();
        SplittableRandom random = new SplittableRandom();
        for (int round = 1; round <= KILLS; round++) {
            try (ChildJvm child = child()) {
                child.send("open w " + address);
                assertThat(child.line()).isEqualTo("open");
                child.send("retire");
                assertThat(child.line()).isEqualTo("retiring");
                LockSupport.parkNanos(random.nextLong(250_000_000L));
                child.kill();
            }
            Store again = openAfterKill(() -> open(address, false));
            List<TimeSeries.Points> after = answers(again);
            for (int i = 0; i < before.size(); i++) {
                assertSame(after.get(i), before.get(i));
            }
            if (round == KILLS) {
                again.createTable(jobs(SHORT));
                again.applyRetention(again.planRetention());
                List<TimeSeries.Points> last = answers(again);
                for (int i = 0; i < before.size(); i++) {
                    assertSame(last.get(i), before.get(i));
                }
            }
            again.close();
        }
    }
}
