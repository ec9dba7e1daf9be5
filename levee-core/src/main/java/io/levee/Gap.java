package io.levee;

/**
 * A range of event time known to be incomplete.
 *
 * @param table the table
 * @param fromMicros the first event time that may be missing, microseconds since the epoch
 * @param toMicros the last event time that may be missing (inclusive)
 * @param count how many records are missing
 * @param reason why
 */
public record Gap(String table, long fromMicros, long toMicros, long count, LossReason reason) {}
