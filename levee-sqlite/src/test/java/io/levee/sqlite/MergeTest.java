package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.levee.Ack;
import io.levee.Bytes;
import io.levee.Column;
import io.levee.ColumnType;
import io.levee.Expr;
import io.levee.ManualClock;
import io.levee.PartitionBy;
import io.levee.PartitionId;
import io.levee.PartitionInfo;
import io.levee.RetentionRule;
import io.levee.StoreOptions;
import io.levee.TableSpec;
import io.levee.engine.EngineSettings;
import io.levee.engine.Execution;
import io.levee.engine.Period;
import io.levee.engine.ReadView;
import io.levee.engine.RowQuery;
import io.levee.engine.RowSink;
import io.levee.engine.SourceMark;
import io.levee.engine.SourcePoint;
import io.levee.engine.StoredRow;
import io.levee.engine.TailQuery;
import io.levee.engine.WriteRow;
import io.levee.internal.supervisor.Supervisor;
import io.levee.internal.time.Micros;
import io.levee.internal.time.MonotonicClock;
import io.levee.testkit.ChildJvm;
import io.levee.testkit.Gen;
import io.levee.testkit.Property;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Small partitions become one, and nobody who reads, writes, follows or crashes can tell. */
class MergeTest {
    private static final Instant START = Instant.parse("2026-05-10T00:00:00Z");
    private static final MergePlan AT_ONCE = new MergePlan(Bytes.mebi(64), Bytes.mebi(256), Bytes.mebi(64), 2);

    @TempDir
    Path directory;

    private static TableSpec spec(boolean keyed) {
        return TableSpec.builder("events")
                .column("i", ColumnType.INTEGER)
                .column("at", ColumnType.TIMESTAMP)
                .column("text", ColumnType.TEXT)
                .column(new Column("more", ColumnType.TEXT, true, false, null))
                .time("at")
                .key(keyed ? new String[] {"i"} : new String[0])
                .fulltext("text")
                .partitionBy(PartitionBy.HOUR)
                .build();
    }

    /** A store whose writer is the thread of the test. */
    private static final class Home implements AutoCloseable {
        private final Supervisor supervisor = new Supervisor();
        private final SqliteEngine engine;
        private final TableSpec spec;
        private long next;
        private long end;
        private boolean closed;

        Home(Path directory, boolean keyed) {
            ManualClock clock = new ManualClock(START.plus(Duration.ofDays(60)));
            StoreOptions options = StoreOptions.builder().clock(clock).build();
            engine = SqliteEngine.open(new StorePaths(directory), new EngineSettings(options, false, supervisor));
            spec = spec(keyed);
            engine.putTable(spec);
        }

        private long seq() {
            if (next == end) {
                next = engine.reserveSeq("events", 1000);
                end = next + 1000;
            }
            return next++;
        }

        static WriteRow row(long i, int hour, String text) {
            long at = Micros.of(START) + hour * 3_600_000_000L + i;
            OpenEngine.Handed row =
                    new OpenEngine.Handed(new Object[] {i, at, text, i % 3 == 0 ? null : "more of " + text}, at);
            row.period(Period.of(PartitionBy.HOUR, at));
            return row;
        }

        List<WriteRow.Outcome> append(WriteRow... rows) {
            engine.append(spec, List.of(rows), Ack.COMMITTED, this::seq);
            return Stream.of(rows).map(WriteRow::outcome).toList();
        }

        /** A new sibling takes the next rows of an hour. */
        void roll(int hour) {
            engine.roll(spec, Period.of(PartitionBy.HOUR, Micros.of(START) + hour * 3_600_000_000L));
        }

        void closeAll() {
            for (PartitionInfo partition : engine.partitions()) {
                assertThat(engine.closePartition(partition.id())).isEmpty();
            }
            CompletableFuture<Void> learned = CompletableFuture.runAsync(engine::learnRanges);
            serve(learned);
        }

