package io.levee;

/** Why records that were accepted are not, or may not be, in the store. */
public enum LossReason {
    /** The queue was full and its policy shed a record. */
    OVERFLOW,
    /** A write failed and could not be repeated. */
    WRITE_FAILED,
    /** The store closed before the record could be written. */
    SHUTDOWN,
    /** Retention dropped it: while it was queued, or for size or space before its age, which {@code retention events} tells. */
    EXPIRED,
    /** A commit failed without saying whether it took effect, and it could not be looked up before the store closed. */
    UNCERTAIN,
    /** The process or the machine ended without a close: what was accepted and not yet committed (or synced) may be missing. */
    UNCLEAN_STOP,
    /** A damaged partition was set aside with the records that it held. */
    QUARANTINED,
    /** The catalog was lost and rebuilt from the files: cursors that are older may have missed changes. */
    CATALOG_REBUILT,
    /** The store was restored from a backup: what was stored after the backup is not in it. */
    RESTORED,
    /** An adopted database is not where it was adopted: its records are not in the answer. */
    ADOPTED_MISSING
}
