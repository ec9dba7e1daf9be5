package io.levee.sqlite;

import io.levee.IndexSpec;
import io.levee.Migration;
import io.levee.MigrationStatus.State;
import io.levee.MigrationStep;
import io.levee.TableSpec;
import io.levee.engine.Finding;
import io.levee.engine.MigrationRecord;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.ToLongFunction;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** What {@code doctor} says of partitions that migrations have not reached, such as those without an index (guarantee G107). */
final class MigrationFindings {
    private static final int NAMED = 5;

    private final MigrationReach reach;
    private final boolean older;

    /**
     * For one look.
     *
     * @param older see {@link io.levee.engine.StorageEngine#migrationsUnlooked}
     */
    MigrationFindings(MigrationReach reach, boolean older) {
        this.reach = reach;
        this.older = older;
    }

    /**
     * Looks at every partition of the tables that were migrated, once.
     *
     * @param bound what {@link MigrationCatalog#bound} says of a migration
     */
    List<Finding> look(List<MigrationRecord> records, List<TableSpec> specs, ToLongFunction<MigrationRecord> bound) {
        List<Finding> findings = new ArrayList<>();
        List<MigrationReach.Asked> asked = new ArrayList<>();
        List<MigrationReach.Asked> orphans = new ArrayList<>();
        for (TableSpec spec : specs) {
            records.stream()
                    .filter(record -> spec.name().equals(record.table()) && record.applied())
                    .filter(record -> !(record.step() instanceof MigrationStep.Custom))
                    .forEach(record -> asked.add(new MigrationReach.Asked(record, spec, bound.applyAsLong(record))));
            orphans(records, spec, orphans);
        }
        Map<MigrationReach.Asked, List<Partition>> left =
                reach.left(Stream.concat(asked.stream(), orphans.stream()).toList());
        asked.forEach(one -> findings.add(finding(one.record(), left.getOrDefault(one, List.of()))));
        for (MigrationReach.Asked one : orphans) {
            List<Partition> lack = left.getOrDefault(one, List.of());
            if (!lack.isEmpty()) {
                findings.add(Finding.warning(
                        named(one.record().table(), one.record().step(), lack) + "; no migration makes it",
                        "declare a migration that adds the same index (addIndex): only what is missing is built"));
            }
        }
        return findings;
    }

    /** Indexes that no migration makes: declared with the table, or by one that a lost catalog had and that had reached no partition. */
    private static void orphans(List<MigrationRecord> records, TableSpec spec, List<MigrationReach.Asked> asked) {
        for (IndexSpec index : spec.namedIndexes()) {
            boolean made = records.stream()
                    .anyMatch(r -> r.table().equals(spec.name())
                            && r.step() instanceof MigrationStep.AddIndex add
                            && add.index().name().equals(index.name()));
            if (!made) {
                Migration lacking = new Migration(index.name(), spec.name(), new MigrationStep.AddIndex(index));
                asked.add(new MigrationReach.Asked(MigrationRecord.planned(lacking), spec, Long.MAX_VALUE));
            }
        }
    }

    private static String named(String table, MigrationStep step, List<Partition> left) {
        String named = left.stream().limit(NAMED).map(p -> p.id().toString()).collect(Collectors.joining(", "));
        return left.size() + " partitions of " + table + " " + lack(step) + ": " + named
                + (left.size() > NAMED ? ", …" : "");
    }

    private Finding finding(MigrationRecord record, List<Partition> left) {
        if (left.isEmpty()) {
            return Finding.ok("the migration " + record.id() + " has reached every partition of " + record.table());
        }
        String what = named(record.table(), record.step(), left);
        return record.state() == State.DONE
                ? Finding.warning(
                        what + "; the migration " + record.id() + " was done before they came"
                                + (older
                                        ? ": an older release, a splitting or a restore wrote to the store since"
                                        : " back"),
                        older
                                ? "open the store for writing with this release: it reaches them in the background"
                                : "declare the same step again under another name")
                : Finding.warning(
                        what + "; the migration " + record.id() + " is "
                                + record.state().name().toLowerCase(java.util.Locale.ROOT),
                        "levee migrate status tells what it waits for");
    }

    private static String lack(MigrationStep step) {
        if (step instanceof MigrationStep.AddIndex add) {
            return "lack the index " + add.index().name() + ", so that queries scan them";
        }
        if (step instanceof MigrationStep.DropIndex drop) {
            return "still have the index " + drop.name();
        }
        if (step instanceof MigrationStep.AddColumn add) {
            return "have the column " + add.column().name() + " only as it is read";
        }
        if (step instanceof MigrationStep.DropColumn drop) {
            return "still hold values of the dropped column " + drop.column();
        }
        return step instanceof MigrationStep.RenameColumn rename
                ? "have the column " + rename.to() + " under its name " + rename.from() + " of before"
                : "have rows as they were before a backfill";
    }
}
