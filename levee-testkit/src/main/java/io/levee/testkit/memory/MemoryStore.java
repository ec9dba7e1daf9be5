package io.levee.testkit.memory;

import io.levee.CloseReport;
import io.levee.ErrorCode;
import io.levee.Gap;
import io.levee.LeveeException;
import io.levee.PartitionId;
import io.levee.PartitionInfo;
import io.levee.RetentionEvent;
import io.levee.TableSpec;
import io.levee.engine.Period;
import io.levee.engine.Slot;
import io.levee.engine.SourceMark;
import io.levee.engine.SourcePoint;
import java.nio.ByteBuffer;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** What all who have one store open share. Whoever touches it or what it holds has its monitor. */
final class MemoryStore {
    final String address;
    final Map<String, Table> tables = new TreeMap<>();
    Map<String, Object> owner = Map.of();
    boolean clean = true;
    /** Each loss as it was told: nothing is merged here. */
    final List<Gap> ledger = new ArrayList<>();

    /** The newest first. */
    final List<RetentionEvent> retention = new ArrayList<>();

    final Map<String, SourcePoint> sourcePoints = new HashMap<>();

    /** By table and name. */
    final Map<String, Map<String, SourcePoint>> cursors = new TreeMap<>();

    @Nullable
    CloseReport lastReport;

    int connections;

    MemoryStore(String address) {
        this.address = address;
    }

    Table table(String name) {
        Table table = tables.get(name);
        if (table == null) {
            throw new LeveeException(ErrorCode.UNKNOWN_TABLE, "the store has no table '" + name + "'");
        }
        return table;
    }

    /** One table. */
    static final class Table {
        final List<Partition> live = new ArrayList<>();
        final List<Partition> dropped = new ArrayList<>();
        TableSpec spec;
        long nextNumber = 1;
        /** By class. */
        final Map<String, Long> floors = new HashMap<>();

        long droppedNumber;

        Table(TableSpec spec) {
            this.spec = spec;
        }

        /** The partition in which the row of that key lives. */
        @Nullable
        Partition home(Object key) {
            return live.stream()
                    .filter(p -> p.rows.containsKey(key))
                    .findFirst()
                    .orElse(null);
        }

        /** The partition for new rows of a slot, or null. */
        @Nullable
        Partition of(Slot slot) {
            return live.stream().filter(p -> slot.holds(p.id)).findFirst().orElse(null);
        }

        /** A new partition; a number that a dropped one has is not given again. */
        Partition create(Slot slot) {
            int n = 1;
            for (Partition other : all()) {
                n = slot.holds(other.id) ? Math.max(n, other.id.n() + 1) : n;
            }
            String named = slot.retentionClass();
            Partition made = new Partition(
                    new PartitionId(spec.name(), named, slot.period().name(), n), slot.period());
            made.apart = named.isEmpty() ? spec.retention().classes().keySet() : Set.of();
            live.add(made);
            return made;
        }

        /** Declares it anew: a class that is named no more has its rows elsewhere from now on. */
        void declare(TableSpec newest) {
            spec = newest;
            for (Partition partition : all()) {
                Set<String> left = new HashSet<>(partition.apart);
                left.retainAll(newest.retention().classes().keySet());
                partition.apart = left;
            }
        }

        List<Partition> all() {
            List<Partition> all = new ArrayList<>(live);
            all.addAll(dropped);
            return all;
        }
    }

    /** One partition: its rows by their keys (by their numbers in a table without a key), in the order of their arrival. */
    static final class Partition {
        final PartitionId id;
        final Period period;
        final Map<Object, Held> rows = new LinkedHashMap<>();
        /** The highest position of each source that it got a row of. */
        final Map<String, Long> positions = new HashMap<>();

        /** The range of what it ever held: it only grows. */
        long minMicros = Long.MAX_VALUE;

        long maxMicros = Long.MIN_VALUE;
        boolean closed;
        /** As {@link PartitionInfo#apart}. */
        Set<String> apart = Set.of();
        /** How often its rows were changed. */
        long changes;

        Instant droppedAt = Instant.MAX;

        Partition(PartitionId id, Period period) {
            this.id = id;
            this.period = period;
        }

        boolean knows(@Nullable SourceMark mark) {
            return mark != null && mark.position() <= positions.getOrDefault(mark.source(), Long.MIN_VALUE);
        }

        void got(@Nullable SourceMark mark) {
            if (mark != null) {
                positions.merge(mark.source(), mark.position(), Math::max);
            }
        }

        void put(Object key, Held row) {
            rows.put(key, row);
            minMicros = Math.min(minMicros, row.timeMicros());
            maxMicros = Math.max(maxMicros, row.timeMicros());
            closed = false;
            changes++;
        }

        void removeRows(Predicate<Map.Entry<Object, Held>> which) {
            changes += rows.entrySet().removeIf(which) ? 1 : 0;
        }

        boolean touches(long from, long to) {
            return minMicros < to && maxMicros >= from;
        }

        long highestNumber() {
            return rows.values().stream().mapToLong(Held::changed).max().orElse(0);
        }

        PartitionInfo info() {
            PartitionInfo.State state = closed ? PartitionInfo.State.CLOSED : PartitionInfo.State.OPEN;
            long bytes = rows.values().stream().mapToLong(Held::bytes).sum();
            return new PartitionInfo(id, state, minMicros, maxMicros, rows.size(), bytes, apart);
        }
    }

    /**
     * One row.
     *
     * @param values stored values; columns added since are missing at the end
     * @param timeMicros its event time
     * @param seq its number
     * @param changed the number of its last change
     */
    record Held(@Nullable Object[] values, long timeMicros, long seq, long changed) {
        @Nullable
        Object value(int position) {
            return position < values.length ? values[position] : null;
        }

        long bytes() {
            long bytes = 64;
            for (Object value : values) {
                bytes += value instanceof String text
                        ? 48 + text.length()
                        : value instanceof byte[] blob ? 24 + blob.length : 16;
            }
            return bytes;
        }
    }

    /** The values of a key as one that is equal by value. */
    static Object key(@Nullable Object[] values) {
        List<@Nullable Object> key = new ArrayList<>();
        for (Object value : values) {
            key.add(value instanceof byte[] blob ? ByteBuffer.wrap(blob) : value);
        }
        return key;
    }
}
