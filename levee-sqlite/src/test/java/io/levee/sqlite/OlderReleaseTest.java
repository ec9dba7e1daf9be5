package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.IndexSpec;
import io.levee.Levee;
import io.levee.Migration;
import io.levee.MigrationStatus;
import io.levee.MigrationStatus.State;
import io.levee.MigrationStep;
import io.levee.Query;
import io.levee.Result;
import io.levee.Row;
import io.levee.Store;
import io.levee.engine.Finding;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.NavigableMap;
import java.util.Objects;
import java.util.TreeMap;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A store that was migrated, then opened, asked and written to by the release before migrations, comes right when this one opens it again
 * (G108, G112): {@link MigratedFixture} tells how it was made. That release wrote rows without defaults and without what expressions give,
 * added such columns to files as it knows them, and made partitions without indexes.
 */
class OlderReleaseTest {
    private static final String FIXTURE = "/stores/migrated-then-0f4cb96.zip";
    private static final Duration SOON = Duration.ofSeconds(30);

    @TempDir
    Path directory;

    @BeforeEach
    void unpack() throws IOException {
        try (InputStream in = OlderReleaseTest.class.getResourceAsStream(FIXTURE);
                ZipInputStream zip = new ZipInputStream(Objects.requireNonNull(in))) {
            for (ZipEntry entry = zip.getNextEntry(); entry != null; entry = zip.getNextEntry()) {
                Path file = directory.resolve(entry.getName());
                Files.createDirectories(Objects.requireNonNull(file.getParent()));
                Files.copy(zip, file);
            }
        }
    }

    private Store open() {
        return Levee.open(directory, o -> o.asOf(OlderWriter.AS_OF));
    }

    /** What each row has to read as: name, region, seconds and tries by key. */
    private static NavigableMap<Long, String> wanted(boolean backfilled) {
        NavigableMap<Long, String> rows = new TreeMap<>();
        for (long k = 0; k < (long) OlderWriter.DAYS * OlderWriter.OF_DAY; k++) {
            rows.put(k, row(k, "old", backfilled ? k + 1000 : k));
        }
        for (long k : List.of(60L, 61L, 62L, 63L, 64L, 100L, 101L)) {
            rows.put(k, row(k, "new", k));
        }
        rows.remove(2L);
        return rows;
    }

    private static String row(long k, String name, long tries) {
        return name + " eu " + k * 10 / 1000.0 + " " + tries + " text of " + k;
    }

    private static NavigableMap<Long, String> rows(Store store, Query query) {
        NavigableMap<Long, String> rows = new TreeMap<>();
        try (Result<Row> result = store.query(query)) {
            result.forEach(r -> rows.put(
                    (Long) r.get("k"),
                    r.get("name") + " " + r.get("region") + " " + r.get("seconds") + " " + r.get("tries") + " "
                            + r.get("text")));
        }
        return rows;
    }

    private static void requireRows(Store store, boolean lateBackfilled) {
        NavigableMap<Long, String> runs = wanted(true);
        // The older program wrote it anew after its backfill was done.
        runs.put(1L, row(1, "again", 1));
        NavigableMap<Long, String> late = wanted(lateBackfilled);
        late.put(1L, row(1, "again", lateBackfilled ? 1001 : 1));
        assertThat(rows(store, Query.builder("runs").details().build())).isEqualTo(runs);
        assertThat(rows(store, Query.builder("late").details().build())).isEqualTo(late);
        for (String table : MigratedFixture.TABLES) {
            assertThat(OlderWriter.ask(
                            store, "SELECT count(*) FROM " + table + " WHERE region = 'eu' AND seconds = 0.64"))
                    .as(table)
                    .hasToString("[[1]]");
            assertThat(OlderWriter.ask(store, "SELECT count(*) FROM " + table + " WHERE region IS NULL"))
                    .hasToString("[[0]]");
            assertThat(store.count(Query.builder(table)
                            .where(io.levee.Expr.eq("region", "eu"))
                            .build()))
                    .isEqualTo(66);
        }
    }

    private static List<MigrationStatus> of(Store store, String table) {
        return store.migrations().stream().filter(m -> m.table().equals(table)).toList();
    }

    /** What doctor says of migrations that have not reached all. */
    private static List<String> warned(Store store) {
        return store.diagnose().stream()
                .filter(f -> f.level() != Finding.Level.OK && f.what().contains("migration"))
                .map(Finding::what)
                .toList();
    }

    @Test
    void shouldReadWhatItWroteAsIfItWasMigrated() {
        try (Store store = Levee.openReadOnly(directory)) {
            requireRows(store, false);
            assertThat(of(store, "runs"))
                    .allSatisfy(m -> assertThat(m.state()).isEqualTo(State.DONE))
                    .allSatisfy(m -> assertThat(m.note()).contains("an older release wrote"));
            assertThat(of(store, "late")).allSatisfy(m -> assertThat(m.state()).isEqualTo(State.PAUSED));
            assertThat(warned(store))
                    .anySatisfy(w -> assertThat(w)
                            .contains("1 partitions of runs lack the index by_name", "2026-05-04", "an older release"))
                    .anySatisfy(w -> assertThat(w).contains("of runs have the column region only as it is read"))
                    .noneSatisfy(w -> assertThat(w).contains("runs have rows as they were before a backfill"));
        }
    }

