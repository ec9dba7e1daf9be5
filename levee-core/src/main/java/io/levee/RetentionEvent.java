package io.levee;

import io.levee.internal.time.Micros;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * One decision of retention, with its reason: kept by the store, the newest {@value #MAX_EVENTS} of them.
 *
 * @param at when it was taken, by the wall clock
 * @param action what was done
 * @param rule what asked for it
 * @param table the table
 * @param partition the partition as text, such as {@code runs/2026-05-20}; empty where single rows or the table as a whole are meant
 * @param rows how many rows went, or would have to; -1 where nobody knows
 * @param bytes bytes on disk that were given back; 0 for single rows, whose room the file itself uses again
 * @param reason why, in one sentence
 */
public record RetentionEvent(
        Instant at, Action action, Rule rule, String table, String partition, long rows, long bytes, String reason) {
    /** Most events that a store keeps. */
    public static final int MAX_EVENTS = 10_000;

    /** What was done. */
    public enum Action {
        /** A partition went. */
        DROPPED,
        /** Single rows went. */
        DELETED,
        /** Something that is past its promise had to stay; told once for each reason. */
        KEPT,
        /** A dropped partition came back. */
        RESTORED
    }

    /** What asked for it. */
    public enum Rule {
        /** {@link RetentionRule#maxAge}, or the age of a class. */
        AGE,
        /** {@link RetentionRule#maxBytes}. */
        SIZE,
        /** {@link RetentionRule#keepNewest}. */
        NUMBER,
        /** {@link StoreOptions#disk} or {@link StoreOptions#minFreeDisk}. */
        SPACE,
        /** A person. */
        PERSON
    }

    /** The event for JSON. */
    public Map<String, @Nullable Object> toMap() {
        Map<String, @Nullable Object> map = new LinkedHashMap<>();
        map.put("at", at.toString());
        map.put("action", action.name().toLowerCase(Locale.ROOT));
        map.put("rule", rule.name().toLowerCase(Locale.ROOT));
        map.put("table", table);
        map.put("partition", partition.isEmpty() ? null : partition);
        map.put("rows", rows < 0 ? null : rows);
        map.put("bytes", bytes);
        map.put("reason", reason);
        return map;
    }

    /** One line for logs. */
    @Override
    public String toString() {
        return action.name().toLowerCase(Locale.ROOT) + " " + (partition.isEmpty() ? table : partition) + " ("
                + (rows < 0 ? "" : rows + " rows, ") + (bytes <= 0 ? "" : new Bytes(bytes) + ", ") + "by "
                + rule.name().toLowerCase(Locale.ROOT) + "): " + reason;
    }

    /** An event of now. */
    public static RetentionEvent of(
            long atMicros, Action action, Rule rule, PartitionInfo partition, long bytes, String reason) {
        PartitionId id = partition.id();
        return new RetentionEvent(
                Micros.instant(atMicros), action, rule, id.table(), id.toString(), partition.rows(), bytes, reason);
    }
}
