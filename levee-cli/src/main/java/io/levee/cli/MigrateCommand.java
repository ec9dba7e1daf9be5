package io.levee.cli;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.Migration;
import io.levee.ingest.MigrationFiles;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code levee migrate}: online schema changes. */
@CommandLine.Command(
        name = "migrate",
        description =
                "Changes tables while they are read and written: columns, indexes and backfills, in small slices in the background,"
                        + " newest partitions first. Ended half-way, it goes on with the next process that opens the store for"
                        + " writing. docs/migrations.md has the file's form.",
        subcommands = {
            MigrateCommand.Plan.class,
            MigrateCommand.Apply.class,
            MigrateCommand.Status.class,
            MigrateCommand.Pause.class,
            MigrateCommand.Resume.class
        })
final class MigrateCommand extends Command {
    MigrateCommand(Console console) {
        super(console);
    }

    @Override
    int run() {
        throw usage("a command is missing: plan, apply, status, pause or resume");
    }

    /** {@code levee migrate plan}. */
    @CommandLine.Command(
            name = "plan",
            description =
                    "What the migrations of a file would do, and what it would cost: partitions, rows, bytes, disk, time (from a"
                            + " sample), what is left alone, what needs approval, how to undo it. Changes nothing. Without a file,"
                            + " of those that were declared and are not done.",
            footerHeading = "%nExample:%n",
            footer = "  levee migrate plan migrations.yaml --store history")
    static final class Plan extends Command {
        @Parameters(paramLabel = "FILE", arity = "0..1", description = "The migrations, YAML or JSON.")
        private @Nullable Path file;

        Plan(Console console) {
            super(console);
        }

        @Override
        int run() throws Exception {
            List<Migration> asked = file == null ? List.of() : MigrationFiles.read(file);
            Map<String, @Nullable Object> plan = plan(asked);
            if (json()) {
                console.json(plan);
            } else {
                MigrationText.plan(console, plan);
            }
            return OK;
        }

        /** Beside a writer where the engine can; else as the writer, which changes nothing either. */
        private Map<String, @Nullable Object> plan(List<Migration> asked) throws InterruptedException {
            try (Migrations migrations = toRead(this)) {
                return migrations.plan(asked);
            } catch (LeveeException e) {
                if (e.code() != ErrorCode.NOT_WRITABLE) {
                    throw e;
                }
            }
            try (Migrations migrations = toWrite(this)) {
                return migrations.plan(asked);
            }
        }
    }

    /** {@code levee migrate apply}. */
    @CommandLine.Command(
            name = "apply",
            description =
                    "Declares the migrations of a file and makes them, in order. Those that were declared before are left as they"
                            + " are, done or not. On files this process does the work and waits for it; a server is only told,"
                            + " unless --wait is said. Status 1 unless all of them are done, or under way where nobody waits.",
            footerHeading = "%nExamples:%n",
            footer = {
                "  levee migrate apply migrations.yaml --store history",
                "  levee migrate apply migrations.yaml --url http://127.0.0.1:7311 --wait",
                "  levee migrate apply large.yaml --approve",
            })
    static final class Apply extends Command {
        @Parameters(paramLabel = "FILE", description = "The migrations, YAML or JSON.")
        @SuppressWarnings("NullAway.Init") // Set by picocli: required.
        private Path file;

        @Option(
                names = "--approve",
                description =
                        "Does also what levee migrate plan says needs approval: large work waits for it otherwise.")
        private boolean approve;

        @CommandLine.Mixin
        private final WaitOption wait = new WaitOption();

        Apply(Console console) {
            super(console);
        }

        @Override
        int run() throws Exception {
            List<Migration> asked = MigrationFiles.read(file);
            Set<String> ids = asked.stream().map(Migration::id).collect(Collectors.toSet());
            try (Migrations migrations = toWrite(this)) {
                migrations.apply(asked, approve);
                return follow(
                        this, migrations, wait.wanted(migrations), one -> ids.contains(String.valueOf(one.get("id"))));
            }
        }
    }

    /** {@code levee migrate status}. */
    @CommandLine.Command(
            name = "status",
            description = "How far the migrations are; with --wait, until nothing more happens by itself.",
            footerHeading = "%nExample:%n",
            footer = "  levee migrate status --url http://127.0.0.1:7311 --json")
    static final class Status extends Command {
        @Parameters(paramLabel = "ID", arity = "0..1", description = "Of this one only.")
        private @Nullable String id;

        @Option(names = "--wait", description = "Waits, and tells how far they are. Status 1 unless all are done then.")
        private boolean wait;

        Status(Console console) {
            super(console);
        }

        @Override
        int run() throws Exception {
            try (Migrations migrations = toRead(this)) {
                Map<String, @Nullable Object> now = only(migrations.status(), id);
                if (wait) {
                    return follow(this, migrations, true, named(id));
                }
                print(this, now);
            }
            return OK;
        }
    }

    /** {@code levee migrate pause}. */
    @CommandLine.Command(
            name = "pause",
            description = "Pauses a migration, or without an ID all work on migrations, until levee migrate resume.",
            footerHeading = "%nExample:%n",
            footer = "  levee migrate pause last-seen --url http://127.0.0.1:7311")
    static final class Pause extends Command {
        @Parameters(paramLabel = "ID", arity = "0..1", description = "Which; without it, all.")
        private @Nullable String id;

