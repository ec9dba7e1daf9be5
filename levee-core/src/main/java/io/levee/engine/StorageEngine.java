package io.levee.engine;

import io.levee.Ack;
import io.levee.Adoption;
import io.levee.AdoptionReport;
import io.levee.BackupReport;
import io.levee.CloseReport;
import io.levee.Expr;
import io.levee.Gap;
import io.levee.PartitionId;
import io.levee.PartitionInfo;
import io.levee.RetentionEvent;
import io.levee.SplitStatus;
import io.levee.SqlQuery;
import io.levee.StoreStatus;
import io.levee.TableSpec;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * An opened store of one engine. Each method says which thread calls it; an engine may rely on that.
 *
 * <p>Failures are {@link io.levee.LeveeException}s with a code.
 */
public interface StorageEngine {
    /** Name and version, such as {@code sqlite 3.54.1}. Any thread. */
    String name();

    /** The store's address as users see it, without credentials. Any thread. */
    String address();

    /** The store's own directory on this machine, where files beside the data may be kept; null where it has none. Any thread. */
    default @Nullable Path localDirectory() {
        return null;
    }

    /** The settings as read back from a connection (guarantee G41). Any thread. */
    Map<String, Object> pragmas();

    /** Who writes to the store: {@code pid}, {@code host}, {@code since}; empty for nobody. Any thread. */
    Map<String, Object> owner();

    /** Whether the last writer closed the store in order; true for a new one. Any thread. */
    boolean lastShutdownClean();

    /** What this engine can do beyond what every engine does. Any thread. */
    Set<Capability> capabilities();

    /**
     * What an operator should know about the machine or server below: versions, settings, rights, clocks. Any thread; may take
     * seconds, and is never part of opening.
     */
    List<Finding> diagnose();

    /** The declared tables, with their newest spec. Any thread; may read the catalog. */
    List<TableSpec> tables();

    /** Declares a table or replaces its spec by a compatible one, durably. Any thread but the writer. */
    void putTable(TableSpec spec);

    /**
     * Reserves numbers durably, so that none is given twice, whatever happens to this process.
     *
     * @param table the table
     * @param count how many
     * @return the first of them
     */
    long reserveSeq(String table, long count);

    /**
     * Rows of a class with earlier event times are refused: retention has been there. {@link Long#MIN_VALUE} before. Any thread.
     *
     * @param retentionClass the class; empty for rows of none that is named
     */
    long floorMicros(String table, String retentionClass);

    /** The highest floor of all classes: before it something may be gone. {@link Long#MIN_VALUE} where nothing is. Any thread. */
    long floorMicros(String table);

    /**
     * Raises the floor of one class of a table's records, durably, before a drop begins; a lower one than before changes nothing.
     * Janitor thread.
     */
    void raiseFloor(String table, String retentionClass, long floorMicros);

    /**
     * All live partitions, by table and then by time. A range may be wider than what is held, never narrower; one that never held a
     * row is from {@link Long#MAX_VALUE} to {@link Long#MIN_VALUE}. Any thread; touches no partition.
     */
    List<PartitionInfo> partitions();

    /** As {@link #partitions}, with what they take measured now: what a plan announces is what its drops give back (G81). Any thread. */
    default List<PartitionInfo> partitionsMeasured() {
        return partitions();
    }

    /** Most partitions of all tables together, past which none is made; 0: no limit. Any thread. */
    default long maxPartitions() {
        return 0;
    }

    /**
     * Writes rows, each settled once by {@link WriteRow#settle}: after its commit, or with what kept it from being written.
     * Rows of one partition are written in one transaction (guarantee G14); numbers are taken from {@code seq} in commit
     * order. Never waits for anybody: what is locked is settled as {@link WriteRow.Outcome#RETRY}. Writer thread.
     *
     * @param spec the table, with its newest spec
     * @param rows the rows in the order they were appended, with their slots: a new row goes to that of its own, a known one moves there
     *     where its class has changed (and, in engines whose partitions are exact, its time)
     * @param level {@link Ack#DURABLE} syncs before the rows are settled
     * @param seq the next numbers
     */
    void append(TableSpec spec, List<? extends WriteRow> rows, Ack level, SeqSource seq);

    /**
     * The row of a key, wherever it lives, with all its columns. Writer thread, so that nothing changes between this and what is
     * written next.
     *
     * @param key stored values in the order of {@link TableSpec#key}
     * @return the row, or null where there is none
     */
    @Nullable
    StoredRow find(TableSpec spec, Object[] key);

