package io.levee.postgres;

import io.levee.LeveeException;
import io.levee.engine.WriteRow;
import io.levee.engine.WriteRow.Outcome;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** One row to be written: what is stored is the last of the rows of a batch that have its key. Owned by the writer thread. */
final class Item implements CopyWriter.Line {
    private final WriteRow first;
    private WriteRow last;
    private @Nullable List<WriteRow> repeated;
    private @Nullable Leaf target;
    private @Nullable Leaf old;
    private long oldMicros;
    private long seq;
    private long change;
    private @Nullable List<AdoptedOverrides.Version> overridden;
    private @Nullable LeveeException refused;

    Item(WriteRow row) {
        first = row;
        last = row;
    }

    /** A later row of the same key takes its place. */
    void replaceBy(WriteRow row) {
        if (repeated == null) {
            repeated = new ArrayList<>();
        }
        repeated.add(row);
        last = row;
    }

    /** A row of this key is there already. */
    void found(Leaf leaf, long micros, long number) {
        old = leaf;
        oldMicros = micros;
        seq = number;
    }

    /** A row of an adopted table has this key: it takes its place. */
    void overrides(AdoptedOverrides.Version version) {
        if (overridden == null) {
            overridden = new ArrayList<>();
        }
        overridden.add(version);
    }

    /** It cannot be stored whatever is tried. */
    void refuse(LeveeException why) {
        refused = why;
    }

    /** Why it cannot be stored; null where nothing is known against it. */
    @Nullable
    LeveeException refused() {
        return refused;
    }

    /** The rows of adopted tables that it takes the place of. */
    List<AdoptedOverrides.Version> overridden() {
        return overridden == null ? List.of() : overridden;
    }

    /** Where the row of its key is, null for a new one. */
    @Nullable
    Leaf old() {
        return old;
    }

    /** The event time of the row of its key. */
    long oldMicros() {
        return oldMicros;
    }

    Leaf target() {
        if (target == null) {
            throw new IllegalStateException("a row without a partition");
        }
        return target;
    }

    void target(Leaf leaf) {
        target = leaf;
    }

    /** Takes a number: a new row gets it as its own, a known one as that of its change. */
    void number(long next) {
        if (old == null) {
            seq = next;
        } else {
            change = next;
        }
    }

    @Override
    public WriteRow row() {
        return last;
    }

    @Override
    public long seq() {
        return seq;
    }

    @Override
    public long change() {
        return change;
    }

    /** Tells its rows that they are committed. */
    void stored() {
        tell(first);
        if (repeated != null) {
            repeated.forEach(this::tell);
        }
    }

    /** Tells one of its rows. */
    @SuppressWarnings("ReferenceEquality") // The very row, not one like it.
    void tell(WriteRow row) {
        row.settle(row == first && old == null && overridden == null ? Outcome.STORED : Outcome.UPDATED, seq, null);
    }

    /** All rows that stand behind it. */
    List<WriteRow> rows() {
        if (repeated == null) {
            return List.of(first);
        }
        List<WriteRow> rows = new ArrayList<>(repeated.size() + 1);
        rows.add(first);
        rows.addAll(repeated);
        return rows;
    }
}
