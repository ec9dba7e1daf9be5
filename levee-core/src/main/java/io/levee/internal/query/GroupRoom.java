package io.levee.internal.query;

import io.levee.Bytes;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.internal.memory.Share;

/** How much memory the groups of one query take, on all of its threads together, of what all queries share. Thread-safe. */
final class GroupRoom {
    private final Share share;
    private long used;
    private boolean ended;

    /** Room for so many bytes. */
    GroupRoom(long most) {
        this(new Share(most));
    }

    /** Room in what all queries share. */
    GroupRoom(Share share) {
        this.share = share;
    }

    /** There is no more room. */
    static final class Full extends LeveeException {
        private static final long serialVersionUID = 1L;

        private Full(String what) {
            super(ErrorCode.LIMIT_EXCEEDED, what);
        }
    }

    /**
     * Takes some.
     *
     * @throws Full where that is more than there is
     */
    void take(long bytes) {
        if (bytes <= 0) {
            return;
        }
        add(bytes);
        if (share.used() > share.limit()) {
            Full full = new Full("the groups of all running queries take more than " + new Bytes(share.limit())
                    + " of memory, those of this one " + new Bytes(used()));
            full.hint(
                    "group by a column of fewer values, narrow the range or the filter, or open the store with more memory");
            throw full;
        }
    }

    /** Takes some for what was counted elsewhere until now, and does not look whether it is more than there is. */
    void keep(long bytes) {
        add(bytes);
    }

    /** Gives some back. */
    void give(long bytes) {
        add(-bytes);
    }

    private synchronized void add(long bytes) {
        if (!ended) {
            used += bytes;
            share.add(bytes);
        }
    }

    /** The query is done: gives all of it back. Idempotent. */
    synchronized void end() {
        if (!ended) {
            ended = true;
            share.add(-used);
        }
    }

    synchronized long used() {
        return used;
    }
}
