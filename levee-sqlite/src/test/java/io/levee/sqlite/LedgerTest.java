package io.levee.sqlite;

import static io.levee.sqlite.OpenEngine.row;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.levee.Ack;
import io.levee.CloseReport;
import io.levee.ErrorCode;
import io.levee.Gap;
import io.levee.LeveeException;
import io.levee.LossReason;
import io.levee.ManualClock;
import io.levee.engine.InFlight;
import io.levee.testkit.Requirements;
import io.levee.testkit.fault.SmallDisk;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** G7–G9, G13: what was lost is told, also after restarts, kills, damage, and on a full volume. */
class LedgerTest {
    private static final Instant NOW = Instant.parse("2026-05-10T12:00:00Z");
    private static final long MINUTE = 60_000_000L;
    private static final List<String> TABLES = List.of("events");
    private static final CloseReport CLEAN = new CloseReport(true, 0, 0, 0, 0, List.of(), "");

    @TempDir
    Path directory;

    private final ManualClock clock = new ManualClock(NOW);
    private Path file;
    private boolean begun;

    @BeforeEach
    void name() {
        file = directory.resolve("ledger.log");
    }

    private long now() {
        return io.levee.internal.time.Micros.of(clock.instant());
    }

    private static Gap lost(long from, long to, long count) {
        return new Gap("events", from, to, count, LossReason.OVERFLOW);
    }

    private Ledger begun(String boot) {
        Ledger ledger = Ledger.open(file, clock, boot);
        // The first life of a file begins clean.
        boolean first = !begun;
        begun = true;
        ledger.begin(first, TABLES, null, 0);
        return ledger;
    }

    private static List<Gap> unclean(Ledger ledger) {
        return ledger.losses().stream()
                .filter(g -> g.reason() == LossReason.UNCLEAN_STOP)
                .toList();
    }

    private static long counted(Ledger ledger) {
        return ledger.losses().stream().mapToLong(g -> Math.max(0, g.count())).sum();
    }

    @Test
    void shouldKeepLossesAcrossLivesWithExactCounts() {
        Ledger ledger = Ledger.open(file, clock, "a");
        ledger.begin(true, TABLES, null, 0);
        assertThat(ledger.losses()).isEmpty();
        for (int i = 0; i < 100; i++) {
            ledger.note(List.of(lost(i * 2 * MINUTE, i * 2 * MINUTE + 5, i)), List.of(), List.of());
        }
        // Near the last one: one range.
        ledger.note(List.of(lost(199 * MINUTE, 199 * MINUTE, 1)), List.of(), List.of());
        assertThat(ledger.losses()).hasSize(100);
        ledger.close(CLEAN);
        Ledger next = begun("a");
        assertThat(unclean(next)).isEmpty();
        assertThat(counted(next)).isEqualTo(4951);
        next.close(null);
    }

    @Test
    void shouldBoundWhatAKillCanHaveCost() {
        Ledger ledger = begun("a");
        ledger.note(List.of(), List.of(new InFlight("events", 1000, 2000)), List.of());
        ledger.note(List.of(), List.of(new InFlight("events", now() - 5, now() + 7 * MINUTE)), List.of());
        long last = now();
        ledger.close(null);
        clock.advance(Duration.ofMinutes(3));
        int before = unclean(ledger).size();
        Ledger next = begun("a");
        // Wider than the outage where what was in flight was: the newest beat counts.
        assertThat(unclean(next).subList(before, unclean(next).size()))
                .containsExactly(new Gap("events", last - 5, last + 7 * MINUTE, Gap.UNKNOWN, LossReason.UNCLEAN_STOP));
        next.note(List.of(), List.of(), List.of());
        next.close(CLEAN);
        Ledger third = begun("a");
        assertThat(unclean(third)).hasSameSizeAs(unclean(next));
        third.close(null);
    }

