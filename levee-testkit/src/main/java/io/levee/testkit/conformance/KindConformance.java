package io.levee.testkit.conformance;

import io.levee.Column;
import io.levee.ColumnType;
import io.levee.PartitionBy;
import io.levee.Query;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.testkit.Gen;
import io.levee.testkit.Property;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What the topics about kinds of query share: one table of several days, and the same rows as a plain list that tests compute with. */
abstract class KindConformance extends Conformance {
    static final int ROWS = 400;
    static final TableSpec SPEC = TableSpec.builder("runs")
            .column("i", ColumnType.INTEGER)
            .column("at", ColumnType.TIMESTAMP)
            .column("name", ColumnType.TEXT)
            .column("n", ColumnType.INTEGER)
            .column("r", ColumnType.REAL)
            .column("took", ColumnType.DURATION)
            .column("extra", ColumnType.JSON)
            .column(new Column("trace", ColumnType.TEXT, true, false, null))
            .time("at")
            .index("n")
            .index("name")
            .fulltext("trace")
            .partitionBy(PartitionBy.DAY)
            .build();

    static final List<String> TEXTS =
            List.of("a", "A", "b", "", "é", "\uFFFD", "😀", "Timeout", "timeout 30%", "x_y", "it's");

    final Store store;
    final Table<Row> table;

    /** One record as it was given. */
    record Run(
            long i,
            Instant at,
            @Nullable String name,
            @Nullable Long n,
            @Nullable Double r,
            @Nullable Duration took,
            Map<String, Object> extra,
            @Nullable String trace) {
        Row row() {
            return Conformance.row(
                    SPEC, "i", i, "at", at, "name", name, "n", n, "r", r, "took", took, "extra", extra, "trace", trace);
        }
    }

    final List<Run> runs = new ArrayList<>();

    KindConformance(EngineConformance kit) {
        super(kit);
        store = newStore();
        table = store.createTable(SPEC);
    }

    /** Runs something once with random data; a failure names the seed, and is not tried again over the rows of the first try. */
    final void with(String what, Property.Trial trial) {
        Property.check(what, 1, gen -> {
            if (runs.isEmpty()) {
                trial.run(gen);
            }
        });
    }

    /** Rows of four days in three batches, so that late ones are among them. */
    final void fill(Gen gen) {
        for (int batch = 0; batch < 3; batch++) {
            List<Row> rows = new ArrayList<>();
            for (int i = 0; i < ROWS / 3; i++) {
                Run run = run(gen, runs.size());
                runs.add(run);
                rows.add(run.row());
            }
            append(table, rows);
        }
    }

    static Run run(Gen gen, long i) {
        return new Run(
                i,
                NOW.minus(Duration.ofMinutes(gen.between(0, 4 * 24 * 60))),
                gen.oneIn(6) ? null : gen.of(TEXTS),
                gen.oneIn(6) ? null : (Long) (long) gen.between(-20, 60),
                gen.oneIn(6)
                        ? null
                        : (Double) (gen.oneIn(9) ? 0.0 : (gen.fraction() - 0.2) * Math.pow(10, gen.between(-3, 6))),
                gen.oneIn(6) ? null : Duration.ofMillis(gen.between(0, 90_000)),
                gen.oneIn(4)
                        ? Map.of()
                        : Map.of("retries", (long) gen.between(0, 9), "on", Map.of("host", gen.of("n1", "N2", "ü"))),
                gen.oneIn(3) ? null : "Traceback " + gen.of(TEXTS) + " in line " + gen.between(0, 99) + gen.of(TEXTS));
    }

    static Query.Builder all() {
        return Query.builder("runs");
    }

    /** The order of text in every engine. */
    static int compareText(String a, String b) {
        return Arrays.compareUnsigned(a.getBytes(StandardCharsets.UTF_8), b.getBytes(StandardCharsets.UTF_8));
    }

    static String asciiLower(String text) {
        StringBuilder lower = new StringBuilder();
        text.chars().forEach(c -> lower.append((char) (c >= 'A' && c <= 'Z' ? c + 32 : c)));
        return lower.toString();
    }
}
