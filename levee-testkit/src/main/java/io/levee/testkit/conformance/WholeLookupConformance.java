package io.levee.testkit.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.ColumnType;
import io.levee.Lookup;
import io.levee.Migration;
import io.levee.MigrationStatus;
import io.levee.MigrationStep;
import io.levee.PartitionBy;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.engine.Capability;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** A backfill of so many rows that the other table is read once as a whole, beside a program that goes on writing both (G17, G121). */
abstract class WholeLookupConformance extends Conformance {
    private static final int JOBS = 2_400;
    private static final int CHANGED = 300;

    private static final TableSpec SPEC = TableSpec.builder("jobs")
            .column("id", ColumnType.TEXT)
            .column("at", ColumnType.TIMESTAMP)
            .column("last", ColumnType.INTEGER)
            .time("at")
            .key("id")
            .partitionBy(PartitionBy.DAY)
            .build();
    private static final TableSpec BEATS = TableSpec.builder("beats")
            .column("job", ColumnType.TEXT)
            .column("at", ColumnType.TIMESTAMP)
            .column("value", ColumnType.INTEGER)
            .time("at")
            .index("job")
            .partitionBy(PartitionBy.DAY)
            .build();

    WholeLookupConformance(EngineConformance kit) {
        super(kit);
    }

    private static Row job(int i, @Nullable Long last) {
        return row(SPEC, "id", "j" + i, "at", NOW.minus(Duration.ofDays(i % 3)).plusSeconds(i), "last", last);
    }

    private static Row beat(int i, long value) {
        return row(BEATS, "job", "j" + i, "at", NOW.minus(Duration.ofDays(value % 2)), "value", value);
    }

    /** A job that is heard of meanwhile keeps what the program wrote; one that nobody heard of stays without. */
    @Test
    void shouldFillWhatTheTableSaidAndKeepWhatWasWrittenMeanwhile() {
        try (Store store = newStore()) {
            if (!store.capabilities().contains(Capability.MIGRATIONS)) {
                return;
            }
            Table<Row> jobs = store.createTable(SPEC);
            Table<Row> beats = store.createTable(BEATS);
            List<Row> all = new ArrayList<>();
            List<Row> heard = new ArrayList<>();
            Map<String, Object> expected = new HashMap<>();
            for (int i = 0; i < JOBS; i++) {
                all.add(job(i, null));
                for (long value = 1; value <= i % 4; value++) {
                    heard.add(beat(i, 10 * value + i % 2));
                    expected.put("j" + i, 10 * value + i % 2);
                }
            }
            append(jobs, all);
            append(beats, heard);
            Lookup newest = Lookup.of(Lookup.Function.MAX, "beats", "value", "job", "id");
            store.migrate(
                    List.of(new Migration(
                            "fill",
                            "jobs",
                            new MigrationStep.Backfill(Map.of("last", "newest"), Map.of("newest", newest), null))),
                    false);
            for (int n = 0; n < CHANGED; n++) {
                int i = (n * 7919) % JOBS;
                append(beats, beat(i, 1_000 + n));
                append(jobs, job(i, 1_000L + n));
                expected.put("j" + i, 1_000L + n);
            }
            assertThat(store.awaitMigrations(Duration.ofSeconds(60))).isTrue();
            assertThat(store.migrations())
                    .singleElement()
                    .satisfies(one -> assertThat(one.state()).as("%s", one).isEqualTo(MigrationStatus.State.DONE));
            Map<String, Object> found = new HashMap<>();
            read(store, all(SPEC)).forEach(row -> {
                Object last = row.get("last");
                if (last != null) {
                    found.put(String.valueOf(row.get("id")), last);
                }
            });
            assertThat(found).isEqualTo(expected);
        }
    }
}
