package io.levee.engine;

import io.levee.Column;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.PartitionId;
import io.levee.TableSpec;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Online schema change in an engine: what {@link StorageEngine} does for migrations. Nothing is done by one without {@link
 * Capability#MIGRATIONS}. Threads as there.
 */
public interface EngineMigrations {
    /** See {@link StorageEngine#name}. */
    String name();

    /** The migrations that were declared, in that order, done ones included. Any thread, also of a store opened for reading; reads the catalog. */
    default List<MigrationRecord> migrations() {
        return List.of();
    }

    /**
     * Keeps a migration durably, by its {@link MigrationRecord#id}. Any thread but the writer.
     *
     * @param spec where given, it becomes the table's newest in the same transaction, as by {@link StorageEngine#putTable}: new rows and changed rows
     *     are written by it, and every query reads the partitions that lie behind as it says. Where the step is not
     *     {@link io.levee.MigrationStep#additive}, the store is marked in that transaction so that older releases refuse it
     */
    default void putMigration(MigrationRecord record, @Nullable TableSpec spec) {
        throw noMigrations(record);
    }

    /** Whether all work on migrations is paused, durably. Any thread; reads the catalog. */
    default boolean migrationsPaused() {
        return false;
    }

    /**
     * Whether something came that migrations which are done may not have reached, and {@link #migrationsLooked} was not called since: what a
     * release wrote that knows nothing of them, partitions that were split off an adopted database or came back. Kept durably, in the
     * transaction that makes it live. Any thread, also of a store opened for reading; reads the catalog.
     *
     * @return 0 for nothing; else a number that is another one after each such arrival
     */
    default long migrationsUnlooked() {
        return 0;
    }

    /**
     * All migrations that are done were asked again which partitions they have not reached. Any thread but the writer.
     *
     * @param upTo what {@link #migrationsUnlooked} said before that: what came since is still to be looked at
     */
    default void migrationsLooked(long upTo) {}

    /**
     * Has somebody told each time that {@link #migrationsUnlooked} became another one without a call from above, such as by a splitting.
     * Before the first one; told on a thread of the engine, which does not wait.
     */
    default void onArrival(Runnable told) {}

    /** Pauses all work on migrations durably, or goes on with it. Any thread but the writer. */
    default void pauseMigrations(boolean paused) {
        throw new LeveeException(ErrorCode.NOT_SUPPORTED, "the engine " + name() + " lacks MIGRATIONS");
    }

    /**
     * Refuses what could not be done: an expression that the engine cannot read, a name that is its own. Changes nothing. Any thread but the
     * writer.
     *
     * @param after the table's spec with the step
     * @throws LeveeException {@code BAD_SPEC} naming the expression, {@code NOT_SUPPORTED}
     */
    default void checkMigration(MigrationRecord record, TableSpec after) {
        throw noMigrations(record);
    }

    /**
     * The partitions that a migration has still to reach, newest first; of one that was not declared yet, those that it would have to.
     * Adopted ones are never among them. Migration thread, or that of a plan; touches no partition, or few.
     */
    default List<PartitionId> migrationParts(MigrationRecord record) {
        throw noMigrations(record);
    }

    /**
     * The same of several that were declared, by their names, at the cost of one; those that have reached all may be left out. Any thread
     * but the writer.
     */
    default Map<String, List<PartitionId>> migrationParts(List<MigrationRecord> records) {
        Map<String, List<PartitionId>> parts = new LinkedHashMap<>();
        records.forEach(record -> parts.put(record.id(), migrationParts(record)));
        return parts;
    }

    /** Bytes that must be free while a migration works on a partition, such as for the copy in which an index is built. Any thread. */
    default long migrationRoom(MigrationRecord record, PartitionId id) {
        return 0;
    }

    /**
     * Tries a part of a migration on a partition, and leaves everything as it was. Does not hold up the writer. The thread of a plan.
     *
     * @param order how many rows at most
     * @return what it cost; null where nothing can be measured
     */
    default @Nullable MigrationSample migrationSample(MigrationRecord record, PartitionId id, SliceOrder order) {
        return null;
    }

    /**
     * The next rows of a partition for a step with lookups or a Java function. Takes the bound where the partition has none yet: the
     * highest {@code _seq} that it holds (guarantee G120). Migration thread.
     *
     * @param order how many rows at most, and the filter
     * @param columns the columns wanted
     */
    default MigrationRows migrationRows(
            MigrationRecord record, PartitionId id, SliceOrder order, List<Column> columns) {
        return migrationRows(record, id, order, columns, Long.MIN_VALUE);
    }

    /**
     * The same, ahead of the cursor: for slices that come when those before them have moved it there. Migration thread.
     *
     * @param behind rows with numbers up to here are left out, even where the cursor is not there yet; the least number for none
     * @return no row, and not the last, where nothing can be read ahead now
     */
    default MigrationRows migrationRows(
            MigrationRecord record, PartitionId id, SliceOrder order, List<Column> columns, long behind) {
        throw noMigrations(record);
    }

    /**
     * Works one slice in one partition: its changes, its cursor and, at its end, the mark that the migration has reached it, are one
     * transaction of that partition (guarantees G111, G127). Only rows that the step changes are written (G140), and the cursor moves over
     * the others too (G121); followers of the table are not told of them. Columns, indexes and the rest of the schema are brought up in the first slice that comes to a partition. What
     * has to be done by another thread is handed there and waited for. Migration thread.
     *
     * @return what it did; where what it needs is in use, nothing, and what that is
     * @throws LeveeException {@code CANCELLED} where the order was; anything else fails the migration, unless it is
     *     {@link LeveeException#retryable}: nothing of the slice was done
     */
    default SliceOutcome migrate(MigrationRecord record, PartitionId id, SliceOrder order) {
        throw noMigrations(record);
    }

    private LeveeException noMigrations(MigrationRecord record) {
        return new LeveeException(ErrorCode.NOT_SUPPORTED, "the engine " + name() + " lacks MIGRATIONS: " + record.id())
                .with("migration", record.id());
    }
}
