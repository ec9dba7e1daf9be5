package io.levee.engine;

/** What not every engine can do. What an engine lacks is refused by name, with {@code NOT_SUPPORTED}. */
public enum Capability {
    /** The store outlives the process that wrote it. */
    PERSISTENT,
    /** Other processes can read beside a live writer. */
    SECOND_PROCESS,
    /** Free SQL. */
    SQL,
    /** A period can have several partitions at once, so that a late row never waits for one that is lent or locked. */
    SIBLINGS,
    /** A drop can be undone until its grace ends. */
    UNDO_DROP,
    /** The store can be backed up to a directory while it is written, and restored from one. */
    BACKUP,
    /** An older database can be adopted where it lies. */
    ADOPTION,
    /** Tables can be changed by migrations while they are written and read. */
    MIGRATIONS
}
