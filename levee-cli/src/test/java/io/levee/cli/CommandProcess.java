package io.levee.cli;

import io.levee.internal.time.MonotonicClock;
import java.io.ByteArrayInputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Clock;

/** The command as a process of its own, with what it tells people on standard output, where a {@link io.levee.testkit.ChildJvm} reads it. */
final class CommandProcess {
    private CommandProcess() {}

    public static void main(String[] arguments) {
        PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
        Console console = new Console(
                new ByteArrayInputStream(new byte[0]),
                OutputStream.nullOutputStream(),
                out,
                System.getenv(),
                false,
                false,
                false,
                Clock.systemUTC(),
                MonotonicClock.SYSTEM);
        System.exit(Main.execute(console, arguments));
    }
}
