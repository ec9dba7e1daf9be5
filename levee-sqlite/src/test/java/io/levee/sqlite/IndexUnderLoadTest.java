package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.ColumnType;
import io.levee.Expr;
import io.levee.IndexSpec;
import io.levee.Levee;
import io.levee.Measure;
import io.levee.Migration;
import io.levee.MigrationStatus;
import io.levee.MigrationStep;
import io.levee.PartitionBy;
import io.levee.Result;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * An index is added to a history of 90 partitions while records come in, old ones change, and queries run: every answer is right throughout,
 * and no write waits longer than a slice (G102, G103). How long writes wait says something on a quiet machine only:
 * {@code -Dlevee.long=true} asks for it, with more rows.
 */
class IndexUnderLoadTest {
    private static final boolean LONG = Boolean.getBoolean("levee.long");
    private static final int DAYS = 90;
    private static final int OF_DAY = LONG ? 20_000 : 40;
    private static final int NAMES = 10;
    /** Records of the last minutes, and one of an old day now and then: that opens its file again. */
    private static final int PER_SECOND = LONG ? 1_000 : 100;

    private static final int OLD_EVERY = LONG ? 500 : 50;

    private static final Duration IDLE = Duration.ofSeconds(LONG ? 10 : 0);
    /** What a slice may take, and what a scheduler may add to it. */
    private static final double SLICE_MILLIS = 25 + 25;

    private static final Instant BEGIN = Instant.parse("2026-02-01T00:00:00Z");
    private static final Instant NOW = BEGIN.plus(Duration.ofDays(DAYS)).minusSeconds(3600);
    private static final TableSpec RUNS = TableSpec.builder("runs")
            .time("at")
            .key("k")
            .partitionBy(PartitionBy.DAY)
            .column("k", ColumnType.INTEGER)
            .column("at", ColumnType.TIMESTAMP)
            .column("name", ColumnType.TEXT)
            .column("v", ColumnType.INTEGER)
            .build();

    @TempDir
    Path directory;

    private final AtomicBoolean over = new AtomicBoolean();
    private final AtomicReference<String> wrong = new AtomicReference<>("");
    private final List<long[]> waits = new ArrayList<>();
    private long answers;
    private long written;

    private static Row row(TableSpec spec, long k, Instant at, String name, long v) {
        return Row.of(spec)
                .set("k", k)
                .set("at", at)
                .set("name", name)
                .set("v", v)
                .build();
    }

    private static Instant at(long k) {
        return BEGIN.plus(Duration.ofDays(k / OF_DAY)).plusMillis(k % OF_DAY * (82_000_000L / OF_DAY));
    }

    private static String name(long k) {
        return "name-" + k % NAMES;
    }

    private static Store open(Path home) {
        return Levee.open(home, o -> o.asOf(NOW));
    }

    @Test
    void shouldAnswerRightAndLetWritesThroughWhileAnIndexIsBuilt() throws Exception {
        Path home = directory.resolve("store");
        try (Store store = open(home)) {
            Table<Row> runs = store.createTable(RUNS);
            fill(runs);
            Thread writer = new Thread(() -> write(runs), "writes");
            Thread reader = new Thread(() -> read(store, runs), "reads");
            writer.start();
            reader.start();
            try {
                TimeUnit.NANOSECONDS.sleep(IDLE.toNanos());
                long begun = System.nanoTime();
                MigrationStep index = new MigrationStep.AddIndex(
                        new IndexSpec("by_name", List.of("name", "at"), LONG ? null : "v >= 0"));
                store.migrate(List.of(new Migration("by-name", "runs", index)), true);
                assertThat(store.awaitMigrations(Duration.ofMinutes(LONG ? 10 : 3)))
                        .as("%s", store.migrations())
                        .isTrue();
                long ended = System.nanoTime();
                over.set(true);
                writer.join();
                reader.join();
                assertThat(wrong.get()).isEmpty();
                assertThat(store.migrations().get(0).state())
                        .as("%s", store.migrations())
                        .isEqualTo(MigrationStatus.State.DONE);
                judge(begun, ended);
                assertThat(runs.query().count()).isEqualTo((long) DAYS * OF_DAY + written);
            } finally {
                over.set(true);
                writer.join();
                reader.join();
            }
        }
        assertThat(withIndex(home)).isTrue();
    }

    private void fill(Table<Row> runs) {
        List<Row> rows = new ArrayList<>();
        for (long k = 0; k < (long) DAYS * OF_DAY; k++) {
            rows.add(row(runs.spec(), k, at(k), name(k), 0));
            if (rows.size() == 10_000) {
                runs.appendAll(rows, Ack.COMMITTED).join();
                rows.clear();
            }
        }
        runs.appendAll(rows, Ack.COMMITTED).join();
    }

