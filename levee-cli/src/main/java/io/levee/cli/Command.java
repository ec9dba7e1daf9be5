package io.levee.cli;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import java.util.concurrent.Callable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** What all commands have in common: where the store is, how to talk, and their exit status. */
abstract class Command implements Callable<Integer> {
    static final int OK = 0;
    static final int FAILED = 1;
    static final int USAGE = 2;

    final Console console;

    @Mixin
    @SuppressWarnings("NullAway.Init") // Set by picocli before call().
    Target target;

    @Spec
    @SuppressWarnings("NullAway.Init") // Set by picocli before call().
    CommandSpec spec;

    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            description = "Show this help and exit.")
    @SuppressWarnings("UnusedVariable") // Read by picocli.
    private boolean help;

    Command(Console console) {
        this.console = console;
    }

    @Override
    public final Integer call() throws Exception {
        target.check();
        return run();
    }

    /** Does it; answers the exit status. */
    abstract int run() throws Exception;

    boolean json() {
        return target.json();
    }

    /** Wrong usage: exit status 2, with the command's usage line. */
    ParameterException usage(String message) {
        return new ParameterException(spec.commandLine(), message);
    }

    /** Refuses {@code --url} where only files will do. */
    void localOnly() {
        if (target.urlGiven()) {
            throw new LeveeException(ErrorCode.NOT_SUPPORTED, spec.qualifiedName() + " works on files, not on a server")
                    .hint("use --store DIR on the machine that has it");
        }
    }
}
