package io.levee;

/** Why records that were accepted are not, or may not be, in the store. */
public enum LossReason {
    /** The queue was full and its policy shed a record. */
    OVERFLOW,
    /** A write failed and could not be repeated. */
    WRITE_FAILED,
    /** The store closed before the record could be written. */
    SHUTDOWN,
    /** Retention dropped it, as promised. */
    EXPIRED
}
