package io.levee.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code levee torture}: a verdict, an exit status, and nothing left behind. */
class TortureCommandTest {
    @TempDir
    Path directory;

    @Test
    void shouldGiveAVerdictAndLeaveNothing() throws IOException {
        Run run = Run.levee("torture", "--dir", directory, "--cycles", 6, "--seed", 4, "--json");
        assertThat(run.json()).containsEntry("violations", List.of()).containsEntry("seed", 4L);
        assertThat(run.status()).as(run.err()).isZero();
        assertThat((Long) run.json().get("cycles")).isGreaterThanOrEqualTo(6);
        assertThat((Long) run.json().get("acknowledged")).isPositive();
        assertThat(run.err()).contains("seed 4");
        try (var files = Files.list(directory)) {
            assertThat(files).isEmpty();
        }
        assertThat(ProcessHandle.current().descendants()).isEmpty();
    }

    @Test
    void shouldRefuseToTouchWhatAnEarlierRunLeft() throws IOException {
        Files.createDirectories(directory.resolve("levee-torture-7"));
        Run run = Run.levee("torture", "--dir", directory, "--cycles", 1, "--seed", 7);
        assertThat(run.status()).isEqualTo(1);
        assertThat(run.err()).contains("of an earlier run is still there").contains("Do: ");
    }
}
