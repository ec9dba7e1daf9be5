package io.levee.sqlite;

import io.levee.Adoption;
import io.levee.PartitionId;
import io.levee.SplitStatus;
import io.levee.TableSpec;
import io.levee.internal.adopt.SplitCount;
import io.levee.internal.adopt.SplitState;
import io.levee.internal.json.Json;
import io.levee.internal.spec.SpecCodec;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * What the ledger says of adopted databases, so that a rebuilt catalog knows them: how each is read, whether it was dropped, and which of
 * its rows have moved into own partitions. The files of a step of a splitting are named before they take their places, so that a rebuilt
 * catalog drops them; once the writer has seen that no key of them was written meanwhile, a second entry says that the step is sure.
 */
final class AdoptedLedger {
    private final Catalog catalog;
    private final Ledger ledger;

    AdoptedLedger(Catalog catalog, Ledger ledger) {
        this.catalog = catalog;
        this.ledger = ledger;
    }

    /** What the catalog says of one is what a rebuilt one would say. */
    void note(PartitionId id) {
        note(id, null, List.of(), false);
    }

    /**
     * The same, with a step that is about to be made.
     *
     * @param next what it will be then
     * @param files the partitions that take the rows
     * @param sure whether nothing keeps it from being made any more
     * @return whether that is durable
     */
    boolean note(PartitionId id, @Nullable SplitState next, List<PartitionId> files, boolean sure) {
        Map<String, @Nullable Object> entry =
                catalog.change(c -> Optional.ofNullable(entry(c, id))).orElse(null);
        if (entry == null) {
            return false;
        }
        if (next != null) {
            Map<String, @Nullable Object> step = split(next);
            List<Object> names = new ArrayList<>();
            files.forEach(f -> names.add(List.of(f.retentionClass(), f.period(), (long) f.n())));
            step.put("files", names);
            step.put("sure", sure);
            entry.put("next", step);
        }
        String migrated = catalog.change(c -> migrated(c, id.table()));
        return catalog.aside(() -> ledger.migrated(id.table(), migrated) && ledger.adopted(entry));
    }

    /** Tells the ledger what it lacks: of releases that did not tell it, or of a crash in between. Before the catalog's thread starts. */
    static void reconcile(Catalog catalog, Ledger ledger) {
        try {
            Connection c = catalog.beforeStart();
            for (PartitionId id : AdoptedCatalog.ids(c)) {
                Map<String, @Nullable Object> entry = entry(c, id);
                Map<String, @Nullable Object> known = ledger.adoptedEntry(id);
                ledger.migrated(id.table(), migrated(c, id.table()));
                if (entry != null && !same(entry, known)) {
                    ledger.adopted(entry);
                }
            }
        } catch (SQLException e) {
            throw Sqlite.failure("the catalog cannot be read", java.nio.file.Path.of("catalog.db"), e);
        }
    }

    private static boolean same(Map<String, @Nullable Object> a, @Nullable Map<String, @Nullable Object> b) {
        if (b == null) {
            return false;
        }
        Map<String, @Nullable Object> one = new LinkedHashMap<>(a);
        Map<String, @Nullable Object> other = new LinkedHashMap<>(b);
        one.remove("at");
        other.remove("at");
        return Json.write(one).equals(Json.write(other));
    }

    /** In an entry of its own: releases before migrations would refuse it in theirs, and leave out what they do not know. */
    private static String migrated(Connection c, String table) throws SQLException {
        for (TableSpec spec : CatalogTables.tables(c)) {
            if (spec.name().equals(table)) {
                return Json.write(SpecCodec.migrated(spec));
            }
        }
        return "{}";
    }

    private static @Nullable Map<String, @Nullable Object> entry(Connection c, PartitionId id) throws SQLException {
        AdoptedCatalog.Entry known = AdoptedCatalog.of(c, id);
        if (known == null) {
            return null;
        }
        Adopted adopted = Objects.requireNonNull(known.partition().adopted());
        Map<String, @Nullable Object> entry = LedgerState.entry(
                "adopted",
                "table",
                id.table(),
                "n",
                (long) id.n(),
                "state",
                known.state(),
                "base",
                adopted.base(),
                "adoption",
                adopted.adoption().toMap());
        SplitState split = SplitCatalog.of(c, id);
        if (split != null) {
            entry.put("split", split(split));
        }
        TableSpec spec = CatalogTables.tables(c).stream()
                .filter(s -> s.name().equals(id.table()))
                .findFirst()
                .orElse(null);
        if (spec != null) {
            entry.put("spec", Json.write(SpecCodec.plain(spec)));
            entry.put("added", Json.write(SpecCodec.added(spec)));
        }
        return entry;
    }

