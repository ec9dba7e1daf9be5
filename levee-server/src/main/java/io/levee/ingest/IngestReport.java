package io.levee.ingest;

/**
 * What became of the records of an input: {@code read = stored + updated + rejected + lost}, always.
 *
 * @param read records read, good or bad
 * @param stored new rows; for {@link io.levee.Ack#ACCEPTED} those handed to the queue
 * @param updated rows of a known key that were updated
 * @param rejected records that were never accepted; each was named to the listener
 * @param lost records that were accepted and then given up
 * @param seconds how long it took
 */
public record IngestReport(long read, long stored, long updated, long rejected, long lost, double seconds) {
    /** Nothing read. */
    public static final IngestReport NONE = new IngestReport(0, 0, 0, 0, 0, 0);

    /** Both together. */
    public IngestReport plus(IngestReport other) {
        return new IngestReport(
                read + other.read,
                stored + other.stored,
                updated + other.updated,
                rejected + other.rejected,
                lost + other.lost,
                seconds + other.seconds);
    }
}
