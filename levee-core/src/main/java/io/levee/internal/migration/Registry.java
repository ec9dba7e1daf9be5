package io.levee.internal.migration;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.Migration;
import io.levee.MigrationStatus.State;
import io.levee.TableSpec;
import io.levee.engine.MigrationRecord;
import io.levee.engine.StorageEngine;
import io.levee.internal.time.Micros;
import java.time.Clock;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The migrations of a store that is open for writing, and the one way to change what is kept of them. Thread-safe: changes one after
 * another, reads from memory.
 */
final class Registry {
    private static final System.Logger LOG = System.getLogger("io.levee.migrate");

    private final StorageEngine engine;
    private final Clock clock;
    private final List<Live> all = new CopyOnWriteArrayList<>();
    private volatile boolean paused;

    Registry(StorageEngine engine, Clock clock) {
        this.engine = engine;
        this.clock = clock;
        engine.migrations().forEach(record -> all.add(new Live(record)));
        this.paused = engine.migrationsPaused();
    }

    List<Live> all() {
        return all;
    }

    /** Whether all work is paused. */
    boolean paused() {
        return paused;
    }

    synchronized void pause(boolean now) {
        if (paused != now) {
            engine.pauseMigrations(now);
            paused = now;
        }
    }

    @Nullable
    Live find(String id) {
        return all.stream()
                .filter(live -> live.record().id().equals(id))
                .findFirst()
                .orElse(null);
    }

    Live require(String id) {
        Live live = find(id);
        if (live == null) {
            throw new LeveeException(ErrorCode.NOT_FOUND, "the store has no migration '" + id + "'")
                    .with("migration", id)
                    .hint("those there are: "
                            + all.stream().map(one -> one.record().id()).toList());
        }
        return live;
    }

    /** Keeps a new one. */
    synchronized Live add(Migration migration, Consumer<Edit> first, @Nullable TableSpec spec) {
        Edit edit = new Edit(MigrationRecord.planned(migration));
        edit.number =
                all.stream().mapToLong(live -> live.record().number()).max().orElse(0) + 1;
        first.accept(edit);
        MigrationRecord record = edit.at(now());
        engine.putMigration(record, spec);
        Live live = new Live(record);
        live.declared(migration);
        all.add(live);
        return live;
    }

    /** Changes what is kept of one. */
    synchronized void change(Live live, Consumer<Edit> change, @Nullable TableSpec spec) {
        Edit edit = new Edit(live.record());
        change.accept(edit);
        MigrationRecord record = edit.at(now());
        engine.putMigration(record, spec);
        live.record(record);
    }

    /** One has failed. Where that cannot be noted it is known in this process all the same; the next one meets the failure anew. */
    synchronized void failed(Live live, String why) {
        Edit edit = new Edit(live.record());
        edit.state = State.FAILED;
        edit.error = why;
        edit.note = "";
        MigrationRecord record = edit.at(now());
        live.record(record);
        try {
            engine.putMigration(record, null);
        } catch (LeveeException e) {
            LOG.log(System.Logger.Level.WARNING, "the failure of " + record.id() + " cannot be noted", e);
        }
    }

    private long now() {
        return Micros.of(clock.instant());
    }
}
