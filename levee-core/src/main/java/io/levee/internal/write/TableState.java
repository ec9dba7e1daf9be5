package io.levee.internal.write;

import io.levee.TableSpec;
import io.levee.engine.SeqSource;
import io.levee.engine.StorageEngine;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * One table of an open store. The spec and the newest time are read by any thread; numbers and periods belong to the writer.
 */
public final class TableState implements SeqSource {
    /** Numbers reserved durably at once: what is left of a block is skipped after a crash. */
    private static final long SEQ_BLOCK = 100_000;

    private final StorageEngine engine;
    private final AtomicLong newestMicros = new AtomicLong(Long.MIN_VALUE);
    private volatile TableSpec spec;
    private volatile @Nullable Layout layout;
    private @Nullable Periods periods;
    private long nextSeq;
    private long seqEnd;

    TableState(StorageEngine engine, TableSpec spec) {
        this.engine = engine;
        this.spec = spec;
    }

    /** The newest spec. */
    public TableSpec spec() {
        return spec;
    }

    void spec(TableSpec newSpec) {
        spec = newSpec;
    }

    /**
     * Where the values of a row of another spec go.
     *
     * @param own the spec that the row was made with
     * @param target the spec that it is stored by
     * @param positions for each of its own columns, the position in the target
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
            int[] positions = own.columns().stream()
                    .mapToInt(c -> target.position(target.column(c.name()).name()))
                    .toArray();
            known = new Layout(own, target, positions);
            layout = known;
        }
        return known;
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

    /** Which period a time belongs to. Writer thread. */
    @SuppressWarnings("ReferenceEquality") // A new spec is a new object.
    Periods periods() {
        TableSpec newest = spec;
        if (periods == null || periods.spec() != newest) {
            periods = Periods.resume(newest, engine.partitions());
        }
        return periods;
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
