package io.levee.sqlite;

import io.levee.Bytes;
import io.levee.Column;
import io.levee.IndexSpec;
import io.levee.MigrationStep;
import io.levee.TableSpec;
import io.levee.engine.MigrationRecord;
import io.levee.engine.MigrationSample;
import io.levee.engine.SliceOrder;
import io.levee.internal.time.MonotonicClock;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Tries a migration on a copy of some rows in memory, for a plan: the writer and the file do not notice. The thread of a plan. */
final class MigrationTrial {
    private static final int PAGE = 4096;
    private static final Bytes CACHE = Bytes.mebi(8);

    private final MigrationRecord record;
    private final TableSpec spec;
    private final SliceOrder order;
    private final Connection memory;

    private MigrationTrial(MigrationRecord record, SliceOrder order, Connection memory) {
        this.record = record;
        this.spec = bare(order.spec());
        this.order = order;
        this.memory = memory;
    }

    /** See {@link io.levee.engine.StorageEngine#migrationSample}. */
    static @Nullable MigrationSample run(MigrationRecord record, SliceOrder order, Path file, Partition partition) {
        if (Partition.size(file) == 0) {
            return null;
        }
        try (Connection memory = Connections.memory(CACHE, 2)) {
            MigrationTrial trial = new MigrationTrial(record, order, memory);
            // Before there is another table of that name.
            PartitionSchema.prepare(memory, trial.spec, partition.id(), Instant.EPOCH);
            Connections.attach(memory, file, "src");
            try {
                return trial.run();
            } finally {
                Connections.detach(memory, file, "src");
            }
        } catch (SQLException e) {
            throw Sqlite.failure("a migration cannot be tried", file, e);
        }
    }

    private static TableSpec bare(TableSpec spec) {
        TableSpec.Builder builder = spec.toBuilder();
        spec.namedIndexes().forEach(index -> builder.dropIndex(index.name()));
        return builder.build();
    }

    private @Nullable MigrationSample run() throws SQLException {
        if (PartitionSchema.columns(memory, "src", spec.name()).isEmpty()) {
            return null;
        }
        long begun = MonotonicClock.SYSTEM.nanos();
        long rows = copy();
        long copied = MonotonicClock.SYSTEM.nanos();
        if (record.step() instanceof MigrationStep.AddIndex add) {
            long before = Sqlite.number(memory, "PRAGMA page_count");
            index(add.index());
            long bytes = (Sqlite.number(memory, "PRAGMA page_count") - before) * PAGE;
            return new MigrationSample(rows, MonotonicClock.SYSTEM.nanos() - begun, bytes);
        }
        if (record.step() instanceof MigrationStep.Backfill && !order.set().isEmpty()) {
            set();
            return new MigrationSample(rows, MonotonicClock.SYSTEM.nanos() - copied, 0);
        }
        return new MigrationSample(rows, copied - begun, 0);
    }

    private long copy() throws SQLException {
        FileColumns from = FileColumns.of(spec, memory, "src");
        List<String> names = new ArrayList<>(List.of("_seq"));
        List<String> values = new ArrayList<>(List.of("m._seq"));
        if (spec.separateTime()) {
            names.add("_time");
            values.add("m._time");
        }
        for (Column column : PartitionSchema.hot(spec)) {
            names.add(Sqlite.quote(column.name()));
            values.add(from.alone(column));
        }
        return update("INSERT INTO main." + Sqlite.quote(spec.name()) + "(" + String.join(", ", names) + ") SELECT "
                + String.join(", ", values) + " FROM src." + Sqlite.quote(spec.name()) + " m LIMIT " + order.rows());
    }

    private void index(IndexSpec index) throws SQLException {
        update(PartitionSchema.named(spec, index, FileColumns.of(spec, memory)));
    }

    private void set() throws SQLException {
        FileColumns columns = FileColumns.of(spec, memory);
        Map<String, String> given = new TreeMap<>(String.CASE_INSENSITIVE_ORDER);
        if (record.step() instanceof MigrationStep.Backfill fill) {
            // What lookups give is not known here; each row is written all the same.
            fill.lookups().keySet().forEach(name -> given.put(name, "NULL"));
        }
        Map<Column, String> values = new LinkedHashMap<>();
        order.set().forEach((name, expression) -> {
            Column column = spec.column(name);
            values.put(column, MigrationSlice.computed(spec, columns, column, expression, given));
        });
        update(MigrationSlice.setting(spec, columns, values, " WHERE 1"));
    }

    private long update(String sql) throws SQLException {
        try (Statement statement = memory.createStatement()) {
            return statement.executeUpdate(sql);
        }
    }
}
