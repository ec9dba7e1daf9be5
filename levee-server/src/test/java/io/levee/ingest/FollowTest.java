package io.levee.ingest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.levee.Ack;
import io.levee.ColumnType;
import io.levee.Levee;
import io.levee.LeveeException;
import io.levee.PartitionBy;
import io.levee.Query;
import io.levee.Result;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.internal.time.MonotonicClock;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Design section 5, sources: every whole line of a file that grows and rotates is taken exactly once, or told as a gap. */
class FollowTest {
    private static final Instant START = Instant.parse("2026-05-10T00:00:00Z");
    private static final TableSpec LINES = TableSpec.builder("lines")
            .column("n", ColumnType.INTEGER)
            .column("at", ColumnType.TIMESTAMP)
            .column("text", ColumnType.TEXT)
            .time("at")
            .partitionBy(PartitionBy.DAY)
            .build();

    @TempDir
    private Path directory;

    private Path file;
    private Store store;
    private Table<Row> table;
    private int written;
    private final Heard heard = new Heard();

    private Follow follow;
    private CompletableFuture<FollowReport> running;

    /** What the listener heard. */
    private static final class Heard implements FollowListener {
        final List<String> bad = new CopyOnWriteArrayList<>();
        final List<String> gaps = new CopyOnWriteArrayList<>();
        final List<String> reading = new CopyOnWriteArrayList<>();

        @Override
        public void reading(Path now, long offset, String why) {
            reading.add(now.getFileName() + "@" + offset);
        }

        @Override
        public void rejected(Path where, long offset, LeveeException error) {
            bad.add(where.getFileName() + "@" + offset + " " + error.code());
        }

        @Override
        public void gap(Path where, String what) {
            gaps.add(where.getFileName() + ": " + what);
        }
    }

    @BeforeEach
    void openTheStore() {
        file = directory.resolve("app.log");
        store = Levee.open(directory.resolve("history"));
        table = store.createTable(LINES);
    }

    @AfterEach
    void closeTheStore() {
        if (running != null && !running.isDone()) {
            stop();
        }
        store.close();
    }

    private static String line(int n) {
        return "{\"n\":" + n + ",\"at\":\"" + START.plusSeconds(n * 3600L) + "\",\"text\":\"line " + n + "\"}\n";
    }