        /** Is the writer until something is done. */
        <T> T serve(CompletableFuture<T> until) {
            while (!until.isDone()) {
                engine.afterBatch();
                Thread.onSpinWait();
            }
            return until.join();
        }

        int merge(MergePlan plan) {
            int made = 0;
            // What has to wait for a moment, such as for a reader's handle, is tried again by the next run.
            for (int nothing = 0; nothing < 2; ) {
                int now = serve(
                        CompletableFuture.supplyAsync(() -> engine.merging().run(plan, Duration.ZERO)));
                nothing = now == 0 ? nothing + 1 : 0;
                made += now;
            }
            return made;
        }

        List<String> rows() {
            try (ReadView view = engine.view(spec, Long.MIN_VALUE, Long.MAX_VALUE)) {
                return rows(view, spec, null);
            }
        }

        static List<String> rows(ReadView view, TableSpec spec, @Nullable Expr where) {
            List<String> found = new ArrayList<>();
            RowQuery query = new RowQuery(
                    spec,
                    Long.MIN_VALUE,
                    Long.MAX_VALUE,
                    where,
                    false,
                    List.of(),
                    List.of(),
                    Long.MAX_VALUE,
                    null,
                    spec.columns());
            view.rows(query, execution(), sink(found));
            return found;
        }

        List<String> tail() {
            List<String> found = new ArrayList<>();
            engine.tail(new TailQuery(spec, 0, 1_000_000, spec.columns()), execution(), sink(found));
            return found;
        }

        private static Execution execution() {
            return new Execution(1, "a test", MonotonicClock.SYSTEM.nanos(), Duration.ofMinutes(5));
        }

        private static RowSink sink(List<String> found) {
            return new RowSink() {
                @Override
                public void columns(List<String> names) {}

                @Override
                public boolean row(@Nullable Object[] values) {
                    found.add(Arrays.toString(values));
                    return true;
                }
            };
        }

        List<String> names() {
            return engine.partitions().stream().map(p -> p.id().toString()).toList();
        }

        @Override
        public void close() {
            if (!closed) {
                closed = true;
                engine.closeWriter();
                supervisor.stop();
                engine.close(null);
            }
        }
    }

    @Test
    void shouldMergeTheSiblingsOfAPeriod() throws Exception {
        try (Home home = new Home(directory, false)) {
            for (int sibling = 0; sibling < 4; sibling++) {
                home.append(Home.row(sibling, 1, "a " + sibling), Home.row(10 + sibling, 1, "b " + sibling));
                home.roll(1);
            }
            home.append(Home.row(99, 2, "another hour"));
            home.closeAll();
            List<String> before = home.rows();
            List<String> tail = home.tail();
            assertThat(before).hasSize(9);
            long dropped = home.engine.droppedSeq("events");
            assertThat(home.merge(MergePlan.USUAL)).isEqualTo(1);
            assertThat(home.names()).containsExactly("events/2026-05-10T01.6", "events/2026-05-10T02");
            assertThat(home.rows()).isEqualTo(before);
            assertThat(home.tail()).as("numbers are the same").isEqualTo(tail);
            assertThat(home.engine.droppedSeq("events"))
                    .as("nobody missed anything")
                    .isEqualTo(dropped);
            assertThat(home.engine.dropped())
                    .as("what was merged cannot come back")
                    .isEmpty();
            try (ReadView view = home.engine.view(home.spec, Long.MIN_VALUE, Long.MAX_VALUE)) {
                assertThat(Home.rows(view, home.spec, Expr.contains("text", "b 2")))
                        .hasSize(1);
            }
            // Late rows are written into it, and the old files are freed.
            assertThat(home.append(Home.row(50, 1, "late"))).containsExactly(WriteRow.Outcome.STORED);
            assertThat(home.names()).contains("events/2026-05-10T01.6").hasSize(2);
            home.engine.purgeDropped("events");
            assertThat(home.rows()).hasSize(10);
        }
        try (Stream<Path> files = Files.list(directory.resolve("tables/events"))) {
            assertThat(files).hasSize(2);
        }
        try (Home home = new Home(directory, false)) {
            assertThat(home.rows()).hasSize(10);
        }
    }

