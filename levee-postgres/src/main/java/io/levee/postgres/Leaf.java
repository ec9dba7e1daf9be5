package io.levee.postgres;

import io.levee.PartitionId;
import io.levee.PartitionInfo;
import java.util.Set;

/**
 * What this process knows of one partition: a table of its own below the parent. Its state is changed by the writer (open, closed)
 * and by the janitor (dropping), each step under the leaf's own lock; read by any thread.
 */
final class Leaf {
    /** Where a partition is in its life; the catalog has the same in small letters. */
    enum State {
        /** Takes rows. */
        OPEN,
        /** Takes rows again if some come. */
        CLOSED,
        /** Being detached: takes no rows any more. */
        DROPPING
    }

    private final PartitionId id;
    private final String name;
    private final long fromMicros;
    private final long toMicros;
    private volatile State state;
    private volatile Held held;
    private volatile Set<String> apart = Set.of();
    private volatile long migrated;

    /** What was committed, at least: range of times, number of rows, highest number. */
    record Held(long minMicros, long maxMicros, long rows, long maxSeq) {
        static final Held NOTHING = new Held(Long.MAX_VALUE, Long.MIN_VALUE, 0, 0);

        Held plus(long min, long max, long moreRows, long seq) {
            return new Held(Math.min(minMicros, min), Math.max(maxMicros, max), rows + moreRows, Math.max(maxSeq, seq));
        }
    }

    Leaf(PartitionId id, String name, long fromMicros, long toMicros, State state, Held held) {
        this.id = id;
        this.name = name;
        this.fromMicros = fromMicros;
        this.toMicros = toMicros;
        this.state = state;
        this.held = held;
    }

    PartitionId id() {
        return id;
    }

    /** The name of its table, not quoted. */
    String name() {
        return name;
    }

    /** The first event time that belongs to it; {@link Long#MIN_VALUE} where it has no lower bound. */
    long fromMicros() {
        return fromMicros;
    }

    /** The first event time after it; {@link Long#MAX_VALUE} where it has no upper bound. */
    long toMicros() {
        return toMicros;
    }

    /** See {@link PartitionInfo#apart}. */
    Set<String> apart() {
        return apart;
    }

    /** Says what it has no rows of; the same as in the catalog. */
    Leaf apart(Set<String> classes) {
        apart = Set.copyOf(classes);
        return this;
    }

    /** How many of its rows migrations have changed: these raise neither its numbers nor its count. */
    long migrated() {
        return migrated;
    }

    void migrated(long rows) {
        migrated = rows;
    }

    boolean covers(long micros) {
        // Long.MAX_VALUE is no end: a partition without an upper bound has that very microsecond too.
        return micros >= fromMicros && (micros < toMicros || toMicros == Long.MAX_VALUE);
    }

    State state() {
        return state;
    }

    Held held() {
        return held;
    }

    synchronized void held(Held now) {
        held = now;
    }

    synchronized void add(long min, long max, long rows, long seq) {
        held = held.plus(min, max, rows, seq);
    }

    /** Makes it take rows; false where it is being dropped. Writer thread. */
    synchronized boolean opened() {
        if (state == State.DROPPING) {
            return false;
        }
        state = State.OPEN;
        return true;
    }

    /** Says that no row is on its way; one that comes later opens it again. Writer thread. */
    synchronized void closed() {
        if (state == State.OPEN) {
            state = State.CLOSED;
        }
    }

    /** Closed becomes dropping; false where it is not closed (any more): the writer may have come first. Janitor thread. */
    synchronized boolean dropping() {
        if (state != State.CLOSED) {
            return false;
        }
        state = State.DROPPING;
        return true;
    }

    /** The drop did not begin after all. Janitor thread. */
    synchronized void notDropping() {
        if (state == State.DROPPING) {
            state = State.CLOSED;
        }
    }

    /** Its figures for users. */
    PartitionInfo info(long bytes) {
        Held now = held;
        PartitionInfo.State shown = state == State.OPEN ? PartitionInfo.State.OPEN : PartitionInfo.State.CLOSED;
        return new PartitionInfo(id, shown, now.minMicros, now.maxMicros, now.rows, bytes, apart);
    }
}
