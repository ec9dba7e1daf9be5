package io.levee.engine;

/**
 * The event times of what one table has accepted and not yet settled, for the ledger: after an unclean stop these may be missing.
 *
 * @param table the table
 * @param fromMicros the earliest event time in flight, microseconds since the epoch
 * @param toMicros the latest (inclusive)
 */
public record InFlight(String table, long fromMicros, long toMicros) {}
