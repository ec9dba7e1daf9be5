package io.levee.internal.retention;

import io.levee.Ack;
import io.levee.BatchReceipt;
import io.levee.ErrorCode;
import io.levee.Gap;
import io.levee.LeveeException;
import io.levee.LossReason;
import io.levee.Overflow;
import io.levee.PartitionId;
import io.levee.PartitionInfo;
import io.levee.RollupSpec;
import io.levee.Row;
import io.levee.TableSpec;
import io.levee.engine.StorageEngine;
import io.levee.internal.query.QueryService;
import io.levee.internal.query.RollupRows;
import io.levee.internal.query.RollupShape;
import io.levee.internal.supervisor.Waits;
import io.levee.internal.write.TableState;
import io.levee.internal.write.Tables;
import io.levee.internal.write.WriteService;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * Keeps the figures of partitions before they go. What it writes is durable before the drop goes on, and written again by a pass that
 * comes after a crash: the rows have keys. Thread-safe; {@link #keep} is for whoever drops.
 */
public final class RollupKeeper {
    private static final System.Logger LOG = System.getLogger("io.levee.retention");
    /** Rows of one append. */
    private static final int SLICE = 500;

    private static final Duration PATIENCE = Duration.ofMinutes(1);

    private final StorageEngine engine;
    private final Tables tables;
    private final QueryService queries;
    private final @Nullable WriteService writes;
    private final Map<PartitionId, String> troubles = new ConcurrentHashMap<>();

    /** Wires the parts. */
    public RollupKeeper(StorageEngine engine, Tables tables, QueryService queries, @Nullable WriteService writes) {
        this.engine = engine;
        this.tables = tables;
        this.queries = queries;
        this.writes = writes;
    }

    /** Declares a table, and the hidden ones of its rollups. */
    public TableState declare(TableSpec wanted) {
        for (RollupSpec rollup : wanted.rollups()) {
            tables.requireFree(new RollupShape(wanted, rollup).hidden());
        }
        TableState state = tables.declare(wanted);
        if (writes != null) {
            TableSpec spec = state.spec();
            spec.rollups().forEach(rollup -> hidden(new RollupShape(spec, rollup)));
        }
        return state;
    }

    private TableState hidden(RollupShape shape) {
        String name = shape.hidden().name();
        boolean fresh = tables.specs().stream().noneMatch(spec -> spec.name().equals(name));
        TableState state = tables.declareHidden(shape.hidden());
        long floor = engine.floorMicros(shape.base().name());
        if (fresh && floor != Long.MIN_VALUE) {
            // Of what went before nobody has figures.
            note(name, Long.MIN_VALUE, floor - 1);
        }
        return state;
    }

    private void note(String hidden, long fromMicros, long toMicros) {
        if (writes != null) {
            writes.losses().note(new Gap(hidden, fromMicros, toMicros, Gap.UNKNOWN, LossReason.EXPIRED));
        }
    }

    /**
     * Keeps the figures of a partition that takes no rows any more.
     *
     * @return an empty text when they are durable, or there is nothing to keep; else why the partition has to stay
     */
    String keep(PartitionInfo partition) {
        PartitionId id = partition.id();
        TableSpec spec = tables.get(id.table()).spec();
        if (spec.rollups().isEmpty() || writes == null || partition.rows() == 0) {
            troubles.remove(id);
            return "";
        }
        for (RollupSpec rollup : spec.rollups()) {
            String why;
            try {
                why = keep(new RollupShape(spec, rollup), id, writes);
            } catch (RuntimeException e) {
                // Whatever it is: the partition stays, and the pass goes on with the others.
                LOG.log(System.Logger.Level.WARNING, "the rollup " + rollup.name() + " of " + id + " failed", e);
                why = e instanceof LeveeException known ? known.getMessage() : e.toString();
            }
            if (why != null) {
                String told = "its rollup '" + rollup.name() + "' could not be kept: " + why;
                troubles.put(id, told);
                return told;
            }
        }
        return "";
    }

    private @Nullable String keep(RollupShape shape, PartitionId id, WriteService to) {
        TableState hidden = hidden(shape);
        RollupRows.Made made = queries.rollup(shape, id);
        List<Row> rows = made.rows();
        for (int from = 0; from < rows.size(); from += SLICE) {
            write(to, hidden, rows.subList(from, Math.min(rows.size(), from + SLICE)));
        }
        return queries.unchanged(shape, id, made) ? null : "it was changed meanwhile";
    }

    private static void write(WriteService to, TableState hidden, List<Row> rows) {
        int[] indexes = new int[rows.size()];
        for (int i = 0; i < indexes.length; i++) {
            indexes[i] = i;
        }
        BatchReceipt receipt;
        try {
            receipt = to.appendAll(
                            hidden, rows, indexes, new ArrayList<>(), List.of(), Ack.DURABLE, Overflow.block(PATIENCE))
                    .get(PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            throw new LeveeException(ErrorCode.DEADLINE, "its figures were not written within " + PATIENCE, e);
        } catch (InterruptedException e) {
            throw Waits.interrupted("the wait for the writer was interrupted", e);
        } catch (ExecutionException e) {
            throw Waits.failed("its figures could not be written", e);
        }
        for (BatchReceipt.Rejection rejection : receipt.rejected()) {
            // Older than what the rollup itself keeps: nobody would ask for it.
            if (rejection.error().code() != ErrorCode.TIME_REFUSED) {
                throw rejection.error();
            }
        }
        if (receipt.lost() > 0) {
            throw new LeveeException(ErrorCode.RECORD_LOST, receipt.lost() + " of its figures were lost");
        }
    }

    /** A partition has gone, with its figures. */
    void dropped(PartitionId id) {
        troubles.remove(id);
    }

    /** A partition has gone for space, and nobody could keep its figures: that is a gap of each of its rollups. */
    void droppedWithout(PartitionInfo partition) {
        PartitionId id = partition.id();
        troubles.remove(id);
        TableSpec spec = tables.get(id.table()).spec();
        for (RollupSpec rollup : spec.rollups()) {
            note(spec.rollupTable(rollup), partition.minMicros(), partition.maxMicros());
        }
    }

    /** Why a partition had to stay at the last try; an empty text where nothing is known. */
    String blockedBy(PartitionId id) {
        return troubles.getOrDefault(id, "");
    }

    /** For health: the partitions that are past their promise and wait for their figures. */
    public List<String> troubles() {
        return troubles.entrySet().stream()
                .map(e -> "the partition " + e.getKey() + " is past its promise and stays: " + e.getValue())
                .sorted()
                .toList();
    }
}
