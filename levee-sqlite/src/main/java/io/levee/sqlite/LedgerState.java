package io.levee.sqlite;

import io.levee.Gap;
import io.levee.LossReason;
import io.levee.PartitionId;
import io.levee.engine.InFlight;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** What the entries of a ledger say together. Not thread-safe. */
final class LedgerState {
    /** Most ranges kept; more are merged, with exact counts. */
    static final int MAX_RANGES = 1000;

    /** The mark of writers that know of migrations, in their {@code opened}. */
    static final String MIGRATES = "migrates";

    private static final long NEAR_MICROS = 60_000_000L;

    private final List<Gap> before = new ArrayList<>();
    private final List<Gap> since = new ArrayList<>();
    private final Map<String, TableMarks.Marks> marks = new LinkedHashMap<>();
    private final Map<PartitionId, String> gone = new LinkedHashMap<>();
    private final Map<String, Map<String, @Nullable Object>> adopted = new LinkedHashMap<>();
    private final Map<String, Map<String, @Nullable Object>> migrated = new LinkedHashMap<>();
    private @Nullable Map<String, @Nullable Object> opened;
    private @Nullable Map<String, @Nullable Object> beat;
    private @Nullable Map<String, @Nullable Object> closed;
    private long lastAt = Long.MIN_VALUE;
    private long seenAt = Long.MIN_VALUE;
    private boolean endsClosed;

    /** Takes one entry in; entries of a later release are left alone. */
    void apply(Map<String, @Nullable Object> entry) {
        seenAt = number(entry.get("at"));
        lastAt = Math.max(lastAt, seenAt);
        endsClosed = false;
        switch (String.valueOf(entry.get("e"))) {
            case "opened" -> {
                opened = entry;
                beat = null;
                since.forEach(gap -> add(before, gap));
                since.clear();
            }
            case "beat" -> beat = entry;
            case "lost" -> gaps(entry.get("gaps")).forEach(gap -> add(since, gap));
            case "floor" -> {
                Object floor = entry.get("floor");
                TableMarks.Marks to = new TableMarks.Marks(
                        floor == null ? Long.MIN_VALUE : number(floor),
                        number(entry.get("dropped")),
                        floors(entry.get("classes")));
                marks.merge(String.valueOf(entry.get("table")), to, TableMarks.Marks::raisedTo);
            }
            case "gone" -> gone.put(id(entry), String.valueOf(entry.get("reason")));
            case "adopted" -> adopted.put(entry.get("table") + "/" + entry.get("n"), entry);
            case "migrated" -> migrated.put(String.valueOf(entry.get("table")), entry);
            case "closed" -> {
                closed = entry;
                endsClosed = true;
            }
            default -> {
                // A later release's; it is kept until that release or a compaction by this one.
            }
        }
    }

    // The entries.

    static Map<String, @Nullable Object> lost(List<Gap> gaps) {
        return entry("lost", "gaps", gaps(gaps));
    }

    /** Gaps in the form that is kept. */
    static List<Object> gaps(List<Gap> gaps) {
        List<Object> list = new ArrayList<>();
        for (Gap gap : gaps) {
            list.add(List.of(
                    gap.table(),
                    gap.fromMicros(),
                    gap.toMicros(),
                    gap.count(),
                    gap.reason().name()));
        }
        return list;
    }

    /** Gaps of the form that is kept. */
    static List<Gap> gaps(@Nullable Object kept) {
        return list(kept).stream().map(LedgerState::gap).toList();
    }

    static Map<String, @Nullable Object> beat(List<InFlight> flight, List<InFlight> unsynced) {
        return entry("beat", "flight", windows(flight), "unsynced", windows(unsynced));
    }

    static Map<String, @Nullable Object> floor(String table, TableMarks.Marks to) {
        Long floor = to.floorMicros() == Long.MIN_VALUE ? null : (Long) to.floorMicros();
        Map<String, @Nullable Object> entry =
                entry("floor", "table", table, "floor", floor, "dropped", to.droppedSeq());
        if (!to.floors().isEmpty()) {
            entry.put("classes", new TreeMap<>(to.floors()));
        }
        return entry;
    }

    private static Map<String, Long> floors(@Nullable Object kept) {
        Map<String, Long> floors = new HashMap<>();
        if (kept instanceof Map<?, ?> map) {
            map.forEach((named, floor) -> floors.put(String.valueOf(named), number(floor)));
        }
        return floors;
    }

    static Map<String, @Nullable Object> gone(PartitionId id, String reason) {
        return entry(
                "gone",
                "table",
                id.table(),
                "class",
                id.retentionClass(),
                "period",
                id.period(),
                "n",
                (long) id.n(),
                "reason",
                reason);
    }

    static Map<String, @Nullable Object> entry(String kind, @Nullable Object... namesAndValues) {
        Map<String, @Nullable Object> entry = new LinkedHashMap<>();
        entry.put("e", kind);
        for (int i = 0; i < namesAndValues.length; i += 2) {
            entry.put(String.valueOf(namesAndValues[i]), namesAndValues[i + 1]);
        }
        return entry;
    }

    private static List<Object> windows(List<InFlight> windows) {
        List<Object> list = new ArrayList<>();
        windows.forEach(w -> list.add(List.of(w.table(), w.fromMicros(), w.toMicros())));
        return list;
    }

