package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.levee.Levee;
import io.levee.Query;
import io.levee.Result;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.testkit.ChildJvm;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A process that makes backups beside the writer of another one, and is killed: what is there is a whole backup, the last or the one before. */
class BackupKillTest {
    private static final int KILLS = 4;

    /** So many rows at most are not committed yet. */
    private static final int FLUSH = 200;

    private static final Instant AS_OF = Instant.parse("2026-05-20T12:00:00Z");

    @TempDir
    Path directory;

    /** Makes one backup after the other. */
    static final class Child {
        private Child() {}

        public static void main(String[] arguments) {
            try (Store store = Levee.openReadOnly(Path.of(arguments[0]))) {
                System.out.println("ready");
                while (true) {
                    store.backup(Path.of(arguments[1]));
                    System.out.println("done");
                }
            }
        }
    }

    private static List<Long> numbers(Path home) {
        List<Long> numbers = new ArrayList<>();
        try (Store store = Levee.open(home, o -> o.asOf(AS_OF));
                Result<Row> rows = store.query(
                        Query.builder("events").oldestFirst().limit(10_000_000).build())) {
            rows.forEach(row -> numbers.add((Long) row.get("i")));
        }
        numbers.sort(null);
        return numbers;
    }

    @Test
    void shouldLeaveAWholeBackupWheneverItIsKilledBesideAWriter() throws Exception {
        long seed = System.nanoTime();
        System.out.println("seed " + seed);
        SplittableRandom random = new SplittableRandom(seed);
        Path home = directory.resolve("store");
        Path backup = directory.resolve("backup");
        int restored = 0;
        try (Store store = Levee.open(home, o -> o.asOf(AS_OF))) {
            Table<Row> events = store.createTable(BackupTest.EVENTS);
            AtomicBoolean stop = new AtomicBoolean();
            Thread feeding = new Thread(() -> {
                for (int i = 0; !stop.get(); i++) {
                    events.append(BackupTest.event(i));
                    if (i % FLUSH == 0) {
                        store.flush(Duration.ofSeconds(60));
                    }
                }
            });
            feeding.start();
            try {
                await().until(() -> store.status().stored() > 1000);
                for (int kill = 0; kill <= KILLS; kill++) {
                    try (ChildJvm child = ChildJvm.start(Child.class, home.toString(), backup.toString())) {
                        assertThat(child.line()).isEqualTo("ready");
                        if (kill > 0) {
                            TimeUnit.MILLISECONDS.sleep(random.nextInt(300));
                        } else {
                            assertThat(child.line()).isEqualTo("done");
                        }
                        child.kill();
                    }
                    assertThat(Levee.verifyBackup(backup, line -> {}).damaged()).isEmpty();
                    Path to = directory.resolve("restored" + kill);
                    Levee.restore(backup, to.toString());
                    List<Long> numbers = numbers(to);
                    assertThat(numbers).hasSizeGreaterThan(restored).doesNotHaveDuplicates();
                    // The moment may lie between two files of the batch that was just written, as a crash may.
                    long flushed = numbers.get(numbers.size() - 1) / FLUSH * FLUSH;
                    assertThat(numbers.subList(0, (int) flushed + 1))
                            .as("of one moment, seed %d", seed)
                            .isEqualTo(
                                    LongStream.rangeClosed(0, flushed).boxed().toList());
                    restored = numbers.size() - 1;
                }
            } finally {
                stop.set(true);
                feeding.join();
            }
        }
        assertThat(Files.exists(backup.resolve("backup.json"))).isTrue();
    }
}
