package io.levee.internal.write;

import io.levee.Ack;
import io.levee.CloseReport;
import io.levee.Expr;
import io.levee.Gap;
import io.levee.PartitionId;
import io.levee.PartitionInfo;
import io.levee.SqlQuery;
import io.levee.StoreStatus;
import io.levee.TableSpec;
import io.levee.engine.Capability;
import io.levee.engine.DropOutcome;
import io.levee.engine.Erasure;
import io.levee.engine.Execution;
import io.levee.engine.Finding;
import io.levee.engine.InFlight;
import io.levee.engine.Quarantined;
import io.levee.engine.RowQuery;
import io.levee.engine.RowSink;
import io.levee.engine.SeqSource;
import io.levee.engine.Slot;
import io.levee.engine.StorageEngine;
import io.levee.engine.StoredRow;
import io.levee.engine.TailQuery;
import io.levee.engine.WriteRow;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/** An engine in memory that writes as it is told: at once, never, with errors, or only when it is let. */
final class FakeEngine implements StorageEngine {
    final List<Object> stored = new ArrayList<>();
    final AtomicLong batches = new AtomicLong();
    volatile BiConsumer<List<? extends WriteRow>, SeqSource> writing = this::store;
    volatile boolean closedClean;
    volatile @Nullable Path directory;

    void store(List<? extends WriteRow> rows, SeqSource seq) {
        synchronized (stored) {
            for (WriteRow row : rows) {
                stored.add(row.values()[0]);
                row.settle(WriteRow.Outcome.STORED, seq.next(), null);
            }
        }
    }

    List<Object> stored() {
        synchronized (stored) {
            return List.copyOf(stored);
        }
    }

    @Override
    public void append(TableSpec spec, List<? extends WriteRow> rows, Ack level, SeqSource seq) {
        batches.incrementAndGet();
        writing.accept(rows, seq);
    }

    @Override
    public String name() {
        return "fake 1";
    }

    @Override
    public @Nullable Path localDirectory() {
        return directory;
    }

    @Override
    public String address() {
        return "memory";
    }

    @Override
    public Map<String, Object> pragmas() {
        return Map.of();
    }

    @Override
    public Map<String, Object> owner() {
        return Map.of();
    }

    @Override
    public boolean lastShutdownClean() {
        return true;
    }

    @Override
    public List<TableSpec> tables() {
        return List.of();
    }

    @Override
    public void putTable(TableSpec spec) {}

    @Override
    public synchronized long reserveSeq(String table, long count) {
        long first = next;
        next += count;
        return first;
    }

    volatile long floor = Long.MIN_VALUE;
    private long next = 1;

    @Override
    public List<PartitionInfo> partitions() {
        return List.of();
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
    public DropOutcome drop(PartitionId id, String reason) {
        return new DropOutcome(0, "");
    }

    @Override
    public boolean freeDropped() {
        return false;
    }

    @Override
    public StoreStatus.Disk disk() {
        return new StoreStatus.Disk(0, 0, 0, Map.of());
    }

    @Override
    public Map<String, Long> memory() {
        return Map.of();
    }

    @Override
    public io.levee.engine.ReadView view(TableSpec spec, long fromMicros, long toMicros) {
        throw new UnsupportedOperationException();
    }

    @Override
    public io.levee.engine.ReadView view(TableSpec spec, io.levee.PartitionId id) {
        throw new UnsupportedOperationException();
    }

    @Override
    public void sql(SqlQuery query, Execution execution, RowSink sink) {}

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
        return floor;
    }

    @Override
    public void raiseFloor(String table, String retentionClass, long floorMicros) {}

    @Override
    public @Nullable StoredRow find(TableSpec spec, Object[] key) {
        return null;
    }

    @Override
    public int delete(TableSpec spec, List<RowQuery.Mark> rows, @Nullable Expr still, Ack level) {
        synchronized (stored) {
            rows.forEach(row -> stored.add("delete " + row.seq()));
        }
        return rows.size();
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

    volatile @Nullable RuntimeException ledgerFailure;
    private final List<Gap> ledgerLost = new ArrayList<>();
    private List<Gap> refused = List.of();
    private List<InFlight> inFlight = List.of();
    private int ledgerCalls;

    @Override
    public synchronized void ledger(List<Gap> lost, List<InFlight> windows) {
        ledgerCalls++;
        RuntimeException failure = ledgerFailure;
        if (failure != null) {
            refused = lost;
            throw failure;
        }
        ledgerLost.addAll(lost);
        inFlight = windows;
    }

    synchronized int ledgerCalls() {
        return ledgerCalls;
    }

    synchronized List<Gap> ledgerLost() {
        return List.copyOf(ledgerLost);
    }

    synchronized List<Gap> refusedByLedger() {
        return refused;
    }

    synchronized List<InFlight> inFlight() {
        return inFlight;
    }

    volatile List<Quarantined> quarantined = List.of();
    volatile List<Gap> gaps = List.of();
    volatile @Nullable CloseReport lastReport;

    @Override
    public List<Quarantined> quarantined() {
        return quarantined;
    }

    @Override
    public List<Gap> gaps() {
        return gaps;
    }

    @Override
    public @Nullable CloseReport lastReport() {
        return lastReport;
    }

    @Override
    public void closeWriter() {}

    @Override
    public void close(@Nullable CloseReport report) {
        closedClean = report != null && report.clean();
    }
}
