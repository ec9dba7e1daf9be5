package io.levee;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Limits and present use of a store, made from a cached snapshot: reading it touches no partition (guarantees G144, G148).
 *
 * @param store its address
 * @param engine the engine's name and version, such as {@code sqlite 3.54.1}
 * @param version Levee's version
 * @param owner who writes to the store: pid, host and since when; empty for nobody
 * @param pragmas the engine's settings as read back (guarantee G41)
 * @param health whether it does what it promises
 * @param queue the queue's fill and limits
 * @param accepted records accepted since it was opened
 * @param stored records stored or updated since it was opened
 * @param uncertain records whose commit failed without saying whether it took effect, until they were looked up
 * @param lostByReason records lost since it was opened
 * @param disk bytes on disk, by part, and free bytes of the volume
 * @param memory budget, resident set and use by part
 * @param tables one entry a table
 * @param tasks the background tasks
 * @param lastShutdown {@code CLEAN} or {@code UNCLEAN}; {@code CLEAN} for a new store
 * @param lastClose the report of the last close in order; null where there was none
 * @param refusedByReason records that were never accepted because of their time, since it was opened: {@code FUTURE},
 *     {@code BEFORE_1980}, {@code TOO_OLD}
 * @param gapRanges how many ranges are known to be incomplete, by reason, those of earlier lives included
 * @param quarantined how many damaged partitions are set aside
 * @param commits how long batches took to write
 * @param ledgerFailures how often what was lost could not be noted at once, since it was opened
 * @param cursors the named cursors, by table and name, so that forgotten ones are seen
 * @param partitions how many partitions there are, and may be
 * @param warnings what harms nothing now and yet should not stay so, such as tables that grow without a bound
 * @param migrations how far online schema changes are
 */