        Pause(Console console) {
            super(console);
        }

        @Override
        int run() throws Exception {
            try (Migrations migrations = toWrite(this)) {
                migrations.pause(id);
                print(this, only(migrations.status(), id));
            }
            return OK;
        }
    }

    /** {@code levee migrate resume}. */
    @CommandLine.Command(
            name = "resume",
            description =
                    "Goes on with a migration that was paused or failed, or without an ID with all work on migrations. Waits as"
                            + " apply does.",
            footerHeading = "%nExample:%n",
            footer = "  levee migrate resume last-seen")
    static final class Resume extends Command {
        @Parameters(
                paramLabel = "ID",
                arity = "0..1",
                description = "Which; without it, all that are not paused by name.")
        private @Nullable String id;

        @Option(
                names = "--accept-gaps",
                description =
                        "Goes on without the rows that its lookups cannot read, such as those in quarantine; the note says which.")
        private boolean acceptGaps;

        @CommandLine.Mixin
        private final WaitOption wait = new WaitOption();

        Resume(Console console) {
            super(console);
        }

        @Override
        int run() throws Exception {
            if (acceptGaps && id == null) {
                throw usage("--accept-gaps is said of one migration: levee migrate resume ID --accept-gaps");
            }
            try (Migrations migrations = toWrite(this)) {
                migrations.resume(id, acceptGaps);
                return follow(this, migrations, wait.wanted(migrations), named(id));
            }
        }
    }

    /** Whether to wait. */
    static final class WaitOption {
        @Option(
                names = "--wait",
                negatable = true,
                description =
                        "Waits until they are done. Default: on files, whose work ends with this process; not on a server.")
        private @Nullable Boolean wait;

        boolean wanted(Migrations migrations) {
            return wait == null ? migrations.here() : wait;
        }
    }

    private static Migrations toRead(Command command) {
        Remote remote = command.target.remote(command.console);
        return remote != null ? Migrations.of(remote) : Migrations.of(command.target.openToRead(command.console));
    }

    private static Migrations toWrite(Command command) {
        Remote remote = command.target.remote(command.console);
        return remote != null ? Migrations.of(remote) : Migrations.of(command.target.openExisting(command.console));
    }

    private static Predicate<Map<?, ?>> named(@Nullable String id) {
        return one -> id == null || id.equals(one.get("id"));
    }

    /** The answer with these alone. */
    private static Map<String, @Nullable Object> only(Map<String, @Nullable Object> answer, @Nullable String id) {
        List<Map<?, ?>> wanted = MigrationWait.wanted(answer, named(id));
        if (id != null && wanted.isEmpty()) {
            throw new LeveeException(ErrorCode.NOT_FOUND, "no migration '" + id + "' was declared")
                    .with("migration", id)
                    .hint("levee migrate status lists those that were");
        }
        Map<String, @Nullable Object> map = new LinkedHashMap<>(answer);
        map.put("migrations", wanted);
        return map;
    }

    private static void print(Command command, Map<String, ? extends @Nullable Object> answer) {
        if (command.json()) {
            command.console.json(answer);
        } else {
            MigrationText.status(command.console, MigrationWait.wanted(answer, one -> true));
            if (Boolean.TRUE.equals(answer.get("paused"))) {
                command.console.print("all work on migrations is paused until levee migrate resume");
            }
        }
    }

    /** Waits if that is wanted, prints how far they are, and answers the exit status. */
    private static int follow(Command command, Migrations migrations, boolean wait, Predicate<Map<?, ?>> which)
            throws InterruptedException {
        Map<String, @Nullable Object> now;
        if (wait) {
            try (MigrationWait waiting = new MigrationWait(command.console, migrations, which)) {
                now = waiting.await();
            }
        } else {
            now = migrations.status();
        }
        List<Map<?, ?>> wanted = MigrationWait.wanted(now, which);
        Map<String, @Nullable Object> answer = new LinkedHashMap<>(now);
        answer.put("migrations", wanted);
        print(command, answer);
        boolean settled = Boolean.TRUE.equals(now.get("settled"));
        boolean well = true;
        for (Map<?, ?> one : wanted) {
            String advice = advice(one, settled);
            if (advice != null) {
                command.console.say(Printable.line(advice));
            }
            boolean done = "done".equals(one.get("status"));
            well &= done || !wait && advice == null;
        }
        return well ? OK : FAILED;
    }

    /** What a person has to do about it; null where it is done or goes on by itself. */
    private static @Nullable String advice(Map<?, ?> one, boolean settled) {
        String id = String.valueOf(one.get("id"));
        return switch (String.valueOf(one.get("status"))) {
            case "failed" -> "Do: mend what made " + id + " fail, then levee migrate resume " + id;
            case "paused" -> "Do: levee migrate resume " + id + ", or levee migrate resume where all are paused";
            case "pending" ->
                settled
                        ? "Do: look at levee migrate plan, then levee migrate apply FILE --approve (" + id + " waits)"
                        : null;
            default -> null;
        };
    }
}