    @Test
    void shouldReachBackToTheLastSyncAfterACrashOfTheMachine() {
        Ledger ledger = begun("a");
        ledger.note(List.of(), List.of(), List.of(new InFlight("events", 1000, 2000)));
        ledger.close(null);
        // The same boot: the process died, what was committed is there.
        Ledger again = begun("a");
        assertThat(unclean(again)).singleElement().matches(g -> g.fromMicros() == now());
        again.note(List.of(), List.of(), List.of(new InFlight("events", 1000, 2000)));
        again.close(null);
        Ledger rebooted = begun("b");
        assertThat(unclean(rebooted)).anyMatch(g -> g.fromMicros() == 1000 && g.toMicros() >= now());
        rebooted.close(null);
    }

    @Test
    void shouldLoseNothingButTheDamagedEntry() throws IOException {
        Ledger ledger = Ledger.open(file, clock, "a");
        ledger.begin(true, TABLES, null, 0);
        for (int i = 1; i <= 5; i++) {
            ledger.note(List.of(lost(i * 10 * MINUTE, i * 10 * MINUTE, i)), List.of(), List.of());
        }
        ledger.close(CLEAN);
        byte[] whole = Files.readAllBytes(file);
        int end = (int) LedgerFile.read(file).end();
        int entries = LedgerFile.read(file).entries().size();
        assertThat(entries).isEqualTo(12);
        // Every bit of the whole file: at most one entry is missing, and it is counted.
        for (int bit = 0; bit < end * 8; bit += 3) {
            byte[] flipped = whole.clone();
            flipped[bit / 8] ^= (byte) (1 << bit % 8);
            Files.write(file, flipped);
            LedgerFile.Content content = LedgerFile.read(file);
            assertThat(content.entries().size()).as("bit %s", bit).isGreaterThanOrEqualTo(entries - 1);
            assertThat(content.entries().size() + content.damaged())
                    .as("bit %s", bit)
                    .isGreaterThanOrEqualTo(entries - 1);
        }
        // Every length that a kill may leave: all whole entries, and the next one is written behind them.
        for (int length = 0; length <= end; length += 7) {
            Files.write(file, java.util.Arrays.copyOf(whole, length));
            Ledger torn = begun("a");
            torn.note(List.of(lost(MINUTE, MINUTE, 1000)), List.of(), List.of());
            torn.close(CLEAN);
            LedgerFile.Content content = LedgerFile.read(file);
            assertThat(content.damaged()).isZero();
            assertThat(counted(begun("a"))).as("length %s", length).isGreaterThanOrEqualTo(1000);
        }
    }

    @Test
    void shouldStaySmallAndSayTheSame() throws IOException {
        Ledger ledger = begun("a");
        ledger.marks("events", new TableMarks.Marks(17, 4));
        long count = 0;
        for (int i = 0; i < 12_000; i++) {
            List<Gap> gaps = i % 10 == 0 ? List.of(lost(i * 2 * MINUTE, i * 2 * MINUTE, 3)) : List.of();
            count += gaps.size() * 3L;
            ledger.note(gaps, List.of(new InFlight("events", i, i + 1)), List.of());
        }
        assertThat(Files.size(file)).isLessThan(Ledger.COMPACT_BYTES + 3L * LedgerFile.AHEAD);
        assertThat(ledger.losses()).hasSizeLessThanOrEqualTo(LedgerState.MAX_RANGES);
        assertThat(counted(ledger)).isEqualTo(count);
        ledger.close(null);
        Ledger next = begun("a");
        assertThat(counted(next)).isEqualTo(count);
        assertThat(next.marks()).containsEntry("events", new TableMarks.Marks(17, 4));
        assertThat(unclean(next).get(0).fromMicros()).isEqualTo(11_999);
        next.close(null);
        assertThat(directory.resolve("ledger.tmp")).doesNotExist();
    }

