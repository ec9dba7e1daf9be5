package io.levee.postgres;

import io.levee.Column;
import io.levee.IndexSpec;
import io.levee.LeveeException;
import io.levee.MigrationStatus.State;
import io.levee.MigrationStep.AddIndex;
import io.levee.PartitionId;
import io.levee.TableSpec;
import io.levee.engine.Finding;
import io.levee.engine.MigrationRecord;
import io.levee.engine.MigrationRows;
import io.levee.engine.MigrationSample;
import io.levee.engine.SliceOrder;
import io.levee.engine.SliceOutcome;
import io.levee.internal.supervisor.Supervisor;
import io.levee.internal.time.MonotonicClock;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Online schema change of a store that is open for writing: see {@link io.levee.engine.StorageEngine#migrate}. Batches run on a connection
 * of their own, beside the writer's; threads as there.
 */
final class Migrations {
    /** The entry of the catalog's {@code store} that is there while all work is paused. */
    static final String PAUSED = "migrations_paused";

    private final Catalog catalog;
    private final CatalogSession session;
    private final CatalogSession work;
    private final Manifest manifest;
    private final Tables tables;
    private final TableChange changes;
    private final IndexBuilder builder;
    private final ComingRows coming;
    private final MonotonicClock clock = MonotonicClock.SYSTEM;

    Migrations(
            Connections connections,
            CatalogSession session,
            Catalog catalog,
            Manifest manifest,
            Tables tables,
            ComingRows coming,
            Supervisor supervisor) {
        this.coming = coming;
        this.catalog = catalog;
        this.session = session;
        this.work = new CatalogSession(connections, false);
        this.manifest = manifest;
        this.tables = tables;
        this.changes = new TableChange(catalog, tables);
        this.builder = new IndexBuilder(connections, session, catalog.names(), supervisor);
    }

    /** See {@link io.levee.engine.StorageEngine#migrations}. */
    static List<MigrationRecord> all(CatalogSession session, Catalog catalog) {
        return session.ask("the migrations cannot be read", new MigrationTables(catalog)::all);
    }

    /** See {@link io.levee.engine.StorageEngine#putMigration}. */
    void put(MigrationRecord record, @Nullable TableSpec spec) {
        tables.patiently("the migration " + record.id() + " cannot be kept", c -> changes.put(c, record, spec));
        coming.changed(session, record);
    }

    /** See {@link io.levee.engine.StorageEngine#pauseMigrations}. */
    void pause(boolean paused) {
        session.change("the migrations cannot be paused or resumed", c -> {
            if (paused) {
                catalog.put(c, PAUSED, "true");
            } else {
                catalog.delete(c, PAUSED);
            }
            return true;
        });
    }

    /** See {@link io.levee.engine.StorageEngine#checkMigration}. */
    void check(MigrationRecord record, TableSpec after) {
        work.ask("the migration " + record.id() + " cannot be checked", c -> {
            changes.check(c, record, after);
            return true;
        });
    }

    /** See {@link io.levee.engine.StorageEngine#migrationParts}; also of a store that is open for reading. */
    static List<PartitionId> parts(
            CatalogSession session, Catalog catalog, Manifest manifest, Tables tables, MigrationRecord record) {
        List<Leaf> leaves = manifest.leaves(record.table()).stream()
                .filter(leaf -> leaf.state() != Leaf.State.DROPPING)
                .sorted(Comparator.comparing(Leaf::fromMicros).reversed().thenComparing(Leaf::id))
                .toList();
        TableChange changes = new TableChange(catalog, tables);
        return session.ask("the partitions of the migration " + record.id() + " cannot be told", c -> {
            List<PartitionId> ids = new ArrayList<>();
            todo(c, catalog, changes, record, leaves).forEach(leaf -> ids.add(leaf.id()));
            return ids;
        });
    }

    private static List<Leaf> todo(
            Connection c, Catalog catalog, TableChange changes, MigrationRecord record, List<Leaf> leaves)
            throws SQLException {
        TableSpec spec = catalog.table(c, record.table());
        if (!TableChange.perPartition(record)) {
            // What the server does at once is done with the newest partition, for all.
            return spec != null && changes.unfinished(c, record) && !leaves.isEmpty()
                    ? leaves.subList(0, 1)
                    : List.of();
        }
        if (record.step() instanceof AddIndex add) {
            if (spec != null && spec.namedIndexes().contains(add.index())) {
                return lacking(c, catalog, spec, add.index(), leaves);
            }
            return record.applied() ? List.of() : leaves;
        }
        MigrationTables lines = new MigrationTables(catalog);
        if (!lines.has(c, record.id())) {
            return leaves;
        }
        Set<PartitionId> open = lines.open(c, record.id());
        return leaves.stream().filter(leaf -> open.contains(leaf.id())).toList();
    }

    private static List<Leaf> lacking(Connection c, Catalog catalog, TableSpec spec, IndexSpec index, List<Leaf> leaves)
            throws SQLException {
        Map<String, NamedIndexes.Of> states = new NamedIndexes(catalog.names()).states(c, spec, index, leaves);
        return leaves.stream()
                .filter(leaf -> {
                    NamedIndexes.Of of = states.get(leaf.name());
                    return of == null || of.state() != NamedIndexes.State.THERE;
                })
                .toList();
    }

    /** See {@link io.levee.engine.StorageEngine#migrationRows}. */
    MigrationRows rows(MigrationRecord record, PartitionId id, SliceOrder order, List<Column> columns, long behind) {
        Leaf leaf = manifest.get(id);
        if (leaf == null) {
            return new MigrationRows(List.of(), 0, 0, true);
        }
        return work.changeSoon(
                "rows of " + id + " cannot be read",
                c -> new Backfilling(c, catalog, record, leaf, order).rows(columns, behind));
    }

    /** See {@link io.levee.engine.StorageEngine#migrate}. */
    SliceOutcome slice(MigrationRecord record, PartitionId id, SliceOrder order) {
        Leaf leaf = manifest.get(id);
        if (leaf == null || leaf.state() == Leaf.State.DROPPING) {
            // It went meanwhile: there is nothing to be done.
            return new SliceOutcome(0, 0, 0, true, 0, "");
        }
        if (record.step() instanceof AddIndex add) {
            return builder.slice(order.spec(), add.index(), leaf, order);
        }
        return TableChange.perPartition(record) ? backfill(record, leaf, order) : finish(record);
    }

    private SliceOutcome finish(MigrationRecord record) {
        long begin = clock.nanos();
        tables.patiently("the migration " + record.id() + " cannot be ended", c -> changes.finish(c, record));
        return new SliceOutcome(0, 0, 0, true, clock.nanos() - begin, "");
    }

    private SliceOutcome backfill(MigrationRecord record, Leaf leaf, SliceOrder order) {
        long begin = clock.nanos();
        // The rows and how far it is are one transaction: which of both a crash of the server takes back, it takes
        // both.
        Backfilling.Done done;
        try {
            done = work.changeSoon(
                    "the migration " + record.id() + " failed in " + leaf.id(),
                    c -> new Backfilling(c, catalog, record, leaf, order).run());
        } catch (LeveeException e) {
            throw e.getCause() instanceof SQLException met && Postgres.badRow(met)
                    ? broken(record, leaf, order, met)
                    : e;
        }
        if (done.changed() > 0) {
            leaf.migrated(leaf.migrated() + done.changed());
        }
        if (done.waiting() > 0) {
            String by = work.ask("the server cannot be asked", c -> Attachment.blocker(c, catalog.names(), leaf));
            return SliceOutcome.waiting(done.waiting() + " rows of " + leaf.id() + " are locked: " + by);
        }
        return new SliceOutcome(
                done.seen(), done.changed(), done.part().seen(), done.part().done(), clock.nanos() - begin, "");
    }

    private LeveeException broken(MigrationRecord record, Leaf leaf, SliceOrder order, SQLException met) {
        return work.ask(
                "the row cannot be found that breaks the migration " + record.id(),
                c -> Postgres.transaction(c, () -> new Backfilling(c, catalog, record, leaf, order).broken(met)));
    }

    /** See {@link io.levee.engine.StorageEngine#migrationSample}. */
    @Nullable
    MigrationSample sample(MigrationRecord record, PartitionId id, SliceOrder order) {
        Leaf leaf = manifest.get(id);
        if (leaf == null || !TableChange.perPartition(record)) {
            return null;
        }
        return work.ask(
                "the migration " + record.id() + " cannot be tried",
                c -> new MigrationTrial(c, catalog.names(), record, leaf, order).run());
    }

    /** Ends the build of an index of a partition that is to go. */
    void giveWay(PartitionId id) {
        builder.giveWay(id);
    }

    /** What is missing although a migration has made it (guarantee G107), and what none is at work on. */
    static List<Finding> findings(CatalogSession session, Catalog catalog, List<Leaf> live) {
        try {
            return session.ask("the migrations cannot be read", c -> findings(c, catalog, live));
        } catch (LeveeException e) {
            return List.of(Finding.problem(e.what(), e.hint() == null ? "see the server's log" : e.hint()));
        }
    }

    private static List<Finding> findings(Connection c, Catalog catalog, List<Leaf> live) throws SQLException {
        List<Finding> findings = new ArrayList<>();
        NamedIndexes indexes = new NamedIndexes(catalog.names());
        List<MigrationRecord> records = new MigrationTables(catalog).all(c);
        for (TableSpec spec : catalog.tables(c)) {
            List<Leaf> leaves = live.stream()
                    .filter(leaf -> leaf.id().table().equals(spec.name()))
                    .toList();
            for (IndexSpec index : spec.namedIndexes()) {
                List<String> lack = new ArrayList<>();
                List<String> invalid = new ArrayList<>();
                Map<String, NamedIndexes.Of> states = indexes.states(c, spec, index, leaves);
                leaves.forEach(leaf -> {
                    NamedIndexes.State state = states.getOrDefault(
                                    leaf.name(), new NamedIndexes.Of(leaf.name(), NamedIndexes.State.MISSING, null))
                            .state();
                    if (state == NamedIndexes.State.INVALID) {
                        invalid.add(leaf.id().toString());
                    } else if (state != NamedIndexes.State.THERE) {
                        lack.add(leaf.id().toString());
                    }
                });
                findings.add(finding(spec, index, leaves.size(), lack, invalid, records));
            }
        }
        Set<PartitionId> ids = new HashSet<>();
        live.forEach(leaf -> ids.add(leaf.id()));
        Set<String> done = new HashSet<>();
        records.stream().filter(r -> r.state() == State.DONE).forEach(r -> done.add(r.id()));
        List<String> missed = done.isEmpty() ? List.of() : new MigrationTables(catalog).missed(c, ids, done);
        if (!missed.isEmpty()) {
            findings.add(Finding.warning(
                    "partitions that were brought back, or made since, have not been reached by migrations: " + missed,
                    "the next writer of this release has them reached in the background"));
        }
        return findings;
    }

    private static Finding finding(
            TableSpec spec,
            IndexSpec index,
            int all,
            List<String> lack,
            List<String> invalid,
            List<MigrationRecord> records) {
        String what = "index " + index.name() + " of " + spec.name();
        if (lack.isEmpty() && invalid.isEmpty()) {
            return Finding.ok(what + " is in all " + all + " partitions");
        }
        boolean underWay = records.stream()
                .anyMatch(r -> r.step() instanceof AddIndex add
                        && add.index().equals(index)
                        && r.table().equals(spec.name())
                        && r.state() != State.DONE);
        return Finding.warning(
                what + " is missing in " + (lack.size() + invalid.size()) + " of " + all + " partitions"
                        + some(" without: ", lack) + some(" unfinished: ", invalid),
                underWay
                        ? "a migration builds it: see levee migrate status"
                        : "drop the index and add it again under another migration id: only what is missing is built");
    }

    private static String some(String what, List<String> ids) {
        return ids.isEmpty() ? "" : ";" + what + ids.subList(0, Math.min(5, ids.size())) + (ids.size() > 5 ? " …" : "");
    }

    /** Nothing is begun any more. */
    void close() {
        builder.close();
        work.close();
    }
}
