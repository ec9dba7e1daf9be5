package io.levee.sqlite;

import io.levee.Bytes;
import io.levee.CloseReport;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.TableSpec;
import io.levee.engine.EngineSettings;
import io.levee.internal.json.Json;
import io.levee.internal.memory.Budget;
import io.levee.internal.supervisor.Errands;
import io.levee.internal.time.Micros;
import io.levee.internal.time.MonotonicClock;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What only a store that is open for writing has.
 *
 * @param lastClean whether the last writer closed the store in order
 * @param lastReport its report; null where there was none
 */
record Writing(
        StorePaths paths,
        StoreLock lock,
        Catalog catalog,
        Ledger ledger,
        OpenPartitions open,
        LogMover logs,
        BatchAppender appender,
        SingleRecords records,
        Erasures erasures,
        Traces traces,
        Closings closings,
        Errands<OpenPartitions> errands,
        Moves moves,
        ComingRows coming,
        Homes homes,
        AdoptedKeys adoptedKeys,
        Overrides overrides,
        Trash trash,
        Restoring restoring,
        Merging merging,
        Quarantine quarantine,
        Maintenance maintenance,
        Verifier verifier,
        TableMarks marks,
        Relief relief,
        Adoptions adoptions,
        Splitting splitting,
        boolean lastClean,
        @Nullable CloseReport lastReport) {
    /** Begins a writer's life: the lock is taken and the catalog opened. */
    static Writing begin(
            StorePaths paths,
            EngineSettings settings,
            Manifest manifest,
            ReadHandles readers,
            Suspects suspects,
            StoreLock lock,
            Catalog catalog,
            DiskFigure figure) {
        Clock wall = settings.options().clock();
        Bytes share = new Bytes(Budget.of(settings.options()).writerCache());
        Ledger ledger = Ledger.open(paths.ledger(), wall, LedgerFile.bootId());
        boolean done = false;
        try {
            Last last = last(paths, catalog, ledger, settings.options().trashGrace());
            Relief.recordLeftOver(paths, catalog, ledger, manifest, wall);
            TableMarks marks = new TableMarks(
                    last.marks,
                    (table, to) -> catalog.aside(() -> {
                        ledger.marks(table, to);
                        return true;
                    }));
            AdoptedLedger.reconcile(catalog, ledger);
            AdoptedLedger told = new AdoptedLedger(catalog, ledger);
            Closings closings = new Closings();
            Errands<OpenPartitions> errands = new Errands<>();
            Trash trash = new Trash(
                    paths,
                    catalog,
                    manifest,
                    readers,
                    wall,
                    marks,
                    settings.options().trashGrace(),
                    last.up);
            figure.kept(trash::inPlace);
            Orphans orphans = new Orphans(paths);
            figure.orphans(orphans::seen);
            Erasures erasures = new Erasures(new Rewriter(paths, catalog, readers, wall), closings);
            Quarantine quarantine = new Quarantine(paths, catalog, manifest, readers, wall, marks);
            LogMover logs = new LogMover();
            OpenPartitions open =
                    new OpenPartitions(paths, catalog, manifest, readers, quarantine, wall, share, figure, logs);
            Homes homes = new Homes();
            Overrides overrides = new Overrides(paths);
            Adoptions adoptions = new Adoptions(paths, catalog, manifest, readers, told, homes, overrides, wall);
            KeyLookup lookup = new KeyLookup(open, readers, homes);
            AdoptedKeys adoptedKeys = new AdoptedKeys(manifest, readers, homes, overrides);
            Moves moves = new Moves(manifest, open, paths, homes, overrides, last.specs);
            open.moves(moves);
            ComingRows coming = new ComingRows(catalog);
            PartitionCheck check =
                    new PartitionCheck(paths, readers, id -> catalog.change(c -> CatalogChecks.checksum(c, id)));
            Verifier verifier = new Verifier(catalog, manifest, quarantine, suspects, check, wall);
            Merging merging = new Merging(
                    paths,
                    catalog,
                    manifest,
                    trash,
                    errands,
                    marks,
                    wall,
                    settings.options().disk(),
                    verifier::verify);
            Relief relief = new Relief(
                    paths,
                    catalog,
                    ledger,
                    manifest,
                    readers,
                    marks,
                    wall,
                    new Reserve(paths, settings.options().disk()));
            open.limits(Limits.of(settings.options().disk(), Volume.total(paths.root())));
            Writing writing = new Writing(
                    paths,
                    lock,
                    catalog,
                    ledger,
                    open,
                    logs,
                    new BatchAppender(
                            open,
                            paths,
                            lookup,
                            new Sources(manifest, open, paths, readers),
                            relief,
                            moves,
                            coming,
                            figure,
                            adoptedKeys::versions),
                    new SingleRecords(open, manifest, paths, readers, lookup, erasures, moves, adoptedKeys),
                    erasures,
                    new Traces(manifest, trash, erasures, quarantine, homes),
                    closings,
                    errands,
                    moves,
                    coming,
                    homes,
                    adoptedKeys,
                    overrides,
                    trash,
                    new Restoring(
                            paths,
                            catalog,
                            manifest,
                            readers,
                            trash,
                            errands,
                            table -> catalog.change(c -> CatalogTables.table(c, table))),
                    merging,
                    quarantine,
                    new Maintenance(
                            paths,
                            catalog,
                            manifest,
                            readers,
                            erasures,
                            quarantine,
                            suspects,
                            closings,
                            merging,
                            orphans,
                            wall),
                    verifier,
                    marks,
                    relief,
                    adoptions,
                    new Splitting(
                            new SplitStep.Parts(
                                    paths, catalog, told, manifest, trash, errands, lookup, marks, figure, wall),
                            moves,
                            adoptions,
                            settings.options(),
                            settings.supervisor()),
                    last.clean,
                    last.report);
            catalog.start(settings.supervisor());
            settings.supervisor().start("levee-verifier", verifier::run);
            settings.supervisor().start("levee-logs", logs::run);
            writing.splitting().service().resume();
            done = true;
            return writing;
        } finally {
            if (!done) {
                ledger.close(null);
            }
        }
    }

    /** What the last writer left. */
    private record Last(
            boolean clean,
            @Nullable CloseReport report,
            java.util.Map<String, TableMarks.Marks> marks,
            UpTime up,
            List<TableSpec> specs) {}

    private static Last last(StorePaths paths, Catalog catalog, Ledger ledger, Duration grace) {
        try {
            Connection connection = catalog.beforeStart();
            CloseReport kept = kept(connection);
            TrashEntries.grace(connection, grace);
            List<TableSpec> specs = CatalogTables.tables(connection);
            List<String> tables = specs.stream().map(TableSpec::name).toList();
            Object made = Catalog.value(connection, "created");
            long created = made == null ? 0 : Micros.of(Instant.parse(made.toString()));
            if (!ledger.knewMigrations() && !MigrationCatalog.all(connection).isEmpty()) {
                // Before the ledger tells of this one: a crash in between is looked at by the next.
                MigrationCatalog.came(connection);
            }
            boolean clean = catalog.begin();
            CloseReport inLedger = ledger.lastReport();
            boolean inOrder = ledger.begin(clean, tables, kept, created);
            return new Last(
                    inOrder,
                    clean || inLedger == null ? kept : inLedger,
                    TableMarks.read(connection),
                    UpTime.read(connection, MonotonicClock.SYSTEM),
                    specs);
        } catch (SQLException e) {
            throw Sqlite.failure("the catalog cannot be read", paths.catalog(), e);
        }
    }

    private static @Nullable CloseReport kept(Connection connection) throws SQLException {
        Object text = Catalog.value(connection, "last_report");
        return text == null ? null : Reports.of(Json.parse(text.toString()));
    }

    /**
     * Ends the writer's life: the thread of the catalog has ended, and nothing else is left. Ledger and catalog both keep the report,
     * so that one of them is enough where the other cannot be written.
     */
    void close(@Nullable CloseReport report) {
        try (lock) {
            try {
                ledger.close(report);
            } finally {
                overrides.close();
                finish(report);
            }
        }
    }

    private void finish(@Nullable CloseReport report) {
        try {
            catalog.finish(report);
        } catch (LeveeException e) {
            relief.met(e);
            finishAgain(report, e);
        } finally {
            catalog.close();
        }
    }

    /** With what the reserve gave back. Where it was not enough the ledger has said all that the next opener needs. */
    private void finishAgain(@Nullable CloseReport report, LeveeException first) {
        try {
            catalog.finish(report);
        } catch (LeveeException e) {
            if (e.code() != ErrorCode.DISK_FULL) {
                first.addSuppressed(e);
                throw first;
            }
            System.getLogger("io.levee.sqlite")
                    .log(
                            System.Logger.Level.WARNING,
                            "the volume is full: the ledger alone says how the store was closed",
                            e);
        }
    }
}
