package io.levee.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.levee.internal.json.Json;
import io.levee.internal.time.MonotonicClock;
import java.io.BufferedOutputStream;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Clock;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/** A command run in this process: its exit status and what it printed. */
record Run(int status, String out, String err) {
    /** Runs a command with nothing on standard input. */
    static Run levee(Object... args) {
        return withInput("", args);
    }

    /** Runs a command. */
    static Run withInput(String in, Object... args) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        Run run = run(in, out, args);
        return new Run(run.status, out.toString(UTF_8), run.err);
    }

    /** Runs a command as in front of a person, who types. */
    static Run onTerminal(String typed, Object... args) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        Run run = run(typed, out, true, Map.of(), args);
        return new Run(run.status, out.toString(UTF_8), run.err);
    }

    /** Runs a command with these environment variables. */
    static Run withEnv(Map<String, String> env, Object... args) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        Run run = run("", out, false, env, args);
        return new Run(run.status, out.toString(UTF_8), run.err);
    }

    /** Runs a command whose standard output goes to the end of a file: large answers. */
    static Run appendTo(Path file, Object... args) {
        try (OutputStream out = new BufferedOutputStream(
                Files.newOutputStream(file, StandardOpenOption.CREATE, StandardOpenOption.APPEND), 1 << 16)) {
            return run("", out, args);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static Run run(String in, OutputStream out, Object... args) {
        return run(in, out, false, Map.of(), args);
    }

    private static Run run(String in, OutputStream out, boolean terminal, Map<String, String> env, Object... args) {
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        Console console = new Console(
                new ByteArrayInputStream(in.getBytes(UTF_8)),
                out,
                new PrintStream(err, true, UTF_8),
                env,
                terminal,
                false,
                terminal,
                Clock.systemUTC(),
                MonotonicClock.SYSTEM);
        List<String> words = new ArrayList<>();
        Arrays.stream(args).map(String::valueOf).forEach(words::add);
        int status = Main.execute(console, words.toArray(String[]::new));
        return new Run(status, "", err.toString(UTF_8));
    }

    /** Standard output as the one JSON object that it has to be. */
    Map<String, Object> json() {
        return Json.object(out.strip());
    }
}
