package io.levee.internal.migration;

import io.levee.MigrationStatus;
import io.levee.engine.MigrationRecord;
import io.levee.engine.StorageEngine;
import io.levee.internal.time.MonotonicClock;
import java.time.Duration;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * How far migrations are: from memory in the process that makes them, else from the catalog, at most once a second (guarantees G144,
 * G150). Thread-safe.
 */
final class StatusReader {
    private static final Duration FRESH = Duration.ofSeconds(1);

    private final StorageEngine engine;
    private final @Nullable Registry registry;
    private final MonotonicClock clock;
    private @Nullable List<MigrationRecord> kept;
    private boolean keptPaused;
    private long keptNanos;

    StatusReader(StorageEngine engine, @Nullable Registry registry, MonotonicClock clock) {
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
            return registry.all().stream()
                    .map(live -> live.status(paused, true, now))
                    .toList();
        }
        List<MigrationRecord> records = read();
        boolean alive = !records.isEmpty() && !engine.owner().isEmpty();
        return records.stream()
                .map(record -> {
                    Live live = new Live(record);
                    live.working = alive && record.state() == MigrationStatus.State.RUNNING;
                    return live.status(keptPaused, alive, now);
                })
                .toList();
    }

    private synchronized List<MigrationRecord> read() {
        List<MigrationRecord> known = kept;
        if (known == null || clock.nanos() - keptNanos > FRESH.toNanos()) {
            known = engine.migrations();
            keptPaused = !known.isEmpty() && engine.migrationsPaused();
            keptNanos = clock.nanos();
            kept = known;
        }
        return known;
    }
}
