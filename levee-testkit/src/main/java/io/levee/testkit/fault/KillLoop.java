package io.levee.testkit.fault;

import io.levee.Levee;
import io.levee.LeveeException;
import io.levee.Store;
import io.levee.engine.Verification;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;

/**
 * Kills a writing process again and again on one store, at moments drawn from a seed, and judges the store by what the process had said
 * (I1, I2, I6, I9, I11, I12). Some kills hit the opening, some a store that still has to recover from the kill before. Used by one thread.
 */
public final class KillLoop {
    /** Numbers of one cycle's records. */
    private static final long PER_CYCLE = 1_000_000;

    /** The run's clock moves on by this with each cycle, so that retention drops a partition every third. */
    private static final long SHIFT_SECONDS = 20 * 60;

    private static final Duration BOOT_BUDGET = Duration.ofSeconds(10);
    /** A process that gives no receipt for so long is taken as one that cannot go on. */
    private static final Duration STALLED = Duration.ofSeconds(3);

    private static final Duration RECOVERY = Duration.ofSeconds(60);

    private final Path store;
    private final Oracle oracle;
    private final Load load;
    private final SplittableRandom random;
    private final Verdict verdict;
    private final long longestBytes;
    private UnaryOperator<ChildProcess.Builder> preparation = child -> child;
    private final Receipts told = new Receipts();
    private final Set<Long> lost = new HashSet<>();
    private long cycle;
    private long judgedBelow;

    /**
     * A loop on one store.
     *
     * @param store its directory
     * @param oracle keeps what the processes say
     * @param verdict collects what is found; its seed draws everything
     * @param longestBytes how many bytes of receipts a process gives out at most before it is killed; a receipt has about 36
     */
    public KillLoop(Path store, Oracle oracle, Verdict verdict, long longestBytes) {
        this.store = store;
        this.oracle = oracle;
        this.verdict = verdict;
        this.load = new Load(verdict.seed());
        this.random = new SplittableRandom(verdict.seed());
        this.longestBytes = longestBytes;
    }

    /** Adds to how the processes are started: limits, options, a shim. */
    public KillLoop prepare(UnaryOperator<ChildProcess.Builder> more) {
        preparation = more;
        return this;
    }

    /** The records that it writes. */
    public Load load() {
        return load;
    }

    /** How the run's processes open the store now. */
    long shift() {
        return cycle * SHIFT_SECONDS;
    }

    /** One kill without another fault, and in most cases a look at what is left. */
    public void cycle() {
        cycle(Fault.NONE);
    }

    /** One kill of a process that lived with a fault, and in most cases a look at what is left. */
    public void cycle(Fault fault) {
        cycle++;
        Receipts said = new Receipts();
        fault.begin(store, random.nextLong());
        try (ChildProcess child = start("records=0", fault)) {
            moment(child);
            Integer status = child.waitFor(Duration.ZERO);
            child.kill();
            oracle.collect(said);
            // No fault may end the JVM by a signal: a full tmpfs under shared memory is one way to SIGBUS (T12).
            if (status != null && (fault == Fault.NONE || status > 128)) {
                verdict.violations()
                        .add(Invariant.I12.violated(
                                "the process ended by itself, with status " + status + ": " + said.phases(), where()));
            }
        }
        Receipts standing = fault.end(said, verdict, random.nextLong());
        count(standing, fault == Fault.NONE);
        // A store that was killed while nobody had looked at it since the last kill has two kills to recover from.
        verdict.cycle(fault.name(), random.nextInt(4) > 0 ? judge(false) : List.of());
    }

    private ChildProcess start(String how, Fault fault) {
        ChildProcess.Builder child = ChildProcess.java(
                WritingChild.class,
                "store=" + store,
                "seed=" + load.seed(),
                "first=" + cycle * PER_CYCLE,
                "shift=" + shift(),
                how.split(" ", -1)[0],
                how.contains(" ") ? how.split(" ", -1)[1] : "end=close");
        return fault.prepare(preparation.apply(child)).output(oracle.pipe()).start();
    }

    /** Waits for the moment of the kill: in one of eight cases while it opens, else while it writes, or where it cannot go on. */
    private void moment(ChildProcess child) {
        long before = oracle.size();
        Oracle.waitFor(() -> oracle.size() > before || !child.alive());
        if (random.nextInt(8) == 0) {
            child.waitFor(Duration.ofMillis(random.nextLong(120)));
            return;
        }
        long until = oracle.size() + random.nextLong(longestBytes);
        long grown = oracle.size();
        while (grown <= until && child.alive()) {
            long size = grown;
            if (!Oracle.within(STALLED, () -> oracle.size() > size || !child.alive())) {
                return;
            }
            grown = oracle.size();
        }
        child.waitFor(Duration.ofNanos(random.nextLong(TimeUnit.MILLISECONDS.toNanos(40))));
    }

