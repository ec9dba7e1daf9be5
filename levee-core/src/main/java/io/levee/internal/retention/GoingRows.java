package io.levee.internal.retention;

import io.levee.PartitionInfo;
import io.levee.TableSpec;
import io.levee.internal.query.QueryService;
import io.levee.internal.time.Micros;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * How many rows of each key and time go with their partitions. Rows are read without being told where they lie; those of one key and time
 * are all alike to who counts. Used by one thread.
 */
final class GoingRows {
    static final GoingRows NONE = new GoingRows();

    /** Of more rows it is not told which go: they would take too much memory. */
    static final long MOST = 100_000;

    private final Map<List<@Nullable Object>, Long> rows = new HashMap<>();

    private GoingRows() {}

    /** Whether so many rows can be told apart. */
    static boolean exact(List<PartitionInfo> partitions) {
        return partitions.stream()
                        .mapToLong(p -> p.rows() < 0 ? MOST + 1 : p.rows())
                        .sum()
                <= MOST;
    }

    /** The rows of partitions; {@link #NONE} where they are too many. */
    static GoingRows of(QueryService queries, TableSpec spec, List<PartitionInfo> partitions) {
        if (partitions.isEmpty() || !exact(partitions)) {
            return NONE;
        }
        GoingRows going = new GoingRows();
        List<String> per = spec.retention().per();
        List<String> by = new ArrayList<>(per);
        spec.time().stream().filter(name -> !by.contains(name)).forEach(by::add);
        for (PartitionInfo partition : partitions) {
            boolean adopted = partition.state() == PartitionInfo.State.ADOPTED;
            for (List<@Nullable Object> group :
                    NewestRows.groups(queries, NewestRows.counting(spec, by, Long.MIN_VALUE), partition)) {
                Object time = spec.time().stream()
                        .map(name -> group.get(by.indexOf(name)))
                        .filter(Objects::nonNull)
                        .findFirst()
                        .orElse(null);
                long micros = time instanceof Instant at ? Micros.of(at) : 0;
                going.rows.merge(
                        place(group.subList(0, per.size()), micros, adopted),
                        NewestRows.number(group.get(by.size())),
                        Long::sum);
            }
        }
        return going;
    }

    private static List<@Nullable Object> place(List<@Nullable Object> key, long micros, boolean adopted) {
        List<@Nullable Object> place = new ArrayList<>(key);
        place.add(micros);
        place.add(adopted);
        return place;
    }

    /** Takes one row of a key and time; false where none goes (any more). */
    boolean take(List<@Nullable Object> key, long micros, boolean adopted) {
        if (rows.isEmpty()) {
            return false;
        }
        List<@Nullable Object> place = place(key, micros, adopted);
        Long left = rows.get(place);
        if (left == null) {
            return false;
        }
        if (left > 1) {
            rows.put(place, left - 1);
        } else {
            rows.remove(place);
        }
        return true;
    }
}
