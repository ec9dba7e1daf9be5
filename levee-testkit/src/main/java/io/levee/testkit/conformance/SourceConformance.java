package io.levee.testkit.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.ColumnType;
import io.levee.PartitionBy;
import io.levee.TableSpec;
import io.levee.engine.SourceMark;
import io.levee.engine.SourcePoint;
import io.levee.engine.WriteRow.Outcome;
import io.levee.testkit.ChildJvm;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;

/** What is read from a source that can be read again is there once, however often it is read (design section 5). */
abstract class SourceConformance extends EngineLevel {
    static final TableSpec LINES = TableSpec.builder("lines")
            .column("i", ColumnType.INTEGER)
            .column("at", ColumnType.TIMESTAMP)
            .time("at")
            .partitionBy(PartitionBy.DAY)
            .build();

    private static final int KILLS = 3;

    SourceConformance(EngineConformance kit) {
        super(kit);
        engine.putTable(LINES);
    }

    /** Line {@code i} of a source: even ones belong to one day, odd ones to another. */
    static Pending line(@Nullable String source, long i) {
        var at = DAY.plus(Duration.ofDays(i % 2)).plusSeconds(i % 80_000);
        Pending row = new Pending(new @Nullable Object[] {i, micros(at)}, at);
        if (source != null) {
            row.source(new SourceMark(source, i));
        }
        return row;
    }

    private List<Outcome> feed(@Nullable String source, long... lines) {
        List<Pending> rows = new ArrayList<>();
        for (long i : lines) {
            rows.add(line(source, i));
        }
        return append(LINES, rows).stream().map(Pending::outcome).toList();
    }

    private List<@Nullable Object> lines() {
        return rows(LINES, "i").stream().map(row -> row[0]).sorted().toList();
    }

    @Test
    void shouldKnowWhatItHas() {
        assertThat(feed("log", 1, 2, 3)).containsOnly(Outcome.STORED);
        assertThat(feed("log", 1, 2, 3)).containsOnly(Outcome.KNOWN);
        assertThat(feed("log", 3, 4, 5)).containsExactly(Outcome.KNOWN, Outcome.STORED, Outcome.STORED);
        assertThat(lines()).containsExactly(1L, 2L, 3L, 4L, 5L);
        if (reopened()) {
            assertThat(feed("log", 4, 5, 6)).containsExactly(Outcome.KNOWN, Outcome.KNOWN, Outcome.STORED);
            assertThat(lines()).containsExactly(1L, 2L, 3L, 4L, 5L, 6L);
        }
    }

    /** A partition that could not be written while others went on gets its rows when they come again. */
    @Test
    void shouldKnowItForEachPartitionOnItsOwn() {
        assertThat(feed("log", 2, 4, 10)).containsOnly(Outcome.STORED);
        assertThat(feed("log", 1, 2, 3, 4, 5, 10))
                .containsExactly(
                        Outcome.STORED, Outcome.KNOWN, Outcome.STORED, Outcome.KNOWN, Outcome.STORED, Outcome.KNOWN);
        assertThat(lines()).containsExactly(1L, 2L, 3L, 4L, 5L, 10L);
    }

    @Test
    void shouldKeepSourcesAndOtherRowsApart() {
        assertThat(feed("log", 1, 2)).containsOnly(Outcome.STORED);
        assertThat(feed("other", 1, 2)).containsOnly(Outcome.STORED);
        assertThat(feed(null, 1, 2)).containsOnly(Outcome.STORED);
        assertThat(feed("log", 1, 2)).containsOnly(Outcome.KNOWN);
        assertThat(lines()).containsExactly(1L, 1L, 1L, 2L, 2L, 2L);
    }

    @Test
    void shouldReplayRowsWithAKeyToTheSameEnd() {
        for (int replay = 0; replay < 2; replay++) {
            List<Pending> rows = new ArrayList<>();
            for (long i = 1; i <= 9; i++) {
                Pending row = new Pending("k" + i % 2, i, DAY.plusSeconds(i * 20_000));
                row.source(new SourceMark("log", i));
                rows.add(row);
            }
            append(SPEC, rows);
            assertThat(rows).extracting(Pending::outcome).doesNotContain(Outcome.FAILED, Outcome.RETRY);
            assertThat(rows(SPEC, "v").stream().map(row -> row[0])).containsExactlyInAnyOrder(8L, 9L);
        }
    }

    @Test
    void shouldKeepWhereAReplayStarts() {
        assertThat(engine.source("lines", "log")).isEqualTo(SourcePoint.START);
        engine.putSource("lines", "log", new SourcePoint(10, "inode 7"));
        engine.putSource("lines", "log", new SourcePoint(20, "inode 8"));
        engine.putSource("lines", "other", new SourcePoint(5, ""));
        assertThat(engine.source("states", "log")).isEqualTo(SourcePoint.START);
        reopened();
        assertThat(engine.source("lines", "log")).isEqualTo(new SourcePoint(20, "inode 8"));
        assertThat(engine.source("lines", "other")).isEqualTo(new SourcePoint(5, ""));
    }

    /** A child reads a source from its start each time, and is killed in the middle: each line is there once. */
    @Test
    void shouldNeitherRepeatNorLoseALineWhenItsReaderIsKilled(TestReporter reporter) {
        if (!persists(reporter)) {
            return;
        }
        SplittableRandom random = new SplittableRandom(7);
        long read = 0;
        for (int kill = 0; kill < KILLS; kill++) {
            engine.closeWriter();
            engine.close(null);
            try (ChildJvm child = child()) {
                child.send("feed " + address);
                long enough = read + 200 + random.nextInt(2000);
                while (read < enough) {
                    String said = String.valueOf(child.line());
                    assertThat(said).startsWith("fed ");
                    read = Math.max(read, Long.parseLong(said.substring("fed ".length())));
                }
                child.kill();
            }
            engine = openAfterKill(this::openEngine);
            // A batch is a commit a partition: behind what was told, one partition may be ahead of the other until the
            // replay.
            assertThat(lines())
                    .as("each line once, all that was told")
                    .doesNotHaveDuplicates()
                    .containsAll(LongStream.rangeClosed(1, read).boxed().toList());
        }
        long last = (Long) Objects.requireNonNull(lines().get(lines().size() - 1));
        feed("log", LongStream.rangeClosed(1, last).toArray());
        assertThat(lines())
                .as("after the replay none is left out")
                .isEqualTo(LongStream.rangeClosed(1, last).boxed().toList());
    }
}