    /** Any appends, updates and siblings in any hours, with merges in between: rows, numbers and keys are as without them. */
    @Test
    void shouldChangeNothingThatAnybodySees() {
        AtomicInteger round = new AtomicInteger();
        Property.check("merges change nothing", 3, gen -> {
            boolean keyed = gen.oneIn(2);
            Path dir = directory.resolve("round" + round.incrementAndGet());
            Map<Long, String> model = new TreeMap<>();
            Home home = new Home(dir, keyed);
            try {
                for (int step = 0; step < 8; step++) {
                    write(gen, home, model, step);
                    if (gen.oneIn(3)) {
                        home.closeAll();
                        List<String> rows = home.rows();
                        List<String> tail = home.tail();
                        home.merge(AT_ONCE);
                        assertThat(home.rows()).isEqualTo(rows);
                        assertThat(home.tail()).isEqualTo(tail);
                    }
                    if (gen.oneIn(6)) {
                        home.close();
                        home = new Home(dir, keyed);
                    }
                    assertThat(home.rows()).hasSize(model.size());
                }
                home.closeAll();
                int before = home.names().size();
                int made = home.merge(AT_ONCE);
                assertThat(home.names()).hasSizeLessThanOrEqualTo(before - made);
                assertThat(home.rows()).hasSize(model.size());
                if (keyed) {
                    for (Map.Entry<Long, String> one : model.entrySet()) {
                        StoredRow row = home.engine.find(home.spec, new Object[] {one.getKey()});
                        assertThat(row).isNotNull();
                        assertThat(row.values()[2]).isEqualTo(one.getValue());
                    }
                }
                for (PartitionInfo partition : home.engine.partitions()) {
                    PartitionId id = partition.id();
                    home.closeAll();
                    assertThat(home.engine.verify(id).state().name()).isEqualTo("OK");
                }
            } finally {
                home.close();
            }
        });
    }

    private static void write(Gen gen, Home home, Map<Long, String> model, int step) {
        boolean keyed = home.spec.keyed();
        List<WriteRow> rows = new ArrayList<>();
        for (int i = gen.between(1, 30); i > 0; i--) {
            long key = keyed ? gen.between(0, 60) : step * 1000L + i;
            String text = "step " + step + " row " + i;
            rows.add(Home.row(key, gen.between(0, 3) * 20, text));
            model.put(key, text);
        }
        assertThat(home.append(rows.toArray(WriteRow[]::new)))
                .allMatch(o -> o == WriteRow.Outcome.STORED || o == WriteRow.Outcome.UPDATED);
        if (gen.oneIn(3)) {
            home.roll(gen.between(0, 3) * 20);
        }
    }

    /** Killed at any point of a merge: the rows are there once, by the catalog that was left as by one that is rebuilt. */
    @ParameterizedTest
    @EnumSource(Merging.Point.class)
    void shouldSurviveAKillInTheMiddle(Merging.Point point) throws Exception {
        for (boolean lost : new boolean[] {false, true}) {
            Path dir = directory.resolve(point + "-" + lost);
            List<String> before;
            try (Home home = new Home(dir, true)) {
                siblings(home);
                before = home.rows();
            }
            try (ChildJvm child = ChildJvm.start(
                    List.of("-Dorg.sqlite.tmpdir=" + directory), Killed.class, dir.toString(), point.name())) {
                assertThat(child.rest()).contains("killed at " + point);
            }
            if (lost) {
                for (String suffix : Quarantine.SUFFIXES) {
                    Files.deleteIfExists(dir.resolve("catalog.db" + suffix));
                }
            }
            try (Home home = new Home(dir, true)) {
                home.closeAll();
                assertThat(home.rows()).isEqualTo(before);
                assertThat(home.append(Home.row(7, 1, "changed"))).containsExactly(WriteRow.Outcome.UPDATED);
                while (home.engine.freeDropped()) {
                    // As the janitor does.
                }
                home.closeAll();
                assertThat(home.merge(AT_ONCE)).isBetween(0, 1);
                assertThat(home.names()).hasSize(1);
                assertThat(home.rows()).hasSameSizeAs(before).doesNotHaveDuplicates();
                for (PartitionInfo dropped : home.engine.dropped()) {
                    assertThatThrownBy(() -> home.engine.restore(dropped.id())).hasMessageContaining("NOT_FOUND");
                }
            }
        }
    }

