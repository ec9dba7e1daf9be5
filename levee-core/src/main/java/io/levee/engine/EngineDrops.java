package io.levee.engine;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.PartitionId;
import io.levee.PartitionInfo;
import io.levee.RetentionEvent;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What retention does in an engine: the part of {@link StorageEngine} that drops, and knows what was dropped. Threads as there. */
public interface EngineDrops {
    /** See {@link StorageEngine#name}. */
    String name();

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
     * Gives a partition up, so that it can be dropped or worked on by another thread. Writer thread.
     *
     * @return an empty text when it is closed, else why it stays open
     */
    String closePartition(PartitionId id);

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

    /**
     * Takes a closed partition out of the store for good; later queries do not see it. Comes after {@link #closePartition} and
     * after the floor was raised past its newest row. Janitor thread.
     *
     * @return what it freed, or why it stays
     */
    DropOutcome drop(PartitionId id, String reason);

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
     * @throws LeveeException {@code NOT_FOUND} where nothing of it is left, {@code NOT_SUPPORTED} without
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
     * @throws LeveeException where they cannot be written, such as on a full volume: the same come again
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
        throw new LeveeException(
                ErrorCode.NOT_SUPPORTED, name() + " cannot delete single rows of " + table + " by retention");
    }

    /** The highest number that went with a dropped partition: a cursor below it has missed records. 0 before. Any thread. */
    long droppedSeq(String table);
}
