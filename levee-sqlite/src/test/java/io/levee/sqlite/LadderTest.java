package io.levee.sqlite;

import static io.levee.engine.WriteRow.Outcome.RETRY;
import static io.levee.engine.WriteRow.Outcome.STORED;
import static io.levee.sqlite.OpenEngine.row;
import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.Bytes;
import io.levee.ErrorCode;
import io.levee.Levee;
import io.levee.PartitionId;
import io.levee.Query;
import io.levee.Store;
import io.levee.testkit.Requirements;
import io.levee.testkit.fault.SmallDisk;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The rungs of the failure ladder (design section 5) without a right to mount, and what is synced for DURABLE. */
class LadderTest {
    @TempDir
    Path directory;

    @Test
    void shouldKeepRowsForAFullVolumeAndGoOn() throws Exception {
        try (OpenEngine store = new OpenEngine(directory)) {
            store.append(row(0, 0));
            long pages = Sqlite.number(store.writer().connection(), "PRAGMA page_count");
            Sqlite.number(store.writer().connection(), "PRAGMA max_page_count=" + pages);
            List<OpenEngine.Handed> rows = new ArrayList<>();
            for (int i = 1; i <= 100; i++) {
                rows.add(row(i, 0, "x".repeat(1000)));
            }
            store.append(rows, Ack.COMMITTED);
            assertThat(OpenEngine.outcomes(rows)).containsOnly(RETRY);
            assertThat(rows).allMatch(r -> r.error() != null && r.error().code() == ErrorCode.DISK_FULL);
            assertThat(store.engine.full()).isTrue();
            // No sibling: another file would have no more room.
            assertThat(store.engine.partitions()).hasSize(1);
            Sqlite.number(store.writer().connection(), "PRAGMA max_page_count=1000000");
            store.append(rows, Ack.COMMITTED);
            assertThat(OpenEngine.outcomes(rows)).containsOnly(STORED);
            assertThat(store.engine.full()).isFalse();
        }
        assertThat(OpenEngine.stored(directory, "i")).hasSize(101);
    }

    /**
     * Nobody gave leave to drop anything, the reserve is used up, and new rows need a page of the catalog and a file: the log of the day
     * before takes as much space as its rows, and nobody needs it.
     */
    @Test
    void shouldGiveBackWhatLogsTakeBeforeItWaitsForRoom() throws Exception {
        try (SmallDisk disk = Requirements.needed(() -> SmallDisk.tmpfs(directory, 16 << 20));
                OpenEngine store = new OpenEngine(disk.directory().resolve("store"))) {
            for (int i = 0; i < 1000; i += 100) {
                List<OpenEngine.Handed> rows = new ArrayList<>();
                for (int j = i; j < i + 100; j++) {
                    rows.add(row(j, 0, "x".repeat(500)));
                }
                store.append(rows, Ack.COMMITTED);
            }
            Path wal = StorePaths.wal(store.writer().file());
            assertThat(store.writer().checkpoint()).isTrue();
            assertThat(Files.size(wal)).isGreaterThan(400_000);
            disk.fill(0);
            assertThat(store.append(row(1000, 1))).containsExactly(RETRY);
            assertThat(store.engine.full()).isTrue();
            store.engine.afterBatch();
            assertThat(Partition.size(wal)).isZero();
            assertThat(store.append(row(1000, 1))).containsExactly(STORED);
            assertThat(store.engine.full()).isFalse();
        }
    }

    /** The unprivileged twin of a full volume: a limit of the file size gives SQLITE_IOERR_WRITE, and a sibling is another file. */
    static final class Limited {
        private Limited() {}

        public static void main(String[] arguments) {
            try (Store store = Levee.open(Path.of(arguments[0]), o -> o.memory(Bytes.mebi(32)))) {
                var events = store.createTable(OpenEngine.EVENTS);
                List<java.util.concurrent.CompletableFuture<io.levee.Receipt>> receipts = new ArrayList<>();
                for (long i = 0; i < 12_000; i++) {
                    receipts.add(events.append(
                            io.levee.Row.of(OpenEngine.EVENTS)
                                    .set("i", i)
                                    .set("at", OpenEngine.DAY1.plusMillis(i))
                                    .set("text", "x".repeat(1000))
                                    .build(),
                            Ack.COMMITTED));
                    if (i % 2000 == 0) {
                        receipts.forEach(java.util.concurrent.CompletableFuture::join);
                    }
                }
                receipts.forEach(java.util.concurrent.CompletableFuture::join);
                System.out.println("rows " + store.count(Query.builder("events").build()) + " lost "
                        + store.status().lost());
            }
        }
    }

    private static List<String> java(Class<?> main, Path home) {
        return List.of(
                ProcessHandle.current().info().command().orElse("java"),
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-XX:-UsePerfData",
                "-cp",
                System.getProperty("java.class.path"),
                main.getName(),
                home.toString());
    }

