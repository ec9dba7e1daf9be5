package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Adoption;
import io.levee.PartitionId;
import io.levee.TableSpec;
import io.levee.engine.Execution;
import io.levee.engine.Period;
import io.levee.engine.RowQuery;
import io.levee.internal.adopt.MovedRows;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The newest rows of a database that is being split are looked for where its rest begins, whatever has moved above (G53, G64). */
class AdoptedRestTest {
    private static final int ROWS = 10_000;
    private static final TableSpec SPEC = LegacyData.invocations().build();

    @TempDir
    Path directory;

    private Path file;
    private ReadHandles readers;
    private StorePaths paths;
    private Partition whole;

    @BeforeEach
    void adopt() {
        file = directory.resolve("monitor.db");
        LegacyData.monitor(file, ROWS, true);
        paths = new StorePaths(directory.resolve("store"));
        readers = new ReadHandles(paths, new Suspects(true), 0);
        AdoptedProbe.Found found = AdoptedProbe.first(
                SPEC, Adoption.of(file, "invocations").time("finished_at").details("invocation_details", "task_id"), 0);
        whole = new Partition(
                new PartitionId("invocations", "", Period.ADOPTED.name(), 1), found.adopted(), found.held());
    }

    /** With the rows from a number on in partitions of the store's own. */
    private Partition moved(Partition before, long from) {
        return before.with(new MovedRows(from, ROWS, ROWS - from + 1));
    }

    private static long rest(Partition partition) {
        return partition
                .rest()
                .newestMicros(Objects.requireNonNull(partition.adopted()).moved());
    }

    /** By the original: the newest that has not moved. */
    private long newest(long from) {
        Object seconds = LegacyData.ask(file, "SELECT max(finished_at) FROM invocations WHERE rowid < " + from)
                .get(0)
                .get(0);
        return (long) ((Double) Objects.requireNonNull(seconds) * 1e6);
    }

    private List<String> newestIds(Partition partition, int limit) throws Exception {
        RowQuery query = new RowQuery(
                SPEC,
                Long.MIN_VALUE,
                Long.MAX_VALUE,
                null,
                true,
                List.of(),
                List.of(),
                limit,
                null,
                List.of(Objects.requireNonNull(SPEC.column("task_id"))));
        List<String> ids = new ArrayList<>();
        partition.pin();
        try (PartitionsView view = new PartitionsView(paths, readers, List.of(partition), p -> {}, Sight.NONE)) {
            view.rows(
                    query,
                    new Execution(1, "test", System.nanoTime(), Duration.ofSeconds(30)),
                    MigrationHelp.sink(ids, 1));
        }
        return ids;
    }

    private List<String> wanted(long from, int limit) {
        List<String> ids = new ArrayList<>();
        for (List<@Nullable Object> row : LegacyData.ask(
                file,
                "SELECT task_id FROM invocations WHERE finished_at IS NOT NULL AND rowid < " + from
                        + " ORDER BY finished_at DESC, rowid DESC LIMIT " + limit)) {
            ids.add(row.toString());
        }
        return ids;
    }

    @Test
    void shouldBeginWhereTheRestEnds() throws Exception {
        assertThat(newestIds(whole, 50)).isEqualTo(wanted(ROWS + 1, 50));
        assertThat(rest(whole)).isEqualTo(Long.MAX_VALUE);

        Partition half = moved(whole, 5_001);
        assertThat(newestIds(half, 50)).isEqualTo(wanted(5_001, 50));
        assertThat(rest(half)).isEqualTo(newest(5_001));
        HeldRange first = Objects.requireNonNull(AdoptedWindows.of(half, true, Long.MIN_VALUE, Long.MAX_VALUE))
                .next(0);
        assertThat(Objects.requireNonNull(first).toMicros()).isEqualTo(newest(5_001) + 1);
        assertThat(first.fromMicros()).isGreaterThan(newest(4_000));
        // The others go on from the beginning.
        assertThat(Objects.requireNonNull(
                                Objects.requireNonNull(AdoptedWindows.of(half, false, Long.MIN_VALUE, Long.MAX_VALUE))
                                        .next(0))
                        .fromMicros())
                .isEqualTo(Long.MIN_VALUE);
    }

    @Test
    void shouldKeepToWhatItsOwnViewHas() throws Exception {
        Partition half = moved(whole, 5_001);
        Partition more = moved(half, 2_001);
        assertThat(newestIds(more, 50)).isEqualTo(wanted(2_001, 50));
        assertThat(rest(more)).isEqualTo(newest(2_001));
        // A query that began before more had moved still has the rows between.
        assertThat(rest(half)).isEqualTo(Long.MAX_VALUE);
        assertThat(newestIds(half, 50)).isEqualTo(wanted(5_001, 50));
        assertThat(newestIds(more, 50)).isEqualTo(wanted(2_001, 50));
        assertThat(newestIds(moved(more, 1), 50)).isEmpty();
    }

    @Test
    void shouldLookAgainWhereSomebodyElseHasWritten() throws Exception {
        Partition half = moved(whole, 5_001);
        newestIds(half, 1);
        AdoptedProbe.Found again = AdoptedProbe.again(SPEC, Objects.requireNonNull(half.adopted()));
        half.looked(again.adopted(), again.held());
        assertThat(rest(half)).isEqualTo(Long.MAX_VALUE);
    }
}
