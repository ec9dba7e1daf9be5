package io.levee.sqlite;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Which other processes have a file open, as far as the system shows it to this user: on Linux, by {@code /proc}. */
final class ForeignProcesses {
    private static final Path PROC = Path.of("/proc");
    private static final int MOST = 5;

    private ForeignProcesses() {}

    /** Those that have it open, such as {@code pid 4711 (python3 app.py)}; empty where there are none, or nobody can tell. */
    static List<String> having(Path file) {
        return having(file, false);
    }

    /** Those that have it open so that they may write to it; who only reads it, as a levee beside does, is left out. */
    static List<String> writing(Path file) {
        return having(file, true);
    }

    private static List<String> having(Path file, boolean writing) {
        List<String> found = new ArrayList<>();
        if (!Files.isDirectory(PROC.resolve("self"))) {
            return found;
        }
        try {
            Path real = file.toRealPath();
            long own = ProcessHandle.current().pid();
            try (DirectoryStream<Path> processes = Files.newDirectoryStream(PROC, "[0-9]*")) {
                for (Path process : processes) {
                    String pid = String.valueOf(process.getFileName());
                    if (!pid.equals(Long.toString(own)) && found.size() < MOST && has(process, real, writing)) {
                        found.add("pid " + pid + " (" + command(process) + ")");
                    }
                }
            }
        } catch (IOException e) {
            // The file or a process is gone: then nothing has it.
            System.getLogger("io.levee.sqlite").log(System.Logger.Level.DEBUG, "who has " + file, e);
        }
        return found;
    }

    private static boolean has(Path process, Path real, boolean writing) {
        try (DirectoryStream<Path> open = Files.newDirectoryStream(process.resolve("fd"))) {
            for (Path one : open) {
                if (Files.isSymbolicLink(one)
                        && Files.readSymbolicLink(one).equals(real)
                        && (!writing || writable(process, String.valueOf(one.getFileName())))) {
                    return true;
                }
            }
        } catch (IOException | java.nio.file.DirectoryIteratorException e) {
            // Another user's, or gone by now.
            return false;
        }
        return false;
    }

    /** By the flags that it was opened with, in octal; the last digit is 0 for reading alone. */
    private static boolean writable(Path process, String descriptor) {
        try {
            for (String line : Files.readAllLines(process.resolve("fdinfo").resolve(descriptor))) {
                if (line.startsWith("flags:")) {
                    return (Long.parseLong(line.substring("flags:".length()).strip(), 8) & 3) != 0;
                }
            }
        } catch (IOException | NumberFormatException e) {
            // Who cannot be asked may write.
            return true;
        }
        return true;
    }

    private static String command(Path process) {
        try {
            String line = Files.readString(process.resolve("cmdline"), StandardCharsets.ISO_8859_1)
                    .replace('\0', ' ')
                    .strip();
            return line.length() > 80 ? line.substring(0, 80) + "…" : line;
        } catch (IOException e) {
            return "?";
        }
    }
}
