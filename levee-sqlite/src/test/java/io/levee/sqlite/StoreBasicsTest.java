package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.CloseReport;
import io.levee.Expr;
import io.levee.Key;
import io.levee.Levee;
import io.levee.Measure;
import io.levee.PartitionBy;
import io.levee.Receipt;
import io.levee.Result;
import io.levee.SqlQuery;
import io.levee.SqlResult;
import io.levee.Store;
import io.levee.Table;
import io.levee.Time;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** One record in, one query out, over several partitions and two openings. */
class StoreBasicsTest {
    private static final Instant START = Instant.parse("2026-05-19T22:00:00Z");

    @TempDir
    Path directory;

    record Invocation(
            @Key String taskId, String taskName, @Time Instant finishedAt, double runtimeMs) {}

    @Test
    void shouldFindWhatWasAppended() {
        try (Store store = Levee.open(directory)) {
            Table<Invocation> runs = store.table(Invocation.class, t -> t.partitionBy(PartitionBy.DAY));
            for (int i = 0; i < 1000; i++) {
                runs.append(new Invocation("t" + i, "mail" + i % 3, START.plusSeconds(i * 60L), i));
            }
            Receipt receipt = runs.append(new Invocation("t5", "changed", START.plusSeconds(300), 5), Ack.DURABLE)
                    .join();
            assertThat(receipt.updated()).isTrue();
            assertThat(runs.query().count()).isEqualTo(1000);
            assertThat(store.partitions()).hasSize(2);
            try (Result<Invocation> result =
                    runs.query().where(Expr.eq("taskName", "mail1")).limit(10).run()) {
                List<Invocation> page = result.toList();
                assertThat(page).hasSize(10);
                assertThat(page.get(0).taskId()).isEqualTo("t997");
                assertThat(result.next()).isNotNull();
                assertThat(result.coverage().complete()).isTrue();
            }
        }
        try (Store store = Levee.open(directory)) {
            Table<Invocation> runs = store.table(Invocation.class, t -> t.partitionBy(PartitionBy.DAY));
            assertThat(runs.append(new Invocation("t5", "again", START, 5), Ack.COMMITTED)
                            .join()
                            .updated())
                    .isTrue();
            assertThat(runs.query()
                            .aggregate(List.of("taskName"), Measure.count(), Measure.avg("runtimeMs"))
                            .groups())
                    .hasSize(4);
            try (SqlResult result = store.sql(SqlQuery.of("SELECT count(*), max(task_name) FROM invocation"))) {
                List<List<Object>> rows = new ArrayList<>();
                result.forEach(rows::add);
                assertThat(rows).containsExactly(List.of(1000L, "mail2"));
            }
            CloseReport report = store.close(Duration.ofSeconds(5));
            assertThat(report.clean()).isTrue();
        }
        try (Store store = Levee.openReadOnly(directory)) {
            assertThat(store.status().lastShutdown()).isEqualTo("CLEAN");
            assertThat(store.status().tables().get(0).rows()).isEqualTo(1000);
        }
    }
}
