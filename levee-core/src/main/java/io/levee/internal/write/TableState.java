package io.levee.internal.write;

import io.levee.Column;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.Row;
import io.levee.TableSpec;
import io.levee.engine.Classes;
import io.levee.engine.SeqSource;
import io.levee.engine.StorageEngine;
import io.levee.engine.WriteRow;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * One table of an open store. The spec and the newest time are read by any thread; numbers and periods belong to the writer.
 */
public final class TableState implements SeqSource {
    /** Numbers reserved durably at once: what is left of a block is skipped after a crash. */
    private static final long SEQ_BLOCK = 100_000;

    private final StorageEngine engine;
    private final AtomicLong newestMicros = new AtomicLong(Long.MIN_VALUE);
    private final AtomicLong removed = new AtomicLong();
    private final ReentrantLock changeLock = new ReentrantLock();
    private final Condition change = changeLock.newCondition();
    private long changes;
    private volatile TableSpec spec;
    private volatile @Nullable Layout layout;
    private volatile Classes classes;
    private final Map<String, Periods> periods = new HashMap<>();
    /** Guarded by the queue's lock. */
    private final InFlightWindows.Window inFlight;

    private long nextSeq;
    private long seqEnd;

    TableState(StorageEngine engine, TableSpec spec) {
        this.engine = engine;
        this.spec = spec;
        this.classes = Classes.of(spec);
        this.inFlight = new InFlightWindows.Window(spec.name());
    }

    /** The event times in flight. */
    InFlightWindows.Window inFlight() {
        return inFlight;
    }

    /** The newest spec. */
    public TableSpec spec() {
        return spec;
    }

    void spec(TableSpec newSpec) {
        classes = Classes.of(newSpec);
        spec = newSpec;
    }

    /** The classes of its rows. */
    public Classes classes() {
        return classes;
    }

    /** The class of a row that may have been made with another spec. */
    public String classOf(Row row) {
        String by = spec.retention().by();
        if (by == null) {
            return "";
        }
        int position = row.spec().position(by);
        return position < 0 ? "" : classes.ofValue(row.stored(position));
    }

    /**
     * Where the values of a row of another spec go.
     *
     * @param own the spec that the row was made with
     * @param target the spec that it is stored by
     * @param positions for each of its own columns, the position in the target; -1 for one that was dropped
     */
    record Layout(TableSpec own, TableSpec target, int[] positions) {
        int width() {
            return target.columns().size();
        }
    }

    /** How rows of a spec are stored now; the last answer is kept, since a table's rows mostly come from one place. */
    @SuppressWarnings("ReferenceEquality") // Equality of specs costs more than what the cache saves.
    Layout layout(TableSpec own) {
        Layout known = layout;
        if (known == null || known.own() != own || known.target() != spec) {
            TableSpec target = spec;
            requireSameShape(own, target);
            int[] positions = own.columns().stream()
                    .mapToInt(c -> present(target, c.name()))
                    .toArray();
            known = new Layout(own, target, positions);
            layout = known;
        }
        return known;
    }

    /** A row of a foreign spec must not reach the writer: its values would spoil the batch of everybody else. */
    private static void requireSameShape(TableSpec own, TableSpec target) {
        if (!own.key().equals(target.key()) || !own.time().equals(target.time())) {
            throw foreign(
                    own,
                    target,
                    "its key " + own.key() + " and time " + own.time() + " are not the table's " + target.key()
                            + " and " + target.time());
        }
        for (Column column : own.columns()) {
            int at = present(target, column.name());
            if (at < 0 && target.droppedColumns().containsKey(column.name())) {
                // A program that knows the column still: its value is left out, as it would be a moment later.
                continue;
            }
            Column known =
                    at < 0 ? target.column(column.name()) : target.columns().get(at);
            if (known.type() != column.type()) {
                throw foreign(
                        own,
                        target,
                        "its column '" + column.name() + "' is " + column.type().specName());
            }
        }
    }

    private static LeveeException foreign(TableSpec own, TableSpec target, String why) {
        return new LeveeException(
                        ErrorCode.BAD_VALUE,
                        "a row made for a table " + own.name() + " does not fit " + target.name() + ": " + why)
                .with("table", target.name())
                .hint("make rows with Row.of(table.spec())");
    }

    /** The newest event time that was committed, {@link Long#MIN_VALUE} where none is known. */
    public long newestMicros() {
        return newestMicros.get();
    }

    /** Notes a committed event time. */
    public void sawTime(long micros) {
        if (micros > newestMicros.get()) {
            newestMicros.accumulateAndGet(micros, Math::max);
        }
    }

    /** The stored values of a row's key. */
    static @Nullable Object[] key(WriteRow row, TableSpec spec) {
        @Nullable Object[] key = new Object[spec.key().size()];
        for (int i = 0; i < key.length; i++) {
            key[i] = row.values()[spec.position(spec.key().get(i))];
        }
        return key;
    }

    /** Values by another spec of the same table: a column that was dropped goes, one that was renamed keeps its value. */
    static @Nullable Object[] fit(@Nullable Object[] values, TableSpec from, TableSpec to) {
        @Nullable Object[] fitted = new Object[to.columns().size()];
        for (int i = 0; i < Math.min(values.length, from.columns().size()); i++) {
            int at = present(to, from.columns().get(i).name());
            if (at >= 0) {
                fitted[at] = values[i];
            }
        }
        return fitted;
    }

    /** Where a column is now that may have been renamed; -1 where it was dropped. */
    private static int present(TableSpec spec, String column) {
        int at = spec.position(column);
        if (at >= 0) {
            return at;
        }
        for (Map.Entry<String, List<String>> renamed : spec.formerNames().entrySet()) {
            if (renamed.getValue().contains(column)) {
                return spec.position(renamed.getKey());
            }
        }
        return -1;
    }

    /** Rows went, or were replaced: what somebody counted before may be fewer now. */
    public void removed(long rows) {
        removed.addAndGet(rows);
    }

    /** How many rows went or were replaced since the store was opened, those that retention by number deleted left aside. */
    public long removed() {
        return removed.get();
    }

    /** Something of the table was committed: those who follow it look again. Writer thread. */
    void changed() {
        changeLock.lock();
        try {
            changes++;
            change.signalAll();
        } finally {
            changeLock.unlock();
        }
    }

    /** How often the table was changed since the store was opened. */
    public long changes() {
        changeLock.lock();
        try {
            return changes;
        } finally {
            changeLock.unlock();
        }
    }

    /** Waits until the table was changed more often than {@code known}, or for the timeout. */
    public void awaitChange(long known, Duration timeout) throws InterruptedException {
        changeLock.lock();
        try {
            long left = timeout.toNanos();
            while (changes == known && left > 0) {
                left = change.awaitNanos(left);
            }
        } finally {
            changeLock.unlock();
        }
    }

    /** Which period a time belongs to, for rows of one class. Writer thread. */
    @SuppressWarnings("ReferenceEquality") // A new spec is a new object.
    Periods periods(String retentionClass) {
        TableSpec newest = spec;
        Periods known = periods.get(retentionClass);
        if (known == null || known.spec() != newest) {
            known = Periods.resume(newest, retentionClass, engine.partitions());
            periods.put(retentionClass, known);
        }
        return known;
    }

    /** The next number. Writer thread. */
    @Override
    public long next() {
        if (nextSeq == seqEnd) {
            nextSeq = engine.reserveSeq(spec.name(), SEQ_BLOCK);
            seqEnd = nextSeq + SEQ_BLOCK;
        }
        return nextSeq++;
    }
}