    /**
     * Deletes rows, in one transaction a partition. Writer thread; the caller keeps the list short enough for one slice.
     *
     * @param rows which, as {@link #rows} or {@link #find} told them; what is gone already is left out
     * @param still deletes only those that the filter still lets through, as a slice of an erasure: then nothing of them may be left
     *     in the store's files once {@link #purgeDropped} has returned; null for a plain deletion of all
     * @param level {@link Ack#DURABLE} syncs before this returns
     * @return how many were deleted
     * @throws io.levee.LeveeException {@code PARTITION_BUSY}, {@code DISK_FULL}: nothing of that partition was deleted, and the
     *     call may be repeated as it is
     */
    int delete(TableSpec spec, List<RowQuery.Mark> rows, @Nullable Expr still, Ack level);

    /** Between batches: checkpoints, idle handles, postponed closes; at most one slice of 25 ms. Writer thread. */
    void afterBatch();

    /**
     * Gives a partition up, so that it can be dropped or worked on by another thread. Writer thread.
     *
     * @return an empty text when it is closed, else why it stays open
     */
    String closePartition(PartitionId id);

    /** Creates the partition of a slot ahead of its first record (G61). Returns whether it was missing. Writer thread. */
    boolean createAhead(TableSpec spec, Slot slot);

    /** Finds out what partitions hold after an unclean stop, and checks what was closed since. Maintenance thread. */
    void learnRanges();

    /**
     * Takes a closed partition out of the store for good; later queries do not see it. Comes after {@link #closePartition} and
     * after the floor was raised past its newest row. Janitor thread.
     *
     * @return what it freed, or why it stays
     */
    DropOutcome drop(PartitionId id, String reason);

    /** What a drop did: bytes measured on the file system, and a text that is empty unless the partition stays. */
    record DropOutcome(long bytesFreed, String blockedBy) {}

    /**
     * Frees what drops left behind once its grace is over, one bounded step. Janitor thread.
     *
     * @return whether there is more to do now
     */
    boolean freeDropped();

    /**
     * As {@link #freeDropped}, whatever the grace: space is short. Needs no free space itself. Space thread.
     *
     * @return whether something was freed
     */
    default boolean freeDroppedNow() {
        return freeDropped();
    }

    /** Dropped partitions that {@link #restore} can still bring back; empty without {@link Capability#UNDO_DROP}. Any thread. */
    List<PartitionInfo> dropped();

    /** How long each of {@link #dropped} can be brought back yet; one that is not known has no entry. Any thread. */
    default Map<PartitionId, Duration> graces() {
        return Map.of();
    }

    /**
     * Brings a dropped partition back; of a key that was written again since, the newer row stays the only one. Janitor thread.
     *
     * @throws io.levee.LeveeException {@code NOT_FOUND} where nothing of it is left, {@code NOT_SUPPORTED} without
     *     {@link Capability#UNDO_DROP}
     */
    void restore(PartitionId id);

    /** Frees what drops of one table left behind, whatever its grace: an erasure must reach it. Janitor thread. */
    void purgeDropped(String table);

    /** Notes durably that rows were erased. Any thread but the writer. */
    void noteErasure(Erasure erasure);

    /**
     * Keeps decisions of retention durably, the newest {@link RetentionEvent#MAX_EVENTS}. Any thread but the writer.
     *
     * @throws io.levee.LeveeException where they cannot be written, such as on a full volume: the same come again
     */
    default void noteRetention(List<RetentionEvent> events) {}

    /**
     * Decisions of retention, the newest first. Any thread; may read the catalog.
     *
     * @param table the table, or null for all
     * @param limit most of them
     */
    default List<RetentionEvent> retentionEvents(@Nullable String table, int limit) {
        return List.of();
    }

    /**
     * Raises {@link #droppedSeq}, durably, before retention deletes single rows: who follows the table and has not read them is told. A
     * lower number than before changes nothing. Any thread but the writer.
     */
    default void raiseDroppedSeq(String table, long seq) {
        throw new io.levee.LeveeException(
                io.levee.ErrorCode.NOT_SUPPORTED, name() + " cannot delete single rows of " + table + " by retention");
    }

    /**
     * What the ledger says was lost before this opening, the range of an unclean stop included; merged at a cap, with exact counts. Any
     * thread; a writer's store answers from memory.
     */
    default List<Gap> losses() {
        return List.of();
    }

