package io.levee.engine;

import io.levee.PartitionInfo;
import java.util.List;

/**
 * The partitions of a table that a query reads, held from its begin to its end: what is dropped, merged or split meanwhile changes no
 * answer (design 6). Query threads, one after another; {@link #parts} may run on several at once.
 */
public interface ReadView extends AutoCloseable {
    /** What it reads, oldest first. An engine that reads through one statement tells what that statement would touch. */
    List<PartitionInfo> partitions();

    /** How many those are. */
    default int size() {
        return partitions().size();
    }

    /** Whether {@link #partitions} are exactly those that every later call reads, whatever is dropped meanwhile. */
    default boolean pinned() {
        return true;
    }

    /**
     * Sends the rows of a query to the sink, in order. May be called again with a later {@link RowQuery#after}: then it goes on there,
     * over the same partitions.
     */
    void rows(RowQuery query, Execution execution, RowSink sink);

    /** The pieces of a grouping: all of them together are the answer. */
    List<ScanPart> parts(Grouping grouping);

    /**
     * The same in pieces that are read within some milliseconds each, where the engine can cut them so: for who reads in the background and
     * lets others have their turn between two of them.
     */
    default List<ScanPart> shortParts(Grouping grouping) {
        return parts(grouping);
    }

    /** How {@link #rows} would read; runs nothing but the planner. */
    List<PlanStep> explain(RowQuery query, Execution execution);

    /** How {@link #parts} would read; runs nothing but the planner. */
    List<PlanStep> explain(Grouping grouping, Execution execution);

    /**
     * Whether something waits for what it pins: a partition that was dropped meanwhile, whose space comes back when nobody pins it. Any
     * thread; from memory.
     */
    default boolean wanted() {
        return false;
    }

    /** Lets the partitions go. Idempotent; never throws, never blocks. Any thread, never while one of its statements runs. */
    @Override
    void close();
}
