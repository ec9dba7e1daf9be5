package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.levee.Ack;
import io.levee.Bytes;
import io.levee.ColumnType;
import io.levee.Levee;
import io.levee.LossReason;
import io.levee.Measure;
import io.levee.PartitionBy;
import io.levee.Query;
import io.levee.RollupSpec;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.TimeSeries;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What goes for space goes without its rollup, at once, and says so. */
class RollupSpaceTest {
    private static final Instant DAY1 = Instant.now().minus(Duration.ofDays(30));

    private static final TableSpec SPEC = TableSpec.builder("events")
            .column("i", ColumnType.INTEGER)
            .column("at", ColumnType.TIMESTAMP)
            .column("text", ColumnType.TEXT)
            .time("at")
            .partitionBy(PartitionBy.DAY)
            .rollup(RollupSpec.builder("daily").every(Duration.ofDays(1)).build())
            .build();

    @TempDir
    Path directory;

    @Test
    void shouldTellTheGapOfARollupThatWasNotKept() {
        try (Store store = Levee.open(
                directory.resolve("store"), o -> o.disk(Bytes.mebi(8)).memory(Bytes.mebi(32)))) {
            Table<Row> events = store.createTable(SPEC);
            for (int day = 0; day < 20; day++) {
                List<Row> rows = new ArrayList<>();
                for (long i = 0; i < 1000; i++) {
                    rows.add(Row.of(SPEC)
                            .set("i", i)
                            .set("at", DAY1.plus(Duration.ofDays(day)))
                            .set("text", "x".repeat(600))
                            .build());
                }
                events.appendAll(rows, Ack.COMMITTED).join();
            }
            await().until(() -> store.partitions().stream()
                            .filter(p -> p.id().table().equals("events"))
                            .count()
                    < 20);
            assertThat(store.gaps("events__daily", null, null))
                    .isNotEmpty()
                    .allMatch(gap -> gap.reason() == LossReason.EXPIRED);
            TimeSeries.Points points = store.timeSeries(new TimeSeries(
                    Query.builder("events").build(), Duration.ofDays(1), List.of(), List.of(Measure.count())));
            assertThat(points.coverage().gaps())
                    .isNotEmpty()
                    .allMatch(gap -> gap.table().equals("events"));
        }
    }
}