public record StoreStatus(
        String store,
        String engine,
        String version,
        Map<String, Object> owner,
        Map<String, Object> pragmas,
        Health health,
        Queue queue,
        long accepted,
        long stored,
        long uncertain,
        Map<LossReason, Long> lostByReason,
        Disk disk,
        Memory memory,
        List<TableStatus> tables,
        List<TaskStatus> tasks,
        String lastShutdown,
        @Nullable CloseReport lastClose,
        Map<String, Long> refusedByReason,
        Map<LossReason, Long> gapRanges,
        long quarantined,
        Commits commits,
        long ledgerFailures,
        List<CursorInfo> cursors,
        Partitions partitions,
        List<String> warnings,
        Migrations migrations) {
    /**
     * How far online schema changes are.
     *
     * @param all all that were declared, in order, done ones included; empty where they cannot be read
     * @param paused whether all work on them is paused
     * @param error why they cannot be read; null where they can: then an empty list means that there are none (guarantee G145)
     */
    public record Migrations(
            List<MigrationStatus> all,
            boolean paused,
            @Nullable String error) {
        /** None were declared. */
        public static final Migrations NONE = new Migrations(List.of(), false, null);

        /** Copies the list. */
        public Migrations {
            all = List.copyOf(all);
        }

        /** Whether one of them is being made now. */
        public boolean running() {
            return all.stream().anyMatch(m -> m.state() == MigrationStatus.State.RUNNING);
        }

        /** Those that failed and were not taken up again: they stay until somebody does (guarantee G143). */
        public List<MigrationStatus> failed() {
            return all.stream()
                    .filter(m -> m.state() == MigrationStatus.State.FAILED)
                    .toList();
        }

        /** Those that wait for a trouble to pass, such as a full disk. */
        public List<MigrationStatus> troubled() {
            return all.stream().filter(m -> m.trouble() != null).toList();
        }

        /** Writes them for JSON: {@code migrations} as the contract has it, and what holds for all of them. */
        void addTo(Map<String, @Nullable Object> map) {
            map.put("migrations", all.stream().map(MigrationStatus::toMap).toList());
            map.put("migrationsRunning", running());
            map.put("migrationsPaused", paused);
            map.put("migrationsError", error);
        }
    }

    /**
     * How many partitions there are: past the limit a record that needs one more is refused ({@code TOO_MANY_PARTITIONS}).
     *
     * @param count those of all tables
     * @param limit most of them; 0: no limit
     */
    public record Partitions(long count, long limit) {}

    /**
     * The queue's fill and limits. What waits to be written is {@code records + spilledRecords}.
     *
     * @param records records in memory, from acceptance until they are settled
     * @param bytes what they take
     * @param limitRecords most records
     * @param limitBytes most bytes
     * @param oldestMs how long the oldest has waited, milliseconds
     * @param spilledRecords records in the spill file
     * @param spilledBytes bytes of the spill file on disk
     * @param spillLimitBytes most bytes of it; 0 where nothing is spilled
     */
    public record Queue(
            long records,
            long bytes,
            long limitRecords,
            long limitBytes,
            long oldestMs,
            long spilledRecords,
            long spilledBytes,
            long spillLimitBytes) {}

    /**
     * How long batches took to write, commits included.
     *
     * @param batches how many there were since the store was opened
     * @param lastMicros the last one, microseconds
     * @param maxMicros the longest, microseconds
     * @param batchLimit most records of the next one; lowered while the disk is slow
     */
    public record Commits(long batches, long lastMicros, long maxMicros, int batchLimit) {}

    /**
     * Bytes on disk; {@code limitBytes} is 0 where there is no limit, {@code freeBytes} -1 where the engine cannot know (a server's
     * volume), which is null in JSON.
     */
    public record Disk(
            long bytes,
            long limitBytes,
            long freeBytes,
            Map<String, Long> byPart,
            @Nullable Growth growth) {
        /** Copies the map. */
        public Disk {
            byPart = Map.copyOf(byPart);
        }

        /** Without a growth. */
        public Disk(long bytes, long limitBytes, long freeBytes, Map<String, Long> byPart) {
            this(bytes, limitBytes, freeBytes, byPart, null);
        }

        /** The same with a growth; null where too little was seen of it. */
        public Disk with(@Nullable Growth now) {
            return new Disk(bytes, limitBytes, freeBytes, byPart, now);
        }
    }

    /**
     * How fast the store grows, projected against its disk (guarantee G93); null in JSON as long as too little was seen.
     *
     * @param seconds how long that was watched, at most a day
     * @param rowsPerSecond records stored or updated
     * @param bytesPerDay what came in; what was dropped meanwhile is not taken off
     * @param netBytesPerDay what the store has grown by; negative where more was dropped
     * @param limitBytes what it may take: its cap, or its bytes and the free ones of the volume but for {@code minFreeDisk}, whichever is
     *     less; {@link Long#MAX_VALUE} where nobody knows, which is null in JSON
     * @param daysLeft when it comes to that at the net growth; null where it does not grow, or nobody knows
     */
    public record Growth(
            long seconds,
            double rowsPerSecond,
            long bytesPerDay,
            long netBytesPerDay,
            long limitBytes,
            @Nullable Double daysLeft) {
        Map<String, @Nullable Object> toMap() {
            return entries(
                    "seconds",
                    seconds,
                    "rowsPerSecond",
                    Math.round(rowsPerSecond * 100) / 100.0,
                    "bytesPerDay",
                    bytesPerDay,
                    "netBytesPerDay",
                    netBytesPerDay,
                    "limitBytes",
                    limitBytes == Long.MAX_VALUE ? null : (Object) limitBytes,
                    "daysLeft",
                    daysLeft == null ? null : (Object) (Math.round(daysLeft * 100) / 100.0));
        }
    }

    /**
     * Memory in bytes.
     *
     * @param budgetBytes the budget, {@link StoreOptions#memory}
     * @param rssBytes the whole process as the system counts it, 0 where it cannot be read
     * @param byPart what each part of the budget takes now; caches with what they may take at most
     * @param limits what each part may take
     * @param alarmBytes from so many {@code rssBytes} on health says that the process is too large
     * @param temporaryBytes what sorts keep in temporary files, on disk and outside of the budget
     * @param temporaryLimitBytes most of it; past it the largest query is ended
     */
    public record Memory(
            long budgetBytes,
            long rssBytes,
            Map<String, Long> byPart,
            Map<String, Long> limits,
            long alarmBytes,
            long temporaryBytes,
            long temporaryLimitBytes) {
        /** Copies the maps. */
        public Memory {
            byPart = Collections.unmodifiableMap(new LinkedHashMap<>(byPart));
            limits = Collections.unmodifiableMap(new LinkedHashMap<>(limits));
        }
    }

    /**
     * A table's figures; {@code oldest} and {@code newest} are ISO-8601 text, null for an empty table.
     *
     * @param overdueMs for how long records past their promised age should have been gone; 0 where there are none
     * @param retention what the last pass of retention said of it: why it dropped no more; null before the first
     */
    public record TableStatus(
            String name,
            long partitions,
            long rows,
            long bytes,
            @Nullable String oldest,
            @Nullable String newest,
            long overdueMs,
            @Nullable String retention) {}

    /** A background task's figures. */
    public record TaskStatus(
            String name,
            String state,
            long runs,
            long failures,
            @Nullable String lastError,
            @Nullable String detail) {}

    /** Copies lists and maps. */
    public StoreStatus {
        owner = Map.copyOf(owner);
        pragmas = Map.copyOf(pragmas);
        lostByReason = Map.copyOf(lostByReason);
        tables = List.copyOf(tables);
        refusedByReason = Map.copyOf(refusedByReason);
        gapRanges = Map.copyOf(gapRanges);
        tasks = List.copyOf(tasks);
        cursors = List.copyOf(cursors);
        warnings = List.copyOf(warnings);
    }

    /** All losses together. */
    public long lost() {
        return lostByReason.values().stream().mapToLong(Long::longValue).sum();
    }

    /** The status for JSON, with the keys of the contract. */
    public Map<String, @Nullable Object> toMap() {
        Map<String, @Nullable Object> map = new LinkedHashMap<>();
        map.put("store", store);
        map.put("engine", engine);
        map.put("version", version);
        map.put("owner", owner);
        map.put("pragmas", pragmas);
        map.put("health", health.state().name());
        map.put("reasons", health.reasons());
        map.put("warnings", warnings);
        map.put(
                "queue",
                entries(
                        "records",
                        queue.records,
                        "bytes",
                        queue.bytes,
                        "limitRecords",
                        queue.limitRecords,
                        "limitBytes",
                        queue.limitBytes,
                        "oldestMs",
                        queue.oldestMs,
                        "spilledRecords",
                        queue.spilledRecords,
                        "spilledBytes",
                        queue.spilledBytes,
                        "spillLimitBytes",
                        queue.spillLimitBytes));
        map.put(
                "commits",
                entries(
                        "batches",
                        commits.batches,
                        "lastMicros",
                        commits.lastMicros,
                        "maxMicros",
                        commits.maxMicros,
                        "batchLimit",
                        commits.batchLimit));
        map.put("accepted", accepted);
        map.put("stored", stored);
        map.put("uncertain", uncertain);
        Map<String, Object> byReason = new LinkedHashMap<>();
        lostByReason.forEach((reason, count) -> byReason.put(reason.name(), count));
        map.put("lost", entries("total", lost(), "byReason", byReason));
        map.put(
                "disk",
                entries(
                        "bytes",
                        disk.bytes,
                        "limitBytes",
                        disk.limitBytes,
                        "freeBytes",
                        disk.freeBytes < 0 ? null : (Object) disk.freeBytes,
                        "byPart",
                        disk.byPart,
                        "growth",
                        disk.growth == null ? null : disk.growth.toMap()));
        map.put(
                "memory",
                entries(
                        "budgetBytes",
                        memory.budgetBytes,
                        "rssBytes",
                        memory.rssBytes,
                        "byPart",
                        memory.byPart,
                        "limits",
                        memory.limits,
                        "alarmBytes",
                        memory.alarmBytes,
                        "temporaryBytes",
                        memory.temporaryBytes,
                        "temporaryLimitBytes",
                        memory.temporaryLimitBytes));
        map.put(
                "tables",
                tables.stream()
                        .map(t -> entries(
                                "name",
                                t.name,
                                "partitions",
                                t.partitions,
                                "rows",
                                t.rows,
                                "bytes",
                                t.bytes,
                                "oldest",
                                t.oldest,
                                "newest",
                                t.newest,
                                "overdueMs",
                                t.overdueMs,
                                "retention",
                                t.retention))
                        .toList());
        map.put("partitions", entries("count", partitions.count, "limit", partitions.limit));
        map.put("cursors", cursors.stream().map(CursorInfo::toMap).toList());
        migrations.addTo(map);
        map.put(
                "tasks",
                tasks.stream()
                        .map(t -> entries(
                                "name",
                                t.name,
                                "state",
                                t.state,
                                "runs",
                                t.runs,
                                "failures",
                                t.failures,
                                "lastError",
                                t.lastError,
                                "detail",
                                t.detail))
                        .toList());
        map.put("lastShutdown", lastShutdown);
        map.put("lastClose", lastClose == null ? null : lastClose.toMap());
        map.put(
                "refused",
                entries(
                        "total",
                        refusedByReason.values().stream()
                                .mapToLong(Long::longValue)
                                .sum(),
                        "byReason",
                        new TreeMap<>(refusedByReason)));
        Map<String, Object> ranges = new LinkedHashMap<>();
        new TreeMap<>(gapRanges).forEach((reason, count) -> ranges.put(reason.name(), count));
        map.put("gaps", entries("ranges", ranges, "quarantined", quarantined, "ledgerFailures", ledgerFailures));
        return map;
    }

    private static Map<String, @Nullable Object> entries(@Nullable Object... namesAndValues) {
        Map<String, @Nullable Object> map = new LinkedHashMap<>();
        for (int i = 0; i < namesAndValues.length; i += 2) {
            map.put(String.valueOf(namesAndValues[i]), namesAndValues[i + 1]);
        }
        return map;
    }
}
