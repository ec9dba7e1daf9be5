package io.levee;

import java.util.List;

/**
 * What became of a batch of records: each is stored, updated, known, lost or rejected, and none is two of these.
 *
 * @param level the level that was reached by all that were stored or updated
 * @param stored new rows
 * @param updated rows of a known key that were updated
 * @param known records of a source that was read again: they were stored before and were not written twice
 * @param lost records that were accepted and then given up; those whose commit stayed uncertain for longer than a wait are among them
 * @param rejected records that were never accepted, with the reason
 */
public record BatchReceipt(Ack level, long stored, long updated, long known, long lost, List<Rejection> rejected) {
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