    @Test
    void shouldBringItRightWhenItIsOpenedAgain() throws Exception {
        try (Store store = open()) {
            assertThat(store.awaitMigrations(SOON)).isTrue();
            requireRows(store, false);
            store.resumeMigrations(null);
            assertThat(store.awaitMigrations(SOON)).as("%s", store.migrations()).isTrue();
            assertThat(store.migrations())
                    .hasSize(14)
                    .allSatisfy(m -> assertThat(m.state()).isEqualTo(State.DONE))
                    .allSatisfy(m -> assertThat(m.note()).isEmpty())
                    .allSatisfy(m -> assertThat(m.partitionsDone())
                            .isEqualTo(m.partitionsTotal())
                            .isLessThanOrEqualTo(OlderWriter.DAYS + 1));
            requireRows(store, true);
            assertThat(warned(store)).isEmpty();
        }
        requireStored();
        try (Store store = open()) {
            assertThat(of(store, "runs")).allSatisfy(m -> assertThat(m.note()).isEmpty());
            requireRows(store, true);
        }
    }

    /** Nothing is left that only queries make good: values and indexes lie in the files. */
    private void requireStored() throws IOException, SQLException {
        int files = 0;
        for (String table : MigratedFixture.TABLES) {
            for (Path file : files(table)) {
                try (Connection c = DriverManager.getConnection("jdbc:sqlite:" + file)) {
                    assertThat(Sqlite.number(
                                    c, "SELECT count(*) FROM " + table + " WHERE region IS NULL OR seconds IS NULL"))
                            .as("%s", file)
                            .isZero();
                    assertThat(indexes(c)).as("%s", file).containsExactly(table + "__by_name", table + "__by_region");
                }
                files++;
            }
        }
        assertThat(files).isEqualTo(2 * (OlderWriter.DAYS + 1));
    }

    private List<Path> files(String table) throws IOException {
        try (Stream<Path> all = Files.list(directory.resolve("tables").resolve(table))) {
            return all.filter(f -> f.toString().endsWith(".db")).sorted().toList();
        }
    }

    private static List<String> indexes(Connection c) throws SQLException {
        List<String> names = new ArrayList<>();
        try (Statement s = c.createStatement();
                ResultSet rows = s.executeQuery(
                        "SELECT name FROM sqlite_master WHERE type = 'index' AND name LIKE '%\\_\\_%' ESCAPE '\\' ORDER BY 1")) {
            while (rows.next()) {
                names.add(rows.getString(1));
            }
        }
        return names;
    }

    /** As a table's own declaration makes it, or a rebuilt catalog whose migration had reached no partition (G107). */
    @Test
    void shouldTellOfAnIndexThatNoMigrationMakes() {
        try (Store store = Levee.openReadOnly(directory)) {
            assertThat(warned(store)).noneSatisfy(w -> assertThat(w).contains("no migration makes it"));
        }
        IndexSpec byMs = new IndexSpec("by_ms", List.of("ms"), null);
        try (Store store = open()) {
            store.createTable(store.table("runs").spec().toBuilder().index(byMs).build());
            assertThat(warned(store))
                    .anySatisfy(w -> assertThat(w).contains("of runs lack the index by_ms", "no migration makes it"));
            store.migrate(List.of(new Migration("runs-by-ms", "runs", new MigrationStep.AddIndex(byMs))), true);
            store.resumeMigrations(null);
            assertThat(store.awaitMigrations(SOON)).isTrue();
            assertThat(warned(store)).isEmpty();
        }
    }

    @Test
    void shouldHaveItsMigrationsBackWhenTheCatalogIsLost() throws Exception {
        Files.delete(directory.resolve("catalog.db"));
        Files.deleteIfExists(directory.resolve("catalog.db-wal"));
        try (Store store = open()) {
            assertThat(store.awaitMigrations(SOON)).as("%s", store.migrations()).isTrue();
            NavigableMap<Long, String> runs = wanted(true);
            runs.put(1L, row(1, "again", 1));
            assertThat(rows(store, Query.builder("runs").details().build())).isEqualTo(runs);
            assertThat(store.table("runs").spec().namedIndexes())
                    .extracting("name")
                    .containsExactly("by_name", "by_region");
            // The index that was dropped again had reached no partition: nothing tells of it.
            assertThat(of(store, "runs"))
                    .hasSize(5)
                    .allSatisfy(m -> assertThat(m.state()).isEqualTo(State.DONE))
                    .allSatisfy(m -> assertThat(m.partitionsTotal()).isEqualTo(OlderWriter.DAYS + 1));
        }
    }
}
