package io.levee.internal.query;

import java.time.Duration;

/**
 * How long a query may keep what others need, whatever its deadline.
 *
 * @param patience how long a query waits on its thread for a reader who is behind, before it gives the thread back;
 *     a tenth of that while others wait for a thread
 * @param reopen after this long a query of rows closes its statements and opens them again behind its last row: an open statement keeps
 *     a partition's WAL from being reset
 * @param stall a query that cannot be resumed is ended when its reader is behind for this long while others wait for a thread
 * @param longest SQL, and a statement on a partition that is being written, is ended after this long; so is a query that keeps a dropped partition
 *     and makes way no more
 * @param dropped a query whose reader is behind is ended when it has kept a dropped partition for this long
 */
record Leases(Duration patience, Duration reopen, Duration stall, Duration longest, Duration dropped) {
    /** What stores use. */
    static final Leases DEFAULT = new Leases(
            Duration.ofMillis(50),
            Duration.ofSeconds(5),
            Duration.ofSeconds(1),
            Duration.ofMinutes(2),
            Duration.ofSeconds(5));
}
