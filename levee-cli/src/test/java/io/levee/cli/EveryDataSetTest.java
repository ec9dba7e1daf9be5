package io.levee.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.levee.testkit.Requirements;
import io.levee.testkit.Samples;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Each set of real records, taken by {@code ingest}, is there exactly once, and {@code query}, {@code aggregate} and {@code sql}
 * say the same as the {@code sqlite3} shell about the same lines in one plain table.
 */
class EveryDataSetTest {
    private static final Path SPECS = Path.of("..", "examples", "specs");

    @TempDir
    private Path dir;

    @BeforeEach
    void needTheShell() {
        Requirements.tool("sqlite3");
    }

    @ParameterizedTest
    @EnumSource(DataSet.class)
    void withTheSpecThatIsKept(DataSet set) throws IOException {
        ingestAndCompare(set, RealRecords.of(set, dir, Long.MAX_VALUE), "--spec", specOf(set));
    }

    @ParameterizedTest
    @EnumSource(
            mode = EnumSource.Mode.MATCH_ANY,
            names = "APACHE_.*|AZURE_.*|BORG_.*|CLUSTER.*|NGINX.*|POSTGRES.*|PEGASUS.*") // The others take minutes.
    void withTheSpecThatIsInferred(DataSet set) throws IOException {
        inferAndCompare(set, Requirements.sharedData(set.table()));
    }

    @ParameterizedTest
    @EnumSource(Samples.class)
    void samplesWithTheSpecThatIsKept(Samples sample) throws IOException {
        DataSet set = DataSet.valueOf(sample.name());
        ingestAndCompare(set, file(sample), "--spec", specOf(set));
    }

    @ParameterizedTest
    @EnumSource(Samples.class)
    void samplesWithTheSpecThatIsInferred(Samples sample) throws IOException {
        inferAndCompare(DataSet.valueOf(sample.name()), file(sample));
    }

    @Test
    void brokenLinesAreNamedAndCostNoOtherRecord() throws IOException {
        List<String> lines = new ArrayList<>(Samples.PGBOUNCER_2023.lines());
        for (int i = 6; i < lines.size(); i += 97) {
            lines.set(i, lines.get(i).substring(0, lines.get(i).length() - 1 - i % 7));
        }
        Path file = Files.write(dir.resolve("broken.ndjson"), lines);
        Map<String, Object> report =
                ingestAndCompare(DataSet.PGBOUNCER_2023, file, "--spec", specOf(DataSet.PGBOUNCER_2023));
        assertThat(report).containsEntry("rejected", (lines.size() - 7L) / 97 + 1);
    }

    @Test
    void oneChangedCellIsSeen() throws Exception {
        DataSet set = DataSet.BORG_TASK_EVENTS;
        Path file = file(Samples.BORG_TASK_EVENTS);
        Answers answers = new Answers(dir, set, dir.resolve("history"));
        ingest(answers, file, "errors", "--spec", specOf(set));
        decompress(file, dir.resolve("records"));
        Path partition;
        try (Stream<Path> files = Files.list(dir.resolve("history/tables/borg_task_events"))) {
            partition =
                    files.filter(f -> f.toString().endsWith(".db")).findFirst().orElseThrow();
        }
        String shell = Requirements.tool("sqlite3").toString();
        String change = "UPDATE borg_task_events SET priority = priority + 1 WHERE _seq = 7";
        assertThat(new ProcessBuilder(shell, partition.toString(), change)
                        .start()
                        .waitFor())
                .isZero();
        assertThatThrownBy(answers::compare)
                .hasMessageContaining("sql rows: differences; \"priority\": 1, first in row 7")
                .hasMessageContaining("query rows: differences; \"priority\": 1, first in row 7");
    }

    private void inferAndCompare(DataSet set, Path file) throws IOException {
        if (!set.name().startsWith("BORG_")) {
            ingestAndCompare(set, file, "--infer");
            return;
        }
        Path store = dir.resolve("none");
        Run run = Run.levee("ingest", set.table(), file, "--infer", "--store", store, "--json");
        assertThat(run.status()).as(run.err()).isEqualTo(1);
        assertThat(run.err()).contains("LEVEE-400 NO_TIME", "a clock of its own");
        assertThat(store).doesNotExist();
        Map<?, ?> error = (Map<?, ?>) run.json().get("error");
        String draft = (String) ((Map<?, ?>) error.get("details")).get("spec");
        Path spec = Files.writeString(dir.resolve("draft.yaml"), draft);
        if (Files.size(file) < 4_000_000) {
            ingestAndCompare(set, file, "--spec", spec);
        } else {
            // The largest set is compared with its own spec, and with this one in its sample: here it only has to be
            // ready.
            Run create = Run.levee("table", "create", set.table(), "--spec", spec, "--store", dir.resolve("history"));
            assertThat(create.status()).as(create.err()).isZero();
        }
    }

    private Map<String, Object> ingestAndCompare(DataSet set, Path file, Object... options) throws IOException {
        Answers answers = new Answers(dir, set, dir.resolve("history"));
        Map<String, Object> report = ingest(answers, file, "errors", options);
        boolean keyed =
                answers.levee("table", "show", set.table(), "--json").json().containsKey("key");
        if (keyed) {
            Map<String, Object> again = ingest(answers, file, "errors_again", options);
            assertThat(again).containsEntry("stored", 0L).containsEntry("read", report.get("read"));
        }
        decompress(file, dir.resolve("records"));
        Map<String, Long> compared = answers.compare();
        assertThat(compared)
                .containsEntry("rejected lines, explained", (Long) report.get("read"))
                .containsEntry("rows", (Long) report.get("stored"))
                .containsEntry("repeated keys", (Long) report.get("updated"))
                .containsEntry("sql rows", (Long) report.get("stored"))
                .containsEntry("query rows", (Long) report.get("stored"))
                .containsEntry("query order", (Long) report.get("stored"));
        System.out.println(set.table() + " " + options[0] + ": " + report + " " + compared);
        return report;
    }

    private Map<String, Object> ingest(Answers answers, Path file, String errors, Object... options) {
        List<Object> words = new ArrayList<>(List.of("ingest", answers.set().table(), file, "--json"));
        words.addAll(List.of(options));
        words.addAll(List.of("--errors", dir.resolve(errors)));
        Map<String, Object> report = answers.levee(words.toArray()).json();
        assertThat(report).containsEntry("lost", 0L);
        assertThat((Long) report.get("read"))
                .isPositive()
                .isEqualTo((Long) report.get("stored") + (Long) report.get("updated") + (Long) report.get("rejected"));
        return report;
    }

    private static Path specOf(DataSet set) {
        return SPECS.resolve(set.table() + ".yaml");
    }

    private Path file(Samples sample) throws IOException {
        Path file = dir.resolve(sample.fileName());
        try (InputStream in = sample.compressed()) {
            Files.copy(in, file);
        }
        return file;
    }

    private static void decompress(Path from, Path to) throws IOException {
        try (InputStream in = Files.newInputStream(from);
                InputStream plain = from.toString().endsWith(".gz") ? new GZIPInputStream(in, 1 << 16) : in) {
            Files.copy(plain, to);
        }
    }
}
