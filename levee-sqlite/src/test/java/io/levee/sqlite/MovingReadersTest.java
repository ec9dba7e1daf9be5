package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.SqlQuery;
import io.levee.engine.Execution;
import io.levee.engine.Figure;
import io.levee.engine.GroupKey;
import io.levee.engine.Grouping;
import io.levee.engine.ReadView;
import io.levee.engine.RowQuery;
import io.levee.engine.RowSink;
import io.levee.engine.ScanPart;
import io.levee.engine.TailQuery;
import io.levee.engine.Term;
import io.levee.testkit.Gen;
import io.levee.testkit.Property;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A query that runs while rows move between files finds each of them once, with the value that it had when the query began or a later
 * one. The test is the writer too: rows move between two rows that a query sends, and between the files that it opens.
 */
class MovingReadersTest {
    private static final int KEYS = 12;

    @TempDir
    Path directory;

    private final MovesTest moves = new MovesTest();
    private final Map<Long, Long> last = new TreeMap<>();

    private static Execution execution() {
        return new Execution(1, "test", System.nanoTime(), Duration.ofMinutes(5));
    }

    /** Takes rows, and has something happen between them. */
    private static final class Sink implements RowSink {
        private final List<List<@Nullable Object>> rows = new ArrayList<>();
        private final Runnable between;

        Sink(Runnable between) {
            this.between = between;
        }

        @Override
        public void columns(List<String> names) {}

        @Override
        public boolean row(@Nullable Object[] values) {
            List<@Nullable Object> row = new ArrayList<>();
            for (Object value : values) {
                row.add(value);
            }
            rows.add(row);
            between.run();
            return true;
        }
    }

    private void put(OpenEngine store, long k, String state) {
        long v = last.merge(k, 1L, Long::sum);
        moves.untilStored(store, MovesTest.run(k, state, v, 0));
    }

    private void any(Gen gen, OpenEngine store) {
        for (int i = gen.between(0, 3); i > 0; i--) {
            put(store, gen.between(1, KEYS), gen.of("A", "B", "new"));
        }
    }

    private OpenEngine filled(Path home) {
        last.clear();
        OpenEngine store = moves.open(home);
        for (long k = 1; k <= KEYS; k++) {
            put(store, k, List.of("A", "B", "new").get((int) k % 3));
        }
        return store;
    }

    private static RowQuery rows(boolean newestFirst, List<Term> perKey) {
        return new RowQuery(
                MovesTest.RUNS,
                Long.MIN_VALUE,
                Long.MAX_VALUE,
                null,
                newestFirst,
                List.of(),
                perKey,
                Long.MAX_VALUE,
                null,
                MovesTest.RUNS.columns());
    }

    /** Keys and values of one way to ask, with whatever may happen meanwhile. */
    private static List<List<@Nullable Object>> ask(int way, ReadView view, Runnable between) {
        Sink sink = new Sink(between);
        Term k = Term.of(MovesTest.RUNS, "k");
        Term v = Term.of(MovesTest.RUNS, "v");
        switch (way) {
            case 0 -> view.rows(rows(false, List.of()), execution(), sink);
            case 1 -> view.rows(rows(true, List.of()), execution(), sink);
            case 2 -> view.rows(rows(true, List.of(k)), execution(), sink);
            default -> {
                Grouping grouping = new Grouping(
                        MovesTest.RUNS,
                        Long.MIN_VALUE,
                        Long.MAX_VALUE,
                        null,
                        List.of(new GroupKey.Value(k)),
                        List.of(
                                new Figure(Figure.Kind.COUNT, null),
                                new Figure(Figure.Kind.COUNT, v),
                                new Figure(Figure.Kind.MAX, v)));
                for (ScanPart part : view.parts(grouping)) {
                    part.run(execution(), sink);
                    between.run();
                }
                sink.rows.forEach(row -> {
                    assertThat(row.get(1)).as("of %s", row).isEqualTo(1L);
                    row.remove(1);
                });
            }
        }
        return sink.rows;
    }

    private void requireOnce(List<List<@Nullable Object>> rows, int valueAt, Map<Long, Long> before, String what) {
        Map<Long, Long> found = new TreeMap<>();
        for (List<@Nullable Object> row : rows) {
            Long twice = found.put((Long) row.get(0), (Long) row.get(valueAt));
            assertThat(twice).as("%s: key %s comes once", what, row.get(0)).isNull();
        }
        assertThat(found.keySet()).as("%s: no key is missing", what).isEqualTo(last.keySet());
        found.forEach((k, v) -> assertThat(v).as("%s: value of %s", what, k).isBetween(before.get(k), last.get(k)));
    }

