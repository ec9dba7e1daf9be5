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
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * One migration's work in one partition, slice by slice. For steps whose values are made here, rows are read in blocks, ahead of the slices
 * that write them: a row that is changed in between ends its slice, and is read again. While a block is written the next one's lookups are
 * answered, of this partition or the one that follows. Confined to the migration thread.
 */
final class PartRun implements AutoCloseable {
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
    /** What is written now. */
    private @Nullable Block block;
    /** What comes behind it, its values still on their way. */
    private @Nullable Block next;

    private @Nullable PartRun following;
    /** Values of rows whose slice ended before them, by number. */
    private Map<Long, SliceOrder.Values> known = Map.of();

    /** Rows that were read, and what was made for them. */
    private static final class Block {
        final MigrationRows read;
        final Lookups.@Nullable Asked asked;
        List<SliceOrder.Values> made = List.of();
        int taken;

        Block(MigrationRows read, Lookups.@Nullable Asked asked) {
            this.read = read;
            this.asked = asked;
        }
    }

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
            // It took too long, or a row was changed since it was read: all are read again, and what was made for those
            // that were not changed still holds.
            boolean soon = outcome.waitsFor().isEmpty();
            known = soon ? made(given.rows()) : Map.of();
            block = null;
            forget();
        }
        return outcome;
    }

    /** What was made for rows of a slice and those of its block behind it. */
    private Map<Long, SliceOrder.Values> made(List<SliceOrder.Values> given) {
        Map<Long, SliceOrder.Values> made = new HashMap<>();
        given.forEach(values -> made.put(values.seq(), values));
        Block rest = block;
        if (rest != null) {
            rest.made.subList(rest.taken, rest.made.size()).forEach(values -> made.put(values.seq(), values));
        }
        return made;
    }

    /** Another partition comes behind this one: what it begins with may be asked for when this one's last rows are written. */
    void before(PartRun run) {
        following = run;
    }

    private void forget() {
        Block none = next;
        next = null;
        if (none != null && none.asked != null) {
            none.asked.close();
        }
    }

    /** Nobody waits for what was asked for any more. */
    @Override
    public void close() {
        forget();
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
        Block now = block == null ? taken(record) : block;
        MigrationRows read = now.read;
        int size = read.rows().size();
        int end = now.taken + part(size - now.taken);
        boolean all = end == size;
        long before = now.taken == 0 ? 0 : read.rows().get(now.taken - 1).seen();
        long seen = (all ? read.seen() : read.rows().get(end - 1).seen()) - before;
        long through = all ? read.throughSeq() : read.rows().get(end - 1).seq();
        List<SliceOrder.Values> part = now.made.subList(now.taken, end);
        now.taken = end;
        // What was looked at behind the last row goes with it.
        block = all ? null : now;
        List<Column> columns = lookups != null ? lookups.columns() : changed();
        return new SliceOrder.Given(columns, part, seen, through, all && read.last());
    }

    /** How many of so many rows the next slice takes: no small rest is left. */
    private int part(int left) {
        int slices = Math.max(1, (left + pace.rows() - 1) / pace.rows());
        return (left + slices - 1) / slices;
    }

    /** The next block with its values. What comes behind it is asked for. */
    private Block taken(MigrationRecord record) {
        Block now = next;
        next = null;
        if (now == null) {
            now = read(record, Long.MIN_VALUE);
        }
        known = Map.of();
        now.made = now.asked == null ? applied(now.read) : now.asked.values();
        PartRun other = following;
        if (lookups != null && !now.read.last()) {
            next = read(record, now.read.throughSeq());
            if (next.read.seen() == 0 && !next.read.last()) {
                next = null;
            }
        } else if (lookups != null && other != null && other.next == null) {
            following = null;
            other.next = other.read(record, Long.MIN_VALUE);
        }
        return now;
    }

    private Block read(MigrationRecord record, long behind) {
        Lookups from = lookups;
        int most = from == null ? Math.min(MOST_FOR_FUNCTION, Math.max(4 * pace.rows(), 100)) : from.rows(pace.rows());
        List<Column> columns = from == null ? spec.columns() : from.wanted();
        MigrationRows read = engine.migrationRows(record, id, order(most, null), columns, behind);
        return new Block(read, from == null ? null : from.ask(read.rows(), known));
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
                                "the function failed at the row "
                                        + BrokenRow.columns(spec).stream()
                                                .map(name -> name + " = " + row.get(name))
                                                .collect(Collectors.joining(", "))
                                        + " (number " + one.seq() + ") of " + id + ": " + e,
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