    private static void siblings(Home home) {
        for (int sibling = 0; sibling < 3; sibling++) {
            for (int i = 0; i < 100; i++) {
                home.append(Home.row(sibling * 100 + i, 1, "row " + i));
            }
            home.roll(1);
        }
        home.closeAll();
    }

    /** Ends in the middle of a merge. */
    static final class Killed {
        private Killed() {}

        public static void main(String[] arguments) {
            Home home = new Home(Path.of(arguments[0]), true);
            Merging.Point point = Merging.Point.valueOf(arguments[1]);
            home.engine.merging().at(reached -> {
                if (reached == point) {
                    System.out.println("killed at " + point);
                    System.out.flush();
                    Runtime.getRuntime().halt(9);
                }
            });
            home.closeAll();
            home.merge(AT_ONCE);
        }
    }

    /** Updates do not wait for a merge: it gives back what it has, and nothing came of it. */
    @Test
    void shouldGiveBackWhatTheWriterWants() throws Exception {
        try (Home home = new Home(directory, true)) {
            siblings(home);
            List<String> before = home.rows();
            CountDownLatch built = new CountDownLatch(1);
            CountDownLatch wanted = new CountDownLatch(1);
            home.engine.merging().at(point -> {
                built.countDown();
                try {
                    wanted.await();
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                }
            });
            CompletableFuture<Integer> merging =
                    CompletableFuture.supplyAsync(() -> home.engine.merging().run(AT_ONCE, Duration.ZERO));
            built.await();
            for (Partition lent :
                    home.engine.open().keys(home.spec).candidates(KeyFilter.hash(new Object[] {7L}), p -> true)) {
                assertThat(lent.state()).isEqualTo(Partition.State.LENT);
                assertThat(home.append(Home.row(7, 1, "waits"))).containsExactly(WriteRow.Outcome.RETRY);
                // As if it had waited for more than a second.
                lent.wanted(1);
                lent.wanted(Long.MAX_VALUE / 2);
            }
            wanted.countDown();
            assertThat(home.serve(merging)).isZero();
            home.engine.merging().at(point -> {});
            assertThat(home.rows()).isEqualTo(before);
            assertThat(home.append(Home.row(7, 1, "now"))).containsExactly(WriteRow.Outcome.UPDATED);
            home.closeAll();
            assertThat(home.merge(AT_ONCE)).isEqualTo(1);
            assertThat(home.names()).containsExactly("events/2026-05-10T01.5");
        }
    }

    /** A query of another process that began before goes on for a while; after that it is told, and never lacks rows in silence. */
    @Test
    void shouldNotLoseRowsOfAQueryOfAnotherProcess() {
        try (Home home = new Home(directory, false)) {
            for (int sibling = 0; sibling < 3; sibling++) {
                home.append(Home.row(sibling, 1, "a " + sibling));
                home.roll(1);
            }
            home.closeAll();
            Supervisor supervisor = new Supervisor();
            SqliteEngine reader = SqliteEngine.open(
                    new StorePaths(directory),
                    new EngineSettings(StoreOptions.builder().build(), true, supervisor));
            try (ReadView view = reader.view(home.spec, Long.MIN_VALUE, Long.MAX_VALUE)) {
                assertThat(home.merge(AT_ONCE)).isEqualTo(1);
                assertThat(home.engine.freeDropped()).isFalse();
                assertThat(Home.rows(view, home.spec, null)).hasSize(3);
                home.engine.purgeDropped("events");
                assertThatThrownBy(() -> Home.rows(view, home.spec, null))
                        .hasMessageContaining("PARTITION_BUSY")
                        .hasMessageContaining("merged into events/2026-05-10T01.5");
            }
            try (ReadView view = reader.view(home.spec, Long.MIN_VALUE, Long.MAX_VALUE)) {
                assertThat(Home.rows(view, home.spec, null)).hasSize(3);
            } finally {
                reader.close(null);
                supervisor.stop();
            }
        }
    }

