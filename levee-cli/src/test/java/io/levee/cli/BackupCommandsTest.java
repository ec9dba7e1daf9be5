package io.levee.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.internal.json.Json;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code backup}, {@code restore} and {@code export}. */
class BackupCommandsTest {
    private static final String SPEC = """
            time: at
            key: id
            partition: day
            unknown: extra
            columns:
              id: text
              at: {type: timestamp, format: epoch-ms}
              seen: {type: timestamp, format: 'dd/MMM/yyyy:HH:mm:ss Z'}
              took: {type: duration, unit: s}
              n: integer
              x: real
              ok: boolean
              price: decimal
              raw: blob
              note: {type: text, detail: true}
              more: json
            """;
    private static final String RECORDS = """
            {"id":"a","at":1767225600123,"seen":"01/Jan/2026:00:00:05 +0000","took":1.5,"n":-7,"x":0.1,"ok":true,"price":12.50,"raw":"AAEC","note":"two\\nlines, \\"quoted\\"","more":{"a":[1,2.0,"x"]},"odd":{"k":1}}
            {"id":"b","at":1767312000000,"note":"","raw":"","more":["[1","é"]}
            {"id":"c","at":1767312000001,"ok":false,"price":0.001,"more":"word","took":0,"x":1e300}
            """;

    @TempDir
    private Path dir;

    private void make(String store) throws Exception {
        Path spec = Files.writeString(dir.resolve("t.yaml"), SPEC);
        Path records = Files.writeString(dir.resolve("t.ndjson"), RECORDS);
        Run run = Run.levee("ingest", "t", records, "--spec", spec, "--store", dir.resolve(store), "--json");
        assertThat(run.status()).as(run.err()).isZero();
        assertThat(Json.object(run.out())).containsEntry("stored", 3L);
    }

    private List<?> rows(String store) {
        Run run = Run.levee("query", "t", "--details", "--order", "oldest", "--json", "--store", dir.resolve(store));
        assertThat(run.status()).as(run.err()).isZero();
        List<?> rows = (List<?>) Json.object(run.out()).get("rows");
        rows.forEach(row -> ((Map<?, ?>) row).remove("_seq"));
        return rows;
    }

    @Test
    void shouldBackUpVerifyListAndRestore() throws Exception {
        make("a");
        Path backup = dir.resolve("backup");
        Run made = Run.levee("backup", backup, "--store", dir.resolve("a"), "--json");
        assertThat(made.status()).as(made.err()).isZero();
        assertThat(Json.object(made.out()))
                .containsEntry("partitions", 2L)
                .containsEntry("copied", 2L)
                .containsEntry("unchanged", 0L)
                .containsEntry("rows", 3L)
                .containsEntry("missing", Map.of())
                .containsKeys("directory", "at", "bytes", "bytesCopied", "seconds");
        assertThat(Run.levee("backup", backup, "--store", dir.resolve("a")).out())
                .contains("3 rows in 2 partitions");
        Run checked = Run.levee("backup", backup, "--verify-only", "--json");
        assertThat(Json.object(checked.out()))
                .containsEntry("damaged", Map.of())
                .containsEntry("partitions", 2L);
        Run listed = Run.levee("backup", "--list", "--json", "--store", dir.resolve("a"));
        assertThat((List<?>) Json.object(listed.out()).get("backups")).hasSize(1);
        Run restored = Run.levee("restore", backup, "--store", dir.resolve("b"), "--json");
        assertThat(restored.status()).as(restored.err()).isZero();
        assertThat(Json.object(restored.out()))
                .containsEntry("rows", 3L)
                .containsKeys("store", "at", "partitions", "bytes", "seconds");
        assertThat(rows("b")).isEqualTo(rows("a"));
        assertThat(Run.levee("gaps", "--store", dir.resolve("b")).out()).contains("RESTORED");
        assertThat(Run.levee("restore", backup, "--store", dir.resolve("b")).err())
                .contains("is not empty");
        assertThat(Run.levee("backup", "--store", dir.resolve("b")).status()).isEqualTo(2);
        Run erased = Run.levee("erase", "t", "--where", "id = 'a'", "--yes", "--json", "--store", dir.resolve("a"));
        assertThat((List<?>) Json.object(erased.out()).get("pending"))
                .singleElement()
                .asString()
                .as("an erasure names the backups that it cannot reach")
                .contains(backup.toString());
    }

    @ParameterizedTest
    @ValueSource(strings = {"ndjson", "csv"})
    void shouldComeBackAsItWasExported(String format) throws Exception {
        make("a");
        Path file = dir.resolve("t." + format + ".gz");
        Run exported =
                Run.levee("export", "t", "--format", format, "--out", file, "--json", "--store", dir.resolve("a"));
        assertThat(exported.status()).as(exported.err()).isZero();
        assertThat(Json.object(exported.out()))
                .containsEntry("rows", 3L)
                .containsEntry("coverage", Map.of("complete", true, "gaps", List.of()));
        Run taken = Run.levee("ingest", "t", file, "--spec", dir.resolve("t.yaml"), "--store", dir.resolve("b"));
        assertThat(taken.status()).as(taken.err()).isZero();
        assertThat(rows("b")).isEqualTo(rows("a"));
        try (var files = Files.list(dir)) {
            assertThat(files.map(Path::toString)).noneMatch(name -> name.endsWith(".part"));
        }
    }

    @Test
    void shouldExportARangeAndAFilterToStandardOutput() throws Exception {
        make("a");
        Run range = Run.levee(
                "export",
                "t",
                "--from",
                "2026-01-02",
                "--where",
                "ok = false",
                "--columns",
                "id,at,x",
                "--format",
                "csv",
                "--store",
                dir.resolve("a"));
        assertThat(range.out()).isEqualTo("id,at,x\nc,1767312000001,1.0E300\n");
        assertThat(Run.levee("export", "t", "--json", "--store", dir.resolve("a"))
                        .status())
                .isEqualTo(2);
        assertThat(Run.levee("export", "none", "--store", dir.resolve("a")).err())
                .contains("UNKNOWN_TABLE");
    }
}
