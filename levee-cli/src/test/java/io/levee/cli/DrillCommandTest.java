package io.levee.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import io.levee.testkit.PostgresServer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The drills in a short form (G33–G43). */
class DrillCommandTest {
    @TempDir
    Path directory;

    @Test
    void shouldKeepTheScanWithinTheBudgetAndTheWriterFree() throws Exception {
        Run run = Run.levee(
                "drill", "memory", "--rows", 20_000, "--rounds", 1, "--deadline", 300, "--dir", directory, "--json");
        assertThat(run.status()).as(run.err()).isZero();
        Map<String, Object> figures = run.json();
        assertThat(figures)
                .containsKeys(
                        "old.peakBytes",
                        "old.afterBytes",
                        "levee.peakBytes",
                        "levee.afterBytes",
                        "levee.budgetBytes",
                        "levee.overrunMs",
                        "levee.writerP99IdleMs",
                        "levee.writerP99Ms");
        // Done only on a machine that sorts half a million keys in that time.
        assertThat(figures.get("levee.end")).isIn("DEADLINE", "DONE");
        double budget = number(figures, "levee.budgetBytes");
        assertThat(number(figures, "levee.peakBytes")).isLessThanOrEqualTo(budget * 1.1);
        assertThat(number(figures, "levee.afterBytes")).isLessThanOrEqualTo(budget / 10);
        // What the archive's settings cost shows in the short form too, and does not go away.
        assertThat(number(figures, "old.afterBytes")).isGreaterThan(number(figures, "levee.peakBytes"));
        assertThat(Files.readString(directory.resolve("drill-memory.svg")))
                .startsWith("<svg")
                .endsWith("</svg>\n");
        try (var left = Files.list(directory)) {
            assertThat(left.map(p -> String.valueOf(p.getFileName()))).containsExactly("drill-memory.svg");
        }
    }

    /**
     * G59, G60, G87 to G89: a partition goes without a wait of the writer, and its bytes come back; a {@code DELETE} gives none back, nor
     * does one in batches with pauses (G68).
     */
    @Test
    @SuppressWarnings("unchecked")
    void shouldGiveADayUpWithoutALossAndGetItsBytesBack() throws Exception {
        Run run = Run.levee(
                "drill",
                "retention",
                "--bytes",
                "6MB",
                "--rate",
                200,
                "--seconds",
                1,
                "--ways",
                "DELETE,BATCHED_DELETE,LEVEE",
                "--sustain",
                2,
                "--dir",
                directory,
                "--json");
        assertThat(run.status()).as(run.err()).isZero();
        List<Map<String, Object>> ways = (List<Map<String, Object>>) run.json().get("strategies");
        assertThat(ways)
                .extracting(w -> w.get("name"))
                .containsExactly("DELETE", "batched DELETE with pauses", "Levee");
        double partition = number(run.json(), "partitionBytes");
        assertThat(partition).isGreaterThanOrEqualTo(6e6);
        for (Map<String, Object> way : ways) {
            assertThat(way)
                    .containsKeys("p50Before", "p99Before", "maxBefore", "p50During", "p99During", "maxDuring")
                    .containsKeys("queuePeak", "walPeak", "bytesBefore", "bytesAfter");
            assertThat(number(way, "written")).isPositive();
            assertThat(number(way, "lost")).as(way.toString()).isZero();
        }
        assertThat(number(ways.get(0), "bytesFreed")).isLessThan(partition / 10);
        assertThat(number(ways.get(1), "bytesFreed")).isLessThan(partition / 10);
        assertThat(number(ways.get(2), "bytesFreed")).isGreaterThanOrEqualTo(partition * 0.99);
        // Who waits longer shows in the long form: on a loaded machine the two verdicts of waits say nothing.
        List<Map<String, Object>> verdicts =
                (List<Map<String, Object>>) run.json().get("verdicts");
        assertThat(run.json()).containsKey("holds");
        assertThat(verdicts).hasSize(4).allSatisfy(v -> assertThat(v).containsKeys("what", "holds", "found"));
        assertThat(verdicts)
                .filteredOn(v -> String.valueOf(v.get("what")).matches(".*(99 %|is lost).*"))
                .hasSize(2)
                .allSatisfy(v -> assertThat(v).containsEntry("holds", true));
        assertThat((Map<String, Object>) run.json().get("sustained"))
                .containsKeys("rate", "oldQueue", "leveeQueue", "oldWaiting", "leveeWaiting");
        try (var left = Files.list(directory)) {
            assertThat(left.map(p -> String.valueOf(p.getFileName()))).containsExactly("drill-retention.svg");
        }
    }

    /** G98, G99, G100: a start reads the catalog, whatever the size; a start that builds an index never gets anywhere under a probe. */
    @Test
    void shouldStartAtOnceAfterAKill() throws Exception {
        Run run = Run.levee("drill", "startup", "--partitions", 80, "--rows", 60_000, "--dir", directory, "--json");
        assertThat(run.status()).as(run.err()).isZero();
        Map<String, Object> figures = run.json();
        assertThat(figures).containsKeys("old.readyMs", "levee.walBytes", "levee.jvmMs");
        // How fast it is shows in the long form: this only says that it is no crash loop.
        assertThat(number(figures, "levee.readyMs"))
                .as(figures.toString())
                .isGreaterThan(number(figures, "levee.jvmMs"));
        assertThat(number(figures, "levee.firstCommitMs")).isGreaterThan(number(figures, "levee.readyMs"));
        assertThat(number(figures, "levee.walBytes")).as(figures.toString()).isPositive();
        assertThat(number(figures, "old.progressAfterKill"))
                .as(figures.toString())
                .isZero();
        try (var left = Files.list(directory)) {
            assertThat(left).isEmpty();
        }
    }

