package io.levee.cli;

import io.levee.internal.time.MonotonicClock;
import io.levee.json.JsonOut;
import java.io.BufferedOutputStream;
import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.channels.Channels;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What a command talks to: streams, environment and clocks of the process, or those of a test.
 *
 * @param in standard input
 * @param out standard output: results only
 * @param err standard error: messages, progress, errors
 * @param env the environment
 * @param inTerminal whether a person can be asked on standard input
 * @param outTerminal whether a person reads standard output
 * @param errTerminal whether a person reads standard error
 * @param clock the wall clock
 * @param nanos measures lengths of time
 */
record Console(
        InputStream in,
        OutputStream out,
        PrintStream err,
        Map<String, String> env,
        boolean inTerminal,
        boolean outTerminal,
        boolean errTerminal,
        Clock clock,
        MonotonicClock nanos) {
    /** Standard output is gone, such as in {@code levee query … | head}: nobody is left to tell. */
    static final class OutputGoneException extends RuntimeException {
        private static final long serialVersionUID = 1L;

        OutputGoneException(IOException cause) {
            super(cause);
        }
    }

    /** The process's own. */
    static Console ofProcess() {
        // A channel, because closing one ends a read that waits: a plain stream on a pipe cannot be stopped.
        InputStream in = Channels.newInputStream(new FileInputStream(FileDescriptor.in).getChannel());
        OutputStream out = new BufferedOutputStream(new FileOutputStream(FileDescriptor.out), 1 << 16);
        PrintStream err = new PrintStream(new FileOutputStream(FileDescriptor.err), true, StandardCharsets.UTF_8);
        Map<String, String> env = System.getenv();
        boolean capable = !"dumb".equals(env.get("TERM"));
        return new Console(
                in,
                new Guarded(out),
                err,
                env,
                terminal(0),
                capable && terminal(1),
                capable && terminal(2),
                Clock.systemUTC(),
                MonotonicClock.SYSTEM);
    }

    /** Whether a file descriptor is a terminal. Java answers only for all of them together, and from 22 on not even that. */
    @SuppressWarnings(
            "SystemConsoleNull") // Only asked where there is no /proc; too much style is the worst that follows.
    private static boolean terminal(int descriptor) {
        Path link = Path.of("/proc/self/fd/" + descriptor);
        try {
            String device = Files.readSymbolicLink(link).toString();
            return device.startsWith("/dev/pts/") || device.startsWith("/dev/tty") || device.equals("/dev/console");
        } catch (IOException | UnsupportedOperationException e) {
            return System.console() != null;
        }
    }

    /** A stream whose failure ends the command, wherever it shows. */
    private static final class Guarded extends FilterOutputStream {
        Guarded(OutputStream out) {
            super(out);
        }

        @Override
        public void write(int b) {
            try {
                out.write(b);
            } catch (IOException e) {
                throw new OutputGoneException(e);
            }
        }

        @Override
        public void write(byte[] bytes, int from, int length) {
            try {
                out.write(bytes, from, length);
            } catch (IOException e) {
                throw new OutputGoneException(e);
            }
        }

        @Override
        public void flush() {
            try {
                out.flush();
            } catch (IOException e) {
                throw new OutputGoneException(e);
            }
        }
    }

    /** A line for the person. */
    void say(String line) {
        err.println(line);
    }

    /** Text of a result, followed by a line end. */
    void print(String line) {
        write((line + "\n").getBytes(StandardCharsets.UTF_8));
    }

    private void write(byte[] bytes) {
        try {
            out.write(bytes);
        } catch (IOException e) {
            throw new OutputGoneException(e);
        }
    }

    /** The one JSON object of a command. */
    void json(Map<String, ? extends @Nullable Object> object) {
        try (JsonOut json = new JsonOut(out)) {
            json.value(object).newline();
        }
        flush();
    }

    /** Hands on what was written. */
    void flush() {
        try {
            out.flush();
        } catch (IOException e) {
            throw new OutputGoneException(e);
        }
    }

    /** An environment variable, or null where it is unset or empty. */
    @Nullable
    String env(String name) {
        String value = env.get(name);
        return value == null || value.isEmpty() ? null : value;
    }

    /** Whether colours and weights may be used. */
    boolean styled() {
        return outTerminal && env("NO_COLOR") == null;
    }
}
