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
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The rows of a batch of a table with a key, sorted by what becomes of them. Owned by the writer thread. */
final class KeyedRows {
    private final TableSpec spec;
    private final TableKeys keys;
    private final KeyLookup lookup;
    private final StorePaths paths;
    private final NewKeys<Insert> inBatch;
    private final Map<Partition, Group> known = new LinkedHashMap<>();
    private final Set<Insert> news = new LinkedHashSet<>();
    /** Those of a table with classes, whose last row decides where they go. */
    private final Map<Insert, KeyLookup.Found> perhapsMoved = new LinkedHashMap<>();

    KeyedRows(TableSpec spec, TableKeys keys, KeyLookup lookup, StorePaths paths, int rows) {
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
            if (found != null && !classed(found)) {
                known.computeIfAbsent(found.partition(), p -> new Group())
                        .updates
                        .add(new Group.Update(row, found.seq()));
                return;
            }
            insert = new Insert(row, hash);
            inBatch.put(hash, insert);
            put(insert, found);
        } catch (SQLException e) {
            Trouble.of(Sqlite.failure("a key cannot be looked up", paths.root(), e))
                    .settle(java.util.List.of(row));
        } catch (LeveeException e) {
            // A damaged partition is set aside in a moment; then the key is not there any more.
            Trouble.of(e).settle(java.util.List.of(row));
        }
    }

    private void put(Insert insert, KeyLookup.@Nullable Found found) {
        if (found == null) {
            news.add(insert);
        } else {
            perhapsMoved.put(insert, found);
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
                insert.rows().forEach(row -> group.updates.add(new Group.Update(row, found.seq())));
            }
        });
        return known;
    }

    private static boolean stays(Insert insert, KeyLookup.Found found) {
        return found.partition().id().retentionClass().equals(insert.last.slot().retentionClass());
    }

    /** Rows of new keys: where the last of a key's rows belongs. */
    Map<Slot, Group> fresh() {
        Map<Slot, Group> fresh = new LinkedHashMap<>();
        for (Insert insert : news) {
            fresh.computeIfAbsent(insert.last.slot(), s -> new Group()).inserts.add(insert);
        }
        return fresh;
    }

    /** Rows of known keys whose class is another one now. */
    Map<Way, Group> moved() {
        Map<Way, Group> moved = new LinkedHashMap<>();
        perhapsMoved.forEach((insert, found) -> {
            if (!stays(insert, found)) {
                Way way = new Way(found.partition(), insert.last.slot());
                Group group = moved.computeIfAbsent(way, w -> new Group());
                group.from = found.partition().id();
                group.moved.add(new Group.Moved(insert, found.seq()));
            }
        });
        return moved;
    }
}
