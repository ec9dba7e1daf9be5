package io.levee.ingest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.TableSpec;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Specs in files and back. */
class SpecFilesTest {
    private static final Path EXAMPLES = Path.of("..", "examples", "specs");

    @Test
    void theContractsSpecIsRead() {
        TableSpec spec = SpecFiles.parse("""
                table: invocations
                time: finished_at
                key: task_id
                partition: day
                columns:
                  task_id: text
                  state: text
                  finished_at: timestamp
                  args: {type: text, detail: true}
                  xwf.id: text
                indexes: [[state, finished_at]]
                retention: {maxAge: 30d, maxBytes: 20GiB}
                unknown: extra
                """, "other");
        assertThat(spec.name()).isEqualTo("invocations");
        assertThat(spec.column("args").detail()).isTrue();
        assertThat(SpecFiles.yaml(spec)).contains("retention: {maxAge: 30d, maxBytes: 20GiB}", "  xwf.id: text\n");
        assertThat(SpecFiles.parse(SpecFiles.yaml(spec), "x")).isEqualTo(spec);
    }

    @Test
    void oddNamesSurvive() {
        TableSpec.Builder spec = TableSpec.builder("odd").time("at").column("at", io.levee.ColumnType.TIMESTAMP);
        List<String> names = List.of(
                "job ID",
                "null",
                "true",
                "1e3",
                "007",
                "a: b",
                "#x",
                "it's",
                "\"q\"",
                "grüße",
                "- x",
                "x ",
                "{a}",
                "*",
                "y",
                "2024-01-01",
                "back\\slash",
                "0x1F",
                "~",
                "12ab",
                "a,b");
        names.forEach(name -> spec.column(name, io.levee.ColumnType.INTEGER));
        spec.index("job ID", "null");
        TableSpec built = spec.build();
        assertThat(SpecFiles.parse(SpecFiles.yaml(built), "x")).isEqualTo(built);
    }

    @Test
    void jsonIsReadToo() {
        TableSpec spec = SpecFiles.parse(
                "{\"time\":\"at\",\"columns\":{\"at\":{\"type\":\"timestamp\",\"format\":\"epoch-ms\"}}}", "named");
        assertThat(spec.name()).isEqualTo("named");
    }

    @Test
    void whatIsWrongIsSaid(@TempDir Path dir) throws IOException {
        assertThatThrownBy(() -> SpecFiles.parse("a: [", "t")).isInstanceOfSatisfying(LeveeException.class, e -> {
            assertThat(e.code()).isEqualTo(ErrorCode.BAD_SPEC);
            assertThat(e.what()).doesNotContain("\n");
        });
        assertThatThrownBy(() -> SpecFiles.parse("just text", "t")).hasMessageContaining("not a map");
        assertThatThrownBy(() -> SpecFiles.parse("{time: a, time: b, columns: {a: timestamp}}", "t"))
                .hasMessageContaining("BAD_SPEC");
        assertThatThrownBy(() -> SpecFiles.read(dir.resolve("none.yaml"))).hasMessageContaining("NOT_FOUND");
        Path file = Files.writeString(dir.resolve("runs.yaml"), "{time: at, columns: {at: timestamp}}");
        assertThat(SpecFiles.read(file).name()).isEqualTo("runs");
        assertThat(SpecFiles.read(file, "other").name()).isEqualTo("other");
    }

    @Test
    void everyExampleSpecIsReadAndSurvivesBeingWritten() throws IOException {
        try (Stream<Path> files = Files.list(EXAMPLES)) {
            List<Path> all = files.toList();
            assertThat(all).hasSizeGreaterThanOrEqualTo(18);
            for (Path file : all) {
                TableSpec spec = SpecFiles.read(file);
                assertThat(file.getFileName()).hasToString(spec.name() + ".yaml");
                assertThat(SpecFiles.parse(SpecFiles.yaml(spec), "x")).isEqualTo(spec);
            }
        }
    }
}
