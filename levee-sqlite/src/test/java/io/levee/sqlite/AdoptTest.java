package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.levee.Adoption;
import io.levee.Aggregation;
import io.levee.ErrorCode;
import io.levee.Expr;
import io.levee.Levee;
import io.levee.LeveeException;
import io.levee.Measure;
import io.levee.Query;
import io.levee.Store;
import io.levee.internal.time.Micros;
import io.levee.testkit.conformance.OldTables;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is SQLite's own of adopted databases: indexes and plans, journals, tables of other kinds. The rest is the conformance kit's. */
class AdoptTest {
    private static final int ROWS = 20_000;

    @TempDir
    Path directory;

    private Adoption monitor() {
        Path original = directory.resolve("monitor.db");
        LegacyData.monitor(original, ROWS, true);
        return Adoption.of(original, "invocations").time("finished_at").details("invocation_details", "task_id");
    }

    private Store open() {
        return Levee.open(directory.resolve("store"));
    }

    /** Two of its rows have no time and count as of 1970: by that the first of its windows would be wider than all. */
    @Test
    void shouldBeginWithNarrowWindowsBesideRowsWithoutATime() throws Exception {
        try (Store store = open()) {
            store.createTable(LegacyData.invocations().build());
            store.adopt("invocations", monitor());
        }
        try (Connection catalog = LegacyData.open(directory.resolve("store").resolve("catalog.db"))) {
            Partition partition = AdoptedCatalog.live(catalog).get(0);
            assertThat(partition.held().minMicros()).isZero();
            for (boolean falls : new boolean[] {true, false}) {
                HeldRange first = Objects.requireNonNull(
                                AdoptedWindows.of(partition, falls, Long.MIN_VALUE, Long.MAX_VALUE))
                        .next(0);
                assertThat(first).isNotNull();
                Duration width = falls
                        ? Duration.between(Micros.instant(first.fromMicros()), OldTables.at(ROWS))
                        : Duration.between(LegacyData.BEGIN, Micros.instant(first.toMicros()));
                assertThat(width).isLessThan(Duration.ofMillis(OldTables.STEP_MILLIS * 1000));
            }
        }
    }

    @Test
    void shouldUseTheIndexesOfTheDatabase() {
        try (Store store = open()) {
            store.createTable(LegacyData.invocations().build());
            store.adopt("invocations", monitor());
            String byTime = store.explain(Query.builder("invocations")
                            .newestFirst()
                            .limit(100)
                            .build())
                    .toString();
            assertThat(byTime).contains("inv_finished");
            String byName = store.explain(new Aggregation(
                            Query.builder("invocations")
                                    .from(OldTables.at(100))
                                    .to(OldTables.at(200))
                                    .where(Expr.eq("task_name", "app.task7"))
                                    .build(),
                            List.of("state"),
                            List.of(Measure.count())))
                    .toString();
            assertThat(byName).contains("inv_name");
        }
    }

    @Test
    void shouldRollNothingBackInADatabaseOfAProcessThatDied() throws Exception {
        Path file = directory.resolve("old.db");
        LegacyData.checks(file, 2000);
        Path dead = directory.resolve("dead.db");
        try (Connection c = LegacyData.open(file);
                Statement s = c.createStatement()) {
            s.executeUpdate("PRAGMA cache_size=1");
            c.setAutoCommit(false);
            s.executeUpdate("UPDATE check_history SET node_id = 'a longer text for each of the rows ' || id");
            Files.copy(file, dead);
            Files.copy(StorePaths.journal(file), StorePaths.journal(dead));
            c.rollback();
        }
        String before = OldFile.sha(dead) + OldFile.sha(StorePaths.journal(dead));
        try (Store store = open()) {
            store.createTable(LegacyData.checkSpec().build());
            refused(store, Adoption.of(dead, "check_history"), ErrorCode.PARTITION_BUSY, "process that died");
        }
        assertThat(OldFile.sha(dead) + OldFile.sha(StorePaths.journal(dead))).isEqualTo(before);
        // Its own program opens it once: then it can be adopted.
        assertThat(LegacyData.ask(dead, "SELECT count(*) FROM check_history")).isEqualTo(List.of(List.of(2000L)));
        try (Store store = open()) {
            store.adopt("checks", Adoption.of(dead, "check_history"));
            assertThat(store.count(Query.builder("checks").build())).isEqualTo(2000);
        }
    }

    @Test
    void shouldRefuseByNameWhatCannotBeRead() {
        Path file = directory.resolve("old.db");
        LegacyData.run(file, "CREATE TABLE keyed(a TEXT PRIMARY KEY, checked_at TEXT) WITHOUT ROWID");
        try (Store store = open()) {
            store.createTable(LegacyData.checkSpec().build());
            refused(store, Adoption.of(file, "keyed"), ErrorCode.BAD_SPEC, "WITHOUT ROWID");
            refused(store, Adoption.of(file, "nothing"), ErrorCode.BAD_SPEC, "has no table 'nothing'");
            refused(store, Adoption.of(directory.resolve("none.db"), "x"), ErrorCode.NOT_FOUND, "no database");
            assertThat(store.partitions()).isEmpty();
        }
    }

    private static void refused(Store store, Adoption adoption, ErrorCode code, String what) {
        assertThatThrownBy(() -> store.adopt("checks", adoption))
                .isInstanceOfSatisfying(
                        LeveeException.class, e -> assertThat(e.code()).isEqualTo(code))
                .hasMessageContaining(what);
    }
}
