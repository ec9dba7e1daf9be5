package io.levee;

import io.levee.internal.query.PageReader;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;

/** A query that runs by itself; {@link #cancel} reaches it wherever it is. */
final class ResultFuture<T> extends CompletableFuture<Result<T>> {
    private final PageReader rows;
    private final Function<Row, T> decoder;

    ResultFuture(PageReader rows, Function<Row, T> decoder) {
        this.rows = rows;
        this.decoder = decoder;
    }

    /** There is something to read, or it failed. */
    void settle() {
        LeveeException failure = rows.failure();
        if (failure != null) {
            completeExceptionally(failure);
        } else {
            Result<T> result = new Result<>(rows, decoder);
            if (!complete(result)) {
                result.close();
            }
        }
    }

    /** Ends the query, also while its rows are being read; then the reader gets {@link ErrorCode#CANCELLED}. */
    @Override
    public boolean cancel(boolean mayInterruptIfRunning) {
        boolean cancelled = super.cancel(mayInterruptIfRunning);
        rows.cancel();
        return cancelled;
    }
}
