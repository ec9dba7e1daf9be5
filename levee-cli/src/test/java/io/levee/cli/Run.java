package io.levee.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.levee.internal.json.Json;
import io.levee.internal.time.MonotonicClock;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
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
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        Console console = new Console(
                new ByteArrayInputStream(in.getBytes(UTF_8)),
                out,
                new PrintStream(err, true, UTF_8),
                Map.of(),
                false,
                false,
                Clock.systemUTC(),
                MonotonicClock.SYSTEM);
        List<String> words = new ArrayList<>();
        Arrays.stream(args).map(String::valueOf).forEach(words::add);
        int status = Main.execute(console, words.toArray(String[]::new));
        return new Run(status, out.toString(UTF_8), err.toString(UTF_8));
    }

    /** Standard output as the one JSON object that it has to be. */
    Map<String, Object> json() {
        return Json.object(out.strip());
    }
}