    /**
     * Appends to the ledger: what was lost since the last call, and what is in flight now, which is what an unclean stop can cost.
     * Survives the process when it returns, and is synced where {@code lost} is not empty. Ledger thread, each second while records
     * come in.
     *
     * @throws io.levee.LeveeException where it cannot be written: the same losses come again with the next call
     */
    default void ledger(List<Gap> lost, List<InFlight> inFlight) {}

    /** Gaps that the engine found itself, beyond {@link #losses}: partitions in quarantine. Any thread; from memory. */
    default List<Gap> gaps() {
        return List.of();
    }

    /** Damaged partitions that were set aside. Any thread; from memory. */
    default List<Quarantined> quarantined() {
        return List.of();
    }

    /** Checks one partition byte by byte, at a bounded rate; sets it aside where it is damaged. Maintenance thread. */
    default Verification verify(PartitionId id) {
        return new Verification(id, Verification.State.UNCHECKED, 0, "this engine has no checksums");
    }

    /**
     * Copies the store to a directory as it is at one moment; what did not change since the backup that is there is not copied again. Any
     * thread but the writer, also of a store opened for reading; one at a time.
     *
     * @param again whether what did not change is read again and compared
     * @throws io.levee.LeveeException {@code NOT_SUPPORTED} without {@link Capability#BACKUP}
     */
    default BackupReport backup(Path directory, boolean again, BackupHelp help) {
        throw new io.levee.LeveeException(io.levee.ErrorCode.NOT_SUPPORTED, "the engine " + name() + " lacks BACKUP")
                .hint("a database server has tools of its own: pg_dump --schema, pg_basebackup");
    }

    /**
     * Puts a partition that was dropped or set aside back from a backup of this store; of a key that was written again since, the newer
     * row stays the only one. Any thread but the writer, while nothing is dropped.
     *
     * @throws io.levee.LeveeException {@code NOT_FOUND} where the backup lacks it, or it is not gone; {@code NOT_SUPPORTED} without
     *     {@link Capability#BACKUP}, or where records of the table were erased since
     */
    default void restore(PartitionId id, Path backup) {
        throw new io.levee.LeveeException(
                        io.levee.ErrorCode.NOT_SUPPORTED, "the engine " + name() + " lacks BACKUP: it reads no backups")
                .with("partition", id.toString());
    }

    /** The backups that this store knows of, the newest first; some may be gone. Any thread; reads small files. */
    default List<BackupMark> backups() {
        return List.of();
    }

    /**
     * How far a source of a table was read, as last said by {@link #putSource}. Rows after it may be stored: they are settled as
     * {@link WriteRow.Outcome#KNOWN} when they come again. Any thread but the writer.
     */
    default SourcePoint source(String table, String source) {
        return SourcePoint.START;
    }

    /** Says durably how far a source was read: everything up to there is settled. Any thread but the writer. */
    default void putSource(String table, String source, SourcePoint point) {
        throw new io.levee.LeveeException(io.levee.ErrorCode.NOT_SUPPORTED, name() + " keeps no sources");
    }

    /**
     * The places that readers of tables keep ({@link io.levee.TailCursor}), by table and name. Any thread, also of a store opened for
     * reading.
     *
     * @param table the table, or null for all
     */
    default List<KeptCursor> cursors(@Nullable String table) {
        return List.of();
    }

    /**
     * Keeps a reader's place, durably; it outlives a lost catalog. Any thread but the writer, also of a store opened for reading, beside
     * the writer of another process: the place is the reader's own.
     *
     * @param point null to forget the cursor
     */
    default void putCursor(String table, String name, @Nullable SourcePoint point) {
        throw new io.levee.LeveeException(io.levee.ErrorCode.NOT_SUPPORTED, name() + " keeps no cursors");
    }

    /**
     * A text that is another one once the catalog was lost and made anew: cursors of before may have missed changes. Any thread; may
     * read the catalog.
     */
    default String incarnation() {
        return "";
    }

    /**
     * What the wall clock showed when the store was last written before this opening, in microseconds; {@link Long#MIN_VALUE} where
     * nobody knows. Any thread; from memory.
     */
    default long lastSeenMicros() {
        return Long.MIN_VALUE;
    }

    /** The report of the last close in order, as the catalog keeps it; null where there was none. Any thread. */
    default @Nullable CloseReport lastReport() {
        return null;
    }

