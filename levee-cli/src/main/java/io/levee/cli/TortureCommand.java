package io.levee.cli;

import io.levee.testkit.fault.Torture;
import io.levee.testkit.fault.Verdict;
import io.levee.testkit.fault.Violation;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Option;

/** {@code levee torture}: shows on the user's own disk what the promises are worth. */
@CommandLine.Command(
        name = "torture",
        description = {
            "Crashes, power cuts, full files, failing calls and damaged files against a store of its own, in a new directory on the"
                    + " disk to be tried; then judges the store by the receipts that were given. Status 1 where a promise was broken.",
            "Needs no rights and 512 MiB. The directory goes when all was well, and stays when something was found.",
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  levee torture --dir /srv/data --minutes 10",
            "  levee torture --dir /srv/data --cycles 100 --seed 42 --json",
        })
final class TortureCommand extends Command {
    private static final int DEFAULT_MINUTES = 5;
    private static final long REPORT_NANOS = TimeUnit.SECONDS.toNanos(3);

    @Option(names = "--dir", paramLabel = "DIR", required = true, description = "A directory on the disk to be tried.")
    @SuppressWarnings("NullAway.Init") // Set by picocli.
    private Path directory;

    @Option(names = "--minutes", paramLabel = "N", description = "How long. Default: " + DEFAULT_MINUTES + ".")
    private @Nullable Integer minutes;

    @Option(names = "--cycles", paramLabel = "N", description = "How many cycles, instead of how long.")
    private @Nullable Integer cycles;

    @Option(
            names = "--seed",
            paramLabel = "S",
            description = "Draws the faults; the same seed draws the same. Default: a new one, which is printed.")
    private @Nullable Long seed;

    private final AtomicBoolean stopped = new AtomicBoolean();
    private long reported;

    TortureCommand(Console console) {
        super(console);
    }

    @Override
    int run() {
        if (minutes != null && cycles != null) {
            throw usage("--minutes and --cycles are two ways to say how long: give one");
        }
        if (minutes != null && minutes < 1 || cycles != null && cycles < 1) {
            throw usage("--minutes and --cycles must be at least 1");
        }
        localOnly();
        // The cycle that runs is finished and judged; no process outlives this one.
        Shutdown.onSignal(() -> stopped.set(true));
        long drawn = seed == null ? new SecureRandom().nextLong(0, 1L << 40) : seed;
        Path home = Torture.home(directory, drawn);
        console.say("torture in " + home + ", seed " + drawn);
        long began = console.nanos().nanos();
        Verdict verdict = Torture.run(directory, drawn, soFar -> over(soFar, began));
        double seconds = (console.nanos().nanos() - began) / 1e9;
        if (json()) {
            console.json(form(verdict, home));
        } else {
            print(verdict, home, seconds);
        }
        return verdict.violations().isEmpty() ? OK : FAILED;
    }

    private boolean over(Verdict soFar, long began) {
        long now = console.nanos().nanos();
        if (now - reported >= REPORT_NANOS) {
            reported = now;
            console.say(String.format(
                    Locale.ROOT,
                    "%,d s: %,d cycles, %,d acknowledged, %,d lost, %d violations",
                    TimeUnit.NANOSECONDS.toSeconds(now - began),
                    soFar.cycles(),
                    soFar.acknowledged(),
                    soFar.lost(),
                    soFar.violations().size()));
        }
        if (stopped.get()) {
            return true;
        }
        if (cycles != null) {
            return soFar.cycles() >= cycles;
        }
        int length = minutes == null ? DEFAULT_MINUTES : minutes;
        return now - began >= TimeUnit.MINUTES.toNanos(length);
    }

    private static Map<String, Object> form(Verdict verdict, Path home) {
        Map<String, Object> form = new LinkedHashMap<>();
        form.put("cycles", verdict.cycles());
        form.put("acknowledged", verdict.acknowledged());
        form.put("lost", verdict.lost());
        form.put(
                "violations",
                verdict.violations().stream().map(TortureCommand::form).toList());
        form.put("seed", verdict.seed());
        form.put("done", verdict.done());
        form.put("leftOut", verdict.leftOut());
        form.put("kept", verdict.violations().isEmpty() ? "" : home.toString());
        return form;
    }

    private static Map<String, Object> form(Violation violation) {
        Map<String, Object> form = new LinkedHashMap<>();
        form.put("invariant", violation.invariant().name());
        form.put("promise", violation.invariant().promise());
        form.put("what", violation.what());
        form.put("where", violation.where());
        return form;
    }

    private void print(Verdict verdict, Path home, double seconds) {
        console.print(
                String.format(Locale.ROOT, "%,d cycles in %.0f s, seed %d", verdict.cycles(), seconds, verdict.seed()));
        console.print("done          "
                + verdict.done().entrySet().stream()
                        .map(e -> e.getKey() + " " + e.getValue())
                        .collect(Collectors.joining("; ")));
        verdict.leftOut().forEach(what -> console.print("left out      " + Printable.line(what)));
        console.print(String.format(
                Locale.ROOT, "acknowledged  %,d records, as committed or durable", verdict.acknowledged()));
        console.print(String.format(
                Locale.ROOT,
                "lost          %,d records, each inside a recorded gap or named to its caller",
                verdict.lost()));
        if (verdict.violations().isEmpty()) {
            console.print("violations    none");
            return;
        }
        console.print("violations    " + verdict.violations().size());
        for (Violation violation : verdict.violations()) {
            console.print(Printable.line(violation.invariant() + " is broken: "
                    + violation.invariant().promise()));
            console.print("    what      " + Printable.line(violation.what()));
            console.print("    where     " + Printable.line(violation.where()));
        }
        console.print("The store, the receipts and the errors are kept in " + home);
        console.print("Again: levee torture --dir " + directory + " --cycles " + verdict.cycles() + " --seed "
                + verdict.seed());
    }
}