    /** G93: the cap is not passed at any sample, through ingest, queries, sorts, backups and drops; nothing is lost. */
    @Test
    void shouldStayBelowTheCap() throws Exception {
        Run run = Run.levee("drill", "disk", "--bytes", "32MiB", "--seconds", 5, "--dir", directory, "--json");
        assertThat(run.status()).as(run.err()).isZero();
        Map<String, Object> figures = run.json();
        assertThat(number(figures, "samples")).isPositive();
        assertThat(number(figures, "maxBytes"))
                .as(figures.toString())
                .isPositive()
                .isLessThanOrEqualTo(32 << 20);
        assertThat(number(figures, "samplesOver")).isZero();
        assertThat(number(figures, "lost")).isZero();
        assertThat(number(figures, "stored")).isEqualTo(number(figures, "written"));
        assertThat(number(figures, "queries")).isPositive();
        assertThat(number(figures, "backups")).isPositive();
        assertThat(number(figures, "backupsRefused")).as(run.err()).isZero();
        assertThat(figures).as(figures.toString()).containsEntry("holds", true);
        assertThat(directory.resolve("drill-disk.svg")).exists();
    }

    /** G118-G123: one UPDATE keeps the writer waiting, chunks of it never end where a row has nothing to be filled with; Levee does both right. */
    @Test
    @SuppressWarnings("unchecked")
    void shouldFillAColumnBesideAWriterAndEnd() throws Exception {
        Run run = Run.levee(
                "drill",
                "migration",
                "--rows",
                2000,
                "--others",
                20_000,
                "--rate",
                200,
                "--seconds",
                1,
                "--rounds",
                1,
                "--batch",
                500,
                "--dir",
                directory,
                "--json");
        assertThat(run.status()).as(run.err()).isZero();
        List<Map<String, Object>> ways = (List<Map<String, Object>>) run.json().get("strategies");
        assertThat(ways)
                .extracting(w -> w.get("name"), w -> w.get("terminated"))
                .containsExactly(tuple("one UPDATE", true), tuple("chunked UPDATE", false), tuple("Levee", true));
        for (Map<String, Object> way : ways) {
            assertThat(way)
                    .containsKeys("readerP95Idle", "readerP95During", "writerMaxStallMs", "seconds", "batchGrowth")
                    .containsKeys("readerP50During", "readerP99During", "writerP99During", "rowsPerSecond");
            assertThat(number(way, "readsFailed")).as(way.toString()).isZero();
            assertThat(number(way, "lost")).as(way.toString()).isZero();
        }
        assertThat(number(ways.get(0), "wrong")).isZero();
        // How long anybody waits shows in the long form: on a loaded machine the verdicts of time say nothing.
        List<Map<String, Object>> verdicts =
                (List<Map<String, Object>>) run.json().get("verdicts");
        assertThat(verdicts).hasSize(6);
        assertThat(verdicts.get(5)).containsEntry("holds", true);
        try (var left = Files.list(directory)) {
            assertThat(left.map(p -> String.valueOf(p.getFileName()))).containsExactly("drill-migration.svg");
        }
    }

    @Test
    @SuppressWarnings("unchecked")
    void shouldGiveADayUpOnPostgresAndLeaveNothingThere() throws Exception {
        PostgresServer server = PostgresServer.shared();
        Run run = Run.levee(
                "drill",
                "retention",
                "--bytes",
                "2MB",
                "--rate",
                100,
                "--seconds",
                1,
                "--ways",
                "PG_DELETE,PG_LEVEE",
                "--postgres",
                server.address(),
                "--dir",
                directory,
                "--json");
        assertThat(run.status()).as(run.err()).isZero();
        List<Map<String, Object>> ways = (List<Map<String, Object>>) run.json().get("strategies");
        assertThat(ways).extracting(w -> w.get("name")).containsExactly("DELETE on PostgreSQL", "Levee on PostgreSQL");
        for (Map<String, Object> way : ways) {
            assertThat(number(way, "written")).isPositive();
            assertThat(number(way, "lost")).as(way.toString()).isZero();
        }
        assertThat(number(ways.get(0), "bytesFreed")).isLessThan(1e6);
        assertThat(number(ways.get(1), "bytesFreed")).isGreaterThanOrEqualTo(2e6);
        assertThat(server.texts("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'levee_drill%'"))
                .isEmpty();
    }

    @Test
    void shouldRefuseAPasswordWhereProcessListsShowIt() {
        Run run = Run.levee("drill", "retention", "--postgres", "postgres://me:secret@localhost/x");
        assertThat(run.status()).isEqualTo(2);
        assertThat(run.err()).contains("PGPASSWORD").doesNotContain("secret");
    }

    private static double number(Map<String, Object> figures, String name) {
        return ((Number) figures.get(name)).doubleValue();
    }
}
