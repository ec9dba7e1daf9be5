package io.levee.sqlite;

import io.levee.Gap;
import io.levee.LossReason;
import io.levee.PartitionId;
import io.levee.engine.Quarantined;
import java.nio.file.Files;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** The live partitions of an opened store. Thread-safe; a query takes a list of it once and keeps to that. */
final class Manifest {
    private final StorePaths paths;
    private final Map<PartitionId, Partition> live = new ConcurrentHashMap<>();
    private final Map<PartitionId, Quarantined> setAside = new ConcurrentHashMap<>();

    /** Those of each table in their order, made when asked for; guarded by this. Every query asks, and they seldom change. */
    private final Map<String, List<Partition>> ordered = new HashMap<>();

    /** The adopted ones, made when asked for; guarded by this. */
    private @Nullable List<Partition> adopted;

    private volatile List<Gap> rebuilt = List.of();

    Manifest(StorePaths paths) {
        this.paths = paths;
    }

    synchronized void add(Partition partition) {
        live.put(partition.id(), partition);
        changed();
    }

    /** Has one take the place of others: every later list has it, and none of them. */
    synchronized void replace(List<Partition> old, Partition by) {
        old.forEach(partition -> live.remove(partition.id()));
        add(by);
    }

    /** Rows of an adopted database have moved: every later list has both, or neither. */
    synchronized void moved(Partition adopted, List<Partition> made) {
        live.put(adopted.id(), adopted);
        made.forEach(this::add);
        ordered.clear();
    }

    /** Whether the row of a number is in an adopted database. */
    boolean inAdopted(String table, long seq) {
        return seq < 0
                && of(table).stream().anyMatch(p -> {
                    Adopted adopted = p.adopted();
                    return adopted != null && adopted.holds(seq);
                });
    }

    /** The adopted databases of a table, the first adopted first. */
    List<Partition> adopted(String table) {
        List<Partition> all = adopted();
        return all.isEmpty()
                ? all
                : all.stream()
                        .filter(p -> p.id().table().equals(table))
                        .sorted(Comparator.comparingInt(p -> p.id().n()))
                        .toList();
    }

    /** Takes one out of later lists. */
    synchronized void remove(PartitionId id) {
        live.remove(id);
        changed();
    }

    /** Takes a damaged one out of later lists. Its gap is there first: no answer lacks rows without saying so. */
    synchronized void setAside(Quarantined damaged) {
        setAside.put(damaged.id(), damaged);
        live.remove(damaged.id());
        changed();
    }

    /** What was set aside came back. */
    synchronized void cameBack(PartitionId id) {
        setAside.remove(id);
    }

    /** One more gap that the catalog has. */
    synchronized void gap(Gap gap) {
        List<Gap> all = new ArrayList<>(rebuilt);
        all.add(gap);
        rebuilt = List.copyOf(all);
    }

    /** The gaps that the catalog has now. */
    synchronized void gaps(List<Gap> all) {
        rebuilt = List.copyOf(all);
    }

    /** What was set aside, by table and then by time. */
    List<Quarantined> quarantined() {
        return setAside.values().stream()
                .sorted(Comparator.comparing(Quarantined::id))
                .toList();
    }

    /** What cannot be told since the catalog was rebuilt, and what was set aside. */
    List<Gap> gaps() {
        List<Gap> gaps = new ArrayList<>(rebuilt);
        gaps.addAll(Quarantine.gaps(quarantined()));
        for (Partition partition : adopted()) {
            Adopted adopted = Objects.requireNonNull(partition.adopted());
            if (Files.notExists(adopted.file())) {
                Partition.Held held = partition.held();
                gaps.add(new Gap(
                        partition.id().table(),
                        held.minMicros(),
                        held.maxMicros(),
                        Gap.UNKNOWN,
                        LossReason.ADOPTED_MISSING));
            }
        }
        return gaps;
    }

    /** The adopted ones: every query asks for them, and mostly there are none among many. */
    private synchronized List<Partition> adopted() {
        List<Partition> known = adopted;
        if (known == null) {
            known = live.values().stream().filter(p -> p.adopted() != null).toList();
            adopted = known;
        }
        return known;
    }

    @Nullable
    Partition get(PartitionId id) {
        return live.get(id);
    }

    int size() {
        return live.size();
    }

    /** All of them, by table and then by time. */
    synchronized List<Partition> all() {
        Set<String> tables = new TreeSet<>();
        live.keySet().forEach(id -> tables.add(id.table()));
        List<Partition> all = new ArrayList<>(live.size());
        tables.forEach(table -> all.addAll(of(table)));
        return all;
    }

    /** Those of one table that may hold rows of the range, pinned: the caller unpins them. */
    List<Partition> pinned(String table, long fromMicros, long toMicros) {
        synchronized (this) {
            List<Partition> touched = touching(table, fromMicros, toMicros);
            touched.forEach(Partition::pin);
            return touched;
        }
    }

    /** Those of one table, empty ones too, pinned: the caller unpins them. */
    List<Partition> pinned(String table) {
        synchronized (this) {
            List<Partition> all = of(table);
            all.forEach(Partition::pin);
            return all;
        }
    }

    /** Those of one table that may hold rows of the half-open range. */
    List<Partition> touching(String table, long fromMicros, long toMicros) {
        List<Partition> touched = new ArrayList<>();
        for (Partition partition : of(table)) {
            partition.refresh();
            if (partition.touches(fromMicros, toMicros)) {
                touched.add(partition);
            }
        }
        return touched;
    }

    /** Those of one table, empty ones too. */
    synchronized List<Partition> of(String table) {
        return ordered.computeIfAbsent(
                table,
                t -> sorted(live.values().stream()
                        .filter(p -> p.id().table().equals(t))
                        .toList()));
    }

    /** Those of one table that are our own, and may be written to: not what was adopted. */
    List<Partition> own(String table) {
        return of(table).stream().filter(p -> p.adopted() == null).toList();
    }

    private void changed() {
        ordered.clear();
        adopted = null;
    }

    private static List<Partition> sorted(Collection<Partition> partitions) {
        return partitions.stream()
                .sorted(Comparator.comparing((Partition p) -> p.id().table())
                        .thenComparing(p -> p.period().startMicros())
                        .thenComparing(Partition::id))
                .toList();
    }

    /** Takes over what the catalog says now: for a store that is opened for reading beside a writer. */
    void reload(Connection catalog) throws SQLException {
        reload(catalog, Catalog.partitions(catalog));
    }

    /** The same, of partitions that were read from it. */
    synchronized void reload(Connection catalog, List<Partition> own) throws SQLException {
        List<Partition> now = new ArrayList<>(own);
        now.addAll(AdoptedCatalog.live(catalog));
        now.forEach(partition -> {
            Partition before = live.get(partition.id());
            if (before != null) {
                partition.learnedFrom(before);
            }
            add(partition);
        });
        List<Quarantined> aside = Quarantine.read(catalog, paths.root());
        aside.forEach(damaged -> setAside.put(damaged.id(), damaged));
        setAside.keySet().retainAll(aside.stream().map(Quarantined::id).collect(Collectors.toSet()));
        rebuilt = Quarantine.rebuilt(catalog);
        live.keySet().retainAll(now.stream().map(Partition::id).collect(Collectors.toSet()));
        changed();
    }
}