    /** Whether the last write met a full volume. Any thread; from memory. */
    default boolean full() {
        return false;
    }

    /** Keeps the reserve for full volumes, and says durably what could not be said while one was full. Space thread, each second. */
    default void keepReserve() {}

    /**
     * Gives a partition up without writing anything, so that {@link #dropForSpace} can take it: on a full volume nothing can be
     * closed in order. Writer thread.
     *
     * @return an empty text when it was given up, else why it stays: it takes new rows
     */
    default String letGo(PartitionId id) {
        return closePartition(id);
    }

    /** Takes a partition out for space: the file goes first, and what has to be recorded follows when there is room. Space thread. */
    default DropOutcome dropForSpace(PartitionId id, String reason) {
        return drop(id, reason);
    }

    /** Bytes on disk by part, and free bytes of the volume. Any thread; reads the file system. */
    StoreStatus.Disk disk();

    /** Bytes of memory by part, as budgeted. Any thread. */
    Map<String, Long> memory();

    /** Has somebody look at the space at once when the store comes near its cap. The call must be short; any thread, before the first row. */
    default void onTight(Runnable look) {}

    /** Whether rows were refused just now since they had no room below the store's cap. Any thread; from memory. */
    default boolean tight() {
        return false;
    }

    /** Has the writer come to {@link #afterBatch} at once where something waits for it. The call must be short; before the first row. */
    default void onErrand(Runnable come) {}

    /** What sorts may keep in temporary files besides what the store takes now; without a cap as much as they like. Memory thread. */
    default long temporaryRoom() {
        return Long.MAX_VALUE;
    }

    /** What sorts of running queries keep in temporary files on this machine. Memory thread, five times a second. */
    default long temporaryBytes() {
        return 0;
    }

    /** A heavy query has ended: caches of what is idle are given back. Memory thread. */
    default void shrink() {}

    /**
     * Takes an older database over where it lies: it is read from now on, and never written to. What was adopted before is left as it is
     * (also where it was dropped since). Any thread but the writer.
     *
     * @param spec the table that its rows belong to
     * @throws io.levee.LeveeException {@code NOT_SUPPORTED} without {@link Capability#ADOPTION}, {@code NOT_FOUND}, {@code BAD_SPEC}
     */
    default AdoptionReport adopt(TableSpec spec, Adoption adoption) {
        throw new io.levee.LeveeException(
                        io.levee.ErrorCode.NOT_SUPPORTED,
                        "the engine " + name() + " lacks ADOPTION: " + adoption.database())
                .with("database", adoption.database());
    }

    /** What is adopted and not dropped, as last looked at. Any thread; touches no partition. */
    default List<AdoptionReport> adopted() {
        return List.of();
    }

    /** Whether the row of a number lies in an adopted database, where it can be neither changed nor deleted. Any thread. */
    default boolean inAdopted(String table, long seq) {
        return seq < 0;
    }

    /**
     * Begins to move the rows of an adopted database into the store's own partitions, or goes on with it; or stops it. Any thread but the
     * writer.
     *
     * @param id the adopted database
     * @param go false to stop; it can be taken up again
     * @return how far it is
     * @throws io.levee.LeveeException {@code NOT_SUPPORTED}, {@code NOT_FOUND}, {@code DISK_FULL} with what is needed and what is free
     */
    default SplitStatus split(PartitionId id, boolean go) {
        throw new io.levee.LeveeException(
                        io.levee.ErrorCode.NOT_SUPPORTED, "the engine " + name() + " splits no adopted database: " + id)
                .with("partition", id.toString());
    }

    /** The splittings that were begun and those that are done, as of now. Any thread; touches no partition. */
    default List<SplitStatus> splits() {
        return List.of();
    }

    /** The migrations that were declared, in that order, done ones included. Any thread, also of a store opened for reading; reads the catalog. */
    default List<MigrationRecord> migrations() {
        return List.of();
    }

