package io.levee;

import io.levee.internal.time.Micros;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What is known of an adopted database. Nothing was read for it but what its indexes tell at once.
 *
 * @param partition under which name its rows are in the store
 * @param adoption how it is read, with the unit of its times
 * @param fresh whether it was adopted just now, and not before
 * @param dropped whether it was adopted before and dropped since, and so is not read any more
 * @param rowsEstimate about how many rows it has
 * @param minMicros no row is older; {@link Long#MIN_VALUE} where no index tells
 * @param maxMicros no row is newer; {@link Long#MAX_VALUE} where no index tells: then retention never drops it
 * @param bytes what its files take
 * @param notes what its owner should know, in words; empty where nothing is to be said
 * @param took how long it took to adopt
 */
public record AdoptionReport(
        PartitionId partition,
        Adoption adoption,
        boolean fresh,
        boolean dropped,
        long rowsEstimate,
        long minMicros,
        long maxMicros,
        long bytes,
        List<String> notes,
        Duration took) {
    /** Copies the list. */
    public AdoptionReport {
        notes = List.copyOf(notes);
    }

    /** The report for JSON: {@code partition, database, fresh, dropped, rowsEstimate, from, to, bytes, timeUnit, take, notes, seconds}. */
    public Map<String, @Nullable Object> toMap() {
        Map<String, @Nullable Object> map = new LinkedHashMap<>();
        map.put("partition", partition.toString());
        map.put("database", adoption.database());
        map.put("source", adoption.source());
        map.put("fresh", fresh);
        map.put("dropped", dropped);
        map.put("rowsEstimate", rowsEstimate);
        map.put("from", minMicros == Long.MIN_VALUE ? null : Micros.text(minMicros));
        map.put("to", maxMicros == Long.MAX_VALUE ? null : Micros.text(maxMicros));
        map.put("bytes", bytes);
        map.put(
                "timeUnit",
                adoption.timeUnit() == null ? null : adoption.timeUnit().specName());
        map.put("take", adoption.take());
        map.put("notes", notes);
        map.put("seconds", took.toNanos() / 1e9);
        return map;
    }
}
