package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.CloseReport;
import io.levee.ColumnType;
import io.levee.PartitionBy;
import io.levee.StoreOptions;
import io.levee.TableSpec;
import io.levee.engine.EngineSettings;
import io.levee.engine.Period;
import io.levee.engine.StorageEngine;
import io.levee.engine.WriteRow;
import io.levee.internal.supervisor.Supervisor;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A partition that was closed to be dropped, and then was not dropped, still has its keys. */
class ClosedKeysTest {
    private static final TableSpec SPEC = TableSpec.builder("job")
            .column("id", ColumnType.TEXT)
            .column("at", ColumnType.TIMESTAMP)
            .time("at")
            .key("id")
            .partitionBy(PartitionBy.DAY)
            .build();
    private static final long DAY = 86_400_000_000L;

    @TempDir
    Path directory;

    private static final class Row extends WriteRow {
        Row(String id, long time) {
            super(new Object[] {id, time}, time);
            period(Period.of(PartitionBy.DAY, time));
        }
    }

    @Test
    void shouldUpdateARowOfAPartitionWhoseDropWasBlocked() {
        Supervisor supervisor = new Supervisor();
        StorageEngine engine = new SqliteEngineProvider()
                .open(
                        directory.toString(),
                        new EngineSettings(StoreOptions.builder().build(), false, supervisor));
        AtomicLong seq = new AtomicLong();
        engine.putTable(SPEC);
        Row first = new Row("a", 20_000 * DAY);
        engine.append(SPEC, List.of(first), Ack.COMMITTED, seq::incrementAndGet);
        assertThat(first.outcome()).isEqualTo(WriteRow.Outcome.STORED);
        assertThat(engine.closePartition(engine.partitions().get(0).id())).isEmpty();
        Row again = new Row("a", 20_001 * DAY);
        engine.append(SPEC, List.of(again), Ack.COMMITTED, seq::incrementAndGet);
        assertThat(again.outcome()).isEqualTo(WriteRow.Outcome.UPDATED);
        assertThat(engine.partitions()).hasSize(1);
        engine.closeWriter();
        supervisor.stop();
        engine.close(new CloseReport(true, 0, 0, 0, 0, List.of(), ""));
    }
}
