package io.levee.testkit.fault;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.levee.testkit.Requirements;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The shim hits what it was told to, and a power cut takes back what was not synced, no more and no less (T18, T30, T31). */
class ShimTest {
    @TempDir
    Path directory;

    /** Writes, renames and deletes under the shim, and ends without syncing. */
    static final class Victim {
        private Victim() {}

        public static void main(String[] arguments) throws IOException {
            Path store = Path.of(arguments[0]);
            if (arguments[1].equals("fail")) {
                System.out.println(fails(store));
                return;
            }
            write(store.resolve("synced"), "old and kept", true);
            write(store.resolve("changed"), "aaaaaaaaaa", true);
            write(store.resolve("cut"), "0123456789", true);
            write(store.resolve("renamed"), "by its old name", true);
            write(store.resolve("replaced"), "what was there", true);
            write(store.resolve("deleted"), "still there", true);
            sync(store);
            write(store.resolve("changed"), "bbbb", false);
            try (FileChannel cut = FileChannel.open(store.resolve("cut"), StandardOpenOption.WRITE)) {
                cut.truncate(3);
            }
            write(store.resolve("created"), "synced itself, its name was not", true);
            Files.move(
                    store.resolve("renamed"), store.resolve("replaced"), java.nio.file.StandardCopyOption.ATOMIC_MOVE);
            Files.delete(store.resolve("deleted"));
            Files.createDirectory(store.resolve("directory"));
            Runtime.getRuntime().halt(9);
        }

        private static String fails(Path store) throws IOException {
            Shim shim = Shim.ofProcess().orElseThrow();
            shim.watch(store).fail(EnumSet.of(Shim.Call.WRITE), 2, 1, Shim.Errno.ENOSPC);
            write(store.resolve("a"), "first", false);
            String said = "";
            try {
                write(store.resolve("a"), "second", false);
            } catch (IOException e) {
                said = String.valueOf(e.getMessage());
            }
            write(store.resolve("a"), "third", false);
            said += "; " + shim.counted() + " counted, " + shim.hits() + " hit, last " + shim.lastHit();
            shim.shorten(1_000_000, 1);
            try (FileChannel channel = FileChannel.open(store.resolve("a"), StandardOpenOption.WRITE)) {
                said += "; wrote " + channel.write(ByteBuffer.wrap(new byte[10])) + " of 10";
            }
            return said;
        }

        private static void write(Path file, String text, boolean sync) throws IOException {
            try (FileChannel channel = FileChannel.open(
                    file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
                channel.write(ByteBuffer.wrap(text.getBytes(UTF_8)), 0);
                if (sync) {
                    channel.force(true);
                }
            }
        }

        private static void sync(Path directory) throws IOException {
            try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
                channel.force(true);
            }
        }
    }

    private Path store() throws IOException {
        return Files.createDirectories(directory.resolve("store"));
    }

    private int run(Shim shim, String what, Path output) throws IOException {
        try (ChildProcess child = ChildProcess.java(Victim.class, store().toString(), what)
                .shim(shim)
                .output(output)
                .start()) {
            return child.await(Duration.ofSeconds(60));
        }
    }

    @Test
    void shouldFailTheCallThatItWasToldTo() throws IOException {
        Shim shim = Requirements.needed(() -> Shim.build(directory));
        Path said = directory.resolve("said");
        assertThat(run(shim, "fail", said)).isZero();
        assertThat(said)
                .hasContent("No space left on device; 3 counted, 1 hit, last pwrite64 " + store().resolve("a")
                        + "; wrote 5 of 10");
    }

    @Test
    void shouldTakeBackWhatWasNotSynced() throws IOException {
        Shim shim = Requirements.needed(() -> Shim.build(directory));
        Path store = store();
        Path undo = directory.resolve("undo");
        shim.watch(store).remember(undo);
        assertThat(run(shim, "write", directory.resolve("said"))).isEqualTo(9);
        assertThat(store.resolve("changed")).hasContent("bbbbaaaaaa");

        PowerCut.Undone undone = PowerCut.cut(store, undo, PowerCut.Kind.ALL, 1);

        assertThat(undone.names()).isEqualTo(4);
        assertThat(contents(store))
                .containsExactly(
                        "changed: aaaaaaaaaa",
                        "cut: 0123456789",
                        "deleted: still there",
                        "renamed: by its old name",
                        "replaced: what was there",
                        "synced: old and kept");
    }

    private static List<String> contents(Path store) throws IOException {
        try (var files = Files.list(store)) {
            return files.sorted()
                    .map(file -> {
                        try {
                            return file.getFileName() + ": " + Files.readString(file);
                        } catch (IOException e) {
                            return file.getFileName() + ": " + e;
                        }
                    })
                    .toList();
        }
    }

    @Test
    void shouldJudgeAnyByteOfAPayload() {
        String payload = Payload.of(5, 77, 1_000);
        assertThat(Payload.wrong(5, 77, 1_000, payload)).isEmpty();
        assertThat(Payload.wrong(5, 77, 1_001, payload)).contains("event time");
        assertThat(Payload.wrong(5, 78, 1_000, payload)).contains("record 78");
        for (int i = 0; i < payload.length(); i++) {
            char other = (char) (payload.charAt(i) ^ 1);
            String damaged = payload.substring(0, i) + other + payload.substring(i + 1);
            assertThat(Payload.wrong(5, 77, 1_000, damaged))
                    .as("character " + i)
                    .isNotEmpty();
        }
    }
}