    /** Rows of a source that may come again keep a position of their own: one of a wider period would swallow them. */
    @Test
    void shouldNotWidenWhatASourceMayBringAgain() {
        try (Home home = new Home(directory, false)) {
            for (int hour = 0; hour < 4; hour++) {
                WriteRow row = Home.row(hour, hour, "from a file");
                row.source(new SourceMark("file", 10 + hour));
                home.append(row);
            }
            home.closeAll();
            home.engine.putSource("events", "file", new SourcePoint(12, ""));
            assertThat(home.merge(AT_ONCE)).isZero();
            home.engine.putSource("events", "file", new SourcePoint(13, ""));
            assertThat(home.merge(AT_ONCE)).isEqualTo(1);
            assertThat(home.names()).containsExactly("events/2026-05-10");
            WriteRow again = Home.row(3, 3, "from a file");
            again.source(new SourceMark("file", 13));
            assertThat(home.append(again)).containsExactly(WriteRow.Outcome.KNOWN);
            assertThat(home.rows()).hasSize(4);
        }
    }

    /** Narrow ones become wide ones only where there are many, they are old, and nobody's promise is stretched. */
    @Test
    void shouldWidenOnlyWhatIsManyOldAndLongPromised() {
        StorePaths paths = new StorePaths(directory);
        List<Partition> hours = new ArrayList<>();
        for (int hour = 0; hour < 30; hour++) {
            Period period = Period.of(PartitionBy.HOUR, Micros.of(START) + hour * 3_600_000_000L);
            hours.add(new Partition(
                    new PartitionId("events", "", period.name(), 1),
                    "none",
                    Partition.State.CLOSED,
                    new Partition.Held(period.startMicros(), period.startMicros(), 1, hour, hour),
                    4096));
        }
        long later = Micros.of(START.plus(Duration.ofDays(20)));
        TableSpec spec = spec(false);
        assertThat(MergePlan.USUAL.next(spec, hours, later, paths, p -> true))
                .as("not many")
                .isNull();
        MergePlan plan = new MergePlan(Bytes.mebi(64), Bytes.mebi(256), Bytes.mebi(64), 20);
        assertThat(plan.next(spec, hours, Micros.of(START.plus(Duration.ofDays(3))), paths, p -> true))
                .as("young")
                .isNull();
        assertThat(plan.next(spec, hours, later, paths, p -> false))
                .as("in use")
                .isNull();
        assertThat(plan.next(kept(Duration.ofDays(9)), hours, later, paths, p -> true))
                .as("a day is too much of nine")
                .isNull();
        MergePlan.Group day = plan.next(kept(Duration.ofDays(11)), hours, later, paths, p -> true);
        assertThat(day).isNotNull();
        assertThat(day.into().name()).isEqualTo("2026-05-10");
        assertThat(day.sources()).hasSize(24);
        MergePlan.Group unbounded = plan.next(spec, hours, later, paths, p -> true);
        assertThat(unbounded).isNotNull();
        assertThat(unbounded.widens()).isTrue();
    }

    private static TableSpec kept(Duration age) {
        return TableSpec.builder("events")
                .column("at", ColumnType.TIMESTAMP)
                .time("at")
                .partitionBy(PartitionBy.HOUR)
                .retention(RetentionRule.maxAge(age))
                .build();
    }
}
