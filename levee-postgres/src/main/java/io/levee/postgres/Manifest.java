package io.levee.postgres;

import io.levee.PartitionId;
import java.util.ArrayList;
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

/** The attached partitions of an opened store. Thread-safe. The ranges of the partitions of one table's class never overlap. */
final class Manifest {
    private static final Comparator<Leaf> BY_TIME =
            Comparator.comparing(Leaf::fromMicros).thenComparing(Leaf::id);

    /** By table, class and begin. */
    private final Map<String, Map<String, ConcurrentNavigableMap<Long, Leaf>>> byTable = new ConcurrentHashMap<>();

    private final Map<PartitionId, Leaf> byId = new ConcurrentHashMap<>();

    void add(Leaf leaf) {
        byId.put(leaf.id(), leaf);
        byTable.computeIfAbsent(leaf.id().table(), t -> new ConcurrentHashMap<>())
                .computeIfAbsent(leaf.id().retentionClass(), c -> new ConcurrentSkipListMap<>())
                .put(leaf.fromMicros(), leaf);
    }

    /** Takes out what is detached. */
    void remove(PartitionId id) {
        Leaf leaf = byId.remove(id);
        if (leaf != null) {
            of(id.table(), id.retentionClass()).remove(leaf.fromMicros(), leaf);
        }
    }

    private ConcurrentNavigableMap<Long, Leaf> of(String table, String retentionClass) {
        return byTable.getOrDefault(table, Map.of()).getOrDefault(retentionClass, new ConcurrentSkipListMap<>());
    }

    @Nullable
    Leaf get(PartitionId id) {
        return byId.get(id);
    }

    int size() {
        return byId.size();
    }

    /** The partition of a class that an event time belongs to, or null. */
    @Nullable
    Leaf at(String table, String retentionClass, long micros) {
        Map.Entry<Long, Leaf> below = of(table, retentionClass).floorEntry(micros);
        return below != null && below.getValue().covers(micros) ? below.getValue() : null;
    }

    /** The partitions, of each class at most one, that an event time belongs to. */
    List<Leaf> at(String table, long micros) {
        List<Leaf> leaves = new ArrayList<>();
        for (String retentionClass : byTable.getOrDefault(table, Map.of()).keySet()) {
            Leaf leaf = at(table, retentionClass, micros);
            if (leaf != null) {
                leaves.add(leaf);
            }
        }
        return leaves;
    }

    /** The first partition of a class that begins after a time that no partition of it has, or null. */
    @Nullable
    Leaf after(String table, String retentionClass, long micros) {
        Map.Entry<Long, Leaf> above = of(table, retentionClass).higherEntry(micros);
        return above == null ? null : above.getValue();
    }

    /** The last partition of a class that begins before a time that no partition of it has, or null. */
    @Nullable
    Leaf before(String table, String retentionClass, long micros) {
        Map.Entry<Long, Leaf> below = of(table, retentionClass).floorEntry(micros);
        return below == null ? null : below.getValue();
    }

    /** All of them, by table and then by time. */
    List<Leaf> all() {
        return byId.values().stream()
                .sorted(Comparator.comparing((Leaf p) -> p.id().table()).thenComparing(BY_TIME))
                .toList();
    }

    /** Those of one table, by time, empty ones too. */
    List<Leaf> leaves(String table) {
        return byTable.getOrDefault(table, Map.of()).values().stream()
                .flatMap(leaves -> leaves.values().stream())
                .sorted(BY_TIME)
                .toList();
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
