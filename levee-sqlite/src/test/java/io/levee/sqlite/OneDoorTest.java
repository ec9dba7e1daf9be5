package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Bytes;
import io.levee.testkit.ChildJvm;
import io.levee.testkit.Requirements;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.sql.Connection;
import java.sql.DriverManager;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Why {@link Handles} is the one door: a Java open and close of a database that SQLite has open in the same process gives
 * SQLite's locks away, and committed rows are lost. The first test shows the disease, so that nobody takes the cure for
 * superstition; the second shows that the door keeps it out.
 */
class OneDoorTest {
    @TempDir
    Path directory;

    /** Holds a WAL database open, goes through a door of its choice, and commits when it is told to. */
    static final class Owner {
        private Owner() {}

        public static void main(String[] arguments) throws Exception {
            Path file = Path.of(arguments[0]);
            Connection connection = Connections.writer(file, Bytes.mebi(1));
            Sqlite.run(connection, "CREATE TABLE t(i INTEGER)");
            Sqlite.run(connection, "INSERT INTO t VALUES(0)");
            if (arguments[1].equals("bad")) {
                boolean there;
                try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
                    there = channel.size() > 0;
                }
                // Told when it is closed, and not before: it is the closing that gives the locks away.
                System.out.println("visited " + there);
            } else {
                System.out.println("visited "
                        + Handles.visit(file, file, false, 0L, FileChannel::size)
                                .visited());
            }
            System.in.read();
            for (int i = 1; i <= 100; i++) {
                Sqlite.run(connection, "INSERT INTO t VALUES(" + i + ")");
            }
            System.out.println("committed");
            System.in.read();
            System.in.read();
        }
    }

    /** Another process looks into the file with the sqlite3 shell, and goes: which checkpoints if it seems to be alone. */
    private static void visit(Path file) throws Exception {
        Process shell = new ProcessBuilder(
                        Requirements.tool("sqlite3").toString(), file.toString(), "SELECT count(*) FROM t")
                .start();
        assertThat(new String(shell.getInputStream().readAllBytes(), StandardCharsets.UTF_8))
                .isEqualTo("1\n");
        assertThat(shell.waitFor()).isZero();
    }

    private Object rowsAfter(String door, String wantedAnswer) throws Exception {
        Path file = directory.resolve(door + ".db");
        try (ChildJvm owner = ChildJvm.start(Owner.class, file.toString(), door)) {
            assertThat(owner.line()).isEqualTo("visited " + wantedAnswer);
            visit(file);
            owner.send("");
            assertThat(owner.line()).isEqualTo("committed");
            owner.kill();
        }
        try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + file)) {
            return Sqlite.value(connection, "SELECT count(*) FROM t");
        }
    }

    /** Shells from 3.51 on look at the shm file too before they take a WAL away; a bad door is as bad, but shows less. */
    private static void needsAShellThatTrustsTheLock() throws Exception {
        Process shell = new ProcessBuilder(Requirements.tool("sqlite3").toString(), "--version").start();
        String version = new String(shell.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        String[] numbers = version.split("[. ]", -1);
        Assumptions.assumeTrue(
                Integer.parseInt(numbers[0]) == 3 && Integer.parseInt(numbers[1]) < 51,
                "sqlite3 " + version + " no longer trusts the lock alone");
    }

    @Test
    void shouldLoseCommittedRowsThroughTheBadDoor() throws Exception {
        needsAShellThatTrustsTheLock();
        assertThat((Integer) rowsAfter("bad", "true")).isLessThan(101);
    }

    @Test
    void shouldKeepThemThroughTheOneDoor() throws Exception {
        assertThat(rowsAfter("good", "false")).isEqualTo(101);
    }

    @ParameterizedTest
    @CsvSource({"bad, true, 1", "good, false, 2"})
    @EnabledOnOs(OS.LINUX)
    void shouldKeepTheLocksOnlyThroughTheOneDoor(String door, String answer, int locks) throws Exception {
        Path file = directory.resolve(door + ".db");
        try (ChildJvm owner = ChildJvm.start(Owner.class, file.toString(), door)) {
            assertThat(owner.line()).isEqualTo("visited " + answer);
            // One lock on the shm file, which nobody touched, and one on the database.
            try (Stream<String> lines = Files.lines(Path.of("/proc/locks"))) {
                assertThat(lines.filter(l -> l.contains("POSIX") && l.contains(" " + owner.pid() + " ")))
                        .hasSize(locks);
            }
        }
    }

    @Test
    void shouldVisitAFileThatNobodyHasOpenAndHoldOffConnectionsMeanwhile() throws Exception {
        Path file = directory.resolve("closed.db");
        Connection first = Connections.writer(file, Bytes.mebi(1));
        assertThat(Handles.open(file)).isEqualTo(1);
        assertThat(Handles.open(directory.resolve("x/../closed.db"))).isEqualTo(1);
        Connections.close(file, first);
        assertThat(Handles.open(file)).isZero();
        Thread opener = new Thread(() -> {
            try {
                Connections.close(file, Connections.writer(file, Bytes.mebi(1)));
            } catch (java.sql.SQLException e) {
                throw new IllegalStateException(e);
            }
        });
        Handles.Visited<Boolean> visited = Handles.visit(file, file, false, false, channel -> {
            opener.start();
            org.awaitility.Awaitility.await().until(() -> opener.getState() == Thread.State.BLOCKED);
            return true;
        });
        assertThat(visited.visited()).isTrue();
        // None is open before it opens either.
        opener.join();
        assertThat(Handles.open(file)).isZero();
    }
}
