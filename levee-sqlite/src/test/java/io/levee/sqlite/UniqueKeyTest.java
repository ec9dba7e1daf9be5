package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Adoption;
import io.levee.ColumnType;
import io.levee.Levee;
import io.levee.PartitionBy;
import io.levee.PartitionId;
import io.levee.Query;
import io.levee.RetentionRule;
import io.levee.SplitStatus;
import io.levee.Store;
import io.levee.TableSpec;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Where an adopted table has each key once, the writer does not look for it in what has moved from there. */
class UniqueKeyTest {
    @TempDir
    Path directory;

    private static TableSpec spec(ColumnType type, String... key) {
        return TableSpec.builder("e")
                .column("k", type)
                .column("j", ColumnType.TEXT)
                .column("at", ColumnType.TIMESTAMP)
                .time("at")
                .key(key)
                .partitionBy(PartitionBy.DAY)
                .retention(RetentionRule.UNBOUNDED)
                .build();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "TEXT | k | k TEXT PRIMARY KEY, j, at | | true",
                "TEXT | k,j | k VARCHAR(9) UNIQUE, j, at | | true",
                "TEXT | k | \"K\" TEXT UNIQUE COLLATE NOCASE, j, at | | true",
                "TEXT | k | k TEXT, j, at | CREATE UNIQUE INDEX i ON e(k) | true",
                "TEXT | k | k TEXT, j, at | CREATE INDEX i ON e(k) | false",
                "TEXT | k | k TEXT, j, at | CREATE UNIQUE INDEX i ON e(k) WHERE j > 0 | false",
                "TEXT | k | k TEXT, j, at | CREATE UNIQUE INDEX i ON e(k, j) | false",
                "TEXT | k | k TEXT, j, at | CREATE UNIQUE INDEX i ON e(substr(k, 2)) | false",
                "TEXT | k | k TEXT PRIMARY KEY, j, at | INSERT INTO e VALUES('a', 1, 1), (x'61', 2, 2) | false",
                "TEXT | k | k INTEGER PRIMARY KEY, j, at | | false",
                "TEXT | k | k UNIQUE, j, at | | false",
                "INTEGER | k | k INTEGER PRIMARY KEY, j, at | | true",
                "INTEGER | k | k INTEGER PRIMARY KEY DESC, j, at | | false",
                "INTEGER | k | k INT PRIMARY KEY, j, at | | false",
                "INTEGER | k | k INTEGER UNIQUE, j, at | | false",
                "INTEGER | k | k INTEGER, j TEXT, at, PRIMARY KEY (k, j) | | false",
                "INTEGER | k | k TEXT UNIQUE, j, at | | false",
                "TEXT | k | j, at | | false"
            })
    void shouldBelieveOnlyAnIndexOfOneColumnAsWeReadIt(
            ColumnType type, String key, String columns, String then, boolean unique) throws Exception {
        Path file = directory.resolve("old.db");
        LegacyData.run(file, "CREATE TABLE e(" + columns + ")");
        if (then != null) {
            LegacyData.run(file, then);
        }
        Adoption adoption = Adoption.of(file, "e");
        try (Connection connection = LegacyData.open(file)) {
            AdoptedTable table = AdoptedTable.read(
                    connection, "main", new Adopted(adoption, 0, 0, 1, false, true, Adopted.Stamp.of(file)));
            assertThat(UniqueKey.of(connection, table, spec(type, key.split(","))))
                    .isEqualTo(unique);
        }
    }

    /** Of thousands of keys the filters of some days say perhaps, and these days cannot be read: the splitting does not come to know of it. */
    @Test
    void shouldNotLookIntoWhatHasMoved() throws Exception {
        int rows = 40_000;
        Path file = directory.resolve("old.db");
        LegacyData.run(
                file,
                "CREATE TABLE e(k TEXT PRIMARY KEY, j TEXT, at INTEGER)",
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " + rows + ")"
                        + " INSERT INTO e SELECT 'key-' || i, 'x', 1775001600 + i * 20 FROM n");
        Path home = directory.resolve("store");
        List<Path> moved = new ArrayList<>();
        try (Store store = SqliteSplittings.open(
                home,
                point -> {
                    if (point == Splitting.Point.RECORDED && moved.isEmpty()) {
                        moved.addAll(spoil(home.resolve("tables")));
                    }
                },
                rows / 2,
                o -> {})) {
            store.createTable(spec(ColumnType.TEXT, "k"));
            PartitionId adopted = store.adopt("e", Adoption.of(file, "e").timeUnit(Adoption.TimeUnit.SECONDS))
                    .partition();
            store.split(adopted);
            SplitTest.await(store, SplitStatus.State.DONE);
            assertThat(moved).hasSizeGreaterThan(3);
            assertThat(store.partitions()).noneMatch(p -> p.state().name().equals("QUARANTINED"));
            moved.forEach(UniqueKeyTest::turn);
        }
        try (Store store = Levee.open(home)) {
            assertThat(store.count(Query.builder("e").build())).isEqualTo(rows);
        }
    }

    private static List<Path> spoil(Path tables) {
        try (Stream<Path> files = Files.walk(tables)) {
            List<Path> found = files.filter(p -> p.toString().endsWith(".db")).toList();
            found.forEach(UniqueKeyTest::turn);
            return found;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Turns every bit of a file's first page; and back, if it is done again. */
    private static void turn(Path file) {
        try {
            byte[] bytes = Files.readAllBytes(file);
            for (int i = 0; i < 4096; i++) {
                bytes[i] = (byte) ~bytes[i];
            }
            Files.write(file, bytes);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
