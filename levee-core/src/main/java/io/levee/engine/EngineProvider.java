package io.levee.engine;

/** Finds an engine by a store's address; loaded by {@link java.util.ServiceLoader}, so that nobody names an engine. */
public interface EngineProvider {
    /** Whether this engine serves such addresses: a directory's path, or {@code postgres://…}. */
    boolean accepts(String address);

    /**
     * Opens the store, and takes its writer lock unless it is opened for reading. Reads the catalog and nothing else
     * (guarantee G100).
     *
     * @throws io.levee.LeveeException {@code STORE_LOCKED} with the owner's pid and host, {@code UNSAFE_ENVIRONMENT},
     *     {@code NOT_FOUND} for reading what is not there, {@code IO_FAILED}, {@code CORRUPT}
     */
    StorageEngine open(String address, EngineSettings settings);
}
