package io.levee.ingest;

import io.levee.LeveeException;
import org.jspecify.annotations.Nullable;

/** Hears of an ingest while it runs, on the thread that runs it. Every method has a default that does nothing. */
public interface IngestListener {
    /** Hears nothing and never stops. */
    IngestListener NONE = new IngestListener() {};

    /**
     * A record was rejected.
     *
     * @param line where it is, from 1
     * @param error why
     */
    default void rejected(long line, LeveeException error) {}

    /**
     * Records that were accepted are lost. Nothing more is read; what is on its way is settled.
     *
     * @param count how many of those of these lines
     * @param from the line of the batch's first record, from 1
     * @param to the line of its last one
     * @param error why; null where the receipt does not say
     */
    default void lost(long count, long from, long to, @Nullable LeveeException error) {}

    /**
     * A loss has ended the reading before the input's end, and all that was taken is settled. Comes last.
     *
     * @param line of the last record that was taken: none after it was
     */
    default void endedAfter(long line) {}

    /**
     * A batch was handed on.
     *
     * @param read records read so far
     * @param bytes (uncompressed) bytes read so far
     */
    default void progress(long read, long bytes) {}

    /** Whether to stop reading; asked before each record. What was read is settled and reported. Cheap, from any thread. */
    default boolean stopped() {
        return false;
    }
}
