package io.levee;

import io.levee.engine.EngineProvider;
import io.levee.engine.EngineSettings;
import io.levee.engine.StorageEngine;
import io.levee.internal.backup.BackupDirectory;
import io.levee.internal.supervisor.Supervisor;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ServiceLoader;
import java.util.function.Consumer;

/** Opens stores. */
public final class Levee {
    /** This build's version. */
    public static final String VERSION = "0.1.0";

    private Levee() {}

    /** Opens a store for reading and writing with the default options, creating it where there is none. */
    public static Store open(Path directory) {
        return open(directory, options -> {});
    }

    /**
     * Opens a store for reading and writing, creating it where there is none. Takes as long as reading the catalog takes, at
     * any size of the store (guarantee G100).
     *
     * @param directory the store's directory
     * @param options sets what differs from the defaults
     * @return the store, which has to be closed
     * @throws LeveeException {@link ErrorCode#STORE_LOCKED} with the owner's pid and host where another writer has it open,
     *     {@link ErrorCode#UNSAFE_ENVIRONMENT} on a network file system, {@link ErrorCode#IO_FAILED}
     */
    public static Store open(Path directory, Consumer<StoreOptions.Builder> options) {
        return open(directory.toString(), false, options);
    }

    /**
     * Opens a store for reading, beside a live writer in this process or another. Nothing is created, changed or locked.
     *
     * @throws LeveeException {@link ErrorCode#NOT_FOUND} where there is no store
     */
    public static Store openReadOnly(Path directory) {
        return open(directory.toString(), true, options -> {});
    }

    /** Opens a store by its address, with the defaults. See {@link #open(String, boolean, Consumer)}. */
    public static Store open(String address) {
        return open(address, false, options -> {});
    }

    /**
     * A store in memory, for users' own tests: gone when it is closed. Needs {@code levee-testkit} on the class path.
     *
     * @param clock the clock that event times and ages are measured by
     * @throws LeveeException {@link ErrorCode#NOT_SUPPORTED} where the test kit is missing
     */
    public static Store inMemory(ManualClock clock) {
        return open("memory:", false, options -> options.clock(clock));
    }

    /**
     * Opens a store by its address: a directory's path, or what another engine on the class path accepts.
     *
     * @param address the store's address
     * @param readOnly whether nothing may be written
     * @param options sets what differs from the defaults
     * @throws LeveeException as above, and {@link ErrorCode#NOT_SUPPORTED} where no engine accepts the address
     */
    public static Store open(String address, boolean readOnly, Consumer<StoreOptions.Builder> options) {
        return open(provider(address), address, readOnly, options);
    }

    /**
     * Makes a store from a backup, in a directory that is new or empty. Everything that the backup holds is compared with its checksum
     * while it is copied. What was stored after the backup shows as gaps with the reason {@link LossReason#RESTORED}; followers of the
     * store that was get a gap too. One that was killed is finished by the same call; until then the store cannot be opened. Takes as
     * long as copying takes.
     *
     * @param backup the directory that {@link Store#backup} was made in
     * @param address the new store's address
     * @return what was restored
     * @throws LeveeException {@link ErrorCode#NOT_FOUND} where there is no whole backup, {@link ErrorCode#BAD_VALUE} where the store's
     *     directory is not empty, {@link ErrorCode#CORRUPT} where a file of the backup is damaged, {@link ErrorCode#NOT_SUPPORTED} by an
     *     engine without {@code BACKUP}, {@link ErrorCode#DISK_FULL}, {@link ErrorCode#IO_FAILED}
     */
    public static RestoreReport restore(Path backup, String address) {
        Instant now = StoreOptions.builder().build().clock().instant();
        return provider(address).restore(backup, address, now);
    }

    /**
     * Reads every file of a backup and compares it with its checksum. Needs no store; takes as long as reading takes.
     *
     * @param backup the directory that {@link Store#backup} was made in
     * @param progress gets a line about each file that is damaged, on the caller's thread
     * @throws LeveeException {@link ErrorCode#NOT_FOUND} where there is no whole backup, {@link ErrorCode#CORRUPT} where its manifest is
     *     damaged, {@link ErrorCode#IO_FAILED}
     */
    public static BackupCheck verifyBackup(Path backup, Consumer<String> progress) {
        return BackupDirectory.verify(backup.toAbsolutePath().normalize(), progress);
    }

    /**
     * What a backup holds. Reads its manifest only.
     *
     * @throws LeveeException {@link ErrorCode#NOT_FOUND} where there is no whole backup, {@link ErrorCode#CORRUPT},
     *     {@link ErrorCode#IO_FAILED}
     */
    public static BackupContent backupContent(Path backup) {
        return BackupDirectory.content(backup.toAbsolutePath().normalize());
    }

    private static EngineProvider provider(String address) {
        for (EngineProvider provider : ServiceLoader.load(EngineProvider.class, Levee.class.getClassLoader())) {
            if (provider.accepts(address)) {
                return provider;
            }
        }
        throw new LeveeException(
                        ErrorCode.NOT_SUPPORTED,
                        "no engine on the class path takes an address of this form: " + scheme(address))
                .hint("add levee-sqlite for directories, levee-postgres for postgres://, levee-testkit for memory:");
    }

    /** An address may hold a password: of what no engine knows, only the scheme is repeated. */
    private static String scheme(String address) {
        int colon = address.indexOf(':');
        return colon > 1 ? address.substring(0, colon + 1) + "…" : address;
    }

    /**
     * Opens a store of an engine that the caller has at hand, instead of one found by the address.
     *
     * @param engineProvider the engine
     * @param address the store's address
     * @param readOnly whether nothing may be written
     * @param options sets what differs from the defaults
     */
    public static Store open(
            EngineProvider engineProvider, String address, boolean readOnly, Consumer<StoreOptions.Builder> options) {
        StoreOptions.Builder builder = StoreOptions.builder();
        options.accept(builder);
        StoreOptions built = builder.build();
        Supervisor supervisor = new Supervisor();
        StorageEngine engine = null;
        boolean opened = false;
        try {
            engine = engineProvider.open(address, new EngineSettings(built, readOnly, supervisor));
            Store store = Store.start(engine, built, readOnly, supervisor);
            opened = true;
            return store;
        } finally {
            if (!opened) {
                supervisor.stop();
                if (engine != null) {
                    engine.close(null);
                }
            }
        }
    }
}
