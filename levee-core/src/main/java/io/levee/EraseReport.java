package io.levee;

import java.util.List;

/**
 * What an erasure did.
 *
 * @param deleted how many rows went
 * @param pending what it could not reach, each with the reason; empty when nothing is left anywhere in the store
 */
public record EraseReport(long deleted, List<String> pending) {
    /** Copies the list. */
    public EraseReport {
        pending = List.copyOf(pending);
    }
}
