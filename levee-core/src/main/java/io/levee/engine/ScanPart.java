package io.levee.engine;

import org.jspecify.annotations.Nullable;

/** A piece of a grouping that can be computed beside the others, of the partitions of one {@link ReadView}. */
public interface ScanPart {
    /** What it reads, such as a partition's name. */
    String name();

    /**
     * A text that is another one whenever its rows, or the part of them that the grouping asks for, may be others: answers can be kept by
     * it. Null where that cannot be told. Read anew at each call: an answer may be kept only if it was the same before {@link #run} and
     * after it, because the partition may be written to at any time. Any thread.
     */
    @Nullable
    String version();

    /**
     * Sends groups to the sink: keys, then figures, in stored form; a group may come several times. Query threads; the parts of one view may
     * run on several at once, each with a sink of its own.
     */
    void run(Execution execution, RowSink sink);
}
