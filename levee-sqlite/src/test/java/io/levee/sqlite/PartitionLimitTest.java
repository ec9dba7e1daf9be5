package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.levee.Ack;
import io.levee.Levee;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletionException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The number of partitions is bounded: the status tells how many there are, warns before, and past it a record is refused by name. */
class PartitionLimitTest {
    private static final int LEFT = 3;

    @TempDir
    Path directory;

    private Store open() {
        return Levee.open(directory, o -> o.asOf(OpenEngine.DAY1.plus(Duration.ofDays(20))));
    }

    private static Row row(Table<Row> table, int day) {
        return Row.of(table.spec())
                .set("i", (long) day)
                .set("at", OpenEngine.DAY1.plus(Duration.ofDays(day)))
                .set("text", "day " + day)
                .build();
    }

    /** Has the catalog know of many empty partitions of days before: making their files takes minutes. */
    private void fill(int count) throws Exception {
        try (Connection catalog = DriverManager.getConnection("jdbc:sqlite:" + directory.resolve("catalog.db"));
                Statement statement = catalog.createStatement()) {
            List<String> columns = new ArrayList<>();
            List<String> values = new ArrayList<>();
            try (ResultSet known = statement.executeQuery("PRAGMA table_info(partitions)")) {
                while (known.next()) {
                    String name = known.getString("name");
                    columns.add(name);
                    values.add(
                            switch (name) {
                                case "period" -> "date('2026-05-09', '-' || d || ' days')";
                                case "file" -> "'tables/events/' || date('2026-05-09', '-' || d || ' days') || '.db'";
                                case "row_count" -> "0";
                                case "min_time", "max_time", "checksum" -> "NULL";
                                default -> name;
                            });
                }
            }
            statement.executeUpdate("WITH RECURSIVE days(d) AS (SELECT 0 UNION ALL SELECT d + 1 FROM days WHERE d < "
                    + (count - 1) + ") INSERT INTO partitions(" + String.join(",", columns) + ") SELECT "
                    + String.join(",", values) + " FROM (SELECT * FROM partitions LIMIT 1), days");
        }
    }

    @Test
    void shouldWarnBeforeTheLimitAndRefusePastIt() throws Exception {
        try (Store store = open()) {
            Table<Row> events = store.createTable(OpenEngine.EVENTS);
            events.append(row(events, 0), Ack.COMMITTED).join();
            assertThat(store.status().warnings()).noneMatch(warning -> warning.contains("partitions of at most"));
        }
        fill(OpenPartitions.MAX_PARTITIONS - 1 - LEFT);
        try (Store store = open()) {
            Table<Row> events = store.createTable(OpenEngine.EVENTS);
            assertThat(store.status().toMap().get("partitions"))
                    .isEqualTo(Map.of("count", (long) OpenPartitions.MAX_PARTITIONS - LEFT, "limit", (long)
                            OpenPartitions.MAX_PARTITIONS));
            assertThat(store.status().warnings())
                    .anyMatch(warning -> warning.contains("19997 partitions of at most 20000"));
            for (int day = 1; day <= LEFT; day++) {
                events.append(row(events, day), Ack.COMMITTED).join();
            }
            assertThatThrownBy(() ->
                            events.append(row(events, LEFT + 1), Ack.COMMITTED).join())
                    .isInstanceOf(CompletionException.class)
                    .cause()
                    .hasMessageContaining("TOO_MANY_PARTITIONS")
                    .hasMessageContaining("20000");
            assertThat(store.status().lost()).as("told, and counted").isEqualTo(1);
            // What has a partition is taken as before.
            events.append(row(events, LEFT), Ack.COMMITTED).join();
            assertThat(events.query().count()).isEqualTo(LEFT + 2L);
        }
    }
}
