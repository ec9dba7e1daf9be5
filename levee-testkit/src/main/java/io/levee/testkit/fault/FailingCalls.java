package io.levee.testkit.fault;

import io.levee.Ack;
import io.levee.Bytes;
import io.levee.CloseReport;
import io.levee.Levee;
import io.levee.LeveeException;
import io.levee.ManualClock;
import io.levee.Receipt;
import io.levee.Row;
import io.levee.Store;
import io.levee.StoreOptions;
import io.levee.Table;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;

/**
 * SQLite's loop for Levee (T30): a short scenario in which the N-th call on the store's files fails, for N = 1, 2, 3 … until a run comes to
 * its end before its N-th call. All in one JVM, which arms its own {@link Shim}, so that the whole loop takes minutes.
 *
 * <p>The scenario opens a store, declares two tables, appends over two partitions at every level, updates keys, lets retention close and drop
 * one of them, closes the store, opens it again and closes it. Then, without faults, the store is judged by the receipts.
 */
public final class FailingCalls {
    private static final Duration RECOVERY = Duration.ofSeconds(60);
    private static final Instant START = Instant.parse("2026-05-10T12:00:00Z");
    private static final int MOST_CALLS = 100_000;

    private final Path home;
    private final Shim shim;
    private final Shim.Errno error;
    private final long times;
    private final Load load = new Load(1);

    private FailingCalls(Path home, Shim shim, Shim.Errno error, long times) {
        this.home = home;
        this.shim = shim;
        this.error = error;
        this.times = times;
    }

    /**
     * The process: {@code DIRECTORY ERRNO FIRST STEP TIMES}. Prints a line for each violation, and at last {@code clean N, calls M}; its status is 0 even then, so that anything else means that the JVM died.
     */
    public static void main(String[] arguments) {
        ChildProcess.endWithParent();
        Shim shim = Shim.ofProcess().orElseThrow(() -> new IllegalStateException("not started with the shim"));
        FailingCalls loop = new FailingCalls(
                Path.of(arguments[0]), shim, Shim.Errno.valueOf(arguments[1]), Long.parseLong(arguments[4]));
        long step = Long.parseLong(arguments[3]);
        shim.skipSyncs(true);
        for (long n = Long.parseLong(arguments[2]); n < MOST_CALLS; n += step) {
            Outcome outcome = loop.run(n);
            outcome.violations.forEach(v -> System.out.println("violation " + v));
            if (outcome.hit.isEmpty()) {
                System.out.println("clean " + n + ", calls " + shim.counted());
                System.out.flush();
                Runtime.getRuntime().halt(0);
            }
            if (Boolean.getBoolean("levee.calls")) {
                System.out.println("run " + n + " " + outcome.hit);
            }
        }
        throw new IllegalStateException("the scenario makes more than " + MOST_CALLS + " calls");
    }

    private record Outcome(String hit, List<Violation> violations) {}