    /** New records, named like nobody of before; now and then a new value of an old one, wherever it lies. */
    private void write(Table<Row> runs) {
        long begun = System.nanoTime();
        List<CompletableFuture<?>> receipts = new ArrayList<>();
        for (long n = 0; !over.get(); n++) {
            long due = begun + n * (TimeUnit.SECONDS.toNanos(1) / PER_SECOND);
            for (long left = due - System.nanoTime(); left > 0; left = due - System.nanoTime()) {
                LockSupport.parkNanos(left);
            }
            long k = n % OLD_EVERY == OLD_EVERY - 1 ? n * 7919 % ((long) DAYS * OF_DAY) : (1L << 40) + n;
            boolean old = k < 1L << 40;
            written += old ? 0 : 1;
            receipts.add(runs.append(
                            row(runs.spec(), k, old ? at(k) : NOW.plusMillis(n), old ? name(k) : "new", n),
                            Ack.COMMITTED)
                    .thenRun(() -> waited(due, System.nanoTime())));
        }
        receipts.forEach(CompletableFuture::join);
    }

    private synchronized void waited(long due, long committed) {
        waits.add(new long[] {due, committed});
    }

    /** Whatever is asked of the old rows has one answer all the time. */
    private void read(Store store, Table<Row> runs) {
        long each = (long) DAYS * OF_DAY / NAMES;
        while (!over.get() || answers < 3) {
            try {
                String name = name(answers++);
                expect(
                        "count of " + name,
                        runs.query().where(Expr.eq("name", name)).count(),
                        each);
                var groups = runs.query()
                        .where(Expr.ne("name", "new"))
                        .aggregate(List.of("name"), Measure.count())
                        .groups();
                expect("names", (long) groups.size(), (long) NAMES);
                groups.forEach(group -> expect("group " + group.get(0), group.get(1), each));
                long last = Long.MAX_VALUE;
                long rows = 0;
                try (Result<Row> newest = runs.query()
                        .where(Expr.eq("name", name))
                        .newestFirst()
                        .limit(50)
                        .run()) {
                    for (Row row : newest) {
                        expect("name", row.get("name"), name);
                        expect("order", row.timeMicros() <= last, true);
                        last = row.timeMicros();
                        rows++;
                    }
                }
                expect("page", rows, Math.min(50L, each));
                expect("gaps", store.gaps().size(), 0);
            } catch (RuntimeException e) {
                wrong.compareAndSet("", e.toString());
            }
        }
    }

    private void expect(String what, Object found, Object right) {
        if (!found.equals(right)) {
            wrong.compareAndSet("", what + ": " + found + " instead of " + right);
        }
    }

    private synchronized void judge(long begun, long ended) {
        double[] idle = waits.stream()
                .filter(w -> w[1] < begun)
                .mapToDouble(w -> (w[1] - w[0]) / 1e6)
                .sorted()
                .toArray();
        double[] during = waits.stream()
                .filter(w -> w[1] >= begun && w[0] <= ended)
                .mapToDouble(w -> (w[1] - w[0]) / 1e6)
                .sorted()
                .toArray();
        System.out.printf(
                "%d answers, %d writes; idle %s ms, during %.1f s %s ms%n",
                answers, waits.size(), most(idle), (ended - begun) / 1e9, most(during));
        if (LONG) {
            assertThat(during[during.length - 1]).isLessThanOrEqualTo(idle[idle.length - 1] + SLICE_MILLIS);
        }
    }

    private static String most(double[] sorted) {
        return sorted.length == 0
                ? "-"
                : Arrays.toString(new long[] {
                    Math.round(sorted[sorted.length / 2]),
                    Math.round(sorted[sorted.length * 99 / 100]),
                    Math.round(sorted[sorted.length - 1])
                });
    }

    private static boolean withIndex(Path home) throws Exception {
        List<Path> files;
        try (Stream<Path> all = Files.list(home.resolve("tables").resolve("runs"))) {
            files = all.filter(path -> path.toString().endsWith(".db")).toList();
        }
        assertThat(files).hasSizeGreaterThanOrEqualTo(DAYS);
        for (Path file : files) {
            try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + file);
                    Statement statement = connection.createStatement()) {
                for (Map.Entry<String, String> check : Map.of(
                                "SELECT count(*) FROM sqlite_master WHERE type = 'index' AND name LIKE '%by_name%'",
                                "1", "PRAGMA integrity_check", "ok")
                        .entrySet()) {
                    try (ResultSet rows = statement.executeQuery(check.getKey())) {
                        rows.next();
                        assertThat(rows.getString(1))
                                .as("%s of %s", check.getKey(), file)
                                .isEqualTo(check.getValue());
                    }
                }
            }
        }
        return true;
    }
}
