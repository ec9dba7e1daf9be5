package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.testkit.Requirements;
import io.levee.testkit.fault.ChildProcess;
import io.levee.testkit.fault.FailingCalls;
import io.levee.testkit.fault.Fault;
import io.levee.testkit.fault.KillLoop;
import io.levee.testkit.fault.Oracle;
import io.levee.testkit.fault.PowerCut;
import io.levee.testkit.fault.Receipts;
import io.levee.testkit.fault.Shim;
import io.levee.testkit.fault.SmallDisk;
import io.levee.testkit.fault.Verdict;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Faults below the engine, made by a preloaded shim: calls that fail one after another (T30), slow (T14) and short writes (T31), files that
 * cannot grow (T32), a full tmpfs (T12), power cuts that take back what was not synced (T18). {@code -Dlevee.long=true} makes every call fail and cuts five hundred times.
 */
class FaultLoopTest {
    private static final boolean LONG = Boolean.getBoolean("levee.long");
    private static final int LONG_MINUTES = 60;
    private static final int CUTS = Integer.getInteger("levee.cuts", LONG ? 500 : 10);

    /** In the short form every so manieth call fails, beginning at another one in each run. */
    private static final int STEP = LONG ? 1 : 13;

    @TempDir
    Path directory;

    private final long seed = Long.getLong("levee.seed", System.nanoTime());

    @ParameterizedTest
    @EnumSource(names = {"EIO", "ENOSPC"})
    @Timeout(value = LONG_MINUTES, unit = TimeUnit.MINUTES)
    void shouldSurviveEachFailingCall(Shim.Errno error) throws IOException {
        Shim shim = Requirements.needed(() -> Shim.build(directory));
        long first = 1 + Math.floorMod(seed, (long) STEP);
        Path said = directory.resolve("said");
        ChildProcess.Builder child = ChildProcess.java(
                        FailingCalls.class, directory.toString(), error.name(), "" + first, "" + STEP, "1")
                .options("-Dorg.sqlite.tmpdir=" + directory)
                .shim(shim)
                .output(said);
        try (ChildProcess loop = child.start()) {
            assertThat(loop.await(Duration.ofMinutes(LONG ? 50 : 9)))
                    .as("the JVM lives")
                    .isZero();
        }
        List<String> lines = Files.readAllLines(said);
        assertThat(lines).anyMatch(line -> line.startsWith("clean "));
        assertThat(lines.stream().filter(line -> line.startsWith("violation ")))
                .as("first " + first + ", step " + STEP)
                .isEmpty();
    }

    @Test
    @Timeout(value = LONG_MINUTES, unit = TimeUnit.MINUTES)
    void shouldKeepWhatIsDurableThroughPowerCuts() {
        Shim shim = Requirements.needed(() -> Shim.build(directory));
        Path undo = directory.resolve("undo");
        Verdict verdict = run(
                CUTS, Fault.powerCut(shim, undo, PowerCut.Kind.ALL), Fault.powerCut(shim, undo, PowerCut.Kind.TORN));
        assertThat(verdict.done().get("pages taken back")).isPositive();
    }

    @Test
    @Timeout(value = LONG_MINUTES, unit = TimeUnit.MINUTES)
    void shouldLiveWithADiskThatIsShortSlowAndFull() {
        Shim shim = Requirements.needed(() -> Shim.build(directory));
        Verdict verdict = run(
                LONG ? 60 : 3,
                Fault.shortWrites(shim, 50_000),
                Fault.slow(shim, Duration.ofMillis(5)),
                Fault.fileSize(160 << 10));
        assertThat(verdict.done().get("calls hit")).isPositive();
    }

    /** The same without a compiler: errors by strace, at calls that it counts for each thread. */
    @Test
    @Timeout(value = LONG_MINUTES, unit = TimeUnit.MINUTES)
    void shouldSurviveErrorsThatStraceMakes() {
        run(
                LONG ? 40 : 2,
                Requirements.needed(() -> Fault.strace(Shim.Errno.EIO)),
                Requirements.needed(() -> Fault.strace(Shim.Errno.ENOSPC)));
    }

    /** Where shared memory cannot grow, a JVM that touches it would die of SIGBUS (T12). The disk has room again before each look. */
    @Test
    void shouldNotDieWhereSharedMemoryCannotGrow() throws IOException {
        Path mount = Files.createDirectories(directory.resolve("disk"));
        try (SmallDisk disk = Requirements.needed(() -> SmallDisk.tmpfs(mount, 6 << 20))) {
            Verdict verdict = run(disk.directory().resolve("store"), 3, new Fault() {
                private Path ballast = mount;

                @Override
                public String name() {
                    return "full tmpfs";
                }

                @Override
                public void begin(Path store, long drawn) {
                    ballast = disk.fill(Math.floorMod(drawn, 400L << 10));
                }

                @Override
                public Receipts end(Receipts said, Verdict soFar, long drawn) {
                    try {
                        Files.delete(ballast);
                    } catch (IOException e) {
                        throw new UncheckedIOException(e);
                    }
                    return said;
                }
            });
            assertThat(verdict.done()).containsEntry("full tmpfs", 3L);
        }
    }

    private Verdict run(int cycles, Fault... faults) {
        return run(directory.resolve("store"), cycles, faults);
    }

    /** Cycles of these faults in turn, and a look at everything. */
    private Verdict run(Path store, int cycles, Fault... faults) {
        Verdict verdict = new Verdict(seed);
        try (Oracle oracle = Oracle.start(directory.resolve("receipts.log"))) {
            Files.createDirectories(store);
            KillLoop loop = new KillLoop(store, oracle, verdict, 30_000)
                    .prepare(child -> child.options("-Dorg.sqlite.tmpdir=" + directory));
            for (int i = 0; i < cycles && verdict.violations().isEmpty(); i++) {
                loop.cycle(faults[i % faults.length]);
            }
            if (verdict.violations().isEmpty()) {
                verdict.violations().addAll(loop.judge(true));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        System.out.println(verdict);
        assertThat(verdict.violations()).as(verdict.toString()).isEmpty();
        return verdict;
    }
}
