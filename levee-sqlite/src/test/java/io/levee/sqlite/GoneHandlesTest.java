package io.levee.sqlite;

import static io.levee.sqlite.OpenEngine.EVENTS;
import static io.levee.sqlite.OpenEngine.row;
import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Column;
import io.levee.PartitionId;
import io.levee.engine.Execution;
import io.levee.engine.ReadView;
import io.levee.engine.RowQuery;
import io.levee.engine.RowSink;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;

/** What is dropped for space gives its space back when the last reader is done with it, not minutes later (G81, G86). */
class GoneHandlesTest {
    private static final PartitionId OLDEST = new PartitionId("events", "", "2026-05-10", 1);

    @TempDir
    Path directory;

    static boolean descriptorsAreShown() {
        return Files.isDirectory(Path.of("/proc/self/fd"));
    }

    /** A query that reads a partition when it goes, and ends well. */
    private static RowSink dropping(OpenEngine store, AtomicInteger rows) {
        return new RowSink() {
            @Override
            public void columns(List<String> names) {}

            @Override
            public boolean row(@Nullable Object[] values) {
                if (rows.incrementAndGet() == 1) {
                    assertThat(store.engine.dropForSpace(OLDEST, "full").bytesFreed())
                            .isPositive();
                }
                return true;
            }
        };
    }

    /**
     * It kept its connection for the next query: for up to ten minutes the file took its space, no query could be ended for it, nothing
     * more was dropped since that frees nothing, and below a cap the writer stood still.
     */
    @Test
    @EnabledIf("descriptorsAreShown")
    void shouldKeepNoHandleOnAPartitionThatWentWhileItWasRead() {
        try (OpenEngine store = new OpenEngine(directory)) {
            store.append(row(0, 0), row(1, 0), row(2, 1));
            assertThat(store.engine.closePartition(OLDEST)).isEmpty();
            AtomicInteger rows = new AtomicInteger();
            RowQuery all = new RowQuery(
                    EVENTS,
                    Long.MIN_VALUE,
                    Long.MAX_VALUE,
                    null,
                    false,
                    List.of(),
                    List.of(),
                    Long.MAX_VALUE,
                    null,
                    List.<Column>copyOf(EVENTS.columns()));
            try (ReadView view = store.engine.view(EVENTS, Long.MIN_VALUE, Long.MAX_VALUE)) {
                view.rows(
                        all, new Execution(1, "all", System.nanoTime(), Duration.ofMinutes(1)), dropping(store, rows));
            }
            assertThat(rows).hasValue(3);
            assertThat(store.engine.partitions()).hasSize(1);
            assertThat(Unlinked.below(new StorePaths(directory))).doesNotContainKey(Volume.UNLINKED);
        }
    }
}
