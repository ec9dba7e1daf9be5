package io.levee;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * How a store is opened. Immutable; made by {@link Levee#open(java.nio.file.Path, java.util.function.Consumer)}.
 *
 * @param memory the budget for queue, caches, key filters and results; 256 MiB by default
 * @param queueRecords most records waiting to be written (guarantee G5); 200,000 by default
 * @param overflow what happens when the queue is full; {@link Overflow.DropOldest} by default (guarantee G6)
 * @param queryThreads how many queries run at once; the number of processors, at least 2, by default
 * @param maxFutureSkew how far past the reference time a record may lie; 2 days by default
 * @param asOf the reference time starts here and follows the newest record: for historical imports and replays; null: the
 *     wall clock
 * @param closeTimeout how long {@link Store#close()} waits for the queue to drain; 10 s by default
 * @param retentionEvery how often retention runs by itself; 1 minute by default
 * @param trashGrace how long a dropped partition can be brought back, counted while the store is open for writing; 1 hour by default,
 *     0: what is dropped is freed at once. Given up where space runs out
 * @param disk the cap of the store's size on disk, everything included: before it is reached the oldest partitions are dropped, whatever
 *     their table's rule promises, and what does not fit below it waits, and is shed by the overflow policy; null, the default: no cap
 * @param minFreeDisk what is to stay free on the volume: below it, and when it is full, the oldest partitions are dropped; null,
 *     the default: nothing is. Without {@code disk} and {@code minFreeDisk} nothing is ever deleted for space
 * @param slowQuery queries that took longer are kept in a log of the newest 100; 1 s by default
 * @param clock the wall clock
 */
public record StoreOptions(
        Bytes memory,
        int queueRecords,
        Overflow overflow,
        int queryThreads,
        Duration maxFutureSkew,
        @Nullable Instant asOf,
        Duration closeTimeout,
        Duration retentionEvery,
        Duration trashGrace,
        @Nullable Bytes disk,
        @Nullable Bytes minFreeDisk,
        Duration slowQuery,
        Clock clock) {
    /** Least memory that a store works in. */
    public static final Bytes MIN_MEMORY = Bytes.mebi(32);

    /** Starts with the defaults. */
    public static Builder builder() {
        return new Builder();
    }

    /** The options with their present values, for logs and {@code status} (guarantee G41). */
    public Map<String, Object> toMap() {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("memory", memory.value());
        map.put("queueRecords", queueRecords);
        map.put("overflow", overflow.getClass().getSimpleName());
        map.put("queryThreads", queryThreads);
        map.put("maxFutureSkew", maxFutureSkew.toString());
        map.put("closeTimeout", closeTimeout.toString());
        map.put("retentionEvery", retentionEvery.toString());
        map.put("trashGrace", trashGrace.toString());
        map.put("disk", disk == null ? 0L : disk.value());
        map.put("minFreeDisk", minFreeDisk == null ? 0L : minFreeDisk.value());
        map.put("slowQuery", slowQuery.toString());
        return map;
    }

    /** Collects options. A value that cannot be is refused at once, never corrected. Not thread-safe. */
    public static final class Builder {
        private Bytes memory = Bytes.mebi(256);
        private int queueRecords = 200_000;
        private Overflow overflow = Overflow.dropOldest();
        private int queryThreads = Math.max(2, Runtime.getRuntime().availableProcessors());
        private Duration maxFutureSkew = Duration.ofDays(2);
        private @Nullable Instant asOf;
        private Duration closeTimeout = Duration.ofSeconds(10);
        private Duration retentionEvery = Duration.ofMinutes(1);
        private Duration trashGrace = Duration.ofHours(1);
        private @Nullable Bytes disk;
        private @Nullable Bytes minFreeDisk;
        private Duration slowQuery = Duration.ofSeconds(1);
        private Clock clock = Clock.systemUTC();

        private Builder() {}

        /** The budget for queue, caches, key filters and results. */
        public Builder memory(Bytes budget) {
            if (budget.compareTo(MIN_MEMORY) < 0) {
                throw refused("memory", budget, "at least " + MIN_MEMORY);
            }
            memory = budget;
            return this;
        }

        /** Most records waiting to be written. */
        public Builder queueRecords(int records) {
            if (records < 1 || records > 50_000_000) {
                throw refused("queueRecords", records, "from 1 to 50,000,000");
            }
            queueRecords = records;
            return this;
        }

        /** What happens when the queue is full. */
        public Builder overflow(Overflow policy) {
            overflow = policy;
            return this;
        }

        /** How many queries run at once. */
        public Builder queryThreads(int threads) {
            if (threads < 1 || threads > 64) {
                throw refused("queryThreads", threads, "from 1 to 64");
            }
            queryThreads = threads;
            return this;
        }

        /** How far past the reference time a record may lie. */
        public Builder maxFutureSkew(Duration skew) {
            maxFutureSkew = positive("maxFutureSkew", skew);
            return this;
        }

        /** The reference time starts here and follows the newest record. */
        public Builder asOf(Instant instant) {
            asOf = instant;
            return this;
        }

        /** How long closing waits for the queue to drain. */
        public Builder closeTimeout(Duration timeout) {
            closeTimeout = positive("closeTimeout", timeout);
            return this;
        }

        /** How often retention runs by itself. */
        public Builder retentionEvery(Duration period) {
            retentionEvery = positive("retentionEvery", period);
            return this;
        }

        /** How long a dropped partition can be brought back, counted while the store is open for writing; 0: not at all. */
        public Builder trashGrace(Duration grace) {
            if (grace.isNegative()) {
                throw refused("trashGrace", grace, "0 or more");
            }
            trashGrace = grace;
            return this;
        }

        /** The cap of the store's size on disk: past it the oldest partitions are dropped. At least 1 MiB. */
        public Builder disk(Bytes max) {
            if (max.compareTo(Bytes.mebi(1)) < 0) {
                throw refused("disk", max, "at least " + Bytes.mebi(1));
            }
            disk = max;
            return this;
        }

        /** What is to stay free on the volume: below it the oldest partitions are dropped. More than 0. */
        public Builder minFreeDisk(Bytes least) {
            if (least.value() <= 0) {
                throw refused("minFreeDisk", least, "more than 0");
            }
            minFreeDisk = least;
            return this;
        }

        /** Queries that took longer are kept in a log. */
        public Builder slowQuery(Duration longerThan) {
            slowQuery = positive("slowQuery", longerThan);
            return this;
        }

        /** The wall clock: for tests. */
        public Builder clock(Clock wallClock) {
            clock = wallClock;
            return this;
        }

        /** The options. */
        public StoreOptions build() {
            return new StoreOptions(
                    memory,
                    queueRecords,
                    overflow,
                    queryThreads,
                    maxFutureSkew,
                    asOf,
                    closeTimeout,
                    retentionEvery,
                    trashGrace,
                    disk,
                    minFreeDisk,
                    slowQuery,
                    clock);
        }

        private static Duration positive(String name, Duration value) {
            if (value.isZero() || value.isNegative()) {
                throw refused(name, value, "longer than 0");
            }
            return value;
        }

        private static LeveeException refused(String name, Object value, String wanted) {
            return new LeveeException(ErrorCode.BAD_VALUE, name + " must be " + wanted + " (got " + value + ")")
                    .with("option", name);
        }
    }
}
