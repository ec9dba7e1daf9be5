package io.levee.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** {@code ingest --follow} as a person meets it; what it does to files is in FollowTest and FollowKillTest. */
class FollowCommandTest {
    @TempDir
    private Path directory;

    private Run follow(Path file, Object... more) {
        Object[] all = {"ingest", "t", "--follow", file, "--infer", "--store", directory.resolve("history"), "--json"};
        Object[] words = java.util.Arrays.copyOf(all, all.length + more.length);
        System.arraycopy(more, 0, words, all.length, more.length);
        return Run.levee(words);
    }

    @Test
    void theReportTellsWhatBecameOfEachLine() throws IOException {
        Path file = Files.writeString(directory.resolve("app.log"), """
                {"at":"2026-01-01T00:00:00Z","n":1}
                {"at":"2026-01-01T00:00:01Z","n":2}
                no json
                {"at":"2026-01-01T00:00:02Z","n":3}
                {"at":"2026-01-01T00:00:03Z","n":""");
        Path errors = directory.resolve("errors.ndjson");
        Run run = follow(file, "--for", "1s", "--errors", errors);
        assertThat(run.status()).as(run.err()).isZero();
        assertThat(run.json())
                .containsEntry("read", 4L)
                .containsEntry("stored", 3L)
                .containsEntry("rejected", 1L)
                .containsEntry("known", 0L)
                .containsEntry("lost", 0L)
                .containsEntry("source", "follow:" + file)
                .containsEntry("gaps", List.of());
        assertThat(run.err()).contains("reading " + file + " from byte 0", "app.log:offset 72: LEVEE-400 BAD_LINE");
        assertThat(Files.readString(errors)).contains("\"offset\":72");

        Files.writeString(file, "4}\n", StandardOpenOption.APPEND);
        Map<String, Object> next = follow(file, "--for", "1s").json();
        assertThat(next).containsEntry("read", 1L).containsEntry("stored", 1L);
        assertThat(next.get("position")).isEqualTo(Files.size(file));
        // Truncated without a copy: what is missing is told, and the command fails.
        Files.writeString(file, "{\"at\":\"2026-01-01T00:00:09Z\",\"n\":9}\n");
        Run gap = follow(file, "--for", "1s");
        assertThat(gap.status()).isEqualTo(1);
        assertThat(gap.err()).contains("GAP " + file);
        assertThat(gap.json()).containsEntry("stored", 1L);
        assertThat((List<?>) gap.json().get("gaps")).hasSize(1);
    }

    @Test
    void whatDoesNotGoTogetherIsWrongUsage() throws IOException {
        Path file = Files.writeString(directory.resolve("app.log"), "{\"at\":\"2026-01-01T00:00:00Z\"}\n");
        assertThat(follow(file, "--max-errors", "3").status()).isEqualTo(2);
        assertThat(follow(file, "--from-end", "--from-start").status()).isEqualTo(2);
        assertThat(follow(file, file).err()).contains("--follow takes one FILE");
        assertThat(follow(Path.of("-")).status()).isEqualTo(2);
        assertThat(follow(file, "--for", "soon").status()).isEqualTo(2);
        assertThat(Run.levee("ingest", "t", file, "--from-end").err()).contains("go with --follow");
        assertThat(follow(directory, "--format", "ndjson").status()).isEqualTo(1);
        assertThat(Run.levee("ingest", "t", "--follow", file, "--url", "http://127.0.0.1:9")
                        .err())
                .contains("NOT_SUPPORTED");
        assertThat(directory.resolve("history")).doesNotExist();
    }

    @Test
    void aJsonArrayCannotBeFollowed() throws IOException {
        Path file = Files.writeString(directory.resolve("app.json"), "[{\"at\":\"2026-01-01T00:00:00Z\"}]\n");
        Run run = follow(file, "--for", "1s");
        assertThat(run.status()).isEqualTo(1);
        assertThat(run.err()).contains("a JSON array cannot be followed");
    }
}
