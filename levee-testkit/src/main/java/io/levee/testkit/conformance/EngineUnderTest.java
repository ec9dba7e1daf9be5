package io.levee.testkit.conformance;

import io.levee.Adoption;
import io.levee.Levee;
import io.levee.Store;
import io.levee.StoreOptions;
import io.levee.engine.EngineProvider;
import java.util.List;
import java.util.ServiceLoader;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** How the conformance kit gets at an engine. What the engine can do is asked from the engine itself. */
@FunctionalInterface
public interface EngineUnderTest {
    /** The address of a store that is not there yet. Each call gives another one; whoever gives it cleans up after the tests. */
    String newStore();

    /** The engine's provider: by default the one on the class path that accepts the address. */
    default EngineProvider provider(String address) {
        return ServiceLoader.load(EngineProvider.class).stream()
                .map(ServiceLoader.Provider::get)
                .filter(provider -> provider.accepts(address))
                .findFirst()
                .orElseThrow(() -> new IllegalStateException("no engine on the class path accepts " + address));
    }

    /**
     * Opens a store of this engine.
     *
     * @param address from {@link #newStore}
     * @param readOnly whether nothing may be written
     * @param options sets what a test needs to differ from the defaults
     */
    default Store open(String address, boolean readOnly, Consumer<StoreOptions.Builder> options) {
        return Levee.open(provider(address), address, readOnly, options);
    }

    /**
     * A new older database, without tables, that stores of this engine can adopt ({@link io.levee.engine.Capability#ADOPTION}); null for an
     * engine that adopts nothing.
     */
    default @Nullable OldDatabase oldDatabase() {
        return null;
    }

    /** Its splitting of adopted databases in a test's hands; null for an engine that adopts nothing. */
    default @Nullable Splittings splittings() {
        return null;
    }

    /**
     * Makes an older database.
     *
     * @param statements SQL that makes tables, without a schema in their names
     * @param table one of them
     * @return how it is named; null for an engine that adopts nothing
     */
    default @Nullable Adoption legacy(List<String> statements, String table) {
        OldDatabase old = oldDatabase();
        if (old == null) {
            return null;
        }
        old.run(statements.toArray(new String[0]));
        return old.adoption(table);
    }

    /** Options for the JVMs that are killed, such as {@code -D…}; their class path is this JVM's. They open stores by the address. */
    default List<String> childJvmOptions() {
        return List.of();
    }
}
