package io.levee.internal.write;

import io.levee.Ack;
import io.levee.ErrorCode;
import io.levee.Expr;
import io.levee.LeveeException;
import io.levee.Row;
import io.levee.TableSpec;
import io.levee.engine.RowQuery;
import io.levee.engine.StorageEngine;
import io.levee.engine.StoredRow;
import io.levee.internal.supervisor.Waits;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BiFunction;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Changes of rows that are there: on the writer's thread, and by key in the order of what was accepted of the key. Thread-safe. */
public final class RowChanges {
    private final StorageEngine engine;
    private final Writer writer;
    private final TimeGuard guard;
    private final Receipts receipts;

    RowChanges(StorageEngine engine, Writer writer, TimeGuard guard, Receipts receipts) {
        this.engine = engine;
        this.writer = writer;
        this.guard = guard;
        this.receipts = receipts;
    }

    /** See {@link io.levee.Store#erase}: waits until the writer has deleted these rows, and tells how many were still there. */
    public int deleteRows(TableState table, List<RowQuery.Mark> rows, @Nullable Expr still) {
        return await(writer.callInOrder(table, null, () -> deleted(table, rows, still, Ack.DURABLE)));
    }

    /**
     * Deletes rows that are too many, between two batches. A row stays where the table lost or replaced so many rows since they were
     * counted that it may be wanted now.
     *
     * @param younger for each row, how many of its kind that are too many are younger
     * @param removedBefore {@link TableState#removed} before they were counted
     * @return how many went
     * @throws LeveeException {@code PARTITION_BUSY} where somebody has one of their partitions locked
     */
    public int deletePast(TableState table, List<RowQuery.Mark> rows, long[] younger, long removedBefore) {
        CompletableFuture<Integer> answer = writer.call(() -> {
            long gone = table.removed() - removedBefore;
            List<RowQuery.Mark> still = new ArrayList<>(rows.size());
            for (int i = 0; i < rows.size(); i++) {
                if (younger[i] >= gone) {
                    still.add(rows.get(i));
                }
            }
            int deleted = still.isEmpty() ? 0 : engine.delete(table.spec(), still, null, Ack.COMMITTED);
            if (deleted > 0) {
                table.changed();
            }
            return deleted;
        });
        try {
            // A writer that hangs, or has ended, does not keep who waits: what it deletes later was too many then, too.
            return answer.get(WriteService.WRITER_PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            throw new LeveeException(ErrorCode.DEADLINE, "the writer was busy for " + WriteService.WRITER_PATIENCE, e);
        } catch (InterruptedException e) {
            throw Waits.interrupted("the wait for the writer was interrupted", e);
        } catch (ExecutionException e) {
            throw Waits.failed("rows cannot be deleted", e);
        }
    }

    private int deleted(TableState table, List<RowQuery.Mark> rows, @Nullable Expr still, Ack level) {
        int deleted = engine.delete(table.spec(), rows, still, level);
        table.removed(deleted);
        return deleted;
    }

    /**
     * Runs a change on the writer thread, after every record of its key accepted before this call and before every later one.
     *
     * @param key the key of what is changed; null for any rows of the table
     */
    <T> CompletableFuture<T> inOrder(TableState table, @Nullable Object @Nullable [] key, Supplier<T> change) {
        return writer.callInOrder(table, key, change);
    }

    private static <T> T await(CompletableFuture<T> answer) {
        try {
            return answer.join();
        } catch (CompletionException e) {
            throw Waits.failed("a change failed", e);
        }
    }

    /** See {@link io.levee.Table#delete}. */
    public CompletableFuture<Boolean> delete(TableState table, Object[] key, Ack level) {
        return elsewhere(inOrder(table, key, () -> {
            boolean deleted = engine.delete(table.spec(), key, level);
            table.removed(deleted ? 1 : 0);
            return deleted;
        }));
    }

    /**
     * See {@link io.levee.Table#update}.
     *
     * @param change makes the new row of the old one and the table's present spec; runs on the writer
     */
    public CompletableFuture<Boolean> update(
            TableState table, Object[] key, BiFunction<TableSpec, StoredRow, Row> change, Ack level) {
        return elsewhere(inOrder(table, key, () -> {
            TableSpec spec = table.spec();
            StoredRow old = engine.find(spec, key);
            if (old == null) {
                return false;
            }
            Row changed = change.apply(spec, old);
            String own = table.classOf(changed);
            if (changed.timeMicros() != old.timeMicros()
                    || !own.equals(table.classes().of(old.values()))) {
                guard.check(guard.bounds(table), own, changed.timeMicros());
            }
            writer.writeNow(WriteService.entry(table, changed, null), level);
            return true;
        }));
    }

    /** A caller's stages never run on the writer: the receipts thread completes what he gets. */
    private <T> CompletableFuture<T> elsewhere(CompletableFuture<T> answer) {
        CompletableFuture<T> handed = new CompletableFuture<>();
        CompletableFuture<T> unused = answer.whenComplete((value, error) -> receipts.deliver(List.of(() -> {
            if (error == null) {
                handed.complete(value);
            } else {
                handed.completeExceptionally(error);
            }
        })));
        return handed;
    }
}
