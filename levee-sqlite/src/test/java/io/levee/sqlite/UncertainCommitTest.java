package io.levee.sqlite;

import static io.levee.engine.WriteRow.Outcome.STORED;
import static io.levee.engine.WriteRow.Outcome.UNCERTAIN;
import static io.levee.sqlite.OpenEngine.row;
import static io.levee.sqlite.OpenEngine.sourced;
import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.ColumnType;
import io.levee.PartitionBy;
import io.levee.TableSpec;
import io.levee.engine.WriteRow;
import io.levee.engine.WriteRow.Outcome;
import io.levee.sqlite.PartitionWriter.Point;
import io.levee.testkit.Requirements;
import java.io.BufferedReader;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.sqlite.SQLiteErrorCode;
import org.sqlite.SQLiteException;

/** Design section 1: a commit that failed with an I/O error was there after the reopen. So it is looked up before it is repeated. */
class UncertainCommitTest {
    @TempDir
    Path directory;

    private static SQLException broken() {
        return new SQLiteException("disk I/O error", SQLiteErrorCode.SQLITE_IOERR_FSYNC);
    }

    @ParameterizedTest
    @EnumSource(
            value = Ack.class,
            names = {"COMMITTED", "DURABLE"})
    void shouldStoreNothingTwiceWhenAFailedCommitTookEffect(Ack level) throws Exception {
        try (OpenEngine store = new OpenEngine(directory)) {
            store.append(row(0, 0));
            List<OpenEngine.Handed> rows = List.of(sourced(1, 0, "a", 1), row(2, 0), row(3, 0));
            store.writer().failAt(Point.COMMITTED, broken());
            store.append(rows, level);
            assertThat(OpenEngine.outcomes(rows)).containsOnly(UNCERTAIN);
            List<Long> numbers = rows.stream().map(WriteRow::seq).toList();
            assertThat(numbers).doesNotContain(0L).doesNotHaveDuplicates();

            store.append(rows, level);
            assertThat(OpenEngine.outcomes(rows)).containsOnly(STORED);
            assertThat(rows.stream().map(WriteRow::seq).toList()).isEqualTo(numbers);
            // The partition is sealed off, and what it has of a source is known.
            assertThat(store.append(sourced(1, 0, "a", 1), row(4, 0))).containsExactly(Outcome.KNOWN, STORED);
            assertThat(store.engine.partitions()).hasSize(2);
        }
        assertThat(OpenEngine.stored(directory, "i")).containsExactlyInAnyOrder(0, 1, 2, 3, 4);
    }

    @Test
    void shouldWriteAgainWhatAFailedCommitDidNotStore() throws Exception {
        try (OpenEngine store = new OpenEngine(directory)) {
            store.append(row(0, 0));
            List<OpenEngine.Handed> rows = List.of(row(1, 0), row(2, 0));
            store.writer().failAt(Point.COMMITTING, broken());
            store.append(rows, Ack.COMMITTED);
            assertThat(OpenEngine.outcomes(rows)).containsOnly(UNCERTAIN);
            store.append(rows, Ack.COMMITTED);
            assertThat(OpenEngine.outcomes(rows)).containsOnly(STORED);
        }
        assertThat(OpenEngine.stored(directory, "i")).containsExactlyInAnyOrder(0, 1, 2);
    }

    /**
     * Frames of the failed commit may lie behind the end of the WAL, whole and valid: a crash must not bring them to life once the rows
     * were written elsewhere (I1). Somebody reads the partition all the time, so that its WAL is not recovered by its next opening.
     */
    @Test
    void shouldNotBringAFailedCommitToLifeAfterACrash() throws Exception {
        Path file = directory.resolve("tables/events/2026-05-10.db");
        try (OpenEngine store = new OpenEngine(directory)) {
            store.append(row(0, 0));
            Process reader = new ProcessBuilder(Requirements.tool("sqlite3").toString(), "-batch", file.toString())
                    .redirectErrorStream(true)
                    .start();
            try (BufferedReader said = reader.inputReader(StandardCharsets.UTF_8);
                    Writer shell = reader.outputWriter(StandardCharsets.UTF_8)) {
                shell.write("SELECT 'rows ' || count(*) FROM events;\n");
                shell.flush();
                assertThat(said.readLine()).isEqualTo("rows 1");
                List<OpenEngine.Handed> rows = List.of(row(1, 0), row(2, 0));
                store.writer().failAt(Point.COMMITTING, broken());
                store.append(rows, Ack.COMMITTED);
                assertThat(OpenEngine.outcomes(rows)).containsOnly(UNCERTAIN);
                byte[] frames = framesOfACommit(file, directory.resolve("twin.db"));
                Files.write(StorePaths.wal(file), frames, StandardOpenOption.APPEND);
                store.append(rows, Ack.COMMITTED);
                assertThat(OpenEngine.outcomes(rows)).containsOnly(STORED);
                assertThat(after(file, directory.resolve("crashed.db"), false)).isEmpty();
            } finally {
                reader.destroyForcibly().waitFor();
            }
        }
        assertThat(OpenEngine.stored(directory, "i")).containsExactlyInAnyOrder(0, 1, 2);
    }

    /** What a commit of a row 99 adds to the WAL. */
    private static byte[] framesOfACommit(Path file, Path twin) throws Exception {
        return after(file, twin, true);
    }

