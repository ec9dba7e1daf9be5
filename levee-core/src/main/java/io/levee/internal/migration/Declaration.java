package io.levee.internal.migration;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.Migration;
import io.levee.MigrationStatus.State;
import io.levee.MigrationStep;
import io.levee.TableSpec;
import io.levee.engine.MigrationRecord;
import io.levee.engine.StorageEngine;
import io.levee.internal.write.TableState;
import io.levee.internal.write.Tables;
import java.time.Instant;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What is checked of a migration before it is taken, and what it makes of its table's spec. Thread-safe. */
final class Declaration {
    private final StorageEngine engine;
    private final Tables tables;

    Declaration(StorageEngine engine, Tables tables) {
        this.engine = engine;
        this.tables = tables;
    }

    TableSpec spec(String table) {
        return tables.get(table).spec();
    }

    /**
     * A migration that was found to fit.
     *
     * @param after the table's spec once it and those before it are applied
     * @param atOnce whether the spec is changed with the declaration; else at the migration's turn, since others before it are not done
     */
    record Fitting(TableSpec after, boolean atOnce) {}

    /**
     * Checks a new migration against its table as it will be when those before it are applied.
     *
     * @param before the table's migrations that were declared before, in order
     * @throws LeveeException as {@link io.levee.Store#migrate}
     */
    Fitting check(Migration migration, List<Live> before, Instant now) {
        TableSpec spec = spec(migration.table());
        boolean deferred = false;
        boolean open = false;
        boolean empty = empty(migration.table());
        Set<String> reached = reached(migration.table(), before);
        for (Live one : before) {
            MigrationRecord record = one.record();
            open |= record.state() != State.DONE && !takesBack(migration, record);
            if (!record.applied()) {
                deferred = true;
                spec = SpecSteps.after(spec, record.migration(), empty, reached);
            }
        }
        TableSpec after = SpecSteps.after(spec, migration, empty, reached);
        Migration checked = migration;
        if (migration.step() instanceof MigrationStep.Backfill step) {
            // As the engine will get it: with names in place of its selects.
            Fill fill = Fill.of(migration, step, spec, this::spec, now);
            checked = new Migration(
                    migration.id(),
                    migration.table(),
                    new MigrationStep.Backfill(fill.set(), fill.lookups(), step.where()));
        }
        boolean atOnce = !deferred && (migration.step().additive() || !open);
        if (!(migration.step() instanceof MigrationStep.Custom)) {
            engine.checkMigration(MigrationRecord.planned(checked), after);
        }
        return new Fitting(after, atOnce);
    }

    /** Whether it drops what one has added that failed: that has nothing left to do then, and does not hold it up. */
    static boolean takesBack(Migration migration, MigrationRecord failed) {
        if (failed.state() != State.FAILED || !failed.applied()) {
            return false;
        }
        if (migration.step() instanceof MigrationStep.DropColumn drop) {
            return failed.step() instanceof MigrationStep.AddColumn add
                    && add.column().name().equals(drop.column());
        }
        return migration.step() instanceof MigrationStep.DropIndex drop
                && failed.step() instanceof MigrationStep.AddIndex add
                && add.index().name().equals(drop.name());
    }

    private boolean empty(String table) {
        return engine.partitions().stream().noneMatch(p -> p.id().table().equals(table));
    }

    /** Names of dropped and renamed columns that no partition has any more, not even one in the trash. */
    private Set<String> reached(String table, List<Live> all) {
        Set<String> names = new HashSet<>();
        if (engine.dropped().stream().anyMatch(p -> p.id().table().equals(table))) {
            return names;
        }
        for (Live one : all) {
            MigrationStep step = one.record().step();
            boolean done = one.done();
            if (step instanceof MigrationStep.DropColumn drop) {
                note(names, drop.column(), done);
            } else if (step instanceof MigrationStep.RenameColumn rename) {
                note(names, rename.from(), done);
            }
        }
        return names;
    }

    private static void note(Set<String> names, String name, boolean done) {
        if (done) {
            names.add(name);
        } else {
            names.remove(name);
        }
    }

    /** The spec that a migration whose turn has come makes of the table's present one. */
    TableSpec due(MigrationRecord record, List<Live> all) {
        return SpecSteps.after(
                spec(record.table()), record.migration(), empty(record.table()), reached(record.table(), all));
    }

    /** Refuses another step under the name of one that was declared. */
    static void requireSame(Live known, Migration migration) {
        if (!known.record().digest().equals(migration.digest())) {
            throw new LeveeException(
                            ErrorCode.SPEC_CONFLICT,
                            "the migration " + migration.id() + " was declared with another step: "
                                    + known.record().migration().toMap() + ", now " + migration.toMap())
                    .with("migration", migration.id())
                    .hint("give the new one another id; one that was declared is never changed");
        }
    }

    /** Whether two specs are the same object or equal: then nothing has to be kept. */
    @Nullable
    TableSpec changed(TableSpec after) {
        TableState state = tables.get(after.name());
        return state.spec().equals(after) ? null : after;
    }

    /** The table's spec in memory is now this one. */
    void took(TableSpec after) {
        tables.took(after);
    }
}
