package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.ColumnType;
import io.levee.Levee;
import io.levee.Measure;
import io.levee.PartitionBy;
import io.levee.PartitionId;
import io.levee.PartitionInfo;
import io.levee.Query;
import io.levee.RetentionRule;
import io.levee.RollupSpec;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.TimeSeries;
import io.levee.testkit.Property;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Partitions of a table with rollups are merged like others: a time series is the same before and after, and once all is dropped and only
 * figures are left. What has figures already, since it was dropped once and came back, is not merged: they go by its name.
 */
class RollupMergeTest {
    private static final Instant START = Instant.parse("2026-05-01T00:00:00Z");
    private static final Instant LATER = START.plus(Duration.ofDays(30));
    private static final Instant OVER = START.plus(Duration.ofDays(300));

    @TempDir
    Path directory;

    private static TableSpec spec() {
        return TableSpec.builder("events")
                .column("i", ColumnType.INTEGER)
                .column("kind", ColumnType.TEXT)
                .column("at", ColumnType.TIMESTAMP)
                .time("at")
                .partitionBy(PartitionBy.HOUR)
                .retention(RetentionRule.maxAge(Duration.ofDays(200)))
                .rollup(RollupSpec.builder("hourly")
                        .every(Duration.ofHours(1))
                        .by("kind")
                        .measures(Measure.count(), Measure.sum("i"), Measure.max("i"), Measure.percentile(0.9, "i"))
                        .build())
                .build();
    }

    private static Store open(Path home, Instant now) {
        return Levee.open(home, o -> o.asOf(now));
    }

    private static List<String> series(Store store) {
        TimeSeries.Points points = store.timeSeries(new TimeSeries(
                Query.builder("events").build(),
                Duration.ofHours(1),
                List.of("kind"),
                List.of(Measure.count(), Measure.sum("i"), Measure.max("i"), Measure.percentile(0.9, "i"))));
        return points.points().stream()
                .filter(point -> !Long.valueOf(0).equals(point.figures().get(0)))
                .map(String::valueOf)
                .sorted()
                .toList();
    }

    private static List<PartitionId> partitions(Store store) {
        return store.partitions().stream()
                .map(PartitionInfo::id)
                .filter(id -> id.table().equals("events"))
                .toList();
    }

    private static void drop(Store store) {
        for (int pass = 0; pass < 3; pass++) {
            store.applyRetention(store.planRetention());
        }
    }

    @Test
    void shouldKeepTheFiguresOfWhatWasMerged() {
        int[] trial = {0};
        Property.check("rollups of a merged partition are those of its parts", 2, gen -> {
            Path home = directory.resolve("p" + trial[0]++);
            List<String> before;
            int parts;
            try (Store store = open(home, LATER)) {
                Table<Row> events = store.createTable(spec());
                List<Row> rows = new ArrayList<>();
                for (int i = 0; i < 20 + gen.size(); i++) {
                    rows.add(Row.of(events.spec())
                            .set("i", (long) gen.between(-50, 1_000))
                            .set("kind", gen.of("a", "b", "c"))
                            .set("at", START.plus(Duration.ofMinutes(gen.between(0, 6 * 60))))
                            .build());
                }
                events.appendAll(rows, Ack.COMMITTED).join();
                before = series(store);
                parts = partitions(store).size();
            }
            assertThat(MergeHelp.merge(home, LATER)).isPositive();
            try (Store store = open(home, LATER)) {
                assertThat(partitions(store)).hasSizeLessThan(parts);
                assertThat(series(store)).as("merged").isEqualTo(before);
            }
            try (Store store = open(home, OVER)) {
                drop(store);
                assertThat(partitions(store)).isEmpty();
                assertThat(series(store)).as("dropped").isEqualTo(before);
            }
        });
    }

    @Test
    void shouldNotMergeWhatHasFiguresAlready() {
        List<String> before;
        try (Store store = open(directory, LATER)) {
            Table<Row> events = store.createTable(spec());
            for (int hour = 0; hour < 4; hour++) {
                events.append(
                                Row.of(events.spec())
                                        .set("i", (long) hour)
                                        .set("kind", "a")
                                        .set("at", START.plus(Duration.ofHours(hour)))
                                        .build(),
                                Ack.COMMITTED)
                        .join();
            }
            before = series(store);
        }
        try (Store store = open(directory, OVER)) {
            drop(store);
            store.dropped().forEach(gone -> {
                if (gone.id().table().equals("events")) {
                    store.restore(gone.id());
                }
            });
            assertThat(partitions(store)).hasSize(4);
            assertThat(series(store)).as("restored").isEqualTo(before);
        }
        MergeHelp.merge(directory, LATER);
        try (Store store = open(directory, LATER)) {
            assertThat(partitions(store)).as("they have figures by their names").hasSize(4);
            assertThat(series(store)).isEqualTo(before);
        }
    }
}
