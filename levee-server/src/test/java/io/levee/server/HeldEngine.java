package io.levee.server;

import io.levee.Ack;
import io.levee.CloseReport;
import io.levee.ErrorCode;
import io.levee.Expr;
import io.levee.Gap;
import io.levee.Levee;
import io.levee.LeveeException;
import io.levee.PartitionId;
import io.levee.PartitionInfo;
import io.levee.SqlQuery;
import io.levee.Store;
import io.levee.StoreOptions;
import io.levee.StoreStatus;
import io.levee.TableSpec;
import io.levee.engine.Capability;
import io.levee.engine.DropOutcome;
import io.levee.engine.EngineProvider;
import io.levee.engine.EngineSettings;
import io.levee.engine.Erasure;
import io.levee.engine.Execution;
import io.levee.engine.Finding;
import io.levee.engine.Grouping;
import io.levee.engine.PlanStep;
import io.levee.engine.Quarantined;
import io.levee.engine.ReadView;
import io.levee.engine.RowQuery;
import io.levee.engine.RowSink;
import io.levee.engine.ScanPart;
import io.levee.engine.SeqSource;
import io.levee.engine.Slot;
import io.levee.engine.StorageEngine;
import io.levee.engine.StoredRow;
import io.levee.engine.TailQuery;
import io.levee.engine.Verification;
import io.levee.engine.WriteRow;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * An engine in memory whose writer can be held and whose queries never end by themselves: for what cannot be brought about
 * with a real one at a chosen moment (a full queue, a client that leaves while its query runs). It knows no filters.
 */
final class HeldEngine implements StorageEngine {
    private static HeldEngine last;

    private final Map<String, TableSpec> tables = new ConcurrentSkipListMap<>();
    private final Map<PartitionId, List<Object[]>> partitions = new ConcurrentSkipListMap<>();
    private final AtomicLong numbers = new AtomicLong(1);
    private volatile CountDownLatch hold = new CountDownLatch(0);

    /** Found by the service loader for addresses that begin with {@code held:}. */
    public static final class Provider implements EngineProvider {
        @Override
        public boolean accepts(String address) {
            return address.startsWith("held:");
        }

        @Override
        public StorageEngine open(String address, EngineSettings settings) {
            last = new HeldEngine();
            return last;
        }
    }

    /** Opens a store on a new engine. */
    static Store open(Consumer<StoreOptions.Builder> options) {
        return Levee.open("held:test", false, options);
    }

    /** The engine of the store that was opened last. */
    static HeldEngine last() {
        return last;
    }

    /** The level of the last batch. */
    volatile Ack level = Ack.ACCEPTED;

    /** What the store is told to be missing, and to be set aside. */
    volatile List<Gap> gaps = List.of();

    volatile List<Quarantined> quarantined = List.of();

    /** How many rows are taken before one is refused; those after it are taken. Set before anything is written. */
    long refusedAfter = Long.MAX_VALUE;

    /** What verifying shows of each partition. */
    volatile Verification.State found = Verification.State.OK;

    @Override
    public List<Gap> gaps() {
        return gaps;
    }

    @Override
    public List<Quarantined> quarantined() {
        return quarantined;
    }

    @Override
    public Verification verify(PartitionId id) {
        return new Verification(id, found, 200, found == Verification.State.DAMAGED ? "page 4 is zero" : "");
    }

    /** Makes the writer wait in its next append, until {@link #release}. */
    void hold() {
        hold = new CountDownLatch(1);
    }

    void release() {
        hold.countDown();
    }

    @Override
    public String name() {
        return "held 1.0";
    }

    @Override
    public String address() {
        return "held:test";
    }

    @Override
    public Map<String, Object> pragmas() {
        return Map.of();
    }

    @Override
    public Map<String, Object> owner() {
        return Map.of("pid", ProcessHandle.current().pid());
    }

    @Override
    public boolean lastShutdownClean() {
        return true;
    }

    @Override
    public List<TableSpec> tables() {
        return List.copyOf(tables.values());
    }

    @Override
    public void putTable(TableSpec spec) {
        tables.put(spec.name(), spec);
    }

    @Override
    public long reserveSeq(String table, long count) {
        return numbers.getAndAdd(count);
    }

    @Override
    public synchronized List<PartitionInfo> partitions() {
        List<PartitionInfo> list = new ArrayList<>();
        PartitionId newest = null;
        for (PartitionId id : partitions.keySet()) {
            newest = id;
        }
        for (Map.Entry<PartitionId, List<Object[]>> entry : partitions.entrySet()) {
            List<Object[]> rows = entry.getValue();
            int time = rows.get(0).length - 2;
            long first = rows.stream().mapToLong(row -> (Long) row[time]).min().orElse(0);
            long latest = rows.stream().mapToLong(row -> (Long) row[time]).max().orElse(0);
            PartitionInfo.State state =
                    entry.getKey().equals(newest) ? PartitionInfo.State.OPEN : PartitionInfo.State.CLOSED;
            list.add(new PartitionInfo(entry.getKey(), state, first, latest, rows.size(), rows.size() * 200L));
        }
        return list;
    }