    /**
     * Keeps a migration durably, by its {@link MigrationRecord#id}. Any thread but the writer.
     *
     * @param spec where given, it becomes the table's newest in the same transaction, as by {@link #putTable}: new rows and changed rows
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
        throw new io.levee.LeveeException(
                io.levee.ErrorCode.NOT_SUPPORTED, "the engine " + name() + " lacks MIGRATIONS");
    }

    /**
     * Refuses what could not be done: an expression that the engine cannot read, a name that is its own. Changes nothing. Any thread but the
     * writer.
     *
     * @param after the table's spec with the step
     * @throws io.levee.LeveeException {@code BAD_SPEC} naming the expression, {@code NOT_SUPPORTED}
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
        Map<String, List<PartitionId>> parts = new java.util.LinkedHashMap<>();
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
            MigrationRecord record, PartitionId id, SliceOrder order, List<io.levee.Column> columns) {
        return migrationRows(record, id, order, columns, Long.MIN_VALUE);
    }

    /**
     * The same, ahead of the cursor: for slices that come when those before them have moved it there. Migration thread.
     *
     * @param behind rows with numbers up to here are left out, even where the cursor is not there yet; the least number for none
     * @return no row, and not the last, where nothing can be read ahead now
     */
    default MigrationRows migrationRows(
            MigrationRecord record, PartitionId id, SliceOrder order, List<io.levee.Column> columns, long behind) {
        throw noMigrations(record);
    }

    /**
     * Works one slice in one partition: its changes, its cursor and, at its end, the mark that the migration has reached it, are one
     * transaction of that partition (guarantees G111, G127). Only rows that the step changes are written (G140), and the cursor moves over
     * the others too (G121); followers of the table are not told of them. Columns, indexes and the rest of the schema are brought up in the first slice that comes to a partition. What
     * has to be done by another thread is handed there and waited for. Migration thread.
     *
     * @return what it did; where what it needs is in use, nothing, and what that is
     * @throws io.levee.LeveeException {@code CANCELLED} where the order was; anything else fails the migration, unless it is
     *     {@link io.levee.LeveeException#retryable}: nothing of the slice was done
     */
    default SliceOutcome migrate(MigrationRecord record, PartitionId id, SliceOrder order) {
        throw noMigrations(record);
    }

    private io.levee.LeveeException noMigrations(MigrationRecord record) {
        return new io.levee.LeveeException(
                        io.levee.ErrorCode.NOT_SUPPORTED, "the engine " + name() + " lacks MIGRATIONS: " + record.id())
                .with("migration", record.id());
    }

    /** What the partitions that may hold rows of a range are now, held until the view is closed. Query thread. */
    ReadView view(TableSpec spec, long fromMicros, long toMicros);

    /**
     * The same without partitions that hold no row of the classes which a filter lets through ({@link Classes#wanted}). The filter is
     * not applied: it is that of what is asked of the view. Query thread.
     *
     * @param where the filter over exact names and stored values, or null
     */
    default ReadView view(TableSpec spec, long fromMicros, long toMicros, @Nullable Expr where) {
        return view(spec, fromMicros, toMicros);
    }

    /**
     * One partition of a table for its groups ({@link ReadView#parts}), held until the view is closed; dropped meanwhile or just now, it is
     * read all the same where the engine still has it. Query thread.
     *
     * @throws io.levee.LeveeException {@code NOT_FOUND} where nothing of it is left
     */
    ReadView view(TableSpec spec, PartitionId id);

    /** Sends the rows of a query to the sink, in order. Query thread. */
    default void rows(RowQuery query, Execution execution, RowSink sink) {
        try (ReadView view = view(query.spec(), query.fromMicros(), query.toMicros())) {
            view.rows(query, execution, sink);
        }
    }

    /**
     * Sends the rows whose numbers are above a cursor to the sink, in the order of their numbers: first asks every partition for
     * its highest number, then delivers up to the highest of these, so that no commit is skipped. A row's number is that of its
     * last change. Query thread.
     */
    void tail(TailQuery query, Execution execution, RowSink sink);

    /** The highest number that any row has; 0 in an empty table. Query thread. */
    long highestSeq(TableSpec spec, Execution execution);

    /** The highest number that went with a dropped partition: a cursor below it has missed records. 0 before. Any thread. */
    long droppedSeq(String table);

    /** Sends the rows of a read-only SQL query to the sink, after the names of its columns. Query thread. */
    void sql(SqlQuery query, Execution execution, RowSink sink);

    /** Closes the writer's side: checkpoints and closes every open partition. Writer thread, its last call. */
    void closeWriter();

    /**
     * Closes everything else and gives the lock back. After {@link #closeWriter}, or instead of it when reading.
     *
     * @param report kept for the next opener, which checks it; null where the opening itself failed: nothing is kept
     */
    void close(@Nullable CloseReport report);
}
