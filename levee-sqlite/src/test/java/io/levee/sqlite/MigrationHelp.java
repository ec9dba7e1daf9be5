package io.levee.sqlite;

import io.levee.Ack;
import io.levee.Bytes;
import io.levee.Column;
import io.levee.ColumnType;
import io.levee.ManualClock;
import io.levee.Migration;
import io.levee.MigrationStatus;
import io.levee.MigrationStep;
import io.levee.PartitionBy;
import io.levee.PartitionId;
import io.levee.StoreOptions;
import io.levee.TableSpec;
import io.levee.engine.EngineSettings;
import io.levee.engine.Execution;
import io.levee.engine.MigrationRecord;
import io.levee.engine.Period;
import io.levee.engine.ReadView;
import io.levee.engine.RowQuery;
import io.levee.engine.RowSink;
import io.levee.engine.SliceOrder;
import io.levee.engine.SliceOutcome;
import io.levee.engine.WriteRow;
import io.levee.internal.supervisor.Supervisor;
import io.levee.internal.time.Micros;
import io.levee.internal.time.MonotonicClock;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** The embedded engine with migrations and without core above it: the test is the writer thread. */
final class MigrationHelp implements AutoCloseable {
    static final Instant START = Instant.parse("2026-05-10T00:00:00Z");

    private final Supervisor supervisor = new Supervisor();
    final SqliteEngine engine;
    TableSpec spec;
    private long next;
    private long end;
    private long numbers;
    private boolean closed;

    static TableSpec spec(boolean keyed) {
        return TableSpec.builder("events")
                .column("i", ColumnType.INTEGER)
                .column("at", ColumnType.TIMESTAMP)
                .column("text", ColumnType.TEXT)
                .column(new Column("more", ColumnType.TEXT, true, false, null))
                .time("at")
                .key(keyed ? new String[] {"i"} : new String[0])
                .partitionBy(PartitionBy.HOUR)
                .build();
    }

    MigrationHelp(Path directory, boolean keyed, Consumer<StoreOptions.Builder> settings) {
        StoreOptions.Builder options = StoreOptions.builder().clock(new ManualClock(START));
        settings.accept(options);
        this.engine =
                SqliteEngine.open(new StorePaths(directory), new EngineSettings(options.build(), false, supervisor));
        List<TableSpec> kept = engine.tables();
        this.spec = kept.isEmpty() ? spec(keyed) : kept.get(0);
        if (kept.isEmpty()) {
            engine.putTable(spec);
        }
        this.numbers = engine.migrations().size();
    }

    MigrationHelp(Path directory, boolean keyed) {
        this(directory, keyed, o -> {});
    }

    private long seq() {
        if (next == end) {
            next = engine.reserveSeq("events", 100);
            end = next + 100;
        }
        return next++;
    }

    /** A row by the newest spec; what is not given is null. */
    WriteRow row(long i, int hour, Map<String, ?> values) {
        long at = Micros.of(START) + hour * 3_600_000_000L + i;
        @Nullable Object[] all = new Object[spec.columns().size()];
        all[spec.position("at")] = at;
        if (spec.position("i") >= 0) {
            all[spec.position("i")] = i;
        }
        values.forEach((name, value) -> all[spec.position(name)] = value);
        OpenEngine.Handed row = new OpenEngine.Handed(all, at);
        row.period(Period.of(PartitionBy.HOUR, at));
        return row;
    }

    void append(WriteRow... rows) {
        engine.append(spec, List.of(rows), Ack.COMMITTED, this::seq);
        for (WriteRow row : rows) {
            if (row.outcome() != WriteRow.Outcome.STORED && row.outcome() != WriteRow.Outcome.UPDATED) {
                throw new AssertionError(row.outcome() + " " + row.error());
            }
        }
    }

    /** Some rows of one hour, with a text each. */
    void fill(int hour, int from, int count) {
        WriteRow[] rows = new WriteRow[count];
        for (int k = 0; k < count; k++) {
            rows[k] = row(from + k, hour, Map.of("text", "t" + (from + k), "more", "m" + (from + k)));
        }
        append(rows);
    }

    /** Is the writer until something is done. */
    <T> T serve(java.util.function.Supplier<T> what) {
        CompletableFuture<T> until = CompletableFuture.supplyAsync(what);
        while (!until.isDone()) {
            engine.afterBatch();
            Thread.onSpinWait();
        }
        return until.join();
    }

    void closeAll() {
        serve(() -> {
            engine.partitions().forEach(p -> {});
            return true;
        });
        engine.partitions().forEach(p -> {
            String why = engine.closePartition(p.id());
            if (!why.isEmpty()) {
                throw new AssertionError(why);
            }
        });
    }

