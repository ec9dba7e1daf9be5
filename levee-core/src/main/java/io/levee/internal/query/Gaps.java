package io.levee.internal.query;

import io.levee.Coverage;
import io.levee.Gap;
import io.levee.engine.StorageEngine;
import io.levee.internal.write.WriteService;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Everything that is known to be missing: what the ledger of this life and of earlier ones says, and what the engine found itself, such
 * as partitions in quarantine. A store that reads beside a live writer reads the writer's ledger again each time, which may touch a file
 * or a server. Thread-safe.
 */
public final class Gaps {
    private final StorageEngine engine;
    private final @Nullable WriteService writes;

    /** Wires the parts. */
    public Gaps(StorageEngine engine, @Nullable WriteService writes) {
        this.engine = engine;
        this.writes = writes;
    }

    /** All gaps. */
    public List<Gap> all() {
        List<Gap> all = new ArrayList<>(
                writes == null ? engine.losses() : writes.losses().all());
        all.addAll(engine.gaps());
        return all;
    }

    /** Whether {@link #all} answers from memory, so that any thread may ask. */
    boolean inMemory() {
        return writes != null;
    }

    /**
     * The gaps that touch a range.
     *
     * @param table the table, or null for all
     * @param fromMicros the begin of the half-open range
     * @param toMicros its end
     */
    public List<Gap> touching(@Nullable String table, long fromMicros, long toMicros) {
        return all().stream()
                .filter(g -> (table == null || g.table().equals(table)) && g.touches(fromMicros, toMicros))
                .toList();
    }

    Coverage coverage(@Nullable String table, long fromMicros, long toMicros) {
        List<Gap> gaps = touching(table, fromMicros, toMicros);
        return gaps.isEmpty() ? Coverage.COMPLETE : new Coverage(gaps);
    }
}
