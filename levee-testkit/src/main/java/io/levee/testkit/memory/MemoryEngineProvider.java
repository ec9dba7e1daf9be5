package io.levee.testkit.memory;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.engine.Capability;
import io.levee.engine.EngineProvider;
import io.levee.engine.EngineSettings;
import io.levee.engine.StorageEngine;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Serves {@code memory:}, a new store each time, and {@code memory:NAME}, one store for all that open it in this JVM: it is there
 * until the last of them is closed. Thread-safe.
 */
public final class MemoryEngineProvider implements EngineProvider {
    private static final String SCHEME = "memory:";
    private static final Map<String, MemoryStore> SHARED = new LinkedHashMap<>();

    /** For {@link java.util.ServiceLoader}. */
    public MemoryEngineProvider() {}

    @Override
    public boolean accepts(String address) {
        return address.startsWith(SCHEME);
    }

    @Override
    public StorageEngine open(String address, EngineSettings settings) {
        synchronized (SHARED) {
            MemoryStore known = SHARED.get(address);
            if (known == null && settings.readOnly()) {
                // Of an earlier process or another one, or of nobody: that cannot be told apart here.
                throw new LeveeException(
                                ErrorCode.NOT_SUPPORTED,
                                "nobody has the store " + address + " open in this JVM, and memory lacks "
                                        + Capability.PERSISTENT + " and " + Capability.SECOND_PROCESS)
                        .with("store", address)
                        .hint("open it for writing first, and keep it open");
            }
            MemoryStore store = known == null ? new MemoryStore(address) : known;
            ReferenceEngine engine = new ReferenceEngine(store, settings, () -> closed(store));
            store.connections++;
            if (!address.equals(SCHEME)) {
                SHARED.put(address, store);
            }
            return engine;
        }
    }

    private static void closed(MemoryStore store) {
        synchronized (SHARED) {
            if (--store.connections == 0) {
                SHARED.remove(store.address, store);
            }
        }
    }
}
