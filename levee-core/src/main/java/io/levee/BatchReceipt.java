package io.levee;

import java.util.List;

/**
 * What became of a batch of records: each is stored, updated, lost or rejected, and none is two of these.
 *
 * @param level the level that was reached by all that were stored or updated
 * @param stored new rows
 * @param updated rows of a known key that were updated
 * @param lost records that were accepted and then given up
 * @param rejected records that were never accepted, with the reason
 */
public record BatchReceipt(Ack level, long stored, long updated, long lost, List<Rejection> rejected) {
    /**
     * A record that was refused.
     *
     * @param index its position in the batch, from 0
     * @param error why
     */
    public record Rejection(int index, LeveeException error) {}

    /** Copies the list. */
    public BatchReceipt {
        rejected = List.copyOf(rejected);
    }
}
