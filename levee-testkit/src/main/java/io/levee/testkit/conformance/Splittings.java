package io.levee.testkit.conformance;

import io.levee.Store;
import io.levee.StoreOptions;
import java.util.List;
import java.util.function.Consumer;

/**
 * An engine's splitting of adopted databases in a test's hands. A class of its own with a public constructor without parameters, so that a
 * JVM that is to be killed can make one too.
 */
public interface Splittings {
    /** All points that a splitting comes to, by the engine's own names, in their order. */
    List<String> points();

    /** The point at which rows were read and have not moved yet: what is written then is newer than what was read. */
    String read();

    /** The point at which some rows have moved, for every reader. */
    String moved();

    /** The point at which all has moved and was compared, and was not let go yet. */
    String compared();

    /**
     * Opens a store for writing whose splittings take no rest.
     *
     * @param address from {@link EngineUnderTest#newStore}
     * @param rows how many rows move at once, at most
     * @param at told of each point, on the splitting's thread
     * @param options sets what a test needs to differ from the defaults
     */
    Store open(String address, int rows, Consumer<String> at, Consumer<StoreOptions.Builder> options);

    /** Loses what the engine can make anew from the rest of a closed store, such as a catalog of files; false where there is no such thing. */
    default boolean lose(String address) {
        return false;
    }

    /** Looks, past the engine, whether its own figures of a store are what is there; fails if not. */
    default void check(String address) {}
}
