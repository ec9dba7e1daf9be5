package io.levee.engine;

/** What a drop did: bytes measured on the file system, and a text that is empty unless the partition stays. */
public record DropOutcome(long bytesFreed, String blockedBy) {}
