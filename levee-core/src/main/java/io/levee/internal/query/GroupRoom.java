package io.levee.internal.query;

import io.levee.Bytes;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import java.util.concurrent.atomic.AtomicLong;

/** How much memory the groups of one query take, on all of its threads together. Thread-safe. */
final class GroupRoom {
    private final long most;
    private final AtomicLong used = new AtomicLong();

    /** Room for so many bytes. */
    GroupRoom(long most) {
        this.most = most;
    }

    /**
     * Takes some.
     *
     * @throws LeveeException {@code LIMIT_EXCEEDED}
     */
    void take(long bytes) {
        if (bytes > 0 && used.addAndGet(bytes) > most) {
            throw new LeveeException(ErrorCode.LIMIT_EXCEEDED, "the groups take more than " + new Bytes(most) + " of memory")
                    .hint("group by a column of fewer values, narrow the range or the filter, or open the store with more memory");
        }
    }

    /** Gives some back. */
    void give(long bytes) {
        used.addAndGet(-bytes);
    }

    long used() {
        return used.get();
    }
}