    private void count(Receipts said, boolean faultless) {
        verdict.receipts(said.acknowledged(), said.givenUp());
        told.take(said);
        for (String phase : said.phases()) {
            if (phase.startsWith("sampled ")) {
                String[] words = phase.split(" ", 3);
                verdict.violations().add(Invariant.valueOf(words[1]).violated(words[2], where()));
            } else if (faultless && (phase.startsWith("late ") || phase.startsWith("query "))) {
                verdict.violations().add(Invariant.I7.violated(phase, where()));
            } else if (faultless && (phase.startsWith("stuck") || phase.startsWith("refused"))) {
                verdict.violations().add(Invariant.I12.violated("a process said '" + phase + "'", where()));
            }
        }
    }

    /**
     * Looks at the store, as the next process would find it.
     *
     * @param whole reads everything, instead of what was written since the last look
     */
    public List<Violation> judge(boolean whole) {
        long from = System.nanoTime();
        try (Store opened = Levee.open(store.toString(), false, WritingChild.opening(shift()))) {
            Checks checks = new Checks(opened, load, where());
            checks.ready(Duration.ofNanos(System.nanoTime() - from), BOOT_BUDGET);
            look(opened, checks, whole);
            return checks.violations();
        } catch (LeveeException e) {
            return List.of(Invariant.I12.violated("the store cannot be opened: " + e.getMessage(), where()));
        }
    }

    private void look(Store opened, Checks checks, boolean whole) {
        Instant now = Instant.now(clock());
        Instant kept = now.minus(Load.KEPT);
        // What was judged before is read again only in the whole: a cycle's cost must not grow with the run.
        long first = whole ? 0 : judgedBelow;
        Set<Long> missing = checks.receipts(told, first, Long.MAX_VALUE, kept);
        verdict.receipts(0, missing.stream().filter(lost::add).count());
        judgedBelow = (cycle + 1) * PER_CYCLE;
        told.forgetBefore(kept);
        checks.states(told);
        checks.promise(Load.KEPT, now);
        if (whole) {
            checks.everything();
            checks.deadline(Duration.ofMillis(300));
        }
        if (whole || random.nextInt(4) == 0) {
            checks.healthy(RECOVERY, now);
        }
        if (opened.status().lost() > 0) {
            verdict.did("looks that lost records", 1);
        }
    }

    private Clock clock() {
        return WritingChild.clock(shift());
    }

    private String where() {
        return "cycle " + cycle + " of seed " + load.seed() + ", store " + store;
    }

    /** How a process is made to end in order. */
    public enum Ending {
        /** SIGTERM, in the middle of the load. */
        SIGTERM("records=0"),
        /** {@code System.exit}. */
        EXIT("records=2000 end=exit"),
        /** An error that nobody catches ends the main thread. */
        ERROR("records=2000 end=error"),
        /** It closes the store and ends. */
        CLOSE("records=2000 end=close");

        private final String how;

        Ending(String how) {
            this.how = how;
        }
    }

    /** T16: ends a process in order, and compares its close report with what is there (I11). */
    public void end(Ending ending) {
        cycle++;
        Receipts said = new Receipts();
        try (ChildProcess child = start(ending.how, Fault.NONE)) {
            if (ending == Ending.SIGTERM) {
                moment(child);
                child.terminate();
            }
            if (child.waitFor(RECOVERY) == null) {
                verdict.violations().add(Invariant.I11.violated("it did not end within " + RECOVERY, where()));
                child.kill();
            }
            oracle.collect(said);
        }
        count(said, true);
        List<Violation> found = new ArrayList<>();
        String report = said.phase("closed");
        if (report.isEmpty() && !said.phase("open").isEmpty()) {
            found.add(Invariant.I11.violated("it ended without a close report: " + said.phases(), where()));
        } else if (!report.isEmpty()) {
            try (Store opened = Levee.open(store.toString(), false, WritingChild.opening(shift()))) {
                Checks checks = new Checks(opened, load, where());
                checks.closeReport(report, said);
                look(opened, checks, false);
                found.addAll(checks.violations());
            }
        }
        verdict.cycle(ending.name(), found);
    }

    /**
     * Closes the store in order, damages what lies there, and looks what that cost (I10).
     *
     * @param damage what is done to the files
     */
    public void damage(Damage damage) {
        end(Ending.CLOSE);
        Damage.Done done = damage.to(store, checked(), random.nextLong());
        verdict.cycle(damage.toString(), done.what().isEmpty() ? List.of() : judgeDamage(done));
    }

    /** The files that have checksums: of others nobody can tell whether a bit is another one. */
    private List<Path> checked() {
        List<Path> files = new ArrayList<>();
        try (Store opened = Levee.open(store.toString(), false, WritingChild.opening(shift()))) {
            Oracle.within(STALLED, () -> {
                files.clear();
                for (Verification found : opened.verify(null, each -> {})) {
                    if (found.state() == Verification.State.OK) {
                        files.add(store.resolve("tables").resolve(found.id() + ".db"));
                    }
                }
                return !files.isEmpty();
            });
        }
        return files;
    }

    private List<Violation> judgeDamage(Damage.Done done) {
        String where = where() + ", " + done.what();
        try (Store opened = Levee.open(store.toString(), false, WritingChild.opening(shift()))) {
            Checks checks = new Checks(opened, load, where);
            checks.damage(done);
            look(opened, checks, true);
            return checks.violations();
        } catch (LeveeException e) {
            return List.of(Invariant.I10.violated("the store cannot be opened: " + e.getMessage(), where));
        }
    }
}
