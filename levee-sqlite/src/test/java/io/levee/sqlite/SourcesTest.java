package io.levee.sqlite;

import static io.levee.engine.WriteRow.Outcome.KNOWN;
import static io.levee.engine.WriteRow.Outcome.STORED;
import static io.levee.sqlite.OpenEngine.row;
import static io.levee.sqlite.OpenEngine.sourced;
import static org.assertj.core.api.Assertions.assertThat;

import io.levee.PartitionBy;
import io.levee.engine.Period;
import io.levee.engine.SourcePoint;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Design section 5: sources keep their position in each partition's own commit, and a replay skips by partition. */
class SourcesTest {
    @TempDir
    Path directory;

    @Test
    void shouldWriteARowOfASourceOnce() throws Exception {
        try (OpenEngine store = new OpenEngine(directory)) {
            assertThat(store.append(sourced(1, 0, "a", 10), sourced(2, 0, "a", 20), sourced(3, 1, "a", 30)))
                    .containsOnly(STORED);
            assertThat(store.append(sourced(2, 0, "a", 20), sourced(3, 1, "a", 30), sourced(4, 0, "a", 40)))
                    .containsExactly(KNOWN, KNOWN, STORED);
            // Another source, and rows without one, have nothing to do with it.
            assertThat(store.append(sourced(5, 0, "b", 1), row(6, 0))).containsOnly(STORED);
            store.abandon();
        }
        try (OpenEngine store = new OpenEngine(directory)) {
            assertThat(store.append(
                            sourced(1, 0, "a", 10),
                            sourced(4, 0, "a", 40),
                            sourced(5, 0, "b", 1),
                            sourced(7, 0, "b", 2)))
                    .containsExactly(KNOWN, KNOWN, KNOWN, STORED);
        }
        assertThat(OpenEngine.stored(directory, "i")).containsExactly(1, 2, 4, 5, 6, 7, 3);
    }

    @Test
    void shouldAskEachPartitionForItself() {
        try (OpenEngine store = new OpenEngine(directory)) {
            // A crash between the commits of two partitions: the second has rows 20 and 30, the first has none of them.
            assertThat(store.append(sourced(2, 1, "a", 20), sourced(3, 1, "a", 30)))
                    .containsOnly(STORED);
            assertThat(store.append(sourced(1, 0, "a", 10), sourced(2, 1, "a", 20), sourced(4, 0, "a", 40)))
                    .containsExactly(STORED, KNOWN, STORED);
        }
    }

    @Test
    void shouldKnowTheRowsOfSiblingsAndOfOtherWidths() {
        try (OpenEngine store = new OpenEngine(directory)) {
            assertThat(store.append(sourced(1, 0, "a", 10))).containsOnly(STORED);
            store.engine.roll(OpenEngine.EVENTS, row(1, 0).period());
            assertThat(store.append(sourced(2, 0, "a", 20))).containsOnly(STORED);
            assertThat(store.engine.partitions()).hasSize(2);
            assertThat(store.append(sourced(1, 0, "a", 10), sourced(2, 0, "a", 20)))
                    .containsOnly(KNOWN);
            // The table's periods have become months meanwhile.
            OpenEngine.Handed again = sourced(2, 0, "a", 20);
            again.period(Period.of(PartitionBy.MONTH, again.timeMicros()));
            OpenEngine.Handed other = sourced(3, 1, "a", 15);
            other.period(Period.of(PartitionBy.MONTH, other.timeMicros()));
            assertThat(store.append(again, other)).containsExactly(KNOWN, STORED);
        }
    }

    @Test
    void shouldKeepWhereAReplayStarts() {
        try (OpenEngine store = new OpenEngine(directory)) {
            assertThat(store.engine.source("events", "a")).isEqualTo(SourcePoint.START);
            store.engine.putSource("events", "a", new SourcePoint(17, "inode 4"));
            store.engine.putSource("events", "b", new SourcePoint(1, ""));
            store.abandon();
        }
        try (OpenEngine store = new OpenEngine(directory)) {
            assertThat(store.engine.source("events", "a")).isEqualTo(new SourcePoint(17, "inode 4"));
            store.engine.putSource("events", "a", new SourcePoint(12, "inode 5"));
            assertThat(store.engine.source("events", "a")).isEqualTo(new SourcePoint(12, "inode 5"));
        }
    }
}