    private String run(List<String> command) throws IOException, InterruptedException {
        Path out = directory.resolve("out");
        Process process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(out.toFile())
                .start();
        try {
            assertThat(process.waitFor(3, TimeUnit.MINUTES)).isTrue();
        } finally {
            process.destroyForcibly();
        }
        return Files.readString(out, StandardCharsets.UTF_8);
    }

    @Test
    void shouldRollAtTheLimitOfFileSizes() throws Exception {
        Path home = directory.resolve("store");
        List<String> command = new ArrayList<>(List.of("sh", "-c", "ulimit -f 8192 && exec \"$@\"", "sh"));
        command.addAll(java(Limited.class, home));
        assertThat(run(command)).contains("rows 12000 lost 0");
        // In blocks of 512 bytes.
        long limit = 8192L * 512;
        try (var files = Files.list(home.resolve("tables/events"))) {
            assertThat(files.filter(f -> f.toString().endsWith(".db")).toList())
                    .hasSizeGreaterThan(1)
                    .allMatch(f -> Partition.size(f) <= limit);
        }
    }

    /** One DURABLE row in a store whose directories are all new. */
    static final class Durable {
        private Durable() {}

        public static void main(String[] arguments) {
            try (Store store = Levee.open(Path.of(arguments[0]))) {
                var events = store.createTable(OpenEngine.EVENTS);
                var row = io.levee.Row.of(OpenEngine.EVENTS)
                        .set("i", 1L)
                        .set("at", OpenEngine.DAY1)
                        .build();
                events.append(row, Ack.DURABLE).join();
                // Killed here: what comes after the receipt does not count.
                Runtime.getRuntime().halt(0);
            }
        }
    }

    /** Design section 1: SQLite syncs the immediate directory only. */
    @Test
    void shouldSyncEveryNewDirectoryBeforeADurableReceipt() throws Exception {
        Path trace = directory.resolve("trace");
        Path home = directory.resolve("made/too/store");
        List<String> command = new ArrayList<>(List.of(
                Requirements.tool("strace").toString(), "-f", "-y", "-e", "trace=fsync", "-o", trace.toString()));
        command.addAll(java(Durable.class, home));
        run(command);
        String synced = Files.readString(trace, StandardCharsets.UTF_8).toLowerCase(Locale.ROOT);
        for (Path made = home.resolve("tables/events"); !made.equals(directory.getParent()); made = made.getParent()) {
            String name = made.toString().toLowerCase(Locale.ROOT);
            assertThat(synced.contains("<" + name + ">") || synced.contains("<" + name + "/.>"))
                    .as("%s is synced", made)
                    .isTrue();
        }
    }

    @Test
    void shouldTakeAMissingFileThatTheLedgerNamesForDropped() throws Exception {
        PartitionId oldest = new PartitionId("events", "", "2026-05-10", 1);
        try (OpenEngine store = new OpenEngine(directory)) {
            store.append(row(0, 0), row(1, 1));
        }
        // A crash after the unlink and before the catalog could be told.
        Ledger ledger = Ledger.open(directory.resolve("ledger.log"), Clock.systemUTC(), "");
        assertThat(ledger.gone(oldest, "the volume is full")).isTrue();
        ledger.close(null);
        Files.delete(directory.resolve("tables/events/2026-05-10.db"));
        try (Store reader = Levee.openReadOnly(directory)) {
            assertThat(reader.query(Query.builder("events").build()).toList()).hasSize(1);
        }
        try (Store store = Levee.open(directory)) {
            assertThat(store.partitions()).hasSize(1);
            assertThat(store.query(Query.builder("events").build()).toList()).hasSize(1);
        }
    }

    @Test
    void shouldUnlinkFirstAndRecordAfterwards() throws Exception {
        try (OpenEngine store = new OpenEngine(directory)) {
            store.append(row(0, 0), row(1, 1));
            PartitionId oldest = new PartitionId("events", "", "2026-05-10", 1);
            // Still open for writing, and given up without a checkpoint: the newest of the table is not.
            assertThat(store.engine.letGo(oldest)).isEmpty();
            assertThat(store.engine.letGo(new PartitionId("events", "", "2026-05-11", 1)))
                    .isNotEmpty();
            assertThat(store.engine.dropForSpace(oldest, "full").bytesFreed()).isPositive();
            assertThat(store.engine.partitions()).hasSize(1);
            assertThat(store.engine.droppedSeq("events")).isEqualTo(1);
            assertThat(store.engine.floorMicros("events")).isPositive();
            try (var files = Files.list(directory.resolve("tables/events"))) {
                assertThat(files.map(f -> f.getFileName().toString()).toList())
                        .allMatch(name -> name.startsWith("2026-05-11"));
            }
        }
        assertThat(OpenEngine.stored(directory, "i")).containsExactly(1);
    }
}
