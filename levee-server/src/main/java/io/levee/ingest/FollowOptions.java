package io.levee.ingest;

import io.levee.Ack;
import io.levee.internal.time.MonotonicClock;

/**
 * How a file is followed.
 *
 * @param format NDJSON, CSV, or AUTO: told from the first byte of each file
 * @param maxLineBytes longer records are skipped and named
 * @param fromEnd whether the first start begins at the file's end; later ones begin where the last one was
 * @param ack the level at which a record is settled; {@link Ack#DURABLE} keeps the place right through a power cut
 * @param clock measures pauses
 */
public record FollowOptions(Format format, int maxLineBytes, boolean fromEnd, Ack ack, MonotonicClock clock) {
    /** Any format, lines of at most 16 MiB, from the start, durable. */
    public static FollowOptions defaults() {
        return new FollowOptions(
                Format.AUTO, RecordSource.DEFAULT_MAX_LINE_BYTES, false, Ack.DURABLE, MonotonicClock.SYSTEM);
    }
}