    @Test
    void shouldFindEachRowOnceWhileRowsMove() {
        int[] trial = {0};
        Property.check("a query finds each moving row once", 3, gen -> {
            Path home = Files.createDirectory(directory.resolve("p" + trial[0]++));
            OpenEngine store = filled(home);
            try {
                for (int i = 0; i < 4; i++) {
                    twoQueries(gen, store);
                    int way = gen.between(0, 3);
                    sql(store);
                    if (gen.oneIn(3)) {
                        MovesTest.crash(store);
                        store = moves.open(home);
                        try (ReadView view = store.engine.view(MovesTest.RUNS, Long.MIN_VALUE, Long.MAX_VALUE)) {
                            requireOnce(ask(way, view, () -> {}), 2, last, "after a crash " + way);
                        }
                    }
                }
                // What a crash left open and nobody wrote to since is maintenance's.
                put(store, 1, "A");
            } finally {
                store.close();
            }
            assertThat(MovesTest.stored(home)).as("nothing stays behind").hasSize(KEYS);
        });
    }

    private void twoQueries(Gen gen, OpenEngine store) {
        int way = gen.between(0, 3);
        int second = gen.between(0, 3);
        Runnable moving = () -> any(gen, store);
        Map<Long, Long> before = new TreeMap<>(last);
        try (ReadView older = store.engine.view(MovesTest.RUNS, Long.MIN_VALUE, Long.MAX_VALUE)) {
            any(gen, store);
            Map<Long, Long> between = new TreeMap<>(last);
            try (ReadView younger = store.engine.view(MovesTest.RUNS, Long.MIN_VALUE, Long.MAX_VALUE)) {
                any(gen, store);
                requireOnce(ask(way, older, moving), 2, before, "older " + way);
                requireOnce(ask(second, younger, moving), 2, between, "younger " + second);
            }
            store.engine.afterBatch();
            requireOnce(ask(way, older, moving), 2, before, "again " + way);
        }
    }

    private void sql(OpenEngine store) {
        Sink sink = new Sink(() -> {});
        store.engine.sql(SqlQuery.of("SELECT k, v FROM runs"), execution(), sink);
        requireOnce(sink.rows, 1, last, "sql");
    }

    /** What was left behind counts for nobody who begins later: not for SQL, a tail, a look-up, a deletion. */
    @Test
    void shouldNotTakeWhatWasLeftBehindForARow() throws Exception {
        try (OpenEngine store = filled(directory)) {
            try (ReadView view = store.engine.view(MovesTest.RUNS, Long.MIN_VALUE, Long.MAX_VALUE)) {
                put(store, 3, "A");
                put(store, 6, "A");
                put(store, 6, "B");
                put(store, 6, "new");
                sql(store);
                Sink tail = new Sink(() -> {});
                store.engine.tail(new TailQuery(MovesTest.RUNS, 0, 1_000, MovesTest.RUNS.columns()), execution(), tail);
                assertThat(tail.rows).hasSize(KEYS);
                assertThat(store.engine.find(MovesTest.RUNS, new Object[] {3L}).values()[2])
                        .isEqualTo(2L);
                long at = store.engine.find(MovesTest.RUNS, new Object[] {3L}).timeMicros();
                long seq = store.engine.find(MovesTest.RUNS, new Object[] {3L}).seq();
                store.engine.delete(MovesTest.RUNS, List.of(new RowQuery.Mark(at, seq)), null, io.levee.Ack.COMMITTED);
                assertThat(store.engine.find(MovesTest.RUNS, new Object[] {3L})).isNull();
                assertThat(ask(0, view, () -> {})).as("a deleted row is gone").hasSize(KEYS - 1);
                last.remove(3L);
                sql(store);
            }
        }
        assertThat(MovesTest.stored(directory)).hasSize(KEYS - 1).contains("6  new 4");
    }

    /** What a slow query keeps is bounded: it ends by name, and the writer goes on. */
    @Test
    void shouldEndAQueryThatTooManyRowsMovedFor() {
        try (OpenEngine store = moves.open(directory)) {
            int some = Homes.MOST / 5 + 1;
            many(store, some, "new");
            try (ReadView view = store.engine.view(MovesTest.RUNS, Long.MIN_VALUE, Long.MAX_VALUE)) {
                for (String state : List.of("A", "B", "A", "B", "A")) {
                    many(store, some, state);
                }
                assertThatThrownBy(() -> view.rows(rows(false, List.of()), execution(), new Sink(() -> {})))
                        .isInstanceOf(LeveeException.class)
                        .extracting("code")
                        .isEqualTo(ErrorCode.LEASE_EXPIRED);
            }
            try (ReadView view = store.engine.view(MovesTest.RUNS, Long.MIN_VALUE, Long.MAX_VALUE)) {
                Sink sink = new Sink(() -> {});
                view.rows(rows(false, List.of()), execution(), sink);
                assertThat(sink.rows).hasSize(some);
            }
        }
    }

    private void many(OpenEngine store, int count, String state) {
        for (int from = 0; from < count; from += 10_000) {
            List<OpenEngine.Handed> rows = new ArrayList<>();
            for (long k = from; k < Math.min(count, from + 10_000); k++) {
                rows.add(MovesTest.run(k, state, 1, 0));
            }
            moves.append(store, rows);
        }
    }
}
