package io.levee;

/**
 * Every way Levee can refuse or fail, with a number that never changes its meaning.
 *
 * <p>The number is the HTTP status a server answers with; the pair is printed as {@code LEVEE-429 QUEUE_FULL} and is what
 * users search for.
 */
public enum ErrorCode {
    /** A record, option or request holds a value that its column or option cannot take. */
    BAD_VALUE(400),
    /** An input line is not one JSON object (or CSV row). */
    BAD_LINE(400),
    /** A query, filter, cursor or SQL text cannot be understood. */
    BAD_QUERY(400),
    /** A table specification contradicts itself. */
    BAD_SPEC(400),
    /** A record has no event time in any of its time columns. */
    NO_TIME(400),
    /** A key column is null. */
    NO_KEY(400),
    /** The event time lies outside what is plausible or kept. */
    TIME_REFUSED(400),
    /** A record names a column that the table does not have (and {@code unknown: reject} was said). */
    UNKNOWN_COLUMN(400),
    /** The table does not exist. */
    UNKNOWN_TABLE(404),
    /** No store, partition, plan or query of that name. */
    NOT_FOUND(404),
    /** The table exists with a specification that this one cannot become without a migration. */
    SPEC_CONFLICT(409),
    /** Another process (or another part of this one) writes to the store. */
    STORE_LOCKED(409),
    /** The store was opened for reading, or is closed. */
    NOT_WRITABLE(409),
    /** What was asked for is larger than its limit. */
    TOO_LARGE(413),
    /** A query wants more groups, partitions or memory than its limit. */
    LIMIT_EXCEEDED(413),
    /** The store would need more partitions than its limit. */
    TOO_MANY_PARTITIONS(413),
    /**
     * A query kept what others need for longer than anybody may, and was ended before its deadline: a thread that its reader left idle, a
     * partition that is being written, or one that was dropped.
     */
    LEASE_EXPIRED(408),
    /** The queue is full and the caller asked not to wait. */
    QUEUE_FULL(429),
    /** The query was cancelled by its caller, its client or the store's end. */
    CANCELLED(499),
    /** An accepted record was given up; the reason says why. */
    RECORD_LOST(500),
    /** An error that nobody foresaw; please report it. */
    INTERNAL(500),
    /** The store's files cannot be read or written. */
    IO_FAILED(500),
    /** A file of the store is damaged. */
    CORRUPT(500),
    /** Not built yet, or not by this engine. */
    NOT_SUPPORTED(501),
    /** The environment is one that Levee refuses to run on. */
    UNSAFE_ENVIRONMENT(501),
    /** The store is closing or closed. */
    CLOSED(503),
    /** The database server cannot be reached, or ended the connection. */
    SERVER_UNAVAILABLE(503),
    /** The volume was mounted read-only, or became so. */
    VOLUME_READ_ONLY(503),
    /** The wall clock jumped: what depends on it waits until it can be trusted again. */
    CLOCK_SUSPECT(423),
    /** A partition is locked by somebody else for longer than its limit. */
    PARTITION_BUSY(503),
    /** The volume is full. */
    DISK_FULL(507),
    /** The deadline passed: waiting, running and fetching together. */
    DEADLINE(504);

    private final int status;

    ErrorCode(int status) {
        this.status = status;
    }

    /**
     * The HTTP status that a server answers with.
     *
     * @return a status from 400 to 599
     */
    public int status() {
        return status;
    }

    /**
     * The stable text that users search for, such as {@code LEVEE-429 QUEUE_FULL}.
     *
     * @return the text
     */
    public String text() {
        return "LEVEE-" + status + " " + name();
    }
}
