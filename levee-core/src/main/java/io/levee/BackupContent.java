package io.levee;

import java.time.Instant;
import java.util.List;

/**
 * What a backup holds, as it says itself.
 *
 * @param store the address of the store that it is of
 * @param at the moment of the store
 * @param partitions its partitions, also those that the store has lost since and the backup kept
 */
public record BackupContent(String store, Instant at, List<PartitionId> partitions) {
    /** Copies the list. */
    public BackupContent {
        partitions = List.copyOf(partitions);
    }
}
