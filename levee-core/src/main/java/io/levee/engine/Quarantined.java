package io.levee.engine;

import io.levee.PartitionId;

/**
 * A damaged partition that was set aside.
 *
 * @param id the partition
 * @param where the file or table that was kept for a person to look at
 * @param reason what was wrong with it
 * @param since when it was set aside, microseconds since the epoch
 * @param rows how many rows it should hold, -1 where unknown
 * @param minMicros the earliest event time it should hold
 * @param maxMicros the latest
 */
public record Quarantined(
        PartitionId id, String where, String reason, long since, long rows, long minMicros, long maxMicros) {}