    /** The spec with a step. */
    static TableSpec after(TableSpec spec, MigrationStep step) {
        if (step instanceof MigrationStep.AddColumn add) {
            Map<String, Object> again = new LinkedHashMap<>(spec.toMap());
            Map<String, Object> dropped = new LinkedHashMap<>();
            spec.droppedColumns().keySet().forEach(name -> dropped.put(name, "text"));
            dropped.remove(add.column().name());
            again.put("droppedColumns", dropped);
            return TableSpec.fromMap(again).toBuilder().column(add.column()).build();
        }
        if (step instanceof MigrationStep.AddIndex add) {
            return spec.toBuilder().index(add.index()).build();
        }
        if (step instanceof MigrationStep.DropIndex drop) {
            return spec.toBuilder().dropIndex(drop.name()).build();
        }
        Map<String, Object> map = new LinkedHashMap<>(spec.toMap());
        Map<String, Object> columns = new LinkedHashMap<>();
        @SuppressWarnings("unchecked")
        Map<String, Object> before = (Map<String, Object>) map.get("columns");
        if (step instanceof MigrationStep.RenameColumn rename) {
            before.forEach((name, form) -> columns.put(name.equals(rename.from()) ? rename.to() : name, form));
            map.put("columns", columns);
            List<String> former = new ArrayList<>(List.of(rename.from()));
            former.addAll(spec.formerNames().getOrDefault(rename.from(), List.of()));
            return TableSpec.fromMap(map).toBuilder()
                    .formerNames(rename.to(), former)
                    .build();
        }
        if (step instanceof MigrationStep.DropColumn drop) {
            before.forEach((name, form) -> {
                if (!name.equals(drop.column())) {
                    columns.put(name, form);
                }
            });
            map.put("columns", columns);
            return TableSpec.fromMap(map).toBuilder()
                    .dropped(spec.column(drop.column()))
                    .build();
        }
        return spec;
    }

    MigrationRecord declare(String id, MigrationStep step) {
        Migration migration = new Migration(id, "events", step);
        TableSpec after = after(spec, step);
        engine.checkMigration(MigrationRecord.planned(migration), after);
        MigrationRecord record = record(++numbers, migration, MigrationStatus.State.RUNNING);
        serve(() -> {
            engine.putMigration(record, after);
            return true;
        });
        spec = after;
        return record;
    }

    static MigrationRecord record(long number, Migration migration, MigrationStatus.State state) {
        return new MigrationRecord(
                number,
                migration,
                migration.digest(),
                state,
                null,
                0,
                0,
                -1,
                0,
                -1,
                null,
                true,
                false,
                false,
                false,
                "",
                1,
                1,
                1,
                0);
    }

    SliceOrder order(MigrationRecord record, int rows) {
        Map<String, String> set = record.step() instanceof MigrationStep.Backfill fill ? fill.set() : Map.of();
        return new SliceOrder(spec, rows, Duration.ofSeconds(5), null, set, null, () -> false);
    }

    List<PartitionId> parts(MigrationRecord record) {
        return serve(() -> engine.migrationParts(record));
    }

    SliceOutcome slice(MigrationRecord record, PartitionId id, SliceOrder order) {
        return serve(() -> engine.migrate(record, id, order));
    }

    /** Works until everything is reached; returns how many rows were changed. */
    long work(MigrationRecord record, int rows) {
        long changed = 0;
        for (PartitionId id : parts(record)) {
            SliceOutcome outcome;
            do {
                outcome = slice(record, id, order(record, rows));
                if (!outcome.waitsFor().isEmpty()) {
                    throw new AssertionError(outcome.waitsFor());
                }
                changed += outcome.rowsChanged();
            } while (!outcome.partitionDone());
        }
        if (!parts(record).isEmpty()) {
            throw new AssertionError("still to be reached: " + parts(record));
        }
        return changed;
    }

    /** All rows by the newest spec, oldest first. */
    List<String> rows() {
        return rows(null);
    }

    List<String> rows(io.levee.@Nullable Expr where) {
        List<String> found = new ArrayList<>();
        try (ReadView view = engine.view(spec, Long.MIN_VALUE, Long.MAX_VALUE)) {
            RowQuery query = new RowQuery(
                    spec,
                    Long.MIN_VALUE,
                    Long.MAX_VALUE,
                    where,
                    false,
                    List.of(),
                    List.of(),
                    Long.MAX_VALUE,
                    null,
                    spec.columns());
            view.rows(query, execution(), sink(found, spec.columns().size()));
        }
        return found;
    }

    List<String> sql(String text) {
        List<String> found = new ArrayList<>();
        engine.sql(io.levee.SqlQuery.of(text), execution(), sink(found, Integer.MAX_VALUE));
        return found;
    }

    static Execution execution() {
        return new Execution(1, "test", MonotonicClock.SYSTEM.nanos(), Duration.ofMinutes(1));
    }

    static RowSink sink(List<String> into, int width) {
        return new RowSink() {
            @Override
            public void columns(List<String> names) {}

            @Override
            public boolean row(@Nullable Object[] values) {
                into.add(Arrays.toString(Arrays.copyOf(values, Math.min(width, values.length))));
                return true;
            }
        };
    }

    /** Merges what can be merged. */
    int merge() {
        MergePlan atOnce = new MergePlan(Bytes.mebi(64), Bytes.mebi(256), Bytes.mebi(64), 2);
        serve(() -> {
            engine.learnRanges();
            return true;
        });
        return serve(() ->
                engine.merging().run(atOnce, Duration.ZERO) + engine.merging().run(atOnce, Duration.ZERO));
    }

    /** Ends as a crash would. */
    void abandon() {
        if (!closed) {
            closed = true;
            supervisor.stop();
            engine.close(null);
        }
    }

    @Override
    public void close() {
        if (!closed) {
            closed = true;
            engine.closeWriter();
            supervisor.stop();
            engine.close(new io.levee.CloseReport(true, 0, 0, 0, 0, List.of(), ""));
        }
    }
}