    /** Writes the next lines to the end of the file. */
    private void write(int count) throws IOException {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < count; i++) {
            text.append(line(written++));
        }
        append(text.toString());
    }

    private void append(String text) throws IOException {
        Files.writeString(file, text, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    }

    private Path rotated(int n) {
        return directory.resolve("app.log." + n);
    }

    /** Renames as logrotate does: .2 to .3, .1 to .2, the file to .1. */
    private void rotate() throws IOException {
        for (int n = 8; n > 0; n--) {
            if (Files.exists(rotated(n))) {
                Files.move(rotated(n), rotated(n + 1));
            }
        }
        Files.move(file, rotated(1));
    }

    /** As logrotate's copytruncate. */
    private void copyAndTruncate() throws IOException {
        Files.copy(file, rotated(1));
        Files.newByteChannel(file, StandardOpenOption.WRITE, StandardOpenOption.TRUNCATE_EXISTING)
                .close();
    }

    private void start() {
        start(false);
    }

    private void start(boolean fromEnd) {
        start(fromEnd, MonotonicClock.SYSTEM);
    }

    private void start(boolean fromEnd, MonotonicClock clock) {
        FollowOptions options = new FollowOptions(Format.AUTO, 4096, fromEnd, Ack.COMMITTED, clock);
        follow = new Follow(file, table, "f", options, heard);
        running = CompletableFuture.supplyAsync(follow::run);
    }

    private FollowReport stop() {
        follow.stop();
        return running.join();
    }

    private FollowReport stopWhenStored(int count) {
        awaitStored(count);
        return stop();
    }

    private void awaitStored(int count) {
        await().atMost(Duration.ofSeconds(60)).until(() -> {
            if (running.isDone()) {
                running.join();
            }
            return stored().size() >= count;
        });
    }

    private List<Integer> stored() {
        List<Integer> all = new ArrayList<>();
        try (Result<Row> rows = store.query(Query.builder("lines").oldestFirst().build())) {
            rows.forEach(row -> {
                int n = Math.toIntExact((Long) row.get("n"));
                assertThat(row.get("text")).isEqualTo("line " + n);
                all.add(n);
            });
        }
        return all;
    }

    private void assertEveryLineOnce() {
        assertThat(stored()).hasSize(written).doesNotHaveDuplicates();
        assertThat(stored().get(written - 1)).isEqualTo(written - 1);
    }

    @Test
    void linesAreTakenAsTheyComeAndOnlyWhole() throws IOException {
        start();
        write(3);
        append("{\"n\":3,\"at\":\"2026-05-10T03:00:00Z\",");
        awaitStored(3);
        append("\"text\":\"line 3\"}\n");
        written++;
        write(5);
        FollowReport report = stopWhenStored(9);
        assertThat(report.read()).isEqualTo(9);
        assertThat(report.stored()).isEqualTo(9);
        assertThat(report.position()).isEqualTo(Files.size(file));
        assertEveryLineOnce();

        // A second run begins where the first one ended.
        write(2);
        start();
        report = stopWhenStored(11);
        assertThat(report.read()).isEqualTo(2);
        assertEveryLineOnce();
    }

    @Test
    void renamedFilesAreReadToTheirEnd() throws IOException {
        write(10);
        start();
        awaitStored(10);
        write(5);
        rotate();
        // Its writer has not noticed yet.
        Files.writeString(rotated(1), line(written++), StandardOpenOption.APPEND);
        write(4);
        awaitStored(written);
        rotate();
        write(3);
        FollowReport report = stopWhenStored(written);
        assertThat(report.rejected() + report.lost() + report.gaps()).isZero();
        assertEveryLineOnce();
        assertThat(heard.reading).containsExactly("app.log@0", "app.log@0", "app.log@0");
    }

    @Test
    void severalRotationsWhileNothingRanAreCaughtUpCompressedOnesIncluded() throws IOException {
        write(10);
        start();
        stopWhenStored(10);
        write(5);
        rotate();
        write(5);
        rotate();
        write(5);
        rotate();
        write(5);
        compress(rotated(3));
        compress(rotated(2));
        start();
        FollowReport report = stopWhenStored(written);
        assertThat(report.gaps()).isZero();
        assertThat(report.known()).isZero();
        assertEveryLineOnce();
        assertThat(heard.reading).containsSubsequence("app.log.2.gz@0", "app.log.1@0", "app.log@0");
    }

    private void compress(Path plain) throws IOException {
        Path packed = Path.of(plain + ".gz");
        try (OutputStream out = new GZIPOutputStream(Files.newOutputStream(packed))) {
            Files.copy(plain, out);
        }
        FileTime modified = Files.getLastModifiedTime(plain);
        Files.delete(plain);
        Files.setLastModifiedTime(packed, modified);
    }

    @Test
    void aCopiedAndTruncatedFileIsReadToTheEndOfItsCopy() throws IOException {
        write(10);
        start();
        awaitStored(10);
        stop();
        write(5);
        copyAndTruncate();
        write(30);
        start();
        awaitStored(written);
        // And while it is followed: the file is soon longer than it was.
        Files.delete(rotated(1));
        write(1);
        copyAndTruncate();
        write(100);
        FollowReport report = stopWhenStored(written);
        assertThat(report.gaps()).isZero();
        assertThat(report.rejected()).isZero();
        assertEveryLineOnce();
    }

    @Test
    void whatCannotBeReadAnyMoreIsTold() throws IOException {
        write(10);
        start();
        awaitStored(10);
        Files.writeString(file, line(written++)); // truncated without a copy
        awaitStored(11);
        assertThat(heard.gaps).hasSize(1).first().asString().contains("truncated after byte");
        FollowReport report = stop();
        assertThat(report.gaps()).isEqualTo(1);

        // The file goes while nothing runs; another one has its name.
        write(2);
        Files.delete(file);
        written -= 2;
        append(line(written++));
        start();
        awaitStored(12);
        assertThat(heard.gaps).hasSize(2).last().asString().contains("is gone");
        // A rotated file that nobody can uncompress here.
        Files.move(file, directory.resolve("app.log.1.xz"));
        write(1);
        stopWhenStored(13);
        assertEveryLineOnce();
    }

    @Test
    void unreadFilesInAnUnknownCompressionAreTold() throws IOException {
        write(3);
        start();
        stopWhenStored(3);
        rotate();
        Files.writeString(directory.resolve("app.log.0.xz"), "whatever");
        append(line(written++));
        start();
        stopWhenStored(4);
        assertThat(heard.gaps).singleElement().asString().startsWith("app.log.0.xz: it was compressed");
    }

    @Test
    void badLinesAreNamedByFileAndByteAndStopNothing() throws IOException {
        start();
        append("{not json\n");
        write(1);
        append("\n{\"n\":1}\n{\"n\":2,\"at\":\"2026-05-10T00:00:00Z\",\"text\":\"" + "x".repeat(9000) + "\"}\n");
        write(1);
        FollowReport report = stopWhenStored(2);
        assertThat(heard.bad)
                .hasSize(3)
                .satisfies(bad -> assertThat(bad.get(0)).isEqualTo("app.log@0 BAD_LINE"))
                .satisfies(bad -> assertThat(bad.get(1)).endsWith("NO_TIME"))
                .satisfies(bad -> assertThat(bad.get(2)).endsWith("TOO_LARGE"));
        assertThat(report.rejected()).isEqualTo(3);
        assertThat(report.read()).isEqualTo(5);
        assertThat(report.position()).isEqualTo(Files.size(file));
    }

    @Test
    void eachCsvFileHasItsHeaderAndAnOpenQuoteHoldsNothingUp() throws IOException {
        append("n,at,text\n0,2026-05-10T00:00:00Z,line 0\n");
        start();
        awaitStored(1);
        stop();
        append("1,2026-05-10T01:00:00Z,\"line");
        append(" 1\"\n");
        start();
        awaitStored(2);
        append("2,2026-05-10T02:00:00Z,\"never closed\n");
        // More than the longest line, which is no record that is too long: one line of it is bad.
        for (int n = 3; n < 200; n++) {
            append(n + ",2026-05-10T03:00:00Z,line " + n + "\n");
        }
        awaitStored(199);
        assertThat(heard.bad).singleElement().asString().endsWith("BAD_LINE");
        Files.move(file, rotated(1));
        append("text,n,at\nline 200,200,2026-05-11T00:00:00Z\n");
        FollowReport report = stopWhenStored(200);
        assertThat(report.rejected()).isEqualTo(1);
        assertThat(report.gaps()).isZero();
    }

    /** A kill at any moment: else positions of the next file would be taken for those of this one. */
    @Test
    void theStoreKnowsWhichFileComesBeforeItHasARowOfIt() throws IOException {
        write(3);
        // Time stands still: nothing is noted because a second has passed.
        start(false, () -> 0);
        awaitStored(3);
        FollowPlace first = FollowPlace.parse(table.source("f").start().state());
        assertThat(first).isNotNull();
        assertThat(first.headLength()).isPositive();
        long size = Files.size(file);
        rotate();
        write(2);
        rotate();
        write(1);
        awaitStored(5);
        FollowPlace second = FollowPlace.parse(table.source("f").start().state());
        assertThat(second).isNotNull();
        assertThat(second.base()).isEqualTo(size);
        stop();
    }

    /** Else a kill before the place is noted loses what was written meanwhile, if the file is rotated before the next start. */
    @Test
    void theStoreKnowsTheFirstFileBeforeAnyoneHearsThatItIsRead() throws IOException {
        write(3);
        CompletableFuture<String> known = new CompletableFuture<>();
        FollowOptions options = FollowOptions.defaults();
        follow = new Follow(file, table, "f", options, new FollowListener() {
            @Override
            public void reading(Path now, long offset, String why) {
                known.complete(table.source("f").start().state());
            }
        });
        running = CompletableFuture.supplyAsync(follow::run);
        assertThat(known)
                .succeedsWithin(Duration.ofSeconds(60))
                .satisfies(state -> assertThat(state).isNotEmpty());
        stop();
    }

    @Test
    void theFirstStartMayBeginAtTheEndAndALaterOneNeverDoes() throws IOException {
        write(5);
        start(true);
        await().until(() -> !heard.reading.isEmpty());
        stop();
        assertThat(stored()).isEmpty();
        write(2);
        start(true);
        stopWhenStored(2);
        assertThat(stored()).containsExactly(5, 6);
    }

    @Test
    void aFileThatIsNotThereYetIsWaitedFor() throws IOException {
        start(true);
        await().until(() -> table.source("f").start().state().contains("app.log"));
        stop();
        write(2);
        rotate();
        write(2);
        start(true);
        stopWhenStored(4);
        assertEveryLineOnce();
    }

    @Test
    void anInodeThatIsGivenToAnotherFileIsNotTakenForTheOld() throws IOException {
        write(5);
        start();
        stopWhenStored(5);
        // The same inode, longer than before, other content: only the bytes tell.
        StringBuilder other = new StringBuilder();
        written = 0;
        for (int n = 100; n < 120; n++) {
            other.append(line(n));
        }
        Files.newByteChannel(file, StandardOpenOption.WRITE, StandardOpenOption.TRUNCATE_EXISTING)
                .close();
        Files.write(file, other.toString().getBytes(StandardCharsets.UTF_8), StandardOpenOption.APPEND);
        start();
        stopWhenStored(25);
        assertThat(heard.gaps).hasSize(1);
        assertThat(stored()).hasSize(25).doesNotHaveDuplicates();
    }
}
