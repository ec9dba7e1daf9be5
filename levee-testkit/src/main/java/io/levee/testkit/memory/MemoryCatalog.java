package io.levee.testkit.memory;

import io.levee.CloseReport;
import io.levee.ErrorCode;
import io.levee.Gap;
import io.levee.Levee;
import io.levee.LeveeException;
import io.levee.PartitionId;
import io.levee.PartitionInfo;
import io.levee.RetentionEvent;
import io.levee.StoreStatus;
import io.levee.TableSpec;
import io.levee.engine.Capability;
import io.levee.engine.DropOutcome;
import io.levee.engine.EngineSettings;
import io.levee.engine.Erasure;
import io.levee.engine.Finding;
import io.levee.engine.InFlight;
import io.levee.engine.KeptCursor;
import io.levee.engine.Slot;
import io.levee.engine.SourcePoint;
import io.levee.engine.StorageEngine;
import io.levee.engine.Verification;
import io.levee.testkit.memory.MemoryStore.Partition;
import io.levee.testkit.memory.MemoryStore.Table;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * What an engine in memory knows beside its rows: who writes, the tables, the floors, and the partitions from the first row to the
 * end of their grace.
 *
 * <p>Everything here and in {@link ReferenceEngine} happens under the monitor of the {@link MemoryStore}, but for handing rows to a
 * sink, which may block.
 */
abstract class MemoryCatalog implements StorageEngine {

    final MemoryStore store;
    private final EngineSettings settings;
    private final Runnable whenClosed;
    private final boolean lastClean;
    private final List<Gap> before;

    MemoryCatalog(MemoryStore store, EngineSettings settings, Runnable whenClosed) {
        this.store = store;
        this.settings = settings;
        this.whenClosed = whenClosed;
        synchronized (store) {
            this.lastClean = store.clean;
            this.before = List.copyOf(store.ledger);
            if (!settings.readOnly()) {
                takeLock();
            }
        }
    }

    private void takeLock() {
        if (!store.owner.isEmpty()) {
            LeveeException e = new LeveeException(
                            ErrorCode.STORE_LOCKED,
                            "the store " + store.address + " is open for writing by this process (pid "
                                    + store.owner.get("pid") + " on " + store.owner.get("host") + ")")
                    .hint("close that one, or open the store for reading");
            store.owner.forEach(e::with);
            throw e;
        }
        store.owner = Map.of(
                "pid", ProcessHandle.current().pid(),
                "host", "localhost",
                "since", settings.options().clock().instant().toString());
        store.clean = false;
    }

    @Override
    public String name() {
        return "memory " + Levee.VERSION;
    }

    @Override
    public String address() {
        return store.address;
    }

    @Override
    public Map<String, Object> pragmas() {
        return Map.of();
    }

    @Override
    public Map<String, Object> owner() {
        synchronized (store) {
            return store.owner;
        }
    }

    @Override
    public boolean lastShutdownClean() {
        return lastClean || settings.readOnly();
    }

    @Override
    public Set<Capability> capabilities() {
        return Set.of(Capability.UNDO_DROP);
    }

    @Override
    public List<Finding> diagnose() {
        return List.of(Finding.warning("the store is in this JVM's memory", "use another engine for what has to last"));
    }

    @Override
    public List<TableSpec> tables() {
        synchronized (store) {
            return store.tables.values().stream().map(t -> t.spec).toList();
        }
    }

    @Override
    public void putTable(TableSpec spec) {
        synchronized (store) {
            store.tables.computeIfAbsent(spec.name(), n -> new Table(spec)).declare(spec);
        }
    }

    @Override
    public long reserveSeq(String table, long count) {
        synchronized (store) {
            Table reserved = store.table(table);
            reserved.nextNumber += count;
            return reserved.nextNumber - count;
        }
    }

    @Override
    public long floorMicros(String table) {
        synchronized (store) {
            return store.table(table).floors.values().stream()
                    .mapToLong(Long::longValue)
                    .max()
                    .orElse(Long.MIN_VALUE);
        }
    }

    @Override
    public long floorMicros(String table, String retentionClass) {
        synchronized (store) {
            return store.table(table).floors.getOrDefault(retentionClass, Long.MIN_VALUE);
        }
    }

    @Override
    public void raiseFloor(String table, String retentionClass, long floorMicros) {
        synchronized (store) {
            store.table(table).floors.merge(retentionClass, floorMicros, Math::max);
        }
    }

    @Override
    public List<PartitionInfo> partitions() {
        synchronized (store) {
            List<PartitionInfo> infos = new ArrayList<>();
            for (Table table : store.tables.values()) {
                table.live.stream()
                        .sorted(Comparator.comparingLong((Partition p) -> p.period.startMicros())
                                .thenComparing(p -> p.id))
                        .forEach(p -> infos.add(p.info()));
            }
            return infos;
        }
    }

    @Override
    public void afterBatch() {}

    @Override
    public String closePartition(PartitionId id) {
        synchronized (store) {
            Partition partition = find(store.table(id.table()).live, id);
            if (partition == null) {
                return "it is gone already";
            }
            partition.closed = true;
            return "";
        }
    }

    private static @Nullable Partition find(List<Partition> partitions, PartitionId id) {
        return partitions.stream().filter(p -> p.id.equals(id)).findFirst().orElse(null);
    }

    @Override
    public boolean createAhead(TableSpec spec, Slot slot) {
        synchronized (store) {
            Table table = store.table(spec.name());
            boolean missing = table.of(slot) == null;
            if (missing) {
                table.create(slot);
            }
            return missing;
        }
    }

    @Override
    public void learnRanges() {}

