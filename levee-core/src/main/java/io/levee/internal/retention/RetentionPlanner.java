package io.levee.internal.retention;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.PartitionInfo;
import io.levee.RetentionPlan;
import io.levee.RetentionPlan.Drop;
import io.levee.RetentionPlan.Trim;
import io.levee.RetentionRule;
import io.levee.StoreOptions;
import io.levee.TableSpec;
import io.levee.engine.StorageEngine;
import io.levee.internal.time.ClockWatch;
import io.levee.internal.time.Micros;
import io.levee.internal.write.TableState;
import io.levee.internal.write.Tables;
import io.levee.internal.write.WriteService;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.StringJoiner;
import org.jspecify.annotations.Nullable;

/** Asks {@link RetentionPolicy} for each table by itself: what cannot be planned of one keeps no other from it. Thread-safe. */
final class RetentionPlanner {
    private static final System.Logger LOG = System.getLogger("io.levee.retention");

    private final StorageEngine engine;
    private final StoreOptions options;
    private final Tables tables;
    private final @Nullable WriteService writes;
    private final ClockWatch watch;
    private final RollupKeeper rollups;
    private final NewestRows newest;

    RetentionPlanner(
            StorageEngine engine,
            StoreOptions options,
            Tables tables,
            @Nullable WriteService writes,
            ClockWatch watch,
            RollupKeeper rollups,
            NewestRows newest) {
        this.engine = engine;
        this.options = options;
        this.tables = tables;
        this.writes = writes;
        this.watch = watch;
        this.rollups = rollups;
        this.newest = newest;
    }

    /** A plan, and which tables could not be planned, with the reason. */
    record Planned(RetentionPlan plan, Map<String, String> failures) {}

    /** What would go now. */
    Planned plan() {
        List<PartitionInfo> all = engine.partitionsMeasured();
        // Of the very list that is planned for: what was just adopted is else measured against the wall clock alone.
        tables.noteTimes(all);
        List<Drop> drops = new ArrayList<>();
        List<Trim> trims = new ArrayList<>();
        Map<String, String> kept = new LinkedHashMap<>();
        Map<String, String> failures = new LinkedHashMap<>();
        ClockWatch.Suspicion suspicion = watch.look().suspicion();
        for (TableSpec spec : tables.specs()) {
            if (suspicion != null) {
                kept.put(
                        spec.name(),
                        ErrorCode.CLOCK_SUSPECT.text() + ": nothing is dropped while the wall clock is suspect: "
                                + suspicion.what());
                continue;
            }
            try {
                List<PartitionInfo> own = all.stream()
                        .filter(p -> p.id().table().equals(spec.name()))
                        .toList();
                List<Drop> ofTable = drops(spec, own);
                Trims single = trim(spec, own, ofTable);
                drops.addAll(ofTable);
                if (single.trim() != null) {
                    trims.add(single.trim());
                }
                kept.put(spec.name(), keepReason(spec, own.size() - ofTable.size()) + single.stays());
            } catch (RuntimeException e) {
                // Whatever it is: the others have their turn, and health tells of this one.
                LOG.log(System.Logger.Level.WARNING, "retention of " + spec.name() + " cannot be planned", e);
                String why = e instanceof LeveeException known ? String.valueOf(known.getMessage()) : e.toString();
                failures.put(spec.name(), why);
                kept.put(spec.name(), "it cannot be planned: " + why);
            }
        }
        List<Object> named = new ArrayList<>();
        drops.forEach(drop -> named.add(drop.partition().id()));
        trims.forEach(trim -> named.add(trim.table()));
        String id = Integer.toHexString(named.hashCode());
        long now = Micros.of(options.clock().instant());
        return new Planned(new RetentionPlan(id, now, drops, trims, kept), failures);
    }

    private List<Drop> drops(TableSpec spec, List<PartitionInfo> own) {
        return RetentionPolicy.plan(
                        spec.retention(), own, reference(spec), (micros, gone) -> newest.rowsAfter(spec, micros, gone))
                .stream()
                .map(d -> new Drop(
                        d.partition(),
                        d.rule(),
                        d.reason(),
                        rollups.blockedBy(d.partition().id())))
                .toList();
    }

    /** What goes row by row, or null; and what is said of rows that are past the rule and cannot. */
    private record Trims(@Nullable Trim trim, String stays) {}

    /** What goes row by row once the partitions are gone. */
    private Trims trim(TableSpec spec, List<PartitionInfo> own, List<Drop> drops) {
        RetentionRule rule = spec.retention();
        if (rule.keepNewest() == 0) {
            return new Trims(null, "");
        }
        List<PartitionInfo> gone = drops.stream().map(Drop::partition).toList();
        List<PartitionInfo> left = own.stream().filter(p -> !gone.contains(p)).toList();
        NewestRows.Part part = NewestRows.Part.without(gone, left);
        NewestRows.Surplus surplus = newest.count(tables.get(spec.name()), part);
        boolean adopted = left.stream().anyMatch(p -> p.state() == PartitionInfo.State.ADOPTED);
        NewestRows.Surplus ours = adopted ? newest.deletable(spec, surplus, part) : surplus;
        long stay = surplus.rows() - ours.rows();
        String roughly = adopted && !GoingRows.exact(part.without())
                ? "; how many single rows go is told roughly, beside more than " + GoingRows.MOST
                        + " that go as a whole"
                : "";
        return new Trims(
                ours.rows() == 0
                        ? null
                        : new Trim(spec.name(), ours.rows(), ours.byKey().size(), numberReason(rule)),
                stay == 0
                        ? roughly
                        : "; " + stay
                                + " rows past keepNewest are in adopted databases, and stay until these go as a whole"
                                + roughly);
    }

    static String numberReason(RetentionRule rule) {
        return "they are older than the newest " + rule.keepNewest()
                + (rule.per().isEmpty() ? "" : " of each " + rule.per()) + " (keepNewest)";
    }

    /** The time that a table's ages are measured against. */
    long reference(TableSpec spec) {
        long wall = Micros.of(options.clock().instant());
        TableState state = tables.get(spec.name());
        return writes != null
                ? writes.referenceMicros(state)
                : Math.min(wall, state.newestMicros() == Long.MIN_VALUE ? wall : state.newestMicros());
    }

    private String keepReason(TableSpec spec, int left) {
        RetentionRule rule = spec.retention();
        if (rule.keepsAll()) {
            return (rule.unbounded() ? "unbounded on purpose" : "no retention rule") + ": nothing is ever dropped ("
                    + left + " partitions)";
        }
        StringJoiner within = new StringJoiner(" and ", left + " partitions are within ", "");
        String reference = Micros.text(reference(spec));
        rule.classes().forEach((name, age) -> within.add(age + " for " + rule.by() + " " + name));
        if (rule.maxAge() != null) {
            within.add("maxAge " + rule.maxAge() + " of " + reference);
        }
        if (rule.maxBytes() != null) {
            within.add("maxBytes " + rule.maxBytes());
        }
        if (rule.keepNewest() > 0) {
            within.add("keepNewest " + rule.keepNewest() + (rule.per().isEmpty() ? "" : " of each " + rule.per()));
        }
        return within.toString();
    }
}
