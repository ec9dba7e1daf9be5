package io.levee.internal.write;

import io.levee.LeveeException;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A change of stored records that takes its place among the records of its table: it runs once everything earlier of its key (of the
 * whole table, where it names none) is settled, and before anything later is written. No record itself: the books do not count it.
 */
final class Change extends Pending {
    private final @Nullable Object @Nullable [] changedKey;
    private final Runnable body;
    private final CompletableFuture<?> answer;

    private Change(TableState table, @Nullable Object @Nullable [] key, Runnable body, CompletableFuture<?> answer) {
        super(table, new Object[0], 0, 0, null);
        this.changedKey = key;
        this.body = body;
        this.answer = answer;
    }

    /**
     * A change.
     *
     * @param key the key of what it changes, null for any rows of the table
     * @param body what it does, on the writer thread
     * @param answer gets the body's answer or its error
     */
    static <T> Change of(
            TableState table, @Nullable Object @Nullable [] key, Supplier<T> body, CompletableFuture<T> answer) {
        return new Change(table, key, () -> answer.complete(body.get()), answer);
    }

    @Override
    boolean record() {
        return false;
    }

    @Override
    @Nullable
    Object @Nullable [] key() {
        return changedKey;
    }

    @Override
    boolean waited() {
        return true;
    }

    /** Runs it. Writer thread, with nothing else in its hands. */
    void run() {
        try {
            body.run();
        } catch (Throwable e) {
            // Even an Error must answer the caller and leave the writer alive (G13).
            answer.completeExceptionally(e);
        }
    }

    /** Says that it will not be made. */
    void refuse(LeveeException why) {
        answer.completeExceptionally(why);
    }
}
