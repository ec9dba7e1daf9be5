package io.levee.internal.migration;

import io.levee.MigrationStatus;
import io.levee.engine.MigrationRecord;
import io.levee.engine.StorageEngine;
import io.levee.internal.time.MonotonicClock;
import java.time.Duration;
import java.util.List;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * How far migrations are: from memory in the process that makes them, else from the catalog, at most once a second (guarantees G144,
 * G150). Thread-safe.
 */
final class StatusReader {
    /** What is said of a migration where a release wrote that knows nothing of it, or rows came that it never met. */
    static final String CAME =
            "an older release wrote to the store since it was done, or a splitting or a restore" + " brought rows";

    private static final Duration FRESH = Duration.ofSeconds(1);

    private final StorageEngine engine;
    private final @Nullable Registry registry;
    private final MonotonicClock clock;
    private final BooleanSupplier unlooked;
    private @Nullable List<MigrationRecord> kept;
    private boolean keptPaused;
    private boolean keptUnlooked;
    private long keptNanos;

    /**
     * For one store.
     *
     * @param unlooked whether what is done is still to be looked at, where there is a registry
     */
    StatusReader(StorageEngine engine, @Nullable Registry registry, MonotonicClock clock, BooleanSupplier unlooked) {
        this.unlooked = unlooked;
        this.engine = engine;
        this.registry = registry;
        this.clock = clock;
    }

    /** The records, as they are kept. */
    List<MigrationRecord> records() {
        return registry == null
                ? read()
                : registry.all().stream().map(Live::record).toList();
    }

    /** See {@link io.levee.Store#migrations}: throws where they cannot be read (guarantee G145). */
    List<MigrationStatus> statuses() {
        long now = clock.nanos();
        if (registry != null) {
            boolean paused = registry.paused();
            boolean older = unlooked.getAsBoolean();
            return registry.all().stream()
                    .map(live -> told(live.status(paused, true, now), older))
                    .toList();
        }
        List<MigrationRecord> records = read();
        boolean alive = !records.isEmpty() && !engine.owner().isEmpty();
        return records.stream()
                .map(record -> {
                    Live live = new Live(record);
                    live.working = alive && record.state() == MigrationStatus.State.RUNNING;
                    return told(live.status(keptPaused, alive, now), keptUnlooked);
                })
                .toList();
    }

    /** What is done by the records may not be so where something came since. */
    private static MigrationStatus told(MigrationStatus status, boolean older) {
        return older && status.state() == MigrationStatus.State.DONE
                ? status.noted(
                        CAME + ": what came so may lack it, and is reached when this release opens it for writing")
                : status;
    }

    /** See {@link io.levee.Store#migrationsPaused}. */
    synchronized boolean paused() {
        if (registry != null) {
            return registry.paused();
        }
        read();
        return keptPaused;
    }

    private synchronized List<MigrationRecord> read() {
        List<MigrationRecord> known = kept;
        if (known == null || clock.nanos() - keptNanos > FRESH.toNanos()) {
            known = engine.migrations();
            keptPaused = engine.migrationsPaused();
            keptUnlooked = !known.isEmpty() && engine.migrationsUnlooked() != 0;
            keptNanos = clock.nanos();
            kept = known;
        }
        return known;
    }
}