    private Outcome run(long n) {
        Path store = home.resolve("store-" + n);
        try {
            Files.createDirectories(store);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        Run run = new Run(store, "call " + n + " failing with " + error);
        shim.watch(store).fail(Shim.ALL, n, times, error);
        run.underFault();
        String hit = shim.hits() == 0 ? "" : shim.lastHit();
        shim.disarm();
        run.where += ", last failed: " + hit.replace(store + "/", "");
        run.judge();
        if (run.violations.isEmpty()) {
            try {
                PowerCut.deleteTree(store);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
        return new Outcome(hit, run.violations);
    }

    /** One run of the scenario. */
    private final class Run {
        private final Path store;
        private String where;
        private final ManualClock clock = new ManualClock(START);
        private final Receipts told = new Receipts();
        private final List<Violation> violations = new ArrayList<>();
        private final Map<Load.Step, CompletableFuture<Receipt>> waits = new LinkedHashMap<>();
        private String closed = "";
        private long next = 1;

        Run(Path store, String where) {
            this.store = store;
            this.where = where;
        }

        private void options(StoreOptions.Builder options) {
            options.clock(clock)
                    .memory(Bytes.mebi(32))
                    .queryThreads(1)
                    .retentionEvery(Duration.ofHours(1))
                    .closeTimeout(Duration.ofSeconds(20));
        }

        void underFault() {
            life(this::live);
            // What was not settled by then never will be: its store is closed.
            settle();
            life(opened -> {});
        }

        private void life(Consumer<Store> what) {
            try {
                Store opened = Levee.open(store.toString(), false, this::options);
                try {
                    what.accept(opened);
                } finally {
                    CloseReport report = opened.close(Duration.ofSeconds(20));
                    closed = "closed " + report.clean() + " " + report.accepted() + " " + report.stored() + " "
                            + report.lost() + " " + report.uncertain();
                }
            } catch (LeveeException e) {
                // Refused by name: what the caller was promised is judged afterwards.
                System.getLogger("io.levee.testkit").log(System.Logger.Level.DEBUG, where, e);
            } catch (RuntimeException e) {
                violations.add(Invariant.I12.violated("an error without a code: " + e, where));
            }
        }

        private void live(Store opened) {
            Table<Row> events = opened.createTable(Load.EVENTS);
            Table<Row> states = opened.createTable(Load.STATES);
            append(events, false, Ack.COMMITTED, Duration.ofHours(1), 8);
            append(states, true, Ack.COMMITTED, Duration.ZERO, 6);
            settle();
            append(events, false, Ack.DURABLE, Duration.ZERO, 4);
            append(states, true, Ack.DURABLE, Duration.ZERO, 6);
            append(events, false, Ack.ACCEPTED, Duration.ZERO, 4);
            settle();
            // The older partition is past its promise: it is closed and dropped, the other one goes on.
            clock.advance(Duration.ofMinutes(7 * 60 + 30));
            opened.applyRetention(opened.planRetention());
            append(events, false, Ack.DURABLE, Duration.ofMinutes(7 * 60 + 30), 2);
            settle();
        }

        private void append(Table<Row> table, boolean keyed, Ack level, Duration ago, int count) {
            for (int i = 0; i < count; i++) {
                long at =
                        ChronoUnit.MICROS.between(Instant.EPOCH, clock.instant().minus(ago)) + i;
                Load.Step step = new Load.Step(keyed, level, next++, at);
                try {
                    if (level == Ack.ACCEPTED) {
                        table.append(load.row(step));
                        told.take(Receipts.line(step, Ack.ACCEPTED, 0));
                    } else {
                        waits.put(step, table.append(load.row(step), level));
                    }
                } catch (LeveeException e) {
                    System.getLogger("io.levee.testkit").log(System.Logger.Level.DEBUG, where, e);
                }
            }
        }

        private void settle() {
            waits.forEach((step, wait) -> {
                try {
                    Receipt receipt = wait.get(RECOVERY.toSeconds(), TimeUnit.SECONDS);
                    told.take(Receipts.line(step, receipt.level(), receipt.seq()));
                } catch (ExecutionException e) {
                    told.take("L " + step);
                } catch (TimeoutException e) {
                    violations.add(Invariant.I12.violated("no answer within " + RECOVERY + " for " + step, where));
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                    throw new IllegalStateException(e);
                }
            });
            waits.clear();
        }

        void judge() {
            try (Store opened = Levee.open(store.toString(), false, this::options)) {
                Checks checks = new Checks(opened, load, where);
                Instant now = clock.instant();
                checks.receipts(told, 0, Long.MAX_VALUE, now.minus(Load.KEPT));
                checks.states(told);
                checks.promise(Load.KEPT, now);
                checks.everything();
                if (!closed.isEmpty()) {
                    checks.closeReport(closed, new Receipts());
                }
                checks.healthy(RECOVERY, now);
                violations.addAll(checks.violations());
            } catch (LeveeException e) {
                violations.add(Invariant.I12.violated("the store cannot be opened: " + e.getMessage(), where));
            } catch (RuntimeException e) {
                violations.add(Invariant.I12.violated("an error without a code: " + e, where));
            }
        }
    }
}
