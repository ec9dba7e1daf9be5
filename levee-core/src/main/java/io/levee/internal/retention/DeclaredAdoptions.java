package io.levee.internal.retention;

import io.levee.Adoption;
import io.levee.ErrorCode;
import io.levee.LeveeException;
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
     * @return the same
     * @throws LeveeException as {@link io.levee.Store#adopt}; a database that is not there is none (guarantee G101)
     */
    public TableState declared(TableState state) {
        for (Adoption adoption : state.spec().adoptions()) {
            if (!readOnly && !seen.contains(adoption)) {
                adopt(state, adoption);
                seen.add(adoption);
            }
        }
        return state;
    }

    private void adopt(TableState state, Adoption adoption) {
        try {
            engine.adopt(state.spec(), adoption);
        } catch (LeveeException e) {
            if (e.code() != ErrorCode.NOT_FOUND) {
                throw e;
            }
            LOG.log(System.Logger.Level.INFO, "nothing to adopt: {0}", e.what());
        }
    }
}
