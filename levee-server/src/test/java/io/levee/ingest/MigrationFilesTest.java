package io.levee.ingest;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.levee.ErrorCode;
import io.levee.IndexSpec;
import io.levee.LeveeException;
import io.levee.Lookup;
import io.levee.Migration;
import io.levee.MigrationStep.AddColumn;
import io.levee.MigrationStep.AddIndex;
import io.levee.MigrationStep.Backfill;
import io.levee.MigrationStep.DropColumn;
import io.levee.MigrationStep.DropIndex;
import io.levee.MigrationStep.RenameColumn;
import io.levee.ask.MigrationForms;
import io.levee.json.JsonOut;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Files of migrations, and those in specs. */
class MigrationFilesTest {
    private static final String ALL = """
            table: runs
            migrations:
              - {id: add-region, addColumn: {name: region, type: text, default: eu}}
              - {id: add-seconds, addColumn: {name: seconds, type: real, expression: 'ms / 1000.0'}}
              - {id: by-state, addIndex: {name: by_state, on: [state, (lower(name))], where: state = 'FAILURE'}}
              - {id: no-old, dropIndex: old}
              - {id: no-tmp, dropColumn: tmp}
              - {id: rename, renameColumn: {from: ms, to: runtime_ms}}
              - id: last-seen
                table: transmissions
                backfill:
                  set: {last_seen: newest}
                  lookups:
                    newest: {table: observations, match: {hash: hash}, function: max, column: rx_time}
                  where: last_seen IS NULL
            """;

    @TempDir
    private Path dir;

    @Test
    void shouldReadEveryStepAndItsJsonAsTheSame() throws Exception {
        Path file = Files.writeString(dir.resolve("m.yaml"), ALL);
        List<Migration> read = MigrationFiles.read(file);
        assertThat(read)
                .extracting(Migration::id)
                .containsExactly("add-region", "add-seconds", "by-state", "no-old", "no-tmp", "rename", "last-seen");
        assertThat(read.subList(0, 6)).allMatch(m -> m.table().equals("runs"));
        assertThat(((AddColumn) read.get(0).step()).column().defaultValue()).isEqualTo("eu");
        assertThat(((AddColumn) read.get(1).step()).column().expression()).isEqualTo("ms / 1000.0");
        assertThat(read.get(2).step())
                .isEqualTo(new AddIndex(
                        IndexSpec.of("by_state", "state", "(lower(name))").where("state = 'FAILURE'")));
        assertThat(read.get(3).step()).isEqualTo(new DropIndex("old"));
        assertThat(read.get(4).step()).isEqualTo(new DropColumn("tmp"));
        assertThat(read.get(5).step()).isEqualTo(new RenameColumn("ms", "runtime_ms"));
        Backfill fill = (Backfill) read.get(6).step();
        assertThat(fill.lookups())
                .containsEntry("newest", Lookup.of(Lookup.Function.MAX, "observations", "rx_time", "hash", "hash"));
        assertThat(fill.where()).isEqualTo("last_seen IS NULL");
        // What a client sends to a server is the same, digests included.
        List<Migration> again = MigrationFiles.parse(JsonOut.text(MigrationForms.body(read)));
        assertThat(again).isEqualTo(read);
        assertThat(again)
                .extracting(Migration::digest)
                .isEqualTo(read.stream().map(Migration::digest).toList());
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '~',
            value = {
                "just text | must be a list",
                "[{id: a, dropColumn: x}] | lacks 'table'",
                "[{table: t, dropColumn: x}] | lacks 'id'",
                "[{id: a b, table: t, dropColumn: x}] | 'a b'",
                "[{id: a, table: t}] | no step",
                "[{id: a, table: t, dropColum: x}] | dropColum",
                "[{id: a, table: t, dropColumn: x, dropIndex: y}] | two steps",
                "[{id: a, table: t, dropColumn: x}, {id: a, table: t, dropColumn: y}] | two migrations are named 'a'",
                "{migrations: [], columns: {}} | columns",
                "[{id: a, table: t, backfill: {set: {}}}] | sets nothing",
                "[{id: a, table: t, backfill: {set: {x: y}, wher: z}}] | wher",
                "'[' | must be a list",
                "[ | neither YAML nor JSON",
            })
    void shouldSayWhatIsWrong(String text, String what) throws Exception {
        assertThatThrownBy(() -> MigrationFiles.parse(text))
                .isInstanceOfSatisfying(
                        LeveeException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.BAD_SPEC))
                .hasMessageContaining(what);
        Path file = Files.writeString(dir.resolve("m.yaml"), text);
        assertThatThrownBy(() -> MigrationFiles.read(file))
                .isInstanceOfSatisfying(
                        LeveeException.class, e -> assertThat(e.details()).containsEntry("file", file.toString()));
    }

    @Test
    void shouldRefuseJavaFunctionsByName() {
        for (String step : List.of("custom: {version: '1'}", "backfillRows: {version: '1', columns: [x]}")) {
            assertThatThrownBy(() -> MigrationFiles.parse("[{id: a, table: t, " + step + "}]"))
                    .isInstanceOfSatisfying(LeveeException.class, e -> {
                        assertThat(e.code()).isEqualTo(ErrorCode.NOT_SUPPORTED);
                        assertThat(e.what()).contains(step.substring(0, step.indexOf(':')));
                        assertThat(e.hint()).contains("Store.migrate");
                    });
        }
    }

    @Test
    void shouldReadThoseOfASpec() {
        String spec = """
                time: at
                columns: {at: timestamp, state: text, region: text}
                retention: {unbounded: true}
                migrations:
                  - {id: add-region, addColumn: {name: region, type: text, default: eu}}
                """;
        SpecFile file = SpecFile.parse(spec, "runs");
        assertThat(file.spec()).isEqualTo(SpecFiles.parse(spec.substring(0, spec.indexOf("migrations")), "runs"));
        assertThat(file.migrations())
                .singleElement()
                .satisfies(m -> assertThat(m.table()).isEqualTo("runs"));
        assertThat(SpecFile.parse(JsonOut.text(file.toMap()), "x")).isEqualTo(file);
        assertThatThrownBy(() -> SpecFile.parse(spec.replace("add-region,", "add-region, table: other,"), "runs"))
                .hasMessageContaining("a migration of the table other");
        assertThat(SpecFile.of(file.spec()).toMap())
                .isEqualTo(Map.copyOf(file.spec().toMap()));
    }
}