    @Override
    public DropOutcome drop(PartitionId id, String reason) {
        synchronized (store) {
            Table table = store.table(id.table());
            Partition partition = find(table.live, id);
            if (partition == null) {
                return new DropOutcome(0, "it is gone already");
            }
            if (!partition.closed) {
                return new DropOutcome(0, "it is still open for writing");
            }
            table.live.remove(partition);
            table.dropped.add(partition);
            table.droppedNumber = Math.max(table.droppedNumber, partition.highestNumber());
            partition.droppedAt = settings.options().clock().instant();
            return new DropOutcome(partition.info().bytes(), "");
        }
    }

    @Override
    public boolean freeDropped() {
        synchronized (store) {
            store.tables
                    .values()
                    .forEach(table -> table.dropped.removeIf(p -> p.droppedAt
                            .plus(settings.options().trashGrace())
                            .isBefore(settings.options().clock().instant())));
            return false;
        }
    }

    @Override
    public Map<PartitionId, Duration> graces() {
        synchronized (store) {
            Instant now = settings.options().clock().instant();
            Map<PartitionId, Duration> left = new HashMap<>();
            store.tables
                    .values()
                    .forEach(table -> table.dropped.forEach(p -> {
                        Duration over = Duration.between(
                                now, p.droppedAt.plus(settings.options().trashGrace()));
                        left.put(p.info().id(), over.isNegative() ? Duration.ZERO : over);
                    }));
            return left;
        }
    }

    @Override
    public List<PartitionInfo> dropped() {
        synchronized (store) {
            return store.tables.values().stream()
                    .flatMap(t -> t.dropped.stream())
                    .map(Partition::info)
                    .toList();
        }
    }

    @Override
    public void restore(PartitionId id) {
        synchronized (store) {
            Table table = store.table(id.table());
            Partition partition = find(table.dropped, id);
            if (partition == null) {
                throw new LeveeException(ErrorCode.NOT_FOUND, "nothing is left of the partition " + id);
            }
            // A key that was written again since has its row: there is one row a key.
            partition.removeRows(row -> table.home(row.getKey()) != null);
            table.dropped.remove(partition);
            table.live.add(partition);
        }
    }

    @Override
    public void purgeDropped(String table) {
        synchronized (store) {
            store.table(table).dropped.clear();
        }
    }

    @Override
    public void raiseDroppedSeq(String table, long seq) {
        synchronized (store) {
            Table raised = store.table(table);
            raised.droppedNumber = Math.max(raised.droppedNumber, seq);
        }
    }

    @Override
    public void noteRetention(List<RetentionEvent> events) {
        synchronized (store) {
            events.forEach(event -> store.retention.add(0, event));
        }
    }

    @Override
    public List<RetentionEvent> retentionEvents(@Nullable String table, int limit) {
        synchronized (store) {
            return store.retention.stream()
                    .filter(event -> table == null || event.table().equals(table))
                    .limit(limit)
                    .toList();
        }
    }

    /** Kept by nobody: the store ends with the process, and its notes with it. */
    @Override
    public void noteErasure(Erasure erasure) {}

    @Override
    public List<Gap> losses() {
        return before;
    }

    /** What is in flight is of no use here: nothing outlives the process that would have to be told. */
    @Override
    public void ledger(List<Gap> lost, List<InFlight> inFlight) {
        synchronized (store) {
            store.ledger.addAll(lost);
        }
    }

    @Override
    public SourcePoint source(String table, String source) {
        synchronized (store) {
            return store.sourcePoints.getOrDefault(table + "/" + source, SourcePoint.START);
        }
    }

    @Override
    public void putSource(String table, String source, SourcePoint point) {
        synchronized (store) {
            store.sourcePoints.put(table + "/" + source, point);
        }
    }

    @Override
    public List<KeptCursor> cursors(@Nullable String table) {
        synchronized (store) {
            List<KeptCursor> found = new ArrayList<>();
            store.cursors.forEach((of, points) -> points.forEach((name, point) -> {
                if (table == null || table.equals(of)) {
                    found.add(new KeptCursor(of, name, point));
                }
            }));
            return found;
        }
    }

    @Override
    public void putCursor(String table, String name, @Nullable SourcePoint point) {
        synchronized (store) {
            Map<String, SourcePoint> points = store.cursors.computeIfAbsent(table, t -> new TreeMap<>());
            if (point == null) {
                points.remove(name);
            } else {
                points.put(name, point);
            }
        }
    }

    @Override
    public @Nullable CloseReport lastReport() {
        synchronized (store) {
            return store.lastReport;
        }
    }

    /** Nothing can be damaged here without the whole JVM. */
    @Override
    public Verification verify(PartitionId id) {
        synchronized (store) {
            Partition partition = find(store.table(id.table()).live, id);
            return partition == null
                    ? new Verification(id, Verification.State.UNCHECKED, 0, "it is gone already")
                    : new Verification(
                            id, Verification.State.OK, partition.info().bytes(), "");
        }
    }

    @Override
    public StoreStatus.Disk disk() {
        long bytes = partitions().stream().mapToLong(PartitionInfo::bytes).sum();
        return new StoreStatus.Disk(bytes, 0, -1, Map.of("tables", bytes));
    }

    @Override
    public Map<String, Long> memory() {
        return Map.of();
    }

    @Override
    public long droppedSeq(String table) {
        synchronized (store) {
            return store.table(table).droppedNumber;
        }
    }

    @Override
    public void closeWriter() {}

    @Override
    public void close(@Nullable CloseReport report) {
        synchronized (store) {
            if (!settings.readOnly()) {
                store.owner = Map.of();
                store.clean = report != null && report.clean();
                store.lastReport = report == null ? store.lastReport : report;
            }
        }
        whenClosed.run();
    }
}
