package io.levee.sqlite;

import io.levee.TableSpec;
import java.time.Duration;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;

/** What other threads ask the writer to close, since only the writer owns what is open. Thread-safe. */
final class Closings {
    /** What an answer says of a partition that the writer closes by itself when it is idle. */
    static final String IN_USE = "the writer uses it";

    private static final Duration WRITER_PATIENCE = Duration.ofSeconds(10);

    /** What an answer says once the writer has ended. */
    static final String ENDED = "the store is closing";

    private final Queue<Request> requests = new ConcurrentLinkedQueue<>();
    private volatile boolean ended;

    /** That the writer closes a partition, unless it may only be closed when nobody writes to it. */
    private record Request(Partition partition, boolean idleOnly, CompletableFuture<String> answer) {}

    /** Closes what was asked for. Writer thread, between batches. */
    void serve(OpenPartitions open, Function<String, TableSpec> specs) {
        for (Request request = requests.poll(); request != null; request = requests.poll()) {
            try {
                boolean leave = request.idleOnly && open.get(request.partition.id()) != null;
                TableSpec spec = specs.apply(request.partition.id().table());
                request.answer.complete(leave ? IN_USE : open.close(spec, request.partition));
            } catch (RuntimeException e) {
                request.answer.completeExceptionally(e);
            }
        }
    }

    /** Nobody serves any more. Writer thread, its last call. */
    void end() {
        ended = true;
        for (Request request = requests.poll(); request != null; request = requests.poll()) {
            request.answer.complete(ENDED);
        }
    }

    /** Has the writer close a partition and waits for it; returns empty, or why it stays open. Any thread but the writer. */
    String ask(Partition partition, boolean idleOnly) {
        Request request = new Request(partition, idleOnly, new CompletableFuture<>());
        requests.add(request);
        if (ended) {
            return ENDED;
        }
        try {
            return request.answer.get(WRITER_PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            return "the writer was busy for " + WRITER_PATIENCE;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return "the wait for the writer was interrupted";
        } catch (ExecutionException e) {
            return "it cannot be closed: " + e.getCause();
        }
    }
}
