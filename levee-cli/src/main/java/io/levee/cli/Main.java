package io.levee.cli;

import io.levee.Levee;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The {@code levee} command. */
@CommandLine.Command(
        name = "levee",
        description = "A history store that maintains itself: takes records, answers queries, drops what expired.",
        subcommands = {
            DemoCommand.class,
            ServeCommand.class,
            TableCommand.class,
            IngestCommand.class,
            QueryCommand.class,
            CountCommand.class,
            AggregateCommand.class,
            HistogramCommand.class,
            TimeSeriesCommand.class,
            ValuesCommand.class,
            SqlCommand.class,
            StatusCommand.class,
            RetentionCommand.class,
            MigrateCommand.class,
            AdoptCommand.class,
            PartitionsCommand.class,
            QueriesCommand.class,
            GetCommand.class,
            UpdateCommand.class,
            DeleteCommand.class,
            EraseCommand.class,
            TailCommand.class,
            CursorsCommand.class,
            TrashCommand.class,
            GapsCommand.class,
            VerifyCommand.class,
            QuarantineCommand.class,
            BackupCommand.class,
            RestoreCommand.class,
            ExportCommand.class,
            ClockCommand.class,
            DoctorCommand.class,
            TortureCommand.class,
            DrillCommand.class,
        },
        footerHeading = "%nBegin with:%n",
        footer = {
            "  levee demo                                       a live store with real records",
            "  levee ingest events app.ndjson.gz --infer        take a file; the table is proposed from it",
            "  levee query events --where \"level = 'ERROR'\"     look at it",
            "",
            "Exit status: 0 done, 1 failed, 2 wrong usage. Environment: LEVEE_STORE, LEVEE_URL, LEVEE_TOKEN,",
            "LEVEE_DEBUG=1 (stack traces), LEVEE_LOG (log level on standard error), NO_COLOR.",
        })
public final class Main implements Runnable {
    @Spec
    @SuppressWarnings("NullAway.Init") // Set by picocli before run().
    private CommandSpec spec;

    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            description = "Show this help and exit.")
    @SuppressWarnings("UnusedVariable") // Read by picocli.
    private boolean help;

    @Option(
            names = {"-V", "--version"},
            versionHelp = true,
            description = "Print the version and exit.")
    @SuppressWarnings("UnusedVariable") // Read by picocli.
    private boolean version;

    private Main() {}

    /** Runs the command and ends the process with its exit status. */
    public static void main(String[] args) {
        Console console = Console.ofProcess();
        int status = execute(console, args);
        System.exit(status);
    }

    /** Runs a command. Answers its exit status. */
    static int execute(Console console, String... args) {
        CommandLine line = new CommandLine(new Main(), new Factory(console));
        line.getCommandSpec().versionProvider(() -> new String[] {"levee " + Levee.VERSION});
        line.setOut(new java.io.PrintWriter(console.out(), true, java.nio.charset.StandardCharsets.UTF_8));
        line.setErr(new java.io.PrintWriter(console.err(), true, java.nio.charset.StandardCharsets.UTF_8));
        line.setCaseInsensitiveEnumValuesAllowed(true);
        line.setUsageHelpAutoWidth(false);
        line.setUsageHelpWidth(110);
        line.setColorScheme(CommandLine.Help.defaultColorScheme(
                console.styled() ? CommandLine.Help.Ansi.ON : CommandLine.Help.Ansi.OFF));
        Errors errors = new Errors(console);
        line.setParameterExceptionHandler((e, a) -> errors.usage(e, a));
        line.setExecutionExceptionHandler((e, command, parsed) -> errors.failed(e, parsed));
        try {
            return line.execute(args);
        } finally {
            try {
                console.flush();
            } catch (Console.OutputGoneException e) {
                // Nobody reads standard output any more; the exit status says all that is left to say.
            }
            console.err().flush();
            Shutdown.done();
        }
    }

    /** A group of commands was named without one of them. */
    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "a command is missing");
    }

    /** Makes commands, which all take the console. */
    private record Factory(Console console) implements CommandLine.IFactory {
        @Override
        public <K> K create(Class<K> type) throws Exception {
            if (Command.class.isAssignableFrom(type)) {
                return type.getDeclaredConstructor(Console.class).newInstance(console);
            }
            return CommandLine.defaultFactory().create(type);
        }
    }
}
