package io.levee.testkit.fault;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Every fault of this package against a store on somebody's own disk, drawn from a seed: kills, orderly ends, full files, calls that fail,
 * power cuts, slow and short writes, damaged files. Works in a directory of its own, which stays when something was found. Fills nobody's
 * disk, needs no rights. Linux. One run at a time in a process; used by one thread.
 */
public final class Torture {
    /** What a run may take on the disk; checked before it begins. */
    public static final long NEEDS_BYTES = 512L << 20;

    private static final long BYTES_BEFORE_KILL = 60_000;
    private static final long FILE_LIMIT = 160 << 10;
    private static final int FAILING_PER_MILLION = 3_000;
    private static final int SHORT_PER_MILLION = 50_000;
    private static final Duration SLOW = Duration.ofMillis(10);

    private final Path home;
    private final Verdict verdict;
    private final SplittableRandom random;
    private final List<Consumer<KillLoop>> steps = new ArrayList<>();

    private Torture(Path home, long seed) {
        this.home = home;
        this.verdict = new Verdict(seed);
        this.random = new SplittableRandom(seed);
    }

    /** Decides after each cycle whether another one begins. */
    @FunctionalInterface
    public interface Until {
        /** Whether that was the last. */
        boolean done(Verdict soFar);
    }

    /**
     * Runs cycles until it is told to end.
     *
     * @param directory an existing directory on the disk to be tried
     * @param seed draws everything; the same seed makes the same faults (not the same moments: those are the machine's)
     * @param until asked after each cycle; may show the progress
     * @return what was found
     * @throws LeveeException {@link ErrorCode#DISK_FULL} where there is less room than {@link #NEEDS_BYTES}, {@link
     *     ErrorCode#IO_FAILED} where nothing can be written, {@link ErrorCode#NOT_SUPPORTED} elsewhere than on Linux
     */
    public static Verdict run(Path directory, long seed, Until until) {
        Path home = directory.toAbsolutePath().normalize().resolve("levee-torture-" + Long.toUnsignedString(seed));
        check(directory, home);
        try {
            Files.createDirectories(home.resolve("store"));
            Files.createDirectories(home.resolve("tmp"));
        } catch (IOException e) {
            throw new LeveeException(ErrorCode.IO_FAILED, "the directory " + home + " cannot be made: " + e, e)
                    .hint("choose a directory that this user may write to, with --dir");
        }
        Torture torture = new Torture(home, seed);
        torture.plan();
        torture.run(until);
        if (torture.verdict.violations().isEmpty()) {
            torture.remove();
        }
        return torture.verdict;
    }

    /** Where a run with this seed works, and leaves what it found. */
    public static Path home(Path directory, long seed) {
        return directory.toAbsolutePath().normalize().resolve("levee-torture-" + Long.toUnsignedString(seed));
    }

    private static void check(Path directory, Path home) {
        if (!Files.isDirectory(Path.of("/proc/self/fd"))) {
            throw new LeveeException(ErrorCode.NOT_SUPPORTED, "torture needs Linux's /proc")
                    .hint("run it on the Linux machine whose disk it is about");
        }
        if (Files.exists(home)) {
            throw new LeveeException(ErrorCode.IO_FAILED, "the directory " + home + " of an earlier run is still there")
                    .hint("look at it, delete it, or take another --seed");
        }
        try {
            long free = Files.getFileStore(directory).getUsableSpace();
            if (free < NEEDS_BYTES) {
                throw new LeveeException(
                                ErrorCode.DISK_FULL,
                                "torture takes up to " + NEEDS_BYTES / (1 << 20) + " MiB; " + directory + " has "
                                        + free / (1 << 20) + " MiB free")
                        .hint("make room, or choose another --dir");
            }
        } catch (IOException e) {
            throw new LeveeException(
                            ErrorCode.IO_FAILED, "the directory " + directory + " cannot be looked at: " + e, e)
                    .hint("choose an existing directory with --dir");
        }
    }

    /** What this machine can do to itself. */
    private void plan() {
        kill(Fault.NONE);
        kill(Fault.NONE);
        for (KillLoop.Ending ending : KillLoop.Ending.values()) {
            steps.add(loop -> loop.end(ending));
        }
        for (Damage damage : Damage.values()) {
            steps.add(loop -> loop.damage(damage));
        }
        offer("full files", () -> Fault.fileSize(FILE_LIMIT));
        Shim shim = shim();
        if (shim == null) {
            offer("failing calls", () -> Fault.strace(Shim.Errno.EIO));
            offer("failing calls", () -> Fault.strace(Shim.Errno.ENOSPC));
            return;
        }
        kill(Fault.errors(shim, Shim.Errno.EIO, FAILING_PER_MILLION));
        kill(Fault.errors(shim, Shim.Errno.ENOSPC, FAILING_PER_MILLION));
        kill(Fault.shortWrites(shim, SHORT_PER_MILLION));
        kill(Fault.slow(shim, SLOW));
        kill(Fault.powerCut(shim, home.resolve("undo"), PowerCut.Kind.ALL));
        kill(Fault.powerCut(shim, home.resolve("undo"), PowerCut.Kind.TORN));
    }

    private @Nullable Shim shim() {
        try {
            return Shim.build(home.resolve("tmp"));
        } catch (MissingToolException e) {
            verdict.leftOut("power cuts, short and slow writes: " + e.getMessage());
            return null;
        }
    }

    private void offer(String what, Supplier<Fault> fault) {
        try {
            kill(fault.get());
        } catch (MissingToolException e) {
            verdict.leftOut(what + ": " + e.getMessage());
        }
    }

    private void kill(Fault fault) {
        steps.add(loop -> loop.cycle(fault));
    }

    private void run(Until until) {
        try (Oracle oracle = Oracle.start(home.resolve("receipts.log"))) {
            KillLoop loop = new KillLoop(home.resolve("store"), oracle, verdict, BYTES_BEFORE_KILL)
                    .prepare(child -> child.options("-Dorg.sqlite.tmpdir=" + home.resolve("tmp"))
                            .error(home.resolve("errors.log")));
            // Each fault once, in an order that the seed draws, before any comes again.
            List<Consumer<KillLoop>> left = new ArrayList<>();
            boolean done = false;
            while (!done && verdict.violations().isEmpty()) {
                if (left.isEmpty()) {
                    left.addAll(steps);
                }
                left.remove(random.nextInt(left.size())).accept(loop);
                sweep();
                done = until.done(verdict);
            }
            if (verdict.violations().isEmpty()) {
                verdict.violations().addAll(loop.judge(true));
            }
        }
    }

    /** A killed child leaves the native library that it unpacked, more than a megabyte each time. */
    private void sweep() {
        try (Stream<Path> files = Files.list(home.resolve("tmp"))) {
            for (Path file : files.filter(f -> String.valueOf(f.getFileName()).startsWith("sqlite-"))
                    .toList()) {
                Files.deleteIfExists(file);
            }
        } catch (IOException e) {
            throw new UncheckedIOException("what killed children left in " + home + " cannot be removed", e);
        }
    }

    private void remove() {
        try {
            PowerCut.deleteTree(home);
        } catch (IOException e) {
            throw new UncheckedIOException("the directory " + home + " cannot be removed", e);
        }
    }
}