    private static Gap gap(List<?> parts) {
        return new Gap(
                String.valueOf(parts.get(0)),
                number(parts.get(1)),
                number(parts.get(2)),
                number(parts.get(3)),
                LossReason.valueOf(String.valueOf(parts.get(4))));
    }

    private static PartitionId id(Map<String, @Nullable Object> entry) {
        return new PartitionId(
                String.valueOf(entry.get("table")),
                String.valueOf(entry.get("class")),
                String.valueOf(entry.get("period")),
                (int) number(entry.get("n")));
    }

    static long number(@Nullable Object value) {
        return value instanceof Number number ? number.longValue() : 0;
    }

    private static List<List<?>> list(@Nullable Object value) {
        List<List<?>> lists = new ArrayList<>();
        if (value instanceof Collection<?> all) {
            for (Object one : all) {
                if (one instanceof List<?> list) {
                    lists.add(list);
                }
            }
        }
        return lists;
    }

    // What they say.

    /** All losses, those of this life last. */
    List<Gap> losses() {
        List<Gap> all = new ArrayList<>(before);
        all.addAll(since);
        return all;
    }

    /** How many of one kind were noted since the last opening. */
    long countSinceOpened(String table, LossReason reason) {
        return since.stream()
                .filter(g -> g.table().equals(table) && g.reason() == reason)
                .mapToLong(g -> Math.max(0, g.count()))
                .sum();
    }

    Map<String, TableMarks.Marks> marks() {
        return marks;
    }

    /** Partitions that were unlinked before the catalog could say so, with the reason. */
    Map<PartitionId, String> gone() {
        return gone;
    }

    /** What is known of adopted databases, the last entry of each. */
    Collection<Map<String, @Nullable Object>> adopted() {
        return adopted.values();
    }

    /** The last entry of one; null where there is none. */
    @Nullable
    Map<String, @Nullable Object> adopted(PartitionId id) {
        return adopted.get(id.table() + "/" + id.n());
    }

    /** What migrations made of the table of an adopted database, as it was told last; null where nothing is. */
    @Nullable
    String migrated(String table) {
        Map<String, @Nullable Object> entry = migrated.get(table);
        return entry != null && entry.get("spec") instanceof String spec ? spec : null;
    }

    /** Whether the last writer is known, and knew of migrations. */
    boolean knewMigrations() {
        return opened != null && Boolean.TRUE.equals(opened.get(MIGRATES));
    }

    /** The wall clock of the last entry; the smallest number where there is none. */
    long lastAt() {
        return lastAt;
    }

    /** What the clock showed at the last entry: not the latest time that it ever showed, which may have been wrong. */
    long seenAt() {
        return seenAt;
    }

    boolean endsClosed() {
        return endsClosed;
    }

    /** The boot id of the last writer; empty where unknown. */
    String boot() {
        return opened == null ? "" : String.valueOf(opened.get("boot"));
    }

    @Nullable
    Object lastReport() {
        return closed == null ? null : closed.get("report");
    }

    /** What was in flight, or unsynced, at the last beat. */
    List<InFlight> windows(String which) {
        List<InFlight> windows = new ArrayList<>();
        if (beat != null) {
            for (List<?> window : list(beat.get(which))) {
                windows.add(new InFlight(String.valueOf(window.get(0)), number(window.get(1)), number(window.get(2))));
            }
        }
        return windows;
    }

    /** The shortest ledger that says the same. */
    List<Map<String, @Nullable Object>> compacted() {
        List<Map<String, @Nullable Object>> entries = new ArrayList<>();
        if (!before.isEmpty()) {
            entries.add(at(lost(before)));
        }
        marks.forEach((table, to) -> entries.add(at(floor(table, to))));
        gone.forEach((id, reason) -> entries.add(at(gone(id, reason))));
        adopted.values().forEach(entry -> entries.add(at(entry)));
        migrated.values().forEach(entry -> entries.add(at(entry)));
        if (closed != null && !endsClosed) {
            entries.add(closed);
        }
        if (opened != null) {
            entries.add(opened);
        }
        if (!since.isEmpty()) {
            entries.add(at(lost(since)));
        }
        if (beat != null) {
            entries.add(beat);
        }
        if (closed != null && endsClosed) {
            entries.add(closed);
        }
        return entries;
    }

    private Map<String, @Nullable Object> at(Map<String, @Nullable Object> entry) {
        entry.put("at", lastAt);
        return entry;
    }

    /** Adds a range to those of its kind near it; past the cap two of one kind become one. */
    private static void add(List<Gap> gaps, Gap gap) {
        for (int i = gaps.size() - 1; i >= 0 && i >= gaps.size() - 8; i--) {
            Gap other = gaps.get(i);
            if (other.sameKind(gap)
                    && gap.fromMicros() <= other.toMicros() + NEAR_MICROS
                    && gap.toMicros() >= other.fromMicros() - NEAR_MICROS) {
                gaps.set(i, other.merged(gap));
                return;
            }
        }
        gaps.add(gap);
        if (gaps.size() > MAX_RANGES) {
            mergeOldest(gaps);
        }
    }

    private static void mergeOldest(List<Gap> gaps) {
        for (int i = 0; i < gaps.size(); i++) {
            for (int j = i + 1; j < gaps.size(); j++) {
                if (gaps.get(i).sameKind(gaps.get(j))) {
                    gaps.set(i, gaps.get(i).merged(gaps.get(j)));
                    gaps.remove(j);
                    return;
                }
            }
        }
    }
}
