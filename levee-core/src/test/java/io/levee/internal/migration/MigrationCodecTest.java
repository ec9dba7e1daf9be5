package io.levee.internal.migration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.levee.Column;
import io.levee.ColumnType;
import io.levee.IndexSpec;
import io.levee.LeveeException;
import io.levee.Lookup;
import io.levee.Migration;
import io.levee.MigrationStep;
import io.levee.TableSpec;
import io.levee.TimeFormat;
import io.levee.engine.MigrationRecord;
import io.levee.internal.json.Json;
import io.levee.internal.spec.SpecCodec;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class MigrationCodecTest {
    private static final TableSpec SPEC = TableSpec.builder("t")
            .column(new Column("at", ColumnType.TIMESTAMP, false, false, TimeFormat.ISO))
            .column(Column.of("n", ColumnType.INTEGER).withDefault(5L))
            .column(Column.of("j", ColumnType.JSON).withDefault("{\"a\":[1]}"))
            .column(Column.of("b", ColumnType.BOOLEAN).withDefault(1L))
            .column(Column.of("d", ColumnType.DURATION).withDefault(1_500_000L))
            .column(new Column("when", ColumnType.TIMESTAMP, false, false, TimeFormat.pattern("dd/MMM/yyyy", null))
                    .withDefault(1_000_001L))
            .column(Column.of("e", ColumnType.TEXT).withExpression("lower('X') || n"))
            .column(Column.of("old", ColumnType.TEXT))
            .column(Column.of("gone", ColumnType.REAL))
            .index("n")
            .index(IndexSpec.of("i", "(lower(e))", "n").where("n > 3"))
            .time("at")
            .build()
            .toBuilder()
            .rename("old", Column.of("new", ColumnType.TEXT))
            .drop("gone")
            .build();

    /** What the first releases read has nothing that they do not know; both parts together are the spec. */
    @Test
    void shouldKeepWhatMigrationsMakeBesideWhatOlderReleasesRead() {
        assertThat(TableSpec.fromMap(Json.object(Json.write(SPEC.toMap())))).isEqualTo(SPEC);
        Map<String, Object> plain = SpecCodec.plain(SPEC);
        assertThat(Json.write(plain))
                .doesNotContain("default", "expression", "namedIndexes", "formerNames", "droppedColumns");
        Map<String, Object> both = new LinkedHashMap<>(Json.object(Json.write(plain)));
        both.putAll(Json.object(Json.write(SpecCodec.added(SPEC))));
        both.putAll(Json.object(Json.write(SpecCodec.migrated(SPEC))));
        assertThat(TableSpec.fromMap(both)).isEqualTo(SPEC);
        assertThat(SPEC.formerNames()).containsEntry("new", List.of("old"));
        assertThat(SPEC.droppedColumns()).containsKey("gone");
    }

    @Test
    void shouldReadWhatItWrites() {
        List<MigrationStep> steps = List.of(
                new MigrationStep.AddColumn(SPEC.column("when")),
                new MigrationStep.AddColumn(SPEC.column("e")),
                new MigrationStep.AddIndex(SPEC.namedIndexes().get(0)),
                new MigrationStep.DropIndex("i"),
                new MigrationStep.DropColumn("n"),
                new MigrationStep.RenameColumn("n", "m"),
                new MigrationStep.Backfill(
                        Map.of("n", "x + 1"),
                        Map.of("x", new Lookup("o", Map.of("k", "e"), Lookup.Function.MAX, "v", "v > 3")),
                        "n < 9"));
        for (MigrationStep step : steps) {
            Migration migration = new Migration("m", "t", step);
            assertThat(Migration.fromMap(Json.object(Json.write(migration.toMap()))))
                    .isEqualTo(migration);
            MigrationRecord record = MigrationRecord.planned(migration);
            assertThat(MigrationRecord.fromMap(Json.object(Json.write(record.toMap()))))
                    .isEqualTo(record);
            assertThat(new Migration("other", "t", step).digest()).isEqualTo(migration.digest());
        }
        assertThat(steps.stream()
                        .map(step -> new Migration("m", "t", step).digest())
                        .distinct())
                .hasSameSizeAs(steps);
    }

    @Test
    void shouldRefuseWhatIsNone() {
        for (String text : List.of(
                "{\"id\":\"a\",\"table\":\"t\"}",
                "{\"id\":\"a\",\"table\":\"t\",\"dropColumn\":\"n\",\"dropIndex\":\"i\"}",
                "{\"id\":\"a b\",\"table\":\"t\",\"dropColumn\":\"n\"}",
                "{\"id\":\"a\",\"table\":\"t\",\"explode\":\"n\"}",
                "{\"id\":\"a\",\"table\":\"t\",\"backfill\":{\"set\":{}}}",
                "{\"id\":\"a\",\"table\":\"t\",\"renameColumn\":{\"from\":\"n\"}}",
                "{\"id\":\"a\",\"table\":\"t\",\"addColumn\":{\"name\":\"n\",\"type\":\"integer\",\"default\":\"x\"}}")) {
            assertThatThrownBy(() -> Migration.fromMap(Json.object(text))).isInstanceOf(LeveeException.class);
        }
    }
}
