package io.levee.sqlite;

import io.levee.LeveeException;
import io.levee.TableSpec;
import io.levee.engine.Slot;
import io.levee.engine.WriteRow;
import io.levee.sqlite.Group.Insert;
import java.sql.SQLException;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The rows of a batch of a table with a key, sorted by what becomes of them. Owned by the writer thread. */
final class KeyedRows {
    private final TableSpec spec;
    private final TableKeys keys;
    private final KeyLookup lookup;
    private final StorePaths paths;
    private final AdoptedVersions adopted;
    private final NewKeys<Insert> inBatch;
    private final Map<Partition, Group> known = new LinkedHashMap<>();
    private final Set<Insert> news = new LinkedHashSet<>();
    /** Those of a table with classes, whose last row decides where they go. */
    private final Map<Insert, KeyLookup.Found> perhapsMoved = new LinkedHashMap<>();
    /** Of keys that adopted databases have: their rows there, besides the one that is found. */
    private final Map<Insert, List<AdoptedVersions.Version>> older = new LinkedHashMap<>();

    KeyedRows(TableSpec spec, TableKeys keys, KeyLookup lookup, StorePaths paths, AdoptedVersions adopted, int rows) {
        this.adopted = adopted;
        this.inBatch = new NewKeys<>(rows);
        this.spec = spec;
        this.keys = keys;
        this.lookup = lookup;
        this.paths = paths;
    }

    /** From which partition to which slot rows move. */
    record Way(Partition from, Slot to) {}

    /** Looks a row's key up; what cannot be looked up is settled. */
    void add(WriteRow row) {
        Object[] values = keys.key(row);
        long hash = KeyFilter.hash(values);
        Insert insert = inBatch.get(hash, i -> Arrays.deepEquals(keys.key(i.first), values));
        if (insert != null) {
            insert.replaceBy(row);
            return;
        }
        try {
            KeyLookup.Found found = lookup.find(spec, keys, values, hash);
            // Where one row of a key was adopted and has moved, others may lie there still.
            boolean alone = found != null && found.seq() > 0;
            List<AdoptedVersions.Version> versions = alone ? List.of() : adopted.find(values);
            if (found != null && versions.isEmpty() && !classed(found)) {
                known.computeIfAbsent(found.partition(), p -> new Group())
                        .updates
                        .add(new Group.Update(row, found.seq(), List.of()));
                return;
            }
            insert = new Insert(row, hash);
            inBatch.put(hash, insert);
            put(insert, found, versions);
        } catch (SQLException e) {
            Trouble.of(Sqlite.failure("a key cannot be looked up", paths.root(), e))
                    .settle(List.of(row));
        } catch (LeveeException e) {
            // A damaged partition is set aside in a moment; then the key is not there any more.
            Trouble.of(e).settle(List.of(row));
        }
    }

    private void put(Insert insert, KeyLookup.@Nullable Found found, List<AdoptedVersions.Version> versions) {
        if (found != null) {
            perhapsMoved.put(insert, found);
            older.put(insert, versions);
        } else if (versions.isEmpty()) {
            news.add(insert);
        } else {
            perhapsMoved.put(
                    insert,
                    new KeyLookup.Found(versions.get(0).in(), versions.get(0).seq()));
            older.put(insert, versions.subList(1, versions.size()));
        }
    }

    /** A table may have named classes once: what lies in partitions of them must not stay there when it changes. */
    private boolean classed(KeyLookup.Found found) {
        return spec.retention().by() != null
                || !found.partition().id().retentionClass().isEmpty();
    }

    /** Rows that are updated where they live. */
    Map<Partition, Group> known() {
        perhapsMoved.forEach((insert, found) -> {
            if (stays(insert, found)) {
                Group group = known.computeIfAbsent(found.partition(), p -> new Group());
                insert.rows().forEach(row -> group.updates.add(new Group.Update(row, found.seq(), older(insert, row))));
            }
        });
        return known;
    }

    /** They go with the first row that is written in their place. */
    @SuppressWarnings("ReferenceEquality") // The very row, not one like it.
    private List<AdoptedVersions.Version> older(Insert insert, WriteRow row) {
        return row == insert.first ? older.getOrDefault(insert, List.of()) : List.of();
    }

    private static boolean stays(Insert insert, KeyLookup.Found found) {
        return found.partition().adopted() == null
                && found.partition()
                        .id()
                        .retentionClass()
                        .equals(insert.last.slot().retentionClass());
    }

    /** Rows of new keys: where the last of a key's rows belongs. */
    Map<Slot, Group> fresh() {
        Map<Slot, Group> fresh = new LinkedHashMap<>();
        for (Insert insert : news) {
            fresh.computeIfAbsent(insert.last.slot(), s -> new Group()).inserts.add(insert);
        }
        return fresh;
    }

    /** Rows of known keys whose class is another one now, or that adopted databases have. */
    Map<Way, Group> moved() {
        Map<Way, Group> moved = new LinkedHashMap<>();
        perhapsMoved.forEach((insert, found) -> {
            if (!stays(insert, found)) {
                Way way = new Way(found.partition(), insert.last.slot());
                Group group = moved.computeIfAbsent(way, w -> new Group());
                group.from = found.partition().id();
                group.moved.add(new Group.Moved(insert, found.seq(), older.getOrDefault(insert, List.of())));
            }
        });
        return moved;
    }
}
