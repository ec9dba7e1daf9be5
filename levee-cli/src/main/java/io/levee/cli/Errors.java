package io.levee.cli;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.json.JsonOut;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;

/**
 * How a command fails: one line with the code and what happened, one with what to do; with {@code --json} also an object on
 * standard output. A stack trace only with {@code LEVEE_DEBUG=1}.
 */
final class Errors {
    private final Console console;

    Errors(Console console) {
        this.console = console;
    }

    int usage(ParameterException e, String[] args) {
        CommandLine command = e.getCommandLine();
        String message = Printable.line(Addresses.redacted(String.valueOf(e.getMessage())));
        console.say("levee: " + message);
        if (!CommandLine.UnmatchedArgumentException.printSuggestions(e, command.getErr())) {
            console.say("Usage: " + command.getHelp().synopsis(0).strip());
        }
        console.say("Do: " + command.getCommandSpec().qualifiedName() + " --help shows options and examples.");
        if (Arrays.asList(args).contains("--json")) {
            Map<String, @Nullable Object> error = new LinkedHashMap<>();
            error.put("code", "LEVEE-400 WRONG_USAGE");
            error.put("message", message);
            error.put("hint", command.getCommandSpec().qualifiedName() + " --help");
            error.put("details", Map.of());
            console.json(Map.of("error", error));
        }
        return Command.USAGE;
    }

    int failed(Exception thrown, ParseResult parsed) {
        if (thrown instanceof Console.OutputGoneException) {
            return Command.FAILED;
        }
        LeveeException error = known(thrown);
        print(error);
        Command command = command(parsed);
        if (command != null) {
            about(error, command.target.inUse());
            if (command.json()) {
                Map<String, @Nullable Object> form = JsonOut.form(error);
                command.target.inUse().forEach(form::putIfAbsent);
                console.json(Map.of("error", form));
            }
        }
        return Command.FAILED;
    }

    private static LeveeException known(Exception thrown) {
        if (thrown instanceof LeveeException known) {
            return known;
        }
        Throwable cause = thrown;
        // Also where a library has wrapped it: what writes JSON does.
        while (cause != null && !(cause instanceof IOException)) {
            cause = cause.getCause();
        }
        if (cause instanceof IOException e) {
            return new LeveeException(ErrorCode.IO_FAILED, what(e), e)
                    .hint("look whether the file's directory is there, may be written to and has room");
        }
        return new LeveeException(ErrorCode.INTERNAL, thrown.toString(), thrown)
                .hint("please report this, with the output of the same command under LEVEE_DEBUG=1");
    }

    /** A file that the user named, such as that of {@code --out}: no fault of the program, and no exception's name for the user. */
    private static String what(IOException e) {
        if (e instanceof NoSuchFileException file) {
            return "there is no file or directory " + file.getFile();
        }
        if (e instanceof AccessDeniedException file) {
            return file.getFile() + " may not be used by this user (permission denied)";
        }
        return e instanceof FileSystemException file && file.getReason() != null
                ? file.getFile() + ": " + file.getReason()
                : String.valueOf(e.getMessage());
    }

    /** The two lines of an error. */
    void print(LeveeException error) {
        console.say(error.code().text() + ": " + Printable.line(error.what()));
        if (error.hint() != null) {
            console.say("Do: " + Printable.line(error.hint()));
        }
        if ("1".equals(console.env("LEVEE_DEBUG"))) {
            error.printStackTrace(console.err());
        }
    }

    /** Which store or server the error is about, and which engine: the same words mean other things elsewhere. */
    private void about(LeveeException error, Map<String, String> inUse) {
        String server = inUse.get("server");
        Object engine = server == null ? inUse.get("engine") : error.details().get("engine");
        String place = server == null ? inUse.get("store") : server;
        if (place != null) {
            String what =
                    (server == null ? "Store: " : "Server: ") + place + (engine == null ? "" : " (" + engine + ")");
            console.say(Printable.line(Addresses.redacted(what)));
        }
    }

    private static @Nullable Command command(ParseResult parsed) {
        ParseResult last = parsed;
        while (last.hasSubcommand()) {
            last = last.subcommand();
        }
        return last.commandSpec().userObject() instanceof Command command ? command : null;
    }
}
