package io.levee.testkit.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.CloseReport;
import io.levee.Column;
import io.levee.ColumnType;
import io.levee.PartitionBy;
import io.levee.StoreOptions;
import io.levee.TableSpec;
import io.levee.engine.Capability;
import io.levee.engine.EngineSettings;
import io.levee.engine.Execution;
import io.levee.engine.Period;
import io.levee.engine.RowQuery;
import io.levee.engine.RowSink;
import io.levee.engine.StorageEngine;
import io.levee.engine.WriteRow;
import io.levee.internal.supervisor.Supervisor;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.TestReporter;

/** Topics that speak to the engine itself. The test's thread is the writer's, the janitor's and a query's, one after another. */
abstract class EngineLevel extends Conformance {
    static final Instant DAY = Instant.parse("2026-05-18T00:00:00Z");

    /** States by key. */
    static final TableSpec SPEC = TableSpec.builder("states")
            .column("k", ColumnType.TEXT)
            .column("v", ColumnType.INTEGER)
            .column("at", ColumnType.TIMESTAMP)
            .column(new Column("trace", ColumnType.TEXT, true, false, null))
            .time("at")
            .key("k")
            .partitionBy(PartitionBy.DAY)
            .build();

    final String address;
    private Supervisor supervisor = new Supervisor();
    private final Map<String, long[]> numbers = new HashMap<>();
    StorageEngine engine;

    EngineLevel(EngineConformance kit) {
        super(kit);
        address = engine().newStore();
        engine = openEngine();
        engine.putTable(SPEC);
    }

    /** Opens the store for writing. */
    final StorageEngine openEngine() {
        return openEngine(address, false);
    }

    final StorageEngine openEngine(String store, boolean readOnly) {
        StoreOptions options = StoreOptions.builder().clock(clock).build();
        return engine().provider(store).open(store, new EngineSettings(options, readOnly, supervisor));
    }

    final void closeEngine(boolean clean) {
        closeEngine(new CloseReport(clean, 0, 0, 0, 0, List.of(), clean ? "" : "said by the test"));
    }

    final void closeEngine(CloseReport report) {
        engine.closeWriter();
        // As the store does: nothing of the engine's own is at work any more when it closes.
        supervisor.stop();
        engine.close(report);
        supervisor = new Supervisor();
    }

    @AfterEach
    final void end() {
        closeEngine(true);
    }

    /** Closes and opens again, where that is possible; the kit's other topics report where it is not. */
    final boolean reopened() {
        return reopened(false);
    }

    final boolean reopened(boolean clean) {
        boolean persists = engine.capabilities().contains(Capability.PERSISTENT);
        if (persists) {
            closeEngine(clean);
            engine = openEngine();
            // Numbers that were reserved and not given are gone, as after a crash.
            numbers.clear();
            engine.learnRanges();
            assertThat(engine.lastShutdownClean()).isEqualTo(clean);
            assertThat(engine.tables()).contains(SPEC);
        }
        return persists;
    }

    /** Whether the store outlives those who have it open; another topic proves that it is refused by name where not. */
    final boolean persists(TestReporter reporter) {
        boolean persists = engine.capabilities().contains(Capability.PERSISTENT);
        if (!persists) {
            reporter.publishEntry("capability", engine.name() + " lacks " + Capability.PERSISTENT);
        }
        return persists;
    }

    static long micros(Instant at) {
        return at.getEpochSecond() * 1_000_000 + at.getNano() / 1000;
    }

    /** A row on its way. */
    static class Pending extends WriteRow {
        Pending(String k, long v, Instant at) {
            this(new @Nullable Object[] {k, v, micros(at), "trace " + v}, at);
        }

        Pending(@Nullable Object[] values, Instant at) {
            this(values, micros(at), Period.of(PartitionBy.DAY, micros(at)));
        }

        Pending(@Nullable Object[] values, long timeMicros, Period period) {
            super(values, timeMicros);
            period(period);
        }
    }

    final List<Pending> append(Pending... rows) {
        return append(SPEC, List.of(rows));
    }

    final <T extends WriteRow> List<T> append(TableSpec spec, List<T> rows) {
        engine.append(spec, rows, Ack.COMMITTED, () -> nextSeq(spec.name()));
        engine.afterBatch();
        return rows;
    }

    private long nextSeq(String table) {
        long[] next = numbers.computeIfAbsent(table, t -> new long[2]);
        if (next[0] == next[1]) {
            next[0] = engine.reserveSeq(table, 100);
            next[1] = next[0] + 100;
        }
        return next[0]++;
    }

    static Execution execution() {
        return new Execution(1, "test", System.nanoTime(), Duration.ofSeconds(30));
    }

    /** One column of all rows, oldest first, each followed by event time and number. */
    final List<@Nullable Object[]> rows(TableSpec spec, String column) {
        List<@Nullable Object[]> rows = new ArrayList<>();
        RowQuery all = new RowQuery(
                spec,
                Long.MIN_VALUE,
                Long.MAX_VALUE,
                null,
                false,
                List.of(),
                List.of(),
                Long.MAX_VALUE,
                null,
                List.of(spec.column(column)));
        engine.rows(all, execution(), new RowSink() {
            @Override
            public void columns(List<String> names) {}

            @Override
            public boolean row(@Nullable Object[] values) {
                rows.add(values);
                return true;
            }
        });
        return rows;
    }
}
