package io.levee.sqlite;

import static io.levee.sqlite.OpenEngine.EVENTS;
import static io.levee.sqlite.OpenEngine.row;
import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Expr;
import io.levee.PartitionId;
import io.levee.engine.Execution;
import io.levee.engine.Figure;
import io.levee.engine.GroupKey;
import io.levee.engine.Grouping;
import io.levee.engine.ReadView;
import io.levee.engine.RowSink;
import io.levee.engine.ScanPart;
import io.levee.engine.Term;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is read in the background is read in short pieces: all of them together are the answer, and readers wait for one at most (G44). */
class ShortPartsTest {
    private static final int ROWS = 50_000;
    private static final int GROUPS = 7;

    @TempDir
    Path directory;

    private static Grouping counted(@Nullable Expr where, long from) {
        return new Grouping(
                EVENTS,
                from,
                Long.MAX_VALUE,
                where,
                List.of(new GroupKey.Value(Term.of(EVENTS, "text"))),
                List.of(new Figure(Figure.Kind.COUNT, null), new Figure(Figure.Kind.MAX, Term.of(EVENTS, "i"))));
    }

    /** Count and greatest number of each group. */
    private static Map<Object, List<Long>> sum(List<ScanPart> parts) {
        Map<Object, List<Long>> sums = new HashMap<>();
        for (ScanPart part : parts) {
            part.run(new Execution(1, "sum", System.nanoTime(), Duration.ofMinutes(1)), new RowSink() {
                @Override
                public void columns(List<String> names) {}

                @Override
                public boolean row(@Nullable Object[] values) {
                    List<Long> one = List.of((Long) values[1], (Long) values[2]);
                    sums.merge(
                            String.valueOf(values[0]),
                            one,
                            (a, b) -> List.of(a.get(0) + b.get(0), Math.max(a.get(1), b.get(1))));
                    return true;
                }
            });
        }
        return sums;
    }

    @Test
    void shouldComeToTheSameInPieces() {
        try (OpenEngine store = new OpenEngine(directory)) {
            for (int from = 0; from < ROWS; from += 10_000) {
                int begin = from;
                store.append(
                        EVENTS,
                        java.util.stream.IntStream.range(from, from + 10_000)
                                // Most in one day; the other is too small to be cut.
                                .mapToObj(i -> row(i, i % 100 == 0 ? 1 : 0, "group " + (i + begin) % GROUPS))
                                .toList());
            }
            PartitionId closed = new PartitionId("events", "", "2026-05-10", 1);
            assertThat(store.engine.closePartition(closed)).isEmpty();
            same(store);
            // Rows that come to it afterwards are in the last piece.
            store.append(EVENTS, List.of(row(ROWS, 0, "late"), row(ROWS + 1, 0, "group 1")));
            same(store);
        }
    }

    private static void same(OpenEngine store) {
        try (ReadView view = store.engine.view(EVENTS, Long.MIN_VALUE, Long.MAX_VALUE)) {
            Grouping all = counted(null, Long.MIN_VALUE);
            List<ScanPart> pieces = view.shortParts(all);
            assertThat(pieces)
                    .as("the large day in pieces, the small one whole")
                    .hasSizeBetween(4, 10);
            assertThat(pieces.subList(0, 2)).allMatch(piece -> piece.version() == null);
            assertThat(sum(pieces)).isEqualTo(sum(view.parts(all))).hasSizeGreaterThanOrEqualTo(GROUPS);
            // An index may find what is asked for: it is asked once.
            Grouping some = counted(Expr.eq("text", "group 1"), Long.MIN_VALUE);
            assertThat(view.shortParts(some)).hasSize(2);
        }
    }
}
