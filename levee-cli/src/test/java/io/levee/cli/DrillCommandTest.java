package io.levee.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
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
                        "levee.writerP99Ms")
                .containsEntry("levee.end", "DEADLINE");
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

    private static double number(Map<String, Object> figures, String name) {
        return ((Number) figures.get(name)).doubleValue();
    }
}
