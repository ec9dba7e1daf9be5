package io.levee.engine;

import io.levee.Ack;
import io.levee.BackupReport;
import io.levee.CloseReport;
import io.levee.ErrorCode;
import io.levee.Expr;
import io.levee.Gap;
import io.levee.LeveeException;
import io.levee.PartitionId;
import io.levee.PartitionInfo;
import io.levee.TableSpec;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * An opened store of one engine. Each method says which thread calls it; an engine may rely on that.
 *
 * <p>Failures are {@link io.levee.LeveeException}s with a code.
 */
public interface StorageEngine extends EngineReads, EngineDrops, EngineSpace, EngineAdoptions, EngineMigrations {
    /** Name and version, such as {@code sqlite 3.54.1}. Any thread. */
    @Override
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
     * @throws LeveeException {@code PARTITION_BUSY}, {@code DISK_FULL}: nothing of that partition was deleted, and the
     *     call may be repeated as it is
     */
    int delete(TableSpec spec, List<RowQuery.Mark> rows, @Nullable Expr still, Ack level);

    /**
     * Deletes the row of a key, wherever it lives. What adopted databases have of the key besides, which that row stood before, counts no
     * more either: both in one, whatever ends the process. Writer thread.
     *
     * @param key stored values in the order of {@link TableSpec#key}
     * @param level {@link Ack#DURABLE} syncs before this returns
     * @return whether there was one
     * @throws LeveeException {@code PARTITION_BUSY}, {@code DISK_FULL}: nothing was deleted, and the call may be repeated as it is;
     *     {@code NOT_WRITABLE} where only an adopted database has the key
     */
    default boolean delete(TableSpec spec, Object[] key, Ack level) {
        StoredRow row = find(spec, key);
        return row != null && delete(spec, List.of(new RowQuery.Mark(row.timeMicros(), row.seq())), null, level) > 0;
    }

    /** Between batches: checkpoints, idle handles, postponed closes; at most one slice of 25 ms. Writer thread. */
    void afterBatch();

    /** Creates the partition of a slot ahead of its first record (G61). Returns whether it was missing. Writer thread. */
    boolean createAhead(TableSpec spec, Slot slot);

    /** Finds out what partitions hold after an unclean stop, and checks what was closed since. Maintenance thread. */
    void learnRanges();

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
     * @throws LeveeException where it cannot be written: the same losses come again with the next call
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
     * @throws LeveeException {@code NOT_SUPPORTED} without {@link Capability#BACKUP}
     */
    default BackupReport backup(Path directory, boolean again, BackupHelp help) {
        throw new LeveeException(ErrorCode.NOT_SUPPORTED, "the engine " + name() + " lacks BACKUP")
                .hint("a database server has tools of its own: pg_dump --schema, pg_basebackup");
    }

    /**
     * Puts a partition that was dropped or set aside back from a backup of this store; of a key that was written again since, the newer
     * row stays the only one. Any thread but the writer, while nothing is dropped.
     *
     * @throws LeveeException {@code NOT_FOUND} where the backup lacks it, or it is not gone; {@code NOT_SUPPORTED} without
     *     {@link Capability#BACKUP}, or where records of the table were erased since
     */
    default void restore(PartitionId id, Path backup) {
        throw new LeveeException(ErrorCode.NOT_SUPPORTED, "the engine " + name() + " lacks BACKUP: it reads no backups")
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
        throw new LeveeException(ErrorCode.NOT_SUPPORTED, name() + " keeps no sources");
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
        throw new LeveeException(ErrorCode.NOT_SUPPORTED, name() + " keeps no cursors");
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

    /** Has the writer come to {@link #afterBatch} at once where something waits for it. The call must be short; before the first row. */
    default void onErrand(Runnable come) {}

    /** Closes the writer's side: checkpoints and closes every open partition. Writer thread, its last call. */
    void closeWriter();

    /**
     * Closes everything else and gives the lock back. After {@link #closeWriter}, or instead of it when reading.
     *
     * @param report kept for the next opener, which checks it; null where the opening itself failed: nothing is kept
     */
    void close(@Nullable CloseReport report);
}
