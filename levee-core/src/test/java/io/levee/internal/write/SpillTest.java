package io.levee.internal.write;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.levee.Ack;
import io.levee.Bytes;
import io.levee.CloseReport;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.Gap;
import io.levee.LeveeException;
import io.levee.LossReason;
import io.levee.Overflow;
import io.levee.Row;
import io.levee.StoreOptions;
import io.levee.TableSpec;
import io.levee.engine.SourceMark;
import io.levee.engine.WriteRow;
import io.levee.internal.supervisor.Supervisor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What overflows goes to files and comes back once, in order, whatever happens in between (issue 4, overflow policy SPILL). */
class SpillTest {
    private static final Instant NOW = Instant.parse("2026-05-10T12:00:00Z");
    private static final TableSpec SPEC = TableSpec.builder("events")
            .column("i", ColumnType.INTEGER)
            .column("at", ColumnType.TIMESTAMP)
            .column("x", ColumnType.REAL)
            .column("text", ColumnType.TEXT)
            .column("raw", ColumnType.BLOB)
            .time("at")
            .build();
    private static final TableSpec KEYED = TableSpec.builder("runs")
            .column("id", ColumnType.TEXT)
            .column("at", ColumnType.TIMESTAMP)
            .time("at")
            .key("id")
            .build();

    @TempDir
    Path directory;

    private FakeEngine engine = new FakeEngine();
    private Supervisor supervisor = new Supervisor();
    private final CountDownLatch stuck = new CountDownLatch(1);
    private @Nullable WriteService service;
    private TableState table;
    private TableState keyed;

    private WriteService start(Overflow overflow) {
        engine.directory = directory;
        StoreOptions options = StoreOptions.builder()
                .closeTimeout(Duration.ofSeconds(5))
                .queueRecords(20)
                .overflow(overflow)
                .build();
        Tables tables = new Tables(engine, false);
        table = tables.declare(SPEC);
        keyed = tables.declare(KEYED);
        WriteService started = new WriteService(engine, options, tables, supervisor);
        service = started;
        started.start();
        return started;
    }

    /** A second life over the same files; the engine keeps what it has. */
    private WriteService restart(Overflow overflow) {
        supervisor = new Supervisor();
        return start(overflow);
    }

    @AfterEach
    void stop() {
        stuck.countDown();
        if (service != null) {
            service.close(Duration.ofSeconds(1));
        }
        supervisor.stop();
    }

    private static Row row(long i) {
        return Row.of(SPEC)
                .set("i", i)
                .set("at", NOW.plusMillis(i))
                .set("x", i % 7 == 0 ? null : i / 3.0)
                .set("text", "näme " + i)
                .set("raw", new byte[] {(byte) i, 0, 1})
                .build();
    }

    private static Row run(String id) {
        return Row.of(KEYED).set("id", id).set("at", NOW).build();
    }