    @Test
    void shouldAddWhatTheLastCloseCouldNotWrite() {
        Ledger ledger = begun("a");
        ledger.note(List.of(lost(1, 2, 5)), List.of(), List.of());
        CloseReport report = new CloseReport(
                true, 100, 85, 15, 0, List.of(lost(1, 2, 5), new Gap("events", 7, 9, 10, LossReason.SHUTDOWN)), "");
        ledger.close(report);
        Ledger next = Ledger.open(file, clock, "a");
        next.begin(true, TABLES, report, 0);
        assertThat(next.losses()).contains(new Gap("events", 7, 9, 10, LossReason.SHUTDOWN));
        assertThat(counted(next)).isEqualTo(15);
        assertThat(next.lastReport()).isEqualTo(report);
        next.close(CLEAN);
        // Once: the next life's ledger is complete without it.
        Ledger third = Ledger.open(file, clock, "a");
        third.begin(true, TABLES, CLEAN, 0);
        assertThat(counted(third)).isEqualTo(15);
        third.close(null);
    }

    @Test
    void shouldRecordALossOnAFullVolume() throws IOException {
        try (SmallDisk disk = Requirements.needed(() -> SmallDisk.tmpfs(directory, 1 << 20))) {
            file = disk.directory().resolve("ledger.log");
            Ledger ledger = begun("a");
            Path ballast = disk.fill(0);
            long count = 0;
            LeveeException full = null;
            for (int i = 0; i < 5000 && full == null; i++) {
                Gap gap = lost(i * 2 * MINUTE, i * 2 * MINUTE, 1);
                full = catchThrowableOfType(
                        LeveeException.class,
                        () -> ledger.note(List.of(gap), List.of(new InFlight("events", 5, 6)), List.of()));
                count += full == null ? 1 : 0;
            }
            // What was set aside is for losses: hundreds of them, each durable; then it is said that there is no room.
            assertThat(count).isGreaterThan(300);
            assertThat(full).isNotNull();
            assertThat(full.code()).isEqualTo(ErrorCode.DISK_FULL);
            assertThat(counted(ledger)).isEqualTo(count);
            ledger.close(null);
            // Beats stopped early, and the last one says so: anything may have been in flight.
            LedgerFile.Content content = LedgerFile.read(file);
            assertThat(content.damaged()).isZero();
            assertThat(content.entries().stream().filter(e -> "lost".equals(e.get("e"))))
                    .hasSize((int) count);
            Files.delete(ballast);
            Ledger next = begun("a");
            assertThat(counted(next)).isEqualTo(count);
            assertThat(unclean(next).get(0).fromMicros()).isNegative();
            next.note(List.of(lost(0, 0, 1)), List.of(), List.of());
            next.close(CLEAN);
        }
    }

    @Test
    void shouldTellAnUncleanStopOfAStoreOnce() {
        try (OpenEngine store = new OpenEngine(directory)) {
            assertThat(store.engine.losses()).isEmpty();
            store.append(List.of(row(1, 0)), Ack.COMMITTED);
            store.engine.afterBatch();
            store.engine.ledger(List.of(lost(1, 2, 3)), List.of(new InFlight("events", 5, 6)));
            store.abandon();
        }
        // A reader tells it before the next writer has come.
        LedgerReader reader =
                new LedgerReader(new StorePaths(directory), clock, () -> List.of(OpenEngine.EVENTS), () -> false);
        assertThat(reader.losses()).hasSize(2);
        for (int i = 0; i < 2; i++) {
            try (OpenEngine store = new OpenEngine(directory)) {
                assertThat(store.engine.lastShutdownClean()).isEqualTo(i > 0);
                assertThat(store.engine.losses()).hasSize(2).contains(lost(1, 2, 3));
                assertThat(store.engine.losses().get(1).fromMicros()).isEqualTo(5);
            }
        }
        assertThat(new LedgerReader(new StorePaths(directory), clock, () -> List.of(OpenEngine.EVENTS), () -> true)
                        .losses())
                .hasSize(2);
    }

    @Test
    void shouldKeepTheReportOfTheLastClose() {
        try (OpenEngine store = new OpenEngine(directory)) {
            assertThat(store.engine.lastReport()).isNull();
        }
        try (OpenEngine store = new OpenEngine(directory)) {
            assertThat(store.engine.lastReport()).isEqualTo(CLEAN);
            store.engine.raiseFloor("events", "", 12);
        }
        assertThat(new String(read(), StandardCharsets.UTF_8)).contains("\"floor\":12");
    }

    private byte[] read() {
        try {
            return Files.readAllBytes(file);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }
}
