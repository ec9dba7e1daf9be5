package io.levee.internal.retention;

import io.levee.Adoption;
import io.levee.AdoptionReport;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.TableSpec;
import io.levee.engine.StorageEngine;
import io.levee.internal.write.TableState;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Takes over the older databases that a table's spec names, once for each opening, so that the first start of a new release goes on with
 * what the old one wrote. Thread-safe.
 */
public final class DeclaredAdoptions {
    private static final System.Logger LOG = System.getLogger("io.levee.adoption");

    private final StorageEngine engine;
    private final boolean readOnly;
    private final Set<Adoption> seen = ConcurrentHashMap.newKeySet();

    /** Those of one store. */
    public DeclaredAdoptions(StorageEngine engine, boolean readOnly) {
        this.engine = engine;
        this.readOnly = readOnly;
    }

    /**
     * A table was declared.
     *
     * @param wanted as it was declared: what is stored of it does not say what is to be split
     * @return the same
     * @throws LeveeException as {@link io.levee.Store#adopt}; a database that is not there is none (guarantee G101)
     */
    public TableState declared(TableState state, TableSpec wanted) {
        for (Adoption stored : state.spec().adoptions()) {
            Adoption adoption = wanted.adoptions().contains(stored.thenSplit()) ? stored.thenSplit() : stored;
            if (!readOnly && !seen.contains(adoption)) {
                adopt(state, adoption);
                seen.add(adoption);
            }
        }
        return state;
    }

    private void adopt(TableState state, Adoption adoption) {
        try {
            adopt(state.spec(), adoption);
        } catch (LeveeException e) {
            if (e.code() == ErrorCode.DISK_FULL) {
                // It is read where it lies: that is no reason not to open.
                LOG.log(System.Logger.Level.WARNING, "an adopted database is not split yet: {0}", e.getMessage());
            } else if (e.code() == ErrorCode.NOT_FOUND) {
                LOG.log(System.Logger.Level.INFO, "nothing to adopt: {0}", e.what());
            } else {
                throw e;
            }
        }
    }

    /** See {@link io.levee.Store#adopt}: with its splitting, where that is wanted and was never begun. */
    public AdoptionReport adopt(TableSpec spec, Adoption adoption) {
        AdoptionReport report = engine.adopt(spec, adoption);
        boolean begun = !adoption.split()
                || report.dropped()
                || engine.splits().stream().anyMatch(s -> s.partition().equals(report.partition()));
        if (!begun) {
            engine.split(report.partition(), true);
        }
        return report;
    }
}
