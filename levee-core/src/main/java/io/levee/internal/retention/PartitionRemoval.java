package io.levee.internal.retention;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.PartitionId;
import io.levee.PartitionInfo;
import io.levee.RetentionPlan.Drop;
import io.levee.engine.DropOutcome;
import io.levee.engine.StorageEngine;
import io.levee.internal.write.WriteService;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/** The one place that takes partitions out of the store: has the writer give them up, raises the floor, and drops. Thread-safe. */
final class PartitionRemoval {
    private static final Duration WRITER_PATIENCE = Duration.ofSeconds(10);
    private static final String GREW = "it got newer rows since the plan was made";
    private static final String CLOSING = "the store is closing";

    private final StorageEngine engine;
    private final @Nullable WriteService writes;
    /** What partitions took while they were open: closing one gives its log back, which the file that goes does not show. */
    private final Map<PartitionId, Long> whileOpen = new HashMap<>();

    private volatile boolean stopped;

    PartitionRemoval(StorageEngine engine, @Nullable WriteService writes) {
        this.engine = engine;
        this.writes = writes;
    }

    /** Drops nothing from now on. */
    void stop() {
        stopped = true;
    }

    boolean stopped() {
        return stopped;
    }

    /** Looks again and raises the floor; an empty text, or why the partition stays. */
    synchronized String prepare(Drop drop) {
        String why = stopped ? CLOSING : release(drop);
        if (why.isEmpty() && drop.partition().rangeKnown()) {
            // Durable before the drop begins: a row of that time must neither come back nor meet a half-dropped one.
            engine.raiseFloor(
                    drop.partition().id().table(),
                    drop.partition().id().retentionClass(),
                    drop.partition().maxMicros() + 1);
            if (drop.partition().rows() == 0
                    && engine.partitions().stream()
                            .anyMatch(p -> p.id().equals(drop.partition().id()) && p.rows() > 0)) {
                // It came before the floor was there, and nothing says that it is past a promise.
                return GREW;
            }
        }
        return why;
    }

    /** Drops what was prepared. */
    synchronized DropOutcome drop(Drop drop) {
        PartitionId id = drop.partition().id();
        Long before = whileOpen.remove(id);
        if (stopped) {
            return new DropOutcome(0, CLOSING);
        }
        DropOutcome outcome = engine.drop(id, drop.reason());
        return before == null || !outcome.blockedBy().isEmpty() ? outcome : new DropOutcome(before, "");
    }

    /** Drops one partition for space: the file goes first, and the floor is raised when that can be recorded. */
    synchronized DropOutcome dropForSpace(PartitionInfo partition, String reason) {
        PartitionId id = partition.id();
        String why = stopped ? CLOSING : "";
        if (why.isEmpty() && partition.state() == PartitionInfo.State.OPEN && writes != null) {
            why = await(writes.onWriter(() -> engine.letGo(id)));
        }
        return why.isEmpty() ? engine.dropForSpace(id, reason) : new DropOutcome(0, why);
    }

    /** Looks again, so that rows written since the plan are never dropped (G74), and has the writer give the partition up. */
    private String release(Drop drop) {
        PartitionId id = drop.partition().id();
        List<PartitionInfo> now =
                engine.partitions().stream().filter(p -> p.id().equals(id)).toList();
        if (now.isEmpty()) {
            return "it is gone already";
        }
        if (now.get(0).maxMicros() > drop.partition().maxMicros()
                || drop.partition().rows() == 0 && now.get(0).rows() > 0) {
            return GREW;
        }
        if (now.get(0).state() != PartitionInfo.State.OPEN || writes == null) {
            return "";
        }
        String why = await(writes.onWriter(() -> engine.closePartition(id)));
        if (why.isEmpty() && engine.localDirectory() != null) {
            // A server's log is no part of a partition.
            whileOpen.put(id, now.get(0).bytes());
        }
        return why;
    }

    /** What the writer answered, or why it did not. */
    static String await(Future<String> answer) {
        try {
            return answer.get(WRITER_PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            return "the writer was busy for " + WRITER_PATIENCE;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return "the wait for the writer was interrupted";
        } catch (ExecutionException e) {
            throw e.getCause() instanceof LeveeException known
                    ? known
                    : new LeveeException(ErrorCode.INTERNAL, "closing a partition failed: " + e.getCause(), e);
        }
    }
}