    @Override
    public void append(TableSpec spec, List<? extends WriteRow> rows, Ack wanted, SeqSource seq) {
        level = wanted;
        try {
            hold.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        synchronized (this) {
            for (WriteRow row : rows) {
                long number = seq.next();
                if (refusedAfter-- == 0) {
                    row.settle(
                            WriteRow.Outcome.FAILED, 0, new LeveeException(ErrorCode.DISK_FULL, "the volume is full"));
                    continue;
                }
                int width = spec.columns().size();
                Object[] stored = java.util.Arrays.copyOf(row.values(), width + 2);
                stored[width] = row.timeMicros();
                stored[width + 1] = number;
                PartitionId id = new PartitionId(spec.name(), "", row.period().name(), 1);
                partitions.computeIfAbsent(id, key -> new ArrayList<>()).add(stored);
                row.settle(WriteRow.Outcome.STORED, number, null);
            }
        }
    }

    @Override
    public void afterBatch() {}

    @Override
    public String closePartition(PartitionId id) {
        return "";
    }

    @Override
    public boolean createAhead(TableSpec spec, Slot slot) {
        return false;
    }

    @Override
    public void learnRanges() {}

    @Override
    public synchronized DropOutcome drop(PartitionId id, String reason) {
        List<Object[]> rows = partitions.remove(id);
        return new DropOutcome(rows == null ? 0 : rows.size() * 200L, "");
    }

    @Override
    public boolean freeDropped() {
        return false;
    }

    @Override
    public StoreStatus.Disk disk() {
        long bytes = partitions().stream().mapToLong(PartitionInfo::bytes).sum();
        return new StoreStatus.Disk(bytes, 0, 50L << 30, Map.of("partitions", bytes));
    }

    @Override
    public Map<String, Long> memory() {
        return Map.of();
    }

    /** All rows of the table; a table named {@code endless} has no end. */
    @Override
    public ReadView view(TableSpec spec, io.levee.PartitionId id) {
        throw new UnsupportedOperationException();
    }

    @Override
    public ReadView view(TableSpec spec, long fromMicros, long toMicros) {
        return new ReadView() {
            @Override
            public List<PartitionInfo> partitions() {
                return List.of();
            }

            @Override
            public void rows(RowQuery query, Execution execution, RowSink sink) {
                send(query, execution, sink);
            }

            @Override
            public List<ScanPart> parts(Grouping grouping) {
                return List.of(count(spec));
            }

            @Override
            public List<PlanStep> explain(RowQuery query, Execution execution) {
                return List.of();
            }

            @Override
            public List<PlanStep> explain(Grouping grouping, Execution execution) {
                return List.of();
            }

            @Override
            public void close() {}
        };
    }

    private void send(RowQuery query, Execution execution, RowSink sink) {
        sink.columns(List.of());
        List<Object[]> rows = new ArrayList<>();
        synchronized (this) {
            partitions.forEach((id, list) -> {
                if (id.table().equals(query.spec().name())) {
                    rows.addAll(list);
                }
            });
        }
        int time = query.spec().columns().size();
        rows.sort(Comparator.comparingLong(row -> -(Long) row[time]));
        do {
            for (Object[] row : rows.subList(0, (int) Math.min(rows.size(), query.limit()))) {
                execution.check();
                if (!sink.row(wanted(query, row))) {
                    return;
                }
            }
        } while (query.spec().name().equals("endless"));
    }

    private static Object[] wanted(RowQuery query, Object[] row) {
        Object[] values = new Object[query.columns().size() + 2];
        for (int i = 0; i < query.columns().size(); i++) {
            values[i] = row[query.spec().position(query.columns().get(i).name())];
        }
        System.arraycopy(row, row.length - 2, values, values.length - 2, 2);
        return values;
    }

    private ScanPart count(TableSpec spec) {
        return new ScanPart() {
            @Override
            public String name() {
                return spec.name();
            }

            @Override
            public @Nullable String version() {
                return null;
            }

            @Override
            public void run(Execution execution, RowSink sink) {
                synchronized (HeldEngine.this) {
                    long count = partitions.entrySet().stream()
                            .filter(entry -> entry.getKey().table().equals(spec.name()))
                            .mapToLong(entry -> entry.getValue().size())
                            .sum();
                    sink.row(new Object[] {count});
                }
            }
        };
    }

    /** Never answers: runs until it is cancelled. */
    @Override
    public void sql(SqlQuery query, Execution execution, RowSink sink) {
        CountDownLatch over = new CountDownLatch(1);
        execution.interruptibly(over::countDown, () -> {
            try {
                over.await();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
    }

    @Override
    public Set<Capability> capabilities() {
        return Set.of();
    }

    @Override
    public List<Finding> diagnose() {
        return List.of();
    }

    @Override
    public long floorMicros(String table, String retentionClass) {
        return floorMicros(table);
    }

    @Override
    public long floorMicros(String table) {
        return Long.MIN_VALUE;
    }

    @Override
    public void raiseFloor(String table, String retentionClass, long floorMicros) {}

    @Override
    public @Nullable StoredRow find(TableSpec spec, Object[] key) {
        return null;
    }

    @Override
    public int delete(TableSpec spec, List<RowQuery.Mark> rows, @Nullable Expr still, Ack level) {
        return 0;
    }

    @Override
    public List<PartitionInfo> dropped() {
        return List.of();
    }

    @Override
    public void restore(PartitionId id) {}

    @Override
    public void purgeDropped(String table) {}

    @Override
    public void noteErasure(Erasure erasure) {}

    @Override
    public void tail(TailQuery query, Execution execution, RowSink sink) {}

    @Override
    public long highestSeq(TableSpec spec, Execution execution) {
        return 0;
    }

    @Override
    public long droppedSeq(String table) {
        return 0;
    }

    @Override
    public void closeWriter() {}

    @Override
    public void close(@Nullable CloseReport report) {
        release();
    }
}
