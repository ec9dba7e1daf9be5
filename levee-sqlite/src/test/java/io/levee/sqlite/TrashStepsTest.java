package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** One step of the trash keeps the disk busy for a few milliseconds, whatever lies in it (design 7). */
class TrashStepsTest {
    private static final long MIB = 1 << 20;

    @TempDir
    Path directory;

    private TrashFiles files;

    @BeforeEach
    void makeTrash() throws Exception {
        StorePaths paths = new StorePaths(directory);
        Files.createDirectories(paths.trash());
        files = new TrashFiles(paths, new ReadHandles(paths, new Suspects(false), 0));
    }

    private Path dropped(String day, int mebibytes) throws Exception {
        Path file = new StorePaths(directory).trash().resolve("events~" + day + ".db");
        try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + file)) {
            Sqlite.run(connection, "CREATE TABLE events(_seq INTEGER PRIMARY KEY, text BLOB)");
            Sqlite.run(connection, "INSERT INTO events VALUES(1, zeroblob(" + mebibytes * MIB + "))");
        }
        return file;
    }

    /** G88, G89: the file system gets a dropped file back, in bounded steps. */
    @Test
    void shouldCutALargeFileABoundedPieceAtATime() throws Exception {
        Path large = dropped("2026-05-18", 40);
        Path small = dropped("2026-05-19", 1);
        List<Long> sizes = new ArrayList<>();
        while (Files.exists(large)) {
            sizes.add(Files.size(large));
            files.freeStep(List.of(large, small));
        }
        assertThat(sizes).hasSize(3);
        for (int i = 1; i < sizes.size(); i++) {
            assertThat(sizes.get(i - 1) - sizes.get(i)).isEqualTo(16 * MIB);
        }
        assertThat(small).as("the rest of the step").doesNotExist();
    }

    /** A small file costs no step of its own: ten thousand of them would take as many pauses. */
    @Test
    void shouldUnlinkManySmallFilesInOneStep() throws Exception {
        List<Path> all = new ArrayList<>();
        for (int day = 10; day < 15; day++) {
            all.add(dropped("2026-05-" + day, 0));
        }
        files.freeStep(all);
        assertThat(all).noneMatch(Files::exists);
    }

    /** A reader of another process would meet a cut file: it keeps what it has open, and nothing is cut. */
    @Test
    void shouldNotCutWhatSomebodyReads() throws Exception {
        Path large = dropped("2026-05-18", 20);
        try (Connection reader = DriverManager.getConnection("jdbc:sqlite:" + large)) {
            Sqlite.run(reader, "BEGIN");
            assertThat(Sqlite.number(reader, "SELECT count(*) FROM events")).isOne();
            files.freeStep(List.of(large));
            assertThat(large).doesNotExist();
            assertThat(Sqlite.number(reader, "SELECT sum(length(text)) FROM events"))
                    .isEqualTo(20 * MIB);
        }
    }
}
