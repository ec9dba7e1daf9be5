package io.levee.engine;

import io.levee.PartitionId;

/**
 * What checking one partition showed.
 *
 * @param id the partition
 * @param state what is known
 * @param bytes how much was read
 * @param detail what is wrong, or why it was not checked; empty where it is whole
 */
public record Verification(PartitionId id, State state, long bytes, String detail) {
    /** What a check can show. */
    public enum State {
        /** Every byte is what it was when the partition was closed (or, in an engine without checksums, every row can be read). */
        OK,
        /** Something differs; the partition is set aside by the engine. */
        DAMAGED,
        /** It is open, lent or has no checksum yet: nothing can be said. */
        UNCHECKED
    }
}
