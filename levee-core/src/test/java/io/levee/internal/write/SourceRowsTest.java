package io.levee.internal.write;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.BatchReceipt;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.Overflow;
import io.levee.Row;
import io.levee.StoreOptions;
import io.levee.TableSpec;
import io.levee.engine.SourceMark;
import io.levee.engine.WriteRow.Outcome;
import io.levee.internal.supervisor.Supervisor;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;

/** Design section 5: a replay takes what lies before a committed position for stored, so no row of a source may be given up before it. */
class SourceRowsTest {
    private static final TableSpec SPEC = TableSpec.builder("events")
            .column("i", ColumnType.INTEGER)
            .column("at", ColumnType.TIMESTAMP)
            .time("at")
            .build();

    private final FakeEngine engine = new FakeEngine();
    private final Supervisor supervisor = new Supervisor();

    @Test
    void shouldKeepRowsOfASourceForAsLongAsItTakes() {
        StoreOptions options = StoreOptions.builder().build();
        Tables tables = new Tables(engine, false);
        TableState table = tables.declare(SPEC);
        WriteService service = new WriteService(engine, options, tables, supervisor, Duration.ofMillis(50));
        engine.writing = (rows, seq) ->
                rows.forEach(row -> row.settle(Outcome.RETRY, 0, new LeveeException(ErrorCode.DISK_FULL, "no room")));
        service.start();
        try {
            CompletableFuture<BatchReceipt> ofSource = append(service, table, List.of(new SourceMark("file", 7)));
            CompletableFuture<BatchReceipt> other = append(service, table, List.of());
            // The younger one was given up; the older one would have been before it.
            assertThat(other.join().lost()).isEqualTo(1);
            assertThat(ofSource).isNotDone();
            engine.writing = engine::store;
            assertThat(ofSource.join().stored()).isEqualTo(1);
        } finally {
            service.close(Duration.ofSeconds(1));
            supervisor.stop();
        }
    }

    private static CompletableFuture<BatchReceipt> append(
            WriteService service, TableState table, List<SourceMark> marks) {
        Row row = Row.of(SPEC)
                .set("i", 1)
                .set("at", Instant.parse("2026-05-20T10:00:00Z"))
                .build();
        return service.appendAll(
                table, List.of(row), new int[1], new ArrayList<>(), marks, Ack.COMMITTED, Overflow.reject());
    }
}