    private void stickTheWriter(WriteService writes) {
        FakeEngine own = engine;
        engine.writing = (rows, seq) -> {
            try {
                stuck.await();
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
            own.store(rows, seq);
        };
        writes.append(table, row(0));
        await().until(() -> engine.batches.get() > 0);
    }

    private static void balanced(WriteService writes) {
        Books books = writes.books();
        assertThat(books.stored() + books.lost() + books.queued() + books.uncertain())
                .isEqualTo(books.accepted());
        assertThat(books.queue().records()).isBetween(0L, books.queue().limitRecords());
        assertThat(books.queue().spilledBytes())
                .isLessThanOrEqualTo(books.queue().spillLimitBytes());
    }

    private static List<Object> upTo(long last) {
        return LongStream.rangeClosed(0, last).mapToObj(i -> (Object) i).toList();
    }

    private List<Path> files() throws IOException {
        try (Stream<Path> all = Files.list(directory.resolve("spill"))) {
            return all.filter(file -> file.toString().endsWith(".log")).sorted().toList();
        }
    }

    @Test
    void shouldSpillInOrderAndDrainAndFreeTheDisk() throws IOException {
        WriteService writes = start(Overflow.spill(Bytes.mebi(16)));
        List<List<?>> values = new ArrayList<>();
        stickTheWriter(writes);
        for (int i = 1; i <= 20_000; i++) {
            writes.append(table, row(i));
            if (i % 97 == 0) {
                balanced(writes);
            }
        }
        assertThat(writes.books().queue().spilledRecords()).isEqualTo(20_001 - 20);
        assertThat(writes.flush(Duration.ofMillis(10)))
                .as("spilled is not settled")
                .isFalse();
        engine.writing = (rows, seq) -> {
            rows.forEach(r -> values.add(java.util.Arrays.asList(r.values())));
            engine.store(rows, seq);
        };
        stuck.countDown();
        assertThat(writes.flush(Duration.ofSeconds(60))).isTrue();
        assertThat(engine.stored().equals(upTo(20_000))).as("in order").isTrue();
        List<?> last = values.get(values.size() - 1);
        assertThat(last.get(3)).isEqualTo("näme 20000");
        assertThat((byte[]) last.get(4)).containsExactly(32, 0, 1);
        assertThat(last.get(2)).isEqualTo(20_000 / 3.0);
        balanced(writes);
        assertThat(writes.books().lost()).isZero();
        await().until(() -> writes.books().queue().spilledBytes() == 16);
        assertThat(files()).as("a head alone stays, to tell the positions").hasSize(1);
    }

    @Test
    void shouldLoseTheNewestPastItsLimitAndCountIt() {
        WriteService writes = start(Overflow.spill(new Bytes(2000)));
        stickTheWriter(writes);
        for (int i = 1; i <= 500; i++) {
            writes.append(table, row(i));
            balanced(writes);
        }
        long spilled = writes.books().queue().spilledRecords();
        assertThat(spilled).isBetween(5L, 100L);
        assertThat(writes.books().lost()).isEqualTo(501 - 20 - spilled);
        assertThat(writes.books().lostByReason()).containsOnlyKeys(LossReason.OVERFLOW);
        stuck.countDown();
        assertThat(writes.flush(Duration.ofSeconds(60))).isTrue();
        assertThat(engine.stored()).isEqualTo(upTo(19 + spilled));
    }

    @Test
    void shouldNotLetARecordOfAKeyOvertakeASpilledOne() {
        WriteService writes = start(Overflow.spill(Bytes.mebi(1)));
        stickTheWriter(writes);
        for (int i = 1; i < 20; i++) {
            writes.append(table, row(i));
        }
        writes.append(keyed, run("a"));
        assertThatThrownBy(() -> writes.append(keyed, run("a"), Ack.COMMITTED))
                .isInstanceOfSatisfying(
                        LeveeException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.QUEUE_FULL))
                .hasMessageContaining("spill");
        assertThatThrownBy(() -> writes.changes().delete(keyed, new Object[] {"a"}, Ack.COMMITTED))
                .isInstanceOfSatisfying(
                        LeveeException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.QUEUE_FULL));
        stuck.countDown();
        assertThat(writes.flush(Duration.ofSeconds(60))).isTrue();
        await().until(() -> writes.append(keyed, run("b"), Ack.COMMITTED).join().seq() > 0);
        assertThat(engine.stored()).endsWith("a", "b");
    }

    @Test
    void shouldRefuseWhatNeverFitsAndNotBeHeldUpByWhatFitsNoMore() {
        Tables tables = new Tables(engine, false);
        TableState state = tables.declare(SPEC);
        Object[] large = {1L, 1L, null, "x".repeat(3_000), null};
        Spill first = new Spill(directory, Bytes.mebi(1), Losses.none(), 0);
        WriteQueue queue = new WriteQueue(10, new Bytes(4_000), Losses.none(), System::nanoTime, first, tables::known);
        for (int i = 0; i < 3; i++) {
            queue.offer(new Pending(state, large, 1, WriteService.bytes(large), null), Overflow.spill(Bytes.mebi(1)));
        }
        assertThat(queue.books().queue().spilledRecords()).isEqualTo(2);
        assertThatThrownBy(() -> queue.offer(new Pending(state, large, 1, 5_000, null), Overflow.dropNewest()))
                .isInstanceOfSatisfying(
                        LeveeException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.TOO_LARGE));
        assertThat(first.close()).isEmpty();

        Spill second = new Spill(directory, Bytes.mebi(1), Losses.none(), 0);
        WriteQueue smaller =
                new WriteQueue(10, new Bytes(1_000), Losses.none(), System::nanoTime, second, tables::known);
        smaller.readBackSpilled();
        assertThat(smaller.books().queue().records()).as("alone").isEqualTo(1);
        assertThat(second.close()).isEmpty();
    }

    /** What a real engine does with a source's marks: it keeps the highest position with the rows, and knows what it has. */
    private void knowSources() {
        long[] highest = {0};
        engine.writing = (rows, seq) -> {
            for (WriteRow row : rows) {
                SourceMark mark = row.source();
                if (mark != null && mark.position() <= highest[0]) {
                    row.settle(WriteRow.Outcome.KNOWN, 0, null);
                } else {
                    engine.store(List.of(row), seq);
                    highest[0] = mark == null ? highest[0] : mark.position();
                }
            }
        };
    }

    @Test
    void shouldWriteWhatItLeftAfterTheNextOpeningExactlyOnce() throws IOException {
        WriteService writes = start(Overflow.spill(Bytes.mebi(16)));
        stickTheWriter(writes);
        for (int i = 1; i <= 5_000; i++) {
            writes.append(table, row(i));
        }
        writes.sealSpill();
        Path copy = directory.resolve("copy");
        Files.createDirectory(copy);
        for (Path file : files()) {
            Files.copy(file, copy.resolve(file.getFileName()));
        }
        knowSources();
        stuck.countDown();
        assertThat(writes.flush(Duration.ofSeconds(60))).isTrue();
        assertThat(engine.stored()).isEqualTo(upTo(5_000));
        service.close(Duration.ofSeconds(5));
        supervisor.stop();

        // As a kill between the last commit and the deletion of the files leaves it.
        for (Path file : files()) {
            Files.delete(file);
        }
        try (Stream<Path> all = Files.list(copy)) {
            for (Path file : all.toList()) {
                Files.copy(file, directory.resolve("spill").resolve(file.getFileName()));
            }
        }
        WriteService again = restart(Overflow.dropOldest());
        assertThat(again.flush(Duration.ofSeconds(60))).isTrue();
        again.append(table, row(5_001), Ack.COMMITTED).join();
        assertThat(engine.stored()).as("nothing twice").isEqualTo(upTo(5_001));
        balanced(again);
        assertThat(again.books().stored()).isEqualTo(5_000 - 19 + 1);
    }

    @Test
    void shouldKeepWhatAFullDiskLeftForTheNextOpening() {
        WriteService writes = start(Overflow.spill(Bytes.mebi(16)));
        engine.writing = (rows, seq) ->
                rows.forEach(r -> r.settle(WriteRow.Outcome.RETRY, 0, new LeveeException(ErrorCode.DISK_FULL, "full")));
        for (int i = 0; i <= 3_000; i++) {
            writes.append(table, row(i));
        }
        CloseReport report = writes.close(Duration.ofMillis(300));
        supervisor.stop();
        assertThat(report.clean()).isFalse();
        assertThat(report.accepted()).isEqualTo(3_001);
        assertThat(report.stored()).isZero();
        assertThat(report.lost()).isEqualTo(20);
        knowSources();
        WriteService again = restart(Overflow.spill(Bytes.mebi(16)));
        assertThat(again.flush(Duration.ofSeconds(60))).isTrue();
        assertThat(engine.stored()).isEqualTo(upTo(3_000).subList(20, 3_001));
        assertThat(again.books().stored()).isEqualTo(3_001 - 20);
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10})
    void shouldCutATornTailAndTellAHoleAsAGap(long seed) throws IOException {
        WriteService writes = start(Overflow.spill(Bytes.mebi(16)));
        stickTheWriter(writes);
        for (int i = 1; i <= 1_000; i++) {
            writes.append(table, row(i));
        }
        writes.sealSpill();
        byte[] whole = Files.readAllBytes(files().get(0));
        engine = new FakeEngine();
        stuck.countDown();
        service.close(Duration.ofSeconds(5));
        supervisor.stop();
        for (Path file : files()) {
            Files.delete(file);
        }
        java.util.SplittableRandom random = new java.util.SplittableRandom(seed);
        boolean torn = seed % 2 == 0;
        byte[] damaged = torn ? java.util.Arrays.copyOf(whole, random.nextInt(17, whole.length)) : whole.clone();
        if (!torn) {
            int at = random.nextInt(16, whole.length - 1_000);
            damaged[at] = (byte) (damaged[at] ^ 1 << random.nextInt(8));
        }
        Files.write(directory.resolve("spill").resolve("spill-0000000000000000001.log"), damaged);

        WriteService again = restart(Overflow.dropOldest());
        assertThat(again.flush(Duration.ofSeconds(60))).isTrue();
        List<Object> expected = upTo(1_000).subList(20, 1_001);
        if (torn) {
            assertThat(engine.stored()
                            .equals(expected.subList(0, engine.stored().size())))
                    .as("a prefix, seed " + seed)
                    .isTrue();
            assertThat(again.losses().gaps()).isEmpty();
        } else {
            assertThat(engine.stored().size()).as("seed " + seed).isEqualTo(expected.size() - 1);
            assertThat(again.losses().gaps()).singleElement().satisfies(gap -> {
                assertThat(gap.count()).isEqualTo(Gap.UNKNOWN);
                assertThat(gap.reason()).isEqualTo(LossReason.UNCLEAN_STOP);
                Object missing = expected.stream()
                        .filter(i -> !engine.stored().contains(i))
                        .findFirst()
                        .orElseThrow();
                long time = NOW.toEpochMilli() * 1000 + (long) missing * 1000;
                assertThat(gap.fromMicros()).isLessThanOrEqualTo(time);
                assertThat(gap.toMicros()).isGreaterThanOrEqualTo(time);
            });
        }
        balanced(again);
    }

    @Test
    void shouldNeverGiveAPositionTwiceThoughTheClockGoesBack() throws IOException {
        Files.createDirectories(directory);
        List<Long> positions = new ArrayList<>();
        for (long now : new long[] {1_000_000, 500_000, 0}) {
            Spill spill = new Spill(directory, Bytes.mebi(1), Losses.none(), now);
            TableState state = new TableState(engine, SPEC);
            for (int i = 0; i < 10; i++) {
                assertThat(spill.offer(new Pending(state, new Object[] {1L}, 5, 10, null)))
                        .isTrue();
            }
            positions.add(spill.lastPosition());
            spill.close();
        }
        assertThat(positions).isSorted().doesNotHaveDuplicates();
        assertThatThrownBy(() -> {
                    new Spill(directory, Bytes.mebi(1), Losses.none(), 0);
                    new Spill(directory, Bytes.mebi(1), Losses.none(), 0);
                })
                .isInstanceOfSatisfying(
                        LeveeException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.STORE_LOCKED));
    }

    @Test
    void shouldSayThatAStoreWithoutADirectoryNeedsOneToSpill() {
        Tables tables = new Tables(engine, false);
        StoreOptions options =
                StoreOptions.builder().overflow(Overflow.spill(Bytes.mebi(1))).build();
        assertThatThrownBy(() -> new WriteService(engine, options, tables, supervisor))
                .isInstanceOfSatisfying(
                        LeveeException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.BAD_VALUE))
                .hasMessageContaining("Overflow.spill(limit, directory)");
    }
}
