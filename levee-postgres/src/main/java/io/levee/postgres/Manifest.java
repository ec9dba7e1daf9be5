package io.levee.postgres;

import io.levee.PartitionId;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentNavigableMap;
import java.util.concurrent.ConcurrentSkipListMap;
import org.jspecify.annotations.Nullable;

/** The attached partitions of an opened store. Thread-safe. The ranges of one table's partitions never overlap. */
final class Manifest {
    private final Map<String, ConcurrentNavigableMap<Long, Leaf>> byTable = new ConcurrentHashMap<>();
    private final Map<PartitionId, Leaf> byId = new ConcurrentHashMap<>();

    void add(Leaf leaf) {
        byId.put(leaf.id(), leaf);
        byTable.computeIfAbsent(leaf.id().table(), t -> new ConcurrentSkipListMap<>())
                .put(leaf.fromMicros(), leaf);
    }

    /** Takes out what is detached. */
    void remove(PartitionId id) {
        Leaf leaf = byId.remove(id);
        if (leaf != null) {
            of(id.table()).remove(leaf.fromMicros(), leaf);
        }
    }

    private ConcurrentNavigableMap<Long, Leaf> of(String table) {
        return byTable.getOrDefault(table, new ConcurrentSkipListMap<>());
    }

    @Nullable
    Leaf get(PartitionId id) {
        return byId.get(id);
    }

    int size() {
        return byId.size();
    }

    /** The partition that an event time belongs to, or null. */
    @Nullable
    Leaf at(String table, long micros) {
        Map.Entry<Long, Leaf> below = of(table).floorEntry(micros);
        return below != null && below.getValue().covers(micros) ? below.getValue() : null;
    }

    /** The first partition that begins after a time that no partition has, or null. */
    @Nullable
    Leaf after(String table, long micros) {
        Map.Entry<Long, Leaf> above = of(table).higherEntry(micros);
        return above == null ? null : above.getValue();
    }

    /** The last partition that begins before a time that no partition has, or null. */
    @Nullable
    Leaf before(String table, long micros) {
        Map.Entry<Long, Leaf> below = of(table).floorEntry(micros);
        return below == null ? null : below.getValue();
    }

    /** All of them, by table and then by time. */
    List<Leaf> all() {
        return byId.values().stream()
                .sorted(Comparator.comparing((Leaf p) -> p.id().table()).thenComparing(Leaf::fromMicros))
                .toList();
    }

    /** Those of one table, by time, empty ones too. */
    List<Leaf> leaves(String table) {
        return List.copyOf(of(table).values());
    }

    /** Takes over what the catalog says now: for a store that is opened for reading beside a writer. */
    void reload(Collection<Leaf> now) {
        Set<PartitionId> live = new HashSet<>();
        for (Leaf leaf : now) {
            live.add(leaf.id());
        }
        for (PartitionId id : List.copyOf(byId.keySet())) {
            if (!live.contains(id)) {
                remove(id);
            }
        }
        now.forEach(this::add);
    }
}
