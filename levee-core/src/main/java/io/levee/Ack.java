package io.levee;

/**
 * The level a write has to reach before its caller is told so.
 *
 * <p>Levels are ordered: a receipt for a level implies all lower ones.
 */
public enum Ack {
    /** In the bounded queue of this process. Lost when the process dies. */
    ACCEPTED,
    /** In the database. Survives a crash of the process, not of the machine. */
    COMMITTED,
    /** Synced to disk. Survives a power cut. */
    DURABLE
}
