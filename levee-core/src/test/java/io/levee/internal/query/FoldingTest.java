package io.levee.internal.query;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.levee.Column;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.PartitionBy;
import io.levee.PartitionId;
import io.levee.PartitionInfo;
import io.levee.TableSpec;
import io.levee.engine.Execution;
import io.levee.engine.Figure;
import io.levee.engine.GroupKey;
import io.levee.engine.Grouping;
import io.levee.engine.PlanStep;
import io.levee.engine.ReadView;
import io.levee.engine.RowQuery;
import io.levee.engine.RowSink;
import io.levee.engine.ScanPart;
import io.levee.engine.Term;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Parts of a grouping on several threads, and from the cache. */
class FoldingTest {
    private static final TableSpec SPEC = TableSpec.builder("t")
            .column("at", ColumnType.TIMESTAMP)
            .column("n", ColumnType.INTEGER)
            .time("at")
            .partitionBy(PartitionBy.DAY)
            .build();
    private static final Column N = SPEC.column("n");

    private final List<Part> parts = new ArrayList<>();
    private final List<PartitionInfo> infos = new ArrayList<>();
    private final LinkedBlockingQueue<Runnable> asked = new LinkedBlockingQueue<>();
    private final List<Thread> threads = new ArrayList<>();
    private final PartialCache cache = new PartialCache(1 << 20);

    private static final class Part implements ScanPart {
        private final String name;
        private final Consumer<RowSink> body;
        private final AtomicInteger runs = new AtomicInteger();
        private @Nullable String version;

        Part(String name, @Nullable String version, Consumer<RowSink> body) {
            this.name = name;
            this.version = version;
            this.body = body;
        }

        @Override
        public String name() {
            return name;
        }

        @Override
        public @Nullable String version() {
            return version;
        }

        @Override
        public void run(Execution execution, RowSink sink) {
            runs.incrementAndGet();
            body.accept(sink);
        }
    }

    private final ReadView view = new ReadView() {
        @Override
        public List<PartitionInfo> partitions() {
            return infos;
        }

        @Override
        public void rows(RowQuery query, Execution execution, RowSink sink) {
            throw new UnsupportedOperationException();
        }

        @Override
        public List<ScanPart> parts(Grouping grouping) {
            return List.copyOf(parts);
        }

        @Override
        public List<PlanStep> explain(RowQuery query, Execution execution) {
            return List.of();
        }

        @Override
        public List<PlanStep> explain(Grouping grouping, Execution execution) {
            return List.of();
        }

        @Override
        public void close() {}
    };

    @AfterEach
    void stop() throws InterruptedException {
        for (Thread thread : threads) {
            thread.interrupt();
            thread.join();
        }
    }

    /** Threads that do what is asked for, as idle query threads do. */
    private void idleThreads(int count) {
        for (int i = 0; i < count; i++) {
            Thread thread = new Thread(() -> {
                try {
                    while (true) {
                        asked.take().run();
                    }
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                }
            });
            threads.add(thread);
            thread.start();
        }
    }

    private static Execution execution() {
        return new Execution(1, "test", System.nanoTime(), Duration.ofSeconds(60));
    }

    private static Fold fold(long from, long to) {
        return new Fold(
                new Grouping(
                        SPEC,
                        from,
                        to,
                        null,
                        List.of(new GroupKey.Value(new Term(N, ""))),
                        List.of(new Figure(Figure.Kind.COUNT, null))),
                1,
                Fold.Extra.NONE);
    }

    private static Fold fold() {
        return fold(Long.MIN_VALUE, Long.MAX_VALUE);
    }

    private Map<Object, Long> run(Fold fold, Execution execution, int helpers) {
        return run(fold, execution, helpers, cache);
    }

    private Map<Object, Long> run(Fold fold, Execution execution, int helpers, PartialCache from) {
        Folding folding = new Folding(1 << 26, helpers, asked::add, from);
        Map<Object, Long> counts = new TreeMap<>();
        folding.run(view, List.of(fold), execution)
                .get(0)
                .forEach((key, group) -> counts.put(
                        java.util.Objects.requireNonNull(key.get(0)),
                        group.figure(0).whole()));
        return counts;
    }

    private void partition(long n, PartitionInfo.State state, long min, long max) {
        infos.add(new PartitionInfo(new PartitionId("t", "", "2026-05-" + (10 + n), 1), state, min, max, 1, 1));
    }

    @Test
    void shouldAddUpWhatAllThreadsComputed() {
        idleThreads(3);
        ConcurrentLinkedQueue<Thread> by = new ConcurrentLinkedQueue<>();
        CountDownLatch two = new CountDownLatch(2);
        for (int i = 0; i < 200; i++) {
            long n = i % 7;
            parts.add(new Part("p" + i, null, sink -> {
                by.add(Thread.currentThread());
                two.countDown();
                await(two); // Ends only where a second thread takes part.
                sink.row(new Object[] {n, 2L});
                sink.row(new Object[] {n, 1L});
            }));
        }
        Map<Object, Long> counts = run(fold(), execution(), 3);
        assertThat(counts.values().stream().mapToLong(Long::longValue).sum()).isEqualTo(600);
        assertThat(counts).hasSize(7);
        assertThat(by).hasSize(200);
        assertThat(by.stream().distinct().count()).isBetween(2L, 4L);
    }

