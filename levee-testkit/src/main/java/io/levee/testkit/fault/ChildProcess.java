package io.levee.testkit.fault;

import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A JVM of its own with this one's class path, made to be killed. It ends with this process: its standard input is a pipe that it
 * watches ({@link #endWithParent}). Used by one thread.
 */
public final class ChildProcess implements AutoCloseable {
    /** Small and quick to start: nothing here lives long enough for an optimising compiler. */
    private static final List<String> OPTIONS =
            List.of("-Xmx96m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto", "-XX:-UsePerfData");

    private final Process process;

    private ChildProcess(Process process) {
        this.process = process;
    }

    /** Describes a child that runs a main class. */
    public static Builder java(Class<?> main, String... arguments) {
        return new Builder(main, arguments);
    }

    /** Collects how a child is started. Not thread-safe. */
    public static final class Builder {
        private final Class<?> main;
        private final String[] arguments;
        private final List<String> options = new ArrayList<>(OPTIONS);
        private final List<String> before = new ArrayList<>();
        private String shell = "trap '' INT; ";
        private final Map<String, String> environment = new HashMap<>();
        private ProcessBuilder.Redirect output = ProcessBuilder.Redirect.DISCARD;
        private ProcessBuilder.Redirect error = ProcessBuilder.Redirect.INHERIT;

        private Builder(Class<?> main, String... arguments) {
            this.main = main;
            this.arguments = arguments.clone();
        }

        /** More options for its JVM. */
        public Builder options(String... more) {
            options.addAll(List.of(more));
            return this;
        }

        /** Starts it with a fault shim. */
        public Builder shim(Shim shim) {
            environment.putAll(shim.environment());
            return this;
        }

        /**
         * No file that it writes may grow beyond this (RLIMIT_FSIZE, T32): needs no rights. The shell's unit is 512 or 1,024 bytes, so
         * the limit may be twice as high.
         */
        public Builder fileSizeLimit(long bytes) {
            shell += "ulimit -f " + (bytes + 1023) / 1024 + "; ";
            return this;
        }

        /** Starts it under strace, with {@code -e inject=…} expressions: faults without a compiler. */
        public Builder strace(String... inject) {
            before.addAll(List.of(Tools.need("strace").toString(), "-f", "-qqq", "-o", "/dev/null"));
            for (String expression : inject) {
                before.addAll(List.of("-e", "inject=" + expression));
            }
            return this;
        }

        /** Where its standard output goes; by default nowhere. */
        public Builder output(Path file) {
            output = ProcessBuilder.Redirect.appendTo(file.toFile());
            return this;
        }

        /** Where its standard error goes; by default to this process's. */
        public Builder error(Path file) {
            error = ProcessBuilder.Redirect.appendTo(file.toFile());
            return this;
        }

        /** Starts it. */
        public ChildProcess start() {
            // Ctrl-C goes to every process of a terminal: children shall live until their parent has judged.
            List<String> command =
                    new ArrayList<>(List.of(Tools.need("sh").toString(), "-c", shell + "exec \"$@\"", "sh"));
            command.addAll(before);
            command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
            command.addAll(options);
            command.addAll(inherited());
            command.addAll(List.of("-cp", System.getProperty("java.class.path"), main.getName()));
            command.addAll(List.of(arguments));
            ProcessBuilder builder =
                    new ProcessBuilder(command).redirectOutput(output).redirectError(error);
            builder.environment().putAll(environment);
            try {
                return new ChildProcess(builder.start());
            } catch (IOException e) {
                throw new UncheckedIOException("cannot start " + command.get(0), e);
            }
        }
    }

    /** The process's number. */
    public long pid() {
        return process.pid();
    }

    /** Whether it runs. */
    public boolean alive() {
        return process.isAlive();
    }

    OutputStream standardInput() {
        return process.getOutputStream();
    }

    /** SIGKILL, to what it started too, and waits until it is gone. */
    public void kill() {
        List<ProcessHandle> started = process.descendants().toList();
        started.forEach(ProcessHandle::destroyForcibly);
        process.toHandle().destroyForcibly();
        await(Duration.ofSeconds(30));
        started.forEach(child -> Oracle.waitFor(() -> !child.isAlive()));
    }

    /** SIGTERM; {@link #await} waits for the end. */
    public void terminate() {
        process.toHandle().destroy();
    }

    /**
     * Waits for its end.
     *
     * @return its exit status, 128 + the signal where one ended it; null where it still runs
     */
    public @Nullable Integer waitFor(Duration timeout) {
        try {
            return process.waitFor(timeout.toNanos(), TimeUnit.NANOSECONDS) ? process.exitValue() : null;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while waiting for process " + pid(), e);
        }
    }

    /**
     * Waits for its end.
     *
     * @throws IllegalStateException where it does not end in time
     */
    public int await(Duration timeout) {
        Integer status = waitFor(timeout);
        if (status == null) {
            throw new IllegalStateException("the process " + pid() + " did not end within " + timeout);
        }
        return status;
    }

    /** Kills it if it still runs. */
    @Override
    public void close() {
        if (process.isAlive()) {
            kill();
        }
        try {
            process.getOutputStream().close();
        } catch (IOException e) {
            System.getLogger("io.levee.testkit").log(System.Logger.Level.DEBUG, "closing a dead child's pipe", e);
        }
    }

    /** In a child: ends this process at once when its parent is gone. */
    public static void endWithParent() {
        Thread watch = new Thread(
                () -> {
                    try {
                        while (System.in.read() >= 0) {
                            // Only the end matters.
                        }
                    } catch (IOException e) {
                        // As good as an end.
                    }
                    Runtime.getRuntime().halt(3);
                },
                "parent-watch");
        watch.setDaemon(true);
        watch.start();
    }

    /** What of this JVM's properties its children need too: {@code levee.reserve.most}, which keeps the stores of tests small. */
    public static List<String> inherited() {
        String most = System.getProperty("levee.reserve.most");
        return most == null ? List.of() : List.of("-Dlevee.reserve.most=" + most);
    }
}
