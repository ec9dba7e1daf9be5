package io.levee.testkit.fault;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/** Programs of the machine that faults are made with. Thread-safe. */
public final class Tools {
    private static final long LONGEST_SECONDS = 60;

    private Tools() {}

    /** A program on the PATH. */
    public static Optional<Path> find(String name) {
        String path = System.getenv("PATH");
        for (String directory : (path == null ? "" : path).split(File.pathSeparator, -1)) {
            Path file = Path.of(directory).resolve(name);
            if (!directory.isEmpty() && Files.isExecutable(file)) {
                return Optional.of(file);
            }
        }
        return Optional.empty();
    }

    /**
     * A program on the PATH.
     *
     * @throws MissingToolException where there is none
     */
    public static Path need(String name) {
        return find(name).orElseThrow(() -> new MissingToolException("the program '" + name + "' is not on the PATH"));
    }

    /** How a program ended. */
    record Ended(int status, String output) {}

    /** Runs a short program to its end, at most a minute; its output and errors together. */
    static Ended run(List<String> command) {
        try {
            Process process =
                    new ProcessBuilder(command).redirectErrorStream(true).start();
            process.getOutputStream().close();
            String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            if (!process.waitFor(LONGEST_SECONDS, TimeUnit.SECONDS)) {
                process.destroyForcibly();
                return new Ended(-1, output + " (did not end within " + LONGEST_SECONDS + " s)");
            }
            return new Ended(process.exitValue(), output.strip());
        } catch (IOException e) {
            return new Ended(-1, String.valueOf(e.getMessage()));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return new Ended(-1, "interrupted");
        }
    }
}
