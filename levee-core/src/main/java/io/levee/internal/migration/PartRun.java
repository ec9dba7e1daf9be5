package io.levee.internal.migration;

import io.levee.Column;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.MigrationStep;
import io.levee.MigrationStep.BackfillRows;
import io.levee.PartitionId;
import io.levee.Row;
import io.levee.TableSpec;
import io.levee.engine.MigrationRecord;
import io.levee.engine.MigrationRows;
import io.levee.engine.SliceOrder;
import io.levee.engine.SliceOutcome;
import io.levee.engine.StorageEngine;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * One migration's work in one partition, slice by slice. For steps whose values are made here, rows are read ahead of the slices that
 * write them: a row that is changed in between ends its slice, and is read again. Confined to the migration thread.
 */
final class PartRun {
    /** Rows read at once, as a multiple of what a slice writes, and at most. */
    private static final int AHEAD = 4;

    private static final int MOST_LOOKED_UP = 4_000;
    private static final int MOST_FOR_FUNCTION = 500;

    /** Makes a row for a function of the program. */
    @FunctionalInterface
    interface RowMaker {
        Row row(TableSpec spec, @Nullable Object[] values, long timeMicros, long seq);
    }

    private final StorageEngine engine;
    private final MigrationStep step;
    private final PartitionId id;
    private final TableSpec spec;
    private final @Nullable Fill fill;
    private final @Nullable Lookups lookups;
    private final Pace pace;
    private final RowMaker rows;
    private final BooleanSupplier cancelled;
    private @Nullable MigrationRows ahead;
    private List<SliceOrder.Values> made = List.of();
    private int taken;

    PartRun(
            StorageEngine engine,
            MigrationStep step,
            PartitionId id,
            TableSpec spec,
            @Nullable Fill fill,
            @Nullable Lookups lookups,
            Pace pace,
            RowMaker rows,
            BooleanSupplier cancelled) {
        this.engine = engine;
        this.step = step;
        this.id = id;
        this.spec = spec;
        this.fill = fill;
        this.lookups = lookups;
        this.pace = pace;
        this.rows = rows;
        this.cancelled = cancelled;
    }

    /** One slice. */
    SliceOutcome slice(MigrationRecord record) {
        SliceOrder.Given given = null;
        if (lookups != null || step instanceof BackfillRows) {
            given = given(record);
        }
        SliceOutcome outcome = engine.migrate(record, id, order(pace.rows(), given));
        pace.took(outcome.rowsSeen(), outcome.workNanos());
        if (given != null
                && (outcome.rowsSeen() < given.seen() || !outcome.waitsFor().isEmpty())) {
            // A row was changed since it was read: what was read ahead of it is read again, with it.
            ahead = null;
        }
        return outcome;
    }

    private SliceOrder order(int most, SliceOrder.@Nullable Given given) {
        return new SliceOrder(
                spec,
                most,
                Pace.TARGET,
                fill == null ? null : fill.where(),
                fill == null ? Map.of() : fill.set(),
                given,
                cancelled);
    }

    private SliceOrder.Given given(MigrationRecord record) {
        MigrationRows read = ahead;
        if (read == null || taken >= read.rows().size() && !read.last()) {
            read = readAhead(record);
        }
        int size = read.rows().size();
        int end = Math.min(size, taken + pace.rows());
        boolean all = end == size;
        long before = taken == 0 ? 0 : read.rows().get(taken - 1).seen();
        long seen = (all ? read.seen() : read.rows().get(end - 1).seen()) - before;
        long through = all ? read.throughSeq() : read.rows().get(end - 1).seq();
        List<SliceOrder.Values> part = made.subList(taken, end);
        taken = end;
        if (all) {
            // What was looked at behind the last row goes with it.
            ahead = null;
        }
        List<Column> columns = lookups != null ? lookups.columns() : changed();
        return new SliceOrder.Given(columns, part, seen, through, all && read.last());
    }

    private MigrationRows readAhead(MigrationRecord record) {
        boolean function = lookups == null;
        int most = Math.min(function ? MOST_FOR_FUNCTION : MOST_LOOKED_UP, Math.max(AHEAD * pace.rows(), 100));
        List<Column> columns = lookups == null ? spec.columns() : lookups.wanted();
        MigrationRows read = engine.migrationRows(record, id, order(most, null), columns);
        made = lookups == null ? applied(read) : lookups.values(read.rows());
        taken = 0;
        ahead = read;
        return read;
    }

    private List<Column> changed() {
        return step instanceof BackfillRows function
                ? function.columns().stream().map(spec::column).toList()
                : List.of();
    }

    private List<SliceOrder.Values> applied(MigrationRows read) {
        if (!(step instanceof BackfillRows function)) {
            return List.of();
        }
        List<SliceOrder.Values> values = new ArrayList<>();
        for (MigrationRows.Read one : read.rows()) {
            Row row = rows.row(spec, one.values(), one.timeMicros(), one.seq());
            Row changed;
            try {
                changed = Objects.requireNonNull(function.change().apply(row), "the function gave null");
            } catch (RuntimeException e) {
                throw new LeveeException(
                                ErrorCode.BAD_VALUE,
                                "the function failed at the row " + one.seq() + " of " + id + ": " + e,
                                e)
                        .with("row", one.seq());
            }
            @Nullable Object[] mine = new Object[function.columns().size()];
            Arrays.setAll(mine, i -> stored(changed, function.columns().get(i)));
            values.add(new SliceOrder.Values(one.seq(), one.version(), mine));
        }
        return values;
    }

    private static @Nullable Object stored(Row row, String column) {
        int at = row.spec().position(column);
        if (at < 0) {
            throw new LeveeException(
                    ErrorCode.BAD_VALUE,
                    "the function gave a row of " + row.spec().name() + " without '" + column + "'");
        }
        return row.stored(at);
    }
}