    /** Recovers a copy: returns what a commit adds to its WAL, or, where nothing is written, that commit's row if it is there. */
    private static byte[] after(Path file, Path copy, boolean write) throws Exception {
        Files.copy(file, copy);
        Files.copy(StorePaths.wal(file), StorePaths.wal(copy));
        int before = (int) Files.size(StorePaths.wal(copy));
        try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + copy)) {
            if (!write) {
                Object found = Sqlite.value(connection, "SELECT i FROM events WHERE i = 99");
                return found == null ? new byte[0] : found.toString().getBytes(StandardCharsets.UTF_8);
            }
            Sqlite.run(connection, "PRAGMA wal_autocheckpoint=0");
            Sqlite.run(connection, "INSERT INTO events(_seq, i, at) VALUES(99, 99, 0)");
            byte[] wal = Files.readAllBytes(StorePaths.wal(copy));
            return Arrays.copyOfRange(wal, before, wal.length);
        }
    }

    /** What cannot be looked up yet: later rows of the same partition have higher numbers, and would pass for it. */
    @Test
    void shouldNotTakeLaterRowsForThoseOfAFailedCommit() throws Exception {
        try (OpenEngine store = new OpenEngine(directory)) {
            OpenEngine.Handed first = row(1, 0);
            OpenEngine.Handed second = row(2, 0);
            // Of a partition that holds nothing yet there is no sibling.
            store.writer().failAt(Point.COMMITTING, broken());
            store.append(List.of(first), Ack.COMMITTED);
            assertThat(first.outcome()).isEqualTo(UNCERTAIN);
            store.engine.open().onOpening(writer -> writer.failAt(Point.COMMITTING, broken()));
            store.append(List.of(first, second), Ack.COMMITTED);
            assertThat(first.outcome()).isEqualTo(UNCERTAIN);
            assertThat(second.outcome()).isEqualTo(Outcome.RETRY);
            store.append(List.of(first, second), Ack.COMMITTED);
            assertThat(OpenEngine.outcomes(List.of(first, second))).containsOnly(STORED);
        }
        assertThat(OpenEngine.stored(directory, "i")).containsExactlyInAnyOrder(1, 2);
    }

    /** A row of a key whose first one is in doubt waits: stored elsewhere it would be there twice once that one turns out to be there. */
    @Test
    void shouldNotStoreAKeyBesideAFailedCommitOfIt() throws Exception {
        TableSpec jobs = TableSpec.builder("jobs")
                .column("i", ColumnType.INTEGER)
                .column("at", ColumnType.TIMESTAMP)
                .column("text", ColumnType.TEXT)
                .time("at")
                .key("i")
                .partitionBy(PartitionBy.DAY)
                .build();
        try (OpenEngine store = new OpenEngine(directory)) {
            store.engine.putTable(jobs);
            // Holds something, so that new rows go to a sibling while it is in doubt.
            store.append(jobs, List.of(row(0, 0)));
            OpenEngine.Handed first = row(1, 0, "first");
            OpenEngine.Handed again = row(1, 0, "again");
            store.engine.open().forNewRows(jobs, first.slot()).failAt(Point.COMMITTED, broken());
            store.append(jobs, List.of(first));
            assertThat(first.outcome()).isEqualTo(UNCERTAIN);
            store.engine.open().onOpening(writer -> writer.failAt(Point.COMMITTING, broken()));
            store.append(jobs, List.of(first, again));
            assertThat(OpenEngine.outcomes(List.of(first, again))).containsExactly(UNCERTAIN, Outcome.RETRY);
            store.append(jobs, List.of(first, again));
            assertThat(OpenEngine.outcomes(List.of(first, again))).containsExactly(STORED, Outcome.UPDATED);
        }
        assertThat(OpenEngine.stored(directory, jobs, "text")).containsExactlyInAnyOrder("event 0", "again");
    }

    @Test
    void shouldWriteElsewhereWhatFailedBeforeTheCommit() throws Exception {
        try (OpenEngine store = new OpenEngine(directory)) {
            store.append(row(0, 0));
            store.writer().failAt(Point.WRITTEN, broken());
            assertThat(store.append(row(1, 0), row(2, 0))).containsOnly(STORED);
            assertThat(store.engine.partitions()).hasSize(2);
        }
        assertThat(OpenEngine.stored(directory, "i")).containsExactlyInAnyOrder(0, 1, 2);
    }

    /** Where everything fails a sibling would fail too: rows are kept, and files are not made by the hundred. */
    @Test
    void shouldNotMakeASiblingForEachTryWhileEverythingFails() {
        try (OpenEngine store = new OpenEngine(directory)) {
            store.append(row(0, 0));
            for (int i = 1; i <= 50; i++) {
                store.writer().failAt(Point.WRITTEN, broken());
                assertThat(store.append(row(i, 0))).isSubsetOf(STORED, Outcome.RETRY);
            }
            assertThat(store.engine.partitions()).hasSizeLessThan(20);
        }
    }

    @Test
    void shouldSetADamagedPartitionAsideAndGoOn() throws Exception {
        try (OpenEngine store = new OpenEngine(directory)) {
            store.append(row(0, 0));
            store.writer().failAt(Point.WRITTEN, new SQLiteException("malformed", SQLiteErrorCode.SQLITE_CORRUPT));
            assertThat(store.append(row(1, 0), row(2, 0))).containsOnly(STORED);
            assertThat(store.engine.quarantined()).singleElement().matches(q -> q.rows() == 1 || q.rows() == -1);
            assertThat(store.append(row(3, 0))).containsOnly(STORED);
        }
        assertThat(OpenEngine.stored(directory, "i")).containsExactlyInAnyOrder(1, 2, 3);
    }
}
