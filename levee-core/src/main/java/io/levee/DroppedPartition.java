package io.levee;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * A dropped partition that can be brought back; see {@link Store#trash}.
 *
 * @param partition as it was when it was dropped
 * @param graceLeft how long it can be brought back yet, in time in which the store is open for writing; pressure on the disk or an erasure
 *     may take it earlier. Null where that is not known:
 *     to a process that only reads a PostgreSQL store, or a SQLite store whose last writer was of an older release
 */
public record DroppedPartition(
        PartitionInfo partition, @Nullable Duration graceLeft) {}
