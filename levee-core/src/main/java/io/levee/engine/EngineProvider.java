package io.levee.engine;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.RestoreReport;
import java.nio.file.Path;
import java.time.Instant;

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

    /**
     * Makes a store from a backup, at an address where there is none. See {@link io.levee.Levee#restore}.
     *
     * @param backup the backup's directory
     * @param address the new store's address
     * @param now the wall clock
     */
    default RestoreReport restore(Path backup, String address, Instant now) {
        throw new LeveeException(
                        ErrorCode.NOT_SUPPORTED, "this engine lacks BACKUP: stores are not restored from directories")
                .hint("restore with the server's own tools");
    }
}