    private static Map<String, @Nullable Object> split(SplitState split) {
        Map<String, @Nullable Object> map = new LinkedHashMap<>();
        map.put("state", split.state().name());
        map.put("from", split.from());
        map.put("to", split.to());
        map.put("total", split.total());
        map.put("counts", split.count().toMap());
        return map;
    }

    // For a catalog that is rebuilt.

    /** Whether a ledger tells of any: then a store without a catalog is none that begins. */
    static boolean any(StorePaths paths) {
        LedgerState state = new LedgerState();
        try {
            LedgerFile.read(paths.ledger()).entries().forEach(state::apply);
        } catch (java.io.IOException e) {
            throw Volume.failure("the ledger cannot be read", paths.ledger(), e);
        }
        return !state.adopted().isEmpty();
    }

    /** Files of the last step that was begun, if it is not sure or one of them is missing: then none of them counts. */
    static List<PartitionId> unfinished(LedgerState ledger, Predicate<PartitionId> there) {
        List<PartitionId> left = new ArrayList<>();
        for (Map<String, @Nullable Object> entry : ledger.adopted()) {
            List<PartitionId> files = files(entry);
            if (!sure(entry) || !files.stream().allMatch(there)) {
                files.stream().filter(there).forEach(left::add);
            }
        }
        return left;
    }

    private static boolean sure(Map<String, @Nullable Object> entry) {
        return entry.get("next") instanceof Map<?, ?> next && Boolean.TRUE.equals(next.get("sure"));
    }

    private static List<PartitionId> files(Map<String, @Nullable Object> entry) {
        List<PartitionId> files = new ArrayList<>();
        if (entry.get("next") instanceof Map<?, ?> next && next.get("files") instanceof List<?> list) {
            for (Object one : list) {
                if (one instanceof List<?> name) {
                    files.add(new PartitionId(
                            String.valueOf(entry.get("table")),
                            String.valueOf(name.get(0)),
                            String.valueOf(name.get(1)),
                            (int) LedgerState.number(name.get(2))));
                }
            }
        }
        return files;
    }

    /** The specs of their tables, which no partition may tell. */
    static Map<String, TableSpec> specs(LedgerState ledger) {
        Map<String, TableSpec> specs = new LinkedHashMap<>();
        for (Map<String, @Nullable Object> entry : ledger.adopted()) {
            if (entry.get("spec") instanceof String spec) {
                specs.put(
                        String.valueOf(entry.get("table")),
                        CatalogTables.spec(
                                spec,
                                entry.get("added") instanceof String added ? added : null,
                                ledger.migrated(String.valueOf(entry.get("table")))));
            }
        }
        return specs;
    }

    /** Writes them into a new catalog. What their indexes tell is looked up again by maintenance: until then each is read for all. */
    static void fill(LedgerState ledger, Connection c, Instant now, Predicate<PartitionId> there) throws SQLException {
        for (Map<String, @Nullable Object> entry : ledger.adopted()) {
            if (!(entry.get("adoption") instanceof Map<?, ?> kept)) {
                continue;
            }
            PartitionId id =
                    AdoptedCatalog.id(String.valueOf(entry.get("table")), (int) LedgerState.number(entry.get("n")));
            List<PartitionId> files = files(entry);
            boolean done = sure(entry) && files.stream().allMatch(there);
            SplitState split = split(id, entry.get(done ? "next" : "split"));
            long rows = split == null ? 1 : Math.max(1, split.total());
            Adopted adopted = new Adopted(
                    Adoption.fromMap(kept),
                    LedgerState.number(entry.get("base")),
                    0,
                    rows,
                    false,
                    true,
                    Adopted.Stamp.parse("none"));
            Partition.Held held = new Partition.Held(Long.MIN_VALUE, Long.MAX_VALUE, rows, Long.MIN_VALUE, 0);
            AdoptedCatalog.put(c, new Partition(id, adopted, held), now);
            String state = String.valueOf(entry.get("state"));
            if (!state.equals("adopted")) {
                AdoptedCatalog.state(c, id, state, "before the catalog was rebuilt", now);
            }
            if (split != null) {
                SplitCatalog.put(c, split);
            }
        }
    }

    private static @Nullable SplitState split(PartitionId id, @Nullable Object kept) {
        return kept instanceof Map<?, ?> map
                ? new SplitState(
                        id,
                        SplitStatus.State.valueOf(String.valueOf(map.get("state"))),
                        LedgerState.number(map.get("from")),
                        LedgerState.number(map.get("to")),
                        LedgerState.number(map.get("total")),
                        SplitCount.of(map.get("counts")),
                        "")
                : null;
    }
}
