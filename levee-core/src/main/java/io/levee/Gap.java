package io.levee;

/**
 * A range of event time known to be incomplete.
 *
 * @param table the table
 * @param fromMicros the first event time that may be missing, microseconds since the epoch
 * @param toMicros the last event time that may be missing (inclusive)
 * @param count how many records are missing; {@link #UNKNOWN} where nobody can know, as after an unclean stop
 * @param reason why
 */
public record Gap(String table, long fromMicros, long toMicros, long count, LossReason reason) {
    /** The count of a gap whose records nobody could count. */
    public static final long UNKNOWN = -1;
}
