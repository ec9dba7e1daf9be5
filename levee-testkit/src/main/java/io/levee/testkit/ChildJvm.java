package io.levee.testkit;

import io.levee.testkit.fault.ChildProcess;
import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A JVM of its own with this one's class path, spoken to line by line over standard input and output; its standard error is
 * this JVM's. A crash can only be tested on another process. Used by one thread.
 */
public final class ChildJvm implements AutoCloseable {
    /** Small and quick to start: nothing here lives long enough for an optimising compiler. */
    private static final List<String> OPTIONS =
            List.of("-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-XX:-UsePerfData");

    private final Process process;
    private final BufferedReader out;
    private final BufferedWriter in;

    private ChildJvm(Process process) {
        this.process = process;
        this.out = new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
        this.in = new BufferedWriter(new OutputStreamWriter(process.getOutputStream(), StandardCharsets.UTF_8));
    }

    /** Starts the main class with these arguments. */
    public static ChildJvm start(Class<?> main, String... arguments) {
        return start(List.of(), main, arguments);
    }

    /** Starts the main class with options for the JVM, which come after those that make it small and quick to start. */
    public static ChildJvm start(List<String> options, Class<?> main, String... arguments) {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(OPTIONS);
        command.addAll(options);
        command.addAll(ChildProcess.inherited());
        command.add("-cp");
        command.add(System.getProperty("java.class.path"));
        command.add(main.getName());
        command.addAll(List.of(arguments));
        try {
            return new ChildJvm(new ProcessBuilder(command)
                    .redirectError(ProcessBuilder.Redirect.INHERIT)
                    .start());
        } catch (IOException e) {
            throw new UncheckedIOException("cannot start " + command.get(0), e);
        }
    }

    /** The process's number. */
    public long pid() {
        return process.pid();
    }

    /** Writes a line to its standard input. */
    public void send(String line) {
        try {
            in.write(line);
            in.newLine();
            in.flush();
        } catch (IOException e) {
            throw new UncheckedIOException("the child JVM does not listen", e);
        }
    }

    /** The next line of its standard output; null at the end. Waits for it. */
    public @Nullable String line() {
        try {
            return out.readLine();
        } catch (IOException e) {
            throw new UncheckedIOException("the child JVM cannot be read", e);
        }
    }

    /**
     * Reads lines until one is this, and answers those before it.
     *
     * @throws AssertionError where the output ends without it
     */
    public List<String> linesUntil(String last) {
        List<String> before = new ArrayList<>();
        for (String line = line(); line != null; line = line()) {
            if (line.equals(last)) {
                return before;
            }
            before.add(line);
        }
        throw new AssertionError("the child JVM ended without saying '" + last + "', after " + before);
    }

    /** All remaining lines, to the end of its output. */
    public List<String> rest() {
        List<String> lines = new ArrayList<>();
        for (String line = line(); line != null; line = line()) {
            lines.add(line);
        }
        return lines;
    }

    /** SIGKILL, and waits until it is gone. What it wrote before can still be read. */
    public void kill() {
        // By its handle: Process.destroyForcibly would close the pipe and with it what can still be read.
        process.toHandle().destroyForcibly();
        await(Duration.ofSeconds(30));
    }

    /** SIGTERM; {@link #await} waits for the end. */
    public void terminate() {
        process.toHandle().destroy();
    }

    /**
     * Waits for its end.
     *
     * @return its exit status
     * @throws AssertionError where it does not end in time
     */
    public int await(Duration timeout) {
        try {
            if (!process.waitFor(timeout.toMillis(), TimeUnit.MILLISECONDS)) {
                throw new AssertionError("the child JVM " + pid() + " did not end within " + timeout);
            }
            return process.exitValue();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError("interrupted while waiting for the child JVM " + pid(), e);
        }
    }

    /** Kills it if it still runs, and closes the pipes. */
    @Override
    public void close() {
        if (process.isAlive()) {
            kill();
        }
        try {
            out.close();
            in.close();
        } catch (IOException e) {
            // The other end is gone: what was not written was meant for nobody.
            System.getLogger("io.levee.testkit").log(System.Logger.Level.DEBUG, "closing the pipes", e);
        }
    }
}