    private static void await(CountDownLatch latch) {
        try {
            assertThat(latch.await(60, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void shouldNotNeedAnybodysHelp() {
        // Nobody serves what is asked for: other queries have all threads.
        for (int i = 0; i < 10; i++) {
            parts.add(new Part("p" + i, null, sink -> sink.row(new Object[] {1L, 1L})));
        }
        assertThat(run(fold(), execution(), 3)).containsExactly(Map.entry(1L, 10L));
        // Help that comes late finds nothing to do.
        assertThat(asked).hasSize(3);
        asked.forEach(Runnable::run);
        assertThat(parts).allSatisfy(part -> assertThat(part.runs.get()).isEqualTo(1));
    }

    @Test
    void shouldQueueAgainBehindOthersAfterEachPart() {
        // The query's thread stays in the first part until what was asked for has been served three times.
        CountDownLatch served = new CountDownLatch(3);
        List<String> order = new ArrayList<>();
        Thread one = new Thread(() -> {
            try {
                for (int i = 0; i < 3; i++) {
                    asked.add(() -> order.add("query"));
                    asked.take().run();
                    asked.take().run();
                    served.countDown();
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
        threads.add(one);
        parts.add(new Part("first", null, sink -> {
            one.start();
            await(served);
        }));
        for (int i = 0; i < 5; i++) {
            parts.add(new Part("p" + i, null, sink -> order.add("help")));
        }
        run(fold(), execution(), 1);
        assertThat(order.subList(0, 6)).containsExactly("help", "query", "help", "query", "help", "query");
    }

    @Test
    void shouldEndAllPartsWhenOneFails() {
        idleThreads(2);
        Execution execution = execution();
        CountDownLatch begun = new CountDownLatch(1);
        CountDownLatch interrupted = new CountDownLatch(1);
        parts.add(new Part(
                "stays",
                null,
                sink -> execution.interruptibly(interrupted::countDown, () -> {
                    begun.countDown();
                    await(interrupted);
                })));
        parts.add(new Part("fails", null, sink -> {
            await(begun);
            throw new LeveeException(ErrorCode.CORRUPT, "a page is damaged").hint("look");
        }));
        for (int i = 0; i < 50; i++) {
            parts.add(new Part("p" + i, null, sink -> await(interrupted)));
        }
        LeveeException e = catchThrowableOfType(LeveeException.class, () -> run(fold(), execution, 2));
        assertThat(e.code()).isEqualTo(ErrorCode.CORRUPT);
        assertThat(e.hint()).isEqualTo("look");
        assertThat(parts.stream().filter(p -> p.runs.get() == 0).count()).isGreaterThan(40);
        // The reader, who may look at the execution first, is told the same.
        LeveeException told = catchThrowableOfType(LeveeException.class, execution::check);
        assertThat(told.code()).isEqualTo(ErrorCode.CORRUPT);
        assertThat(told.hint()).isEqualTo("look");
    }

    @Test
    void shouldEndAllPartsOnCancel() {
        idleThreads(2);
        Execution execution = execution();
        CountDownLatch three = new CountDownLatch(3);
        CountDownLatch cancelled = new CountDownLatch(1);
        for (int i = 0; i < 30; i++) {
            parts.add(new Part(
                    "p" + i,
                    null,
                    sink -> execution.interruptibly(cancelled::countDown, () -> {
                        three.countDown();
                        if (three.getCount() == 0) {
                            execution.cancel(ErrorCode.CANCELLED, "enough");
                        }
                        await(cancelled);
                    })));
        }
        LeveeException e = catchThrowableOfType(LeveeException.class, () -> run(fold(), execution, 2));
        assertThat(e.code()).isEqualTo(ErrorCode.CANCELLED);
        assertThat(parts.stream().filter(p -> p.runs.get() > 0).count()).isEqualTo(3);
    }

    @Test
    void shouldReadOnlyWhatIsNotCached() {
        for (int i = 0; i < 3; i++) {
            partition(i, PartitionInfo.State.CLOSED, 100 * i, 100 * i + 99);
            parts.add(new Part(infos.get(i).id().toString(), "v1", sink -> sink.row(new Object[] {5L, 1L})));
        }
        parts.add(new Part("active", null, sink -> sink.row(new Object[] {5L, 10L})));
        for (int i = 1; i <= 3; i++) {
            assertThat(run(fold(), execution(), 0)).containsExactly(Map.entry(5L, 13L));
            assertThat(parts.get(0).runs.get()).isEqualTo(1);
            assertThat(parts.get(3).runs.get()).isEqualTo(i);
        }
        assertThat(cache.hits()).isEqualTo(2);
        // Another range that lets all rows of a partition through asks the same of it; of one that it cuts it does not.
        run(fold(50, 300), execution(), 0);
        assertThat(parts).extracting(p -> p.runs.get()).containsExactly(2, 1, 1, 4);
        run(fold(50, 250), execution(), 0);
        assertThat(parts).extracting(p -> p.runs.get()).containsExactly(2, 1, 2, 5);
        // A change makes another version.
        parts.get(1).version = "v2";
        run(fold(), execution(), 0);
        assertThat(parts).extracting(p -> p.runs.get()).containsExactly(2, 2, 2, 6);
        assertThat(cache.bytes()).isPositive();
    }

    /** The parts' own groups do not all fit; what they add up to does. */
    @Test
    void shouldAnswerAgainWhereThePartsDoNotFit() {
        PartialCache small = new PartialCache(6000);
        for (int i = 0; i < 10; i++) {
            partition(i, PartitionInfo.State.CLOSED, 100 * i, 100 * i + 99);
            parts.add(new Part(infos.get(i).id().toString(), "v1", sink -> {
                for (long n = 0; n < 4; n++) {
                    sink.row(new Object[] {n, 1L});
                }
            }));
        }
        for (int i = 0; i < 3; i++) {
            Map<Object, Long> counts = run(fold(), execution(), 0, small);
            assertThat(counts)
                    .containsOnly(Map.entry(0L, 10L), Map.entry(1L, 10L), Map.entry(2L, 10L), Map.entry(3L, 10L));
        }
        assertThat(parts).allMatch(part -> part.runs.get() == 1);
        assertThat(small.bytes()).isBetween(1L, 6000L);
        // One of them changes: all is read again, and kept again.
        parts.get(3).version = "v2";
        run(fold(), execution(), 0, small);
        assertThat(parts.get(3).runs.get()).isEqualTo(2);
    }

    @Test
    void shouldNotKeepWhatChangedWhileItWasRead() {
        Part[] changing = new Part[1];
        changing[0] = new Part("p", "v1", sink -> {
            changing[0].version = "v2";
            sink.row(new Object[] {1L, 1L});
        });
        parts.add(changing[0]);
        run(fold(), execution(), 0);
        changing[0].version = "v1";
        run(fold(), execution(), 0);
        assertThat(changing[0].runs.get()).isEqualTo(2);
    }

    @Test
    void shouldKeepTheCacheWithinItsBudget() {
        PartialCache small = new PartialCache(8000);
        PartialCache.Shape shape = new PartialCache.Shape(fold());
        for (int i = 0; i < 100; i++) {
            GroupTable table = new GroupTable(fold(), new GroupRoom(1 << 20));
            for (long n = 0; n < 5; n++) {
                table.add(new Object[] {n, 1L});
            }
            small.put(new PartialCache.Key("p" + i, "v", shape), table);
            assertThat(small.bytes()).isBetween(1L, 8000L);
            small.get(new PartialCache.Key("p0", "v", shape));
        }
        // What is asked for again and again stays; what is too large is not kept.
        assertThat(small.get(new PartialCache.Key("p0", "v", shape))).isNotNull();
        assertThat(small.get(new PartialCache.Key("p1", "v", shape))).isNull();
        GroupTable large = new GroupTable(fold(), new GroupRoom(1 << 20));
        for (long n = 0; n < 100; n++) {
            large.add(new Object[] {n, 1L});
        }
        small.put(new PartialCache.Key("large", "v", shape), large);
        assertThat(small.get(new PartialCache.Key("large", "v", shape))).isNull();
    }

    @Test
    void shouldNotDependOnWhoHelpedWhetherThereIsRoom() {
        idleThreads(3);
        CountDownLatch three = new CountDownLatch(3);
        for (int i = 0; i < 40; i++) {
            parts.add(new Part("p" + i, null, sink -> {
                three.countDown();
                await(three);
                for (long n = 0; n < 400; n++) {
                    sink.row(new Object[] {n, 1L});
                }
            }));
        }
        // Room for 500 groups: for those of the answer, not for those of each helper beside.
        Folding narrow = new Folding(100_000, 3, asked::add, cache);
        List<Long> counts = new ArrayList<>();
        narrow.run(view, List.of(fold()), execution())
                .get(0)
                .forEach((key, group) -> counts.add(group.figure(0).whole()));
        assertThat(counts).hasSize(400).containsOnly(40L);
    }

    @Test
    void shouldRefuseMoreGroupsThanThereIsRoomFor() {
        parts.add(new Part("p", null, sink -> {
            for (long n = 0; n < 200_000; n++) {
                sink.row(new Object[] {n, 1L});
            }
        }));
        LeveeException many = catchThrowableOfType(LeveeException.class, () -> run(fold(), execution(), 0));
        assertThat(many.code()).isEqualTo(ErrorCode.LIMIT_EXCEEDED);
        assertThat(many.getMessage()).contains("100000 groups").contains("Do:");
        Folding narrow = new Folding(100_000, 0, asked::add, cache);
        LeveeException large =
                catchThrowableOfType(LeveeException.class, () -> narrow.run(view, List.of(fold()), execution()));
        assertThat(large.code()).isEqualTo(ErrorCode.LIMIT_EXCEEDED);
        assertThat(large.getMessage()).contains("memory").contains("Do:");
    }
}
