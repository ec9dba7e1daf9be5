package io.levee.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Migration;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.time.Clock;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

/** What one who waits is told: at zero, on the way, at a stall, and once at the end (guarantees G133, G142). */
class MigrationWaitTest {
    /** Ten seconds pass with each look at the clock, so that each look at the migration is told. */
    private final AtomicLong nanos = new AtomicLong();

    private static Map<String, Object> one(
            String status, long done, long total, int partitions, double rate, Object eta) {
        Map<String, Object> one = new HashMap<>();
        one.put("id", "last-seen");
        one.put("table", "transmissions");
        one.put("status", status);
        one.put("rowsDone", done);
        one.put("rowsTotal", total);
        one.put("partitionsDone", partitions);
        one.put("partitionsTotal", total < 0 ? -1 : 23);
        one.put("rate", rate);
        one.put("etaSeconds", eta);
        one.put("error", status.equals("failed") ? "LEVEE-400 BAD_VALUE: malformed\u001b[31m" : null);
        one.put("note", status.equals("pending") ? "others are before it" : "");
        return one;
    }

    /** Answers these, one after the other. */
    private static Migrations telling(List<Map<String, Object>> statuses) {
        Queue<Map<String, Object>> left = new ArrayDeque<>(statuses);
        return new Migrations() {
            @Override
            public Map<String, Object> status() {
                Map<String, Object> next = left.remove();
                return Map.of(
                        "migrations",
                        List.of(next),
                        "running",
                        next.get("status").equals("running"),
                        "settled",
                        false);
            }

            @Override
            public Map<String, Object> plan(List<Migration> migrations) {
                throw new UnsupportedOperationException();
            }

            @Override
            public void apply(List<Migration> migrations, boolean approve) {
                throw new UnsupportedOperationException();
            }

            @Override
            public void pause(String id) {
                throw new UnsupportedOperationException();
            }

            @Override
            public void resume(String id, boolean acceptGaps) {
                throw new UnsupportedOperationException();
            }

            @Override
            public boolean here() {
                return true;
            }

            @Override
            public void close() {}
        };
    }

    private String told(boolean terminal, List<Map<String, Object>> statuses) throws Exception {
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        Console console = new Console(
                new ByteArrayInputStream(new byte[0]),
                OutputStream.nullOutputStream(),
                new PrintStream(err, true, UTF_8),
                Map.of(),
                false,
                false,
                terminal,
                Clock.systemUTC(),
                () -> nanos.addAndGet(TimeUnit.SECONDS.toNanos(10)));
        try (MigrationWait wait = new MigrationWait(console, telling(statuses), one -> true)) {
            assertThat(wait.await()).containsKey("migrations");
        } finally {
            Shutdown.done();
        }
        return err.toString(UTF_8);
    }

    private static List<Map<String, Object>> aLife(String end) {
        return List.of(
                one("pending", 0, -1, 0, 0, null),
                one("pending", 0, -1, 0, 0, null),
                one("running", 0, -1, 0, 0, null),
                one("running", 0, 71_000, 0, 0, null),
                one("running", 41_233, 71_000, 12, 8123.4, 3.66),
                one("running", 41_233, 71_000, 12, 0, null),
                one(end, 71_000, 71_000, 23, 0, 0.0));
    }

    @Test
    void shouldTellALineEveryFewSecondsWhereThereIsNoTerminal() throws Exception {
        assertThat(told(false, aLife("done")).lines())
                .containsExactly(
                        "last-seen waits: others are before it",
                        "last-seen: 0 rows, 0 partitions, 0.0 rows/s",
                        "last-seen: 0 of 71,000 rows (0 %), 0 of 23 partitions, 0.0 rows/s",
                        "last-seen: 41,233 of 71,000 rows (58 %), 12 of 23 partitions, 8,123 rows/s, 4 s left",
                        "last-seen: 41,233 of 71,000 rows (58 %), 12 of 23 partitions, 0.0 rows/s",
                        "last-seen of transmissions: done, 71,000 of 71,000 rows (100 %), 23 of 23 partitions");
    }

    @Test
    void shouldDrawABarOnATerminalThatEndsWhereTheMigrationDoes() throws Exception {
        String drawn = told(true, aLife("done"));
        assertThat(drawn).contains("last-seen", "100%", "71000/71000").doesNotContain("NaN", "Infinity", "-1");
        assertThat(drawn.strip()).endsWith("done, 71,000 of 71,000 rows (100 %), 23 of 23 partitions");
    }

    @Test
    void shouldTellAFailureOnceWithoutWhatATerminalWouldObey() throws Exception {
        for (boolean terminal : new boolean[] {false, true}) {
            assertThat(told(terminal, List.of(one("running", 0, 9, 0, 0, null), one("failed", 4, 9, 1, 0, null))))
                    .containsOnlyOnce("of transmissions: failed")
                    .contains("LEVEE-400 BAD_VALUE: malformed")
                    .doesNotContain("malformed\u001b");
        }
    }

    /** A table without rows: no part of nothing. */
    @Test
    void shouldDrawABarOfNothing() throws Exception {
        String drawn = told(true, List.of(one("running", 0, 0, 0, 0, null), one("done", 0, 0, 0, 0, 0.0)));
        assertThat(drawn).contains("done, 0 of 0 rows").doesNotContain("NaN", "Infinity");
    }
}
