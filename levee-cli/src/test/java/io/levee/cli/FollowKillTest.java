package io.levee.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.levee.Levee;
import io.levee.Query;
import io.levee.Store;
import io.levee.testkit.ChildJvm;
import io.levee.testkit.PostgresServer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.awaitility.core.ConditionTimeoutException;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * {@code ingest --follow} under SIGKILL (design section 5: sources): the file grows and rotates meanwhile, by renaming and by copying
 * and truncating, and the table, which has no key, ends up with each line exactly once. {@code -Dlevee.long=true} kills ten times as often.
 */
class FollowKillTest {
    private static final int TIMES = Boolean.getBoolean("levee.long") ? 10 : 1;
    private static final Instant START = Instant.parse("2026-05-10T00:00:00Z");
    private static final Query LINES = Query.builder("lines").build();
    private static final String SPEC =
            "{table: lines, time: at, partition: day, columns: {n: integer, at: timestamp, text: text}}";

    @TempDir
    private Path directory;

    private Path file;
    private Path spec;
    private int written;

    @BeforeEach
    void nameTheFiles() throws IOException {
        file = directory.resolve("app.log");
        spec = Files.writeString(directory.resolve("lines.yaml"), SPEC);
    }

    @Test
    void aKilledFollowerNeitherRepeatsNorLosesALineOnSqlite() throws IOException {
        killAndCompare(directory.resolve("history").toString(), 12 * TIMES, 4711);
    }

    @Test
    void aKilledFollowerNeitherRepeatsNorLosesALineOnPostgres() throws IOException {
        killAndCompare(PostgresServer.shared().newStore(), 4 * TIMES, 4712);
    }

    /** The store knows which file the first positions are of before it has a row with one: else the next file's would be taken for known. */
    @Test
    void aKillRightAfterTheFirstLinesLosesNoneOfTheNextFile() throws IOException {
        String store = directory.resolve("history").toString();
        write(3);
        try (ChildJvm follower = follow(store)) {
            awaitReading(follower);
            awaitAll(store);
            follower.kill();
        }
        Files.move(file, directory.resolve("app.log.1"));
        write(2);
        try (ChildJvm follower = follow(store)) {
            awaitReading(follower);
            awaitAll(store);
            follower.kill();
        }
        assertThat(stored(store)).containsExactly(0, 1, 2, 3, 4);
    }

    private void awaitAll(String store) {
        try (Store reading = Levee.open(store, true, o -> {})) {
            await().pollInterval(Duration.ofMillis(5))
                    .atMost(Duration.ofSeconds(60))
                    .until(() -> reading.count(LINES) >= written);
        }
    }

    private void killAndCompare(String store, int kills, long seed) throws IOException {
        SplittableRandom random = new SplittableRandom(seed);
        write(10);
        for (int kill = 0; kill < kills; kill++) {
            try (ChildJvm follower = follow(store)) {
                awaitReading(follower);
                for (int step = random.nextInt(6); step >= 0; step--) {
                    write(1 + random.nextInt(random.nextInt(2) == 0 ? 20 : 4000));
                    if (random.nextInt(3) == 0) {
                        rotate(random);
                    }
                }
                awaitSome(store, random);
                follower.kill();
            }
            // Sometimes the file goes on while nobody follows it.
            if (random.nextInt(3) == 0) {
                write(1 + random.nextInt(500));
                rotate(random);
                write(1 + random.nextInt(20));
            }
        }
        try (ChildJvm follower = follow(store)) {
            awaitReading(follower);
            write(7);
            try (Store reading = Levee.open(store, true, o -> {})) {
                await().atMost(Duration.ofSeconds(60)).until(() -> reading.count(LINES) >= written);
            } catch (ConditionTimeoutException e) {
                List<Integer> there = stored(store);
                follower.terminate();
                throw new AssertionError(
                        "not all " + written + " came within the time, of " + there.size() + " there are, the last "
                                + there.get(there.size() - 1) + ", the first that is missing "
                                + IntStream.range(0, written)
                                        .filter(n -> !there.contains(n))
                                        .findFirst()
                                        .orElse(-1)
                                + ": " + follower.rest(),
                        e);
            }
            follower.terminate();
            List<String> said = follower.rest();
            assertThat(said).anySatisfy(line -> assertThat(line).contains("stopped. read", "rejected 0, lost 0"));
            assertThat(said).noneSatisfy(line -> assertThat(line).contains("GAP"));
        }
        assertThat(stored(store))
                .as("seed %d", seed)
                .isEqualTo(IntStream.range(0, written).boxed().toList());
    }

    /** Kills come at any point of the work: at once, half-way, or when it has caught up. */
    private void awaitSome(String store, SplittableRandom random) {
        if (random.nextInt(4) == 0) {
            return;
        }
        try (Store reading = Levee.open(store, true, o -> {})) {
            long before = reading.count(LINES);
            long enough = before + random.nextLong(Math.max(1, written - before + 1));
            await().pollInterval(Duration.ofMillis(5))
                    .atMost(Duration.ofSeconds(60))
                    .until(() -> reading.count(LINES) >= enough);
        }
    }

    private ChildJvm follow(String store) {
        return ChildJvm.start(
                CommandProcess.class,
                "ingest",
                "lines",
                "--follow",
                file.toString(),
                "--spec",
                spec.toString(),
                "--store",
                store);
    }

    /** The follower has opened the store and found its place. */
    private static void awaitReading(ChildJvm follower) {
        List<String> said = new ArrayList<>();
        for (String line = follower.line(); line != null; line = follower.line()) {
            said.add(line);
            if (line.startsWith("reading ")) {
                return;
            }
        }
        throw new AssertionError("the follower ended: " + said);
    }

    private void write(int count) throws IOException {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < count; i++, written++) {
            // Rows of neighbouring lines go to different partitions: their commits are not one.
            Instant at = START.plusSeconds(written % 3 * 86_400L + written % 1000);
            text.append("{\"n\":")
                    .append(written)
                    .append(",\"at\":\"")
                    .append(at)
                    .append("\",\"text\":\"line ");
            text.append(written).append("\"}\n");
        }
        Files.writeString(file, text.toString(), StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    }

    /** Keeps so many that none is deleted: what is gone cannot be compared. */
    private void rotate(SplittableRandom random) throws IOException {
        int last = 1;
        while (Files.exists(directory.resolve("app.log." + last))) {
            last++;
        }
        for (int n = last; n > 1; n--) {
            Files.move(directory.resolve("app.log." + (n - 1)), directory.resolve("app.log." + n));
        }
        Path first = directory.resolve("app.log.1");
        if (random.nextInt(4) == 0) {
            Files.copy(file, first);
            Files.newByteChannel(file, StandardOpenOption.WRITE, StandardOpenOption.TRUNCATE_EXISTING)
                    .close();
        } else {
            Files.move(file, first);
        }
    }

    private static List<Integer> stored(String store) {
        List<Integer> all = new ArrayList<>();
        try (Store reading = Levee.open(store, true, o -> {})) {
            reading.query(LINES).forEach(row -> {
                assertThat(row.get("text")).isEqualTo("line " + row.get("n"));
                all.add(Math.toIntExact((Long) row.get("n")));
            });
        }
        all.sort(null);
        return all;
    }
}
