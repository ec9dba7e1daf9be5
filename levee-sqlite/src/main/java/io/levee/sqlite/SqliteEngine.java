package io.levee.sqlite;

import io.levee.Ack;
import io.levee.Adoption;
import io.levee.AdoptionReport;
import io.levee.BackupReport;
import io.levee.Bytes;
import io.levee.CloseReport;
import io.levee.Column;
import io.levee.ErrorCode;
import io.levee.Expr;
import io.levee.Gap;
import io.levee.LeveeException;
import io.levee.PartitionId;
import io.levee.PartitionInfo;
import io.levee.RetentionEvent;
import io.levee.SplitStatus;
import io.levee.SqlQuery;
import io.levee.StoreStatus;
import io.levee.TableSpec;
import io.levee.engine.BackupHelp;
import io.levee.engine.BackupMark;
import io.levee.engine.Capability;
import io.levee.engine.DropOutcome;
import io.levee.engine.EngineSettings;
import io.levee.engine.Erasure;
import io.levee.engine.Execution;
import io.levee.engine.Finding;
import io.levee.engine.InFlight;
import io.levee.engine.KeptCursor;
import io.levee.engine.MigrationRecord;
import io.levee.engine.MigrationRows;
import io.levee.engine.MigrationSample;
import io.levee.engine.Period;
import io.levee.engine.Quarantined;
import io.levee.engine.ReadView;
import io.levee.engine.RowQuery;
import io.levee.engine.RowSink;
import io.levee.engine.SeqSource;
import io.levee.engine.SliceOrder;
import io.levee.engine.SliceOutcome;
import io.levee.engine.Slot;
import io.levee.engine.SourcePoint;
import io.levee.engine.StorageEngine;
import io.levee.engine.StoredRow;
import io.levee.engine.TailQuery;
import io.levee.engine.Verification;
import io.levee.engine.WriteRow;
import io.levee.internal.memory.Budget;
import java.nio.file.Path;
import java.sql.Connection;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** An opened store of partition files: delegates each intent to the part that knows how. Threads as {@link StorageEngine}. */
final class SqliteEngine implements StorageEngine {
    private static final System.Logger LOG = System.getLogger("io.levee.sqlite");
    private static final String VERSION = "sqlite ";
    private static final Set<Capability> CAPABILITIES = Set.of(Capability.values());

    private final StorePaths paths;
    private final EngineSettings settings;
    private final Manifest manifest;
    private final ReadHandles readers;
    private final CursorFiles cursors;
    private final Suspects suspects;
    private final Map<String, Object> pragmas;
    private final String name;
    private final @Nullable Writing writing;
    private final CatalogView catalog;
    private final Views views;
    private final @Nullable LedgerReader ledgerReader;
    private final Budget budget;
    private final DiskFigure figure;
    private final HeldMoments backups = new HeldMoments();
    private final Bytes sqlCache;
    private final @Nullable Migrating migrating;
    private volatile Map<String, Long> writerMemory = Map.of();

    /**
     * Over an opened store.
     *
     * @param lock where it is opened for writing, as is {@code catalog}
     * @param catalogReader where it is opened for reading
     */
    SqliteEngine(
            StorePaths paths,
            EngineSettings settings,
            Manifest manifest,
            Map<String, Object> pragmas,
            @Nullable StoreLock lock,
            @Nullable Catalog catalog,
            @Nullable Connection catalogReader) {
        this.paths = paths;
        this.cursors = new CursorFiles(paths);
        if (lock != null) {
            cursors.sweep();
        }
        this.settings = settings;
        this.manifest = manifest;
        this.pragmas = pragmas;
        this.name = VERSION + Connections.version();
        this.catalog = new CatalogView(paths, manifest, catalog, catalogReader);
        this.suspects = new Suspects(!settings.readOnly());
        this.budget = Budget.of(settings.options());
        this.figure = DiskFigure.of(paths, settings.options());
        this.sqlCache = figure.cache(SqlScan.cache(budget, settings.options().queryThreads()));
        this.readers = new ReadHandles(
                paths,
                suspects,
                settings.readOnly() ? 0 : ReadHandles.MAX_IDLE,
                budget.readerCache() - settings.options().queryThreads() * sqlCache.value() * SqlScan.CACHES,
                figure);
        this.ledgerReader = catalogReader == null
                ? null
                : new LedgerReader(paths, settings.options().clock(), this::tables, this::lastShutdownClean);
        this.writing = lock == null || catalog == null
                ? null
                : Writing.begin(paths, settings, manifest, readers, suspects, lock, catalog, figure);
        this.migrating = writing == null
                ? null
                : new Migrating(
                        writing,
                        manifest,
                        readers,
                        new IndexBuild(
                                paths,
                                writing.catalog(),
                                readers,
                                writing.errands(),
                                writing.logs(),
                                settings.options().clock(),
                                settings.options().disk(),
                                writing.verifier()::verify),
                        settings.options().clock());
        this.views = new Views(new Views.Parts(
                paths, manifest, this.catalog, readers, suspects, figure, sqlCache, writing, ledgerReader));
        figure.outside(
                writing != null
                        ? writing.adoptions()::takenBytes
                        : () -> Adoptions.takenBytes(paths, manifest.all().stream()));
    }

    static SqliteEngine open(StorePaths paths, EngineSettings settings) {
        return Opening.open(paths, settings);
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public Path localDirectory() {
        return paths.root();
    }

    @Override
    public String address() {
        return paths.root().toString();
    }

    @Override
    public Map<String, Object> pragmas() {
        return writing == null
                ? Map.of("catalog", pragmas)
                : Map.of("catalog", pragmas, "writer", writing.open().pragmas());
    }

    @Override
    public Map<String, Object> owner() {
        return StoreLock.owner(paths.lock());
    }

    @Override
    public boolean lastShutdownClean() {
        if (writing != null) {
            return writing.lastClean();
        }
        return catalog.ask(c -> "CLEAN".equals(Catalog.value(c, "last_shutdown")) || !owner().isEmpty());
    }

    @Override
    public List<Gap> losses() {
        return writing != null
                ? writing.ledger().losses()
                : Objects.requireNonNull(ledgerReader).losses();
    }

    @Override
    public void ledger(List<Gap> lost, List<InFlight> inFlight) {
        Writing own = writing();
        own.catalog().aside(() -> {
            own.ledger().note(lost, inFlight, own.open().unsynced());
            return true;
        });
    }

    @Override
    public long lastSeenMicros() {
        return writing == null ? Long.MIN_VALUE : writing.ledger().lastSeenMicros();
    }

    @Override
    public @Nullable CloseReport lastReport() {
        return writing != null
                ? writing.lastReport()
                : Objects.requireNonNull(ledgerReader).lastReport();
    }

    @Override
    public List<TableSpec> tables() {
        return catalog.ask(CatalogTables::tables);
    }

    private Writing writing() {
        if (writing == null) {
            throw new LeveeException(ErrorCode.NOT_WRITABLE, "the store " + paths.root() + " was opened for reading");
        }
        return writing;
    }

    @Override
    public void putTable(TableSpec spec) {
        writing().catalog().change(c -> {
            CatalogTables.putTable(c, spec);
            Apart.keepTo(c, spec);
            return true;
        });
        Apart.keepTo(manifest.of(spec.name()), spec);
        writing().moves().declared(spec);
    }

    @Override
    public List<MigrationRecord> migrations() {
        return catalog.ask(MigrationCatalog::all);
    }

    @Override
    public boolean migrationsPaused() {
        return catalog.ask(MigrationCatalog::paused);
    }

    @Override
    public void pauseMigrations(boolean paused) {
        writing().catalog().change(c -> MigrationCatalog.pause(c, paused));
    }

    @Override
    public long migrationsUnlooked() {
        long came = catalog.ask(MigrationCatalog::unlooked);
        return came == 0 && ledgerReader != null && !ledgerReader.read().knewMigrations() ? 1 : came;
    }

    @Override
    public void migrationsLooked(long upTo) {
        writing().catalog().change(c -> MigrationCatalog.looked(c, upTo));
    }

    @Override
    public void onArrival(Runnable told) {
        if (writing != null) {
            writing.splitting().onArrival(told);
        }
    }

    private Migrating migrating() {
        writing();
        return Objects.requireNonNull(migrating);
    }

    @Override
    public void putMigration(MigrationRecord record, @Nullable TableSpec spec) {
        migrating().put(record, spec);
        if (spec != null) {
            Apart.keepTo(manifest.of(spec.name()), spec);
            writing().moves().declared(spec);
        }
    }

    @Override
    public void checkMigration(MigrationRecord record, TableSpec after) {
        MigrationCheck.run(record, after);
    }

    @Override
    public List<PartitionId> migrationParts(MigrationRecord record) {
        return migrating != null
                ? migrating.parts(record)
                : catalog.ask(c -> MigrationLook.parts(record, c, new MigrationReach(paths, manifest)));
    }

    @Override
    public Map<String, List<PartitionId>> migrationParts(List<MigrationRecord> records) {
        return migrating().parts(records);
    }

    @Override
    public long migrationRoom(MigrationRecord record, PartitionId id) {
        return MigrationLook.room(record, paths, manifest.get(id));
    }

    @Override
    public @Nullable MigrationSample migrationSample(MigrationRecord record, PartitionId id, SliceOrder order) {
        Partition partition = manifest.get(id);
        return partition == null || partition.adopted() != null
                ? null
                : MigrationTrial.run(record, order, paths.partition(partition), partition);
    }

    @Override
    public MigrationRows migrationRows(
            MigrationRecord record, PartitionId id, SliceOrder order, List<Column> columns, long behind) {
        return migrating().rows(record, id, order, columns, behind);
    }

    @Override
    public SliceOutcome migrate(MigrationRecord record, PartitionId id, SliceOrder order) {
        return migrating().migrate(record, id, order);
    }

    @Override
    public long reserveSeq(String table, long count) {
        return writing().catalog().change(c -> CatalogTables.reserveSeq(c, table, count));
    }

    @Override
    public long maxPartitions() {
        return OpenPartitions.MAX_PARTITIONS;
    }

    @Override
    public List<PartitionInfo> partitions() {
        catalog.refresh();
        return manifest.all().stream().map(p -> p.info(paths)).toList();
    }

    @Override
    public void append(TableSpec spec, List<? extends WriteRow> rows, Ack level, SeqSource seq) {
        writing().appender().append(spec, rows, level, seq);
    }

    @Override
    public void afterBatch() {
        OpenPartitions open = writing().open();
        writing().closings().serve(open, this::spec);
        writing().errands().serve(open);
        suspects.serve(open);
        if (writing().relief().full()) {
            open.truncateLogs();
        }
        open.slice();
        readers.closeOld();
        long keys = open.keyBytes(budget.keyFilters());
        writerMemory = Map.of("writerCache", open.cacheBytes(), "keyFilters", keys);
    }

    @Override
    public String closePartition(PartitionId id) {
        Partition partition = manifest.get(id);
        if (partition == null) {
            return "it is gone already";
        }
        if (partition.adopted() != null) {
            return "";
        }
        return writing().open().close(spec(id.table()), partition);
    }

    private TableSpec spec(String table) {
        return catalog.ask(c -> CatalogTables.table(c, table));
    }

    @Override
    public boolean createAhead(TableSpec spec, Slot slot) {
        boolean missing = manifest.own(spec.name()).stream().noneMatch(p -> slot.holds(p.id()));
        if (missing) {
            writing().open().forNewRows(spec, slot);
        }
        return missing;
    }

    /** The writer's partitions; for tests. */
    OpenPartitions open() {
        return writing().open();
    }

    /** Moves logs beside the writer; for tests. */
    LogMover logs() {
        return writing().logs();
    }

    /** Merges partitions; for tests. */
    Merging merging() {
        return writing().merging();
    }

    /** Has the next new rows of a period go to a new sibling. Writer thread; for tests. */
    void roll(TableSpec spec, Period period) {
        writing().open().sibling(spec, Slot.of(period));
    }

    @Override
    public void learnRanges() {
        writing().adoptions().lookAgain(this::spec);
        writing().maintenance().run();
    }

    @Override
    public Verification verify(PartitionId id) {
        catalog.refresh();
        Partition partition = manifest.get(id);
        if (partition == null) {
            return new Verification(id, Verification.State.UNCHECKED, 0, "there is no such partition (any more)");
        }
        if (writing != null) {
            return writing.verifier().verify(partition);
        }
        PartitionCheck check =
                new PartitionCheck(paths, readers, one -> catalog.ask(c -> CatalogChecks.checksum(c, one)));
        return check.bytes(partition, Verifier::paced);
    }

    @Override
    public BackupReport backup(Path directory, boolean again, BackupHelp help) {
        catalog.refresh();
        return StoreBackup.run(
                paths, manifest, readers, suspects, settings.options().clock(), backups, directory, again, help);
    }

    @Override
    public void restore(PartitionId id, Path backup) {
        new PutBack(writing(), manifest, backup).run(id);
    }

    @Override
    public List<BackupMark> backups() {
        return new BackupMarks(paths).all();
    }

    @Override
    public DropOutcome drop(PartitionId id, String reason) {
        Partition partition = manifest.get(id);
        if (partition == null) {
            return new DropOutcome(0, "it is gone already");
        }
        return partition.adopted() != null
                ? writing().adoptions().drop(partition, reason)
                : writing().trash().drop(partition, reason);
    }

    @Override
    public AdoptionReport adopt(TableSpec spec, Adoption adoption) {
        return writing().adoptions().adopt(spec, adoption);
    }

    @Override
    public List<AdoptionReport> adopted() {
        catalog.refresh();
        return Adoptions.all(manifest);
    }

    @Override
    public boolean inAdopted(String table, long seq) {
        return writing != null ? writing.adoptedKeys().only(table, seq) : manifest.inAdopted(table, seq);
    }

    @Override
    public SplitStatus split(PartitionId id, boolean go) {
        return writing().splitting().service().split(id, go);
    }

    @Override
    public List<SplitStatus> splits() {
        return writing != null ? writing.splitting().service().statuses() : catalog.ask(Splitting::statuses);
    }

    /** Splits adopted databases; for tests. */
    Splitting splitting() {
        return writing().splitting();
    }

    @Override
    public boolean full() {
        return writing != null && writing.relief().full();
    }

    @Override
    public void keepReserve() {
        writing().relief().keep();
    }

    @Override
    public String letGo(PartitionId id) {
        Partition partition = manifest.get(id);
        if (partition != null && partition.adopted() != null) {
            return "";
        }
        return partition == null
                ? "it is gone already"
                : writing()
                        .open()
                        .letGo(() -> spec(id.table()), partition, writing().relief());
    }

    @Override
    public DropOutcome dropForSpace(PartitionId id, String reason) {
        Partition partition = manifest.get(id);
        return partition != null && partition.adopted() != null
                ? writing().adoptions().drop(partition, reason)
                : writing().relief().drop(id, reason);
    }

    @Override
    public boolean freeDropped() {
        boolean more = writing().adoptions().free();
        return writing().trash().free() || more;
    }

    @Override
    public boolean freeDroppedNow() {
        return backups.letGo() || writing().trash().freeNow();
    }

    @Override
    public StoreStatus.Disk disk() {
        return figure.measure();
    }

    @Override
    public void onTight(Runnable look) {
        figure.onTight(look);
    }

    @Override
    public boolean tight() {
        return figure.tight();
    }

    @Override
    public void onErrand(Runnable come) {
        if (writing != null) {
            writing.errands().onAsk(come);
        }
    }

    @Override
    public long temporaryRoom() {
        return figure.temporaryRoom();
    }

    @Override
    public Map<String, Long> memory() {
        Map<String, Long> byPart = new LinkedHashMap<>(writerMemory);
        long running = views.sqlRunning();
        byPart.put("readerCache", readers.cacheBytes() + running * SqlScan.CACHES * sqlCache.value());
        byPart.put("sorters", readers.sorterBytes() + running * sqlCache.value());
        return byPart;
    }

    @Override
    public long temporaryBytes() {
        return Unlinked.sorts();
    }

    @Override
    public void shrink() {
        readers.shrink();
    }

    @Override
    public ReadView view(TableSpec spec, long fromMicros, long toMicros) {
        return view(spec, fromMicros, toMicros, null);
    }

    @Override
    public ReadView view(TableSpec spec, long fromMicros, long toMicros, @Nullable Expr where) {
        return views.view(spec, fromMicros, toMicros, where);
    }

    @Override
    public ReadView view(TableSpec spec, PartitionId id) {
        return views.view(spec, id);
    }

    @Override
    public void sql(SqlQuery query, Execution execution, RowSink sink) {
        views.sql(query, execution, sink);
    }

    @Override
    public Set<Capability> capabilities() {
        return CAPABILITIES;
    }

    @Override
    public List<Finding> diagnose() {
        List<Finding> findings = new ArrayList<>(Surroundings.look(paths, pragmas()));
        findings.addAll(Adoptions.findings(manifest));
        findings.addAll(new MigrationFindings(new MigrationReach(paths, manifest), migrationsUnlooked() != 0)
                .look(migrations(), tables(), record -> catalog.ask(c -> MigrationCatalog.bound(c, record.id()))));
        findings.addAll(Orphans.findings(Orphans.find(paths, !owner().isEmpty(), catalog::ask)));
        return findings;
    }

    @Override
    public long floorMicros(String table) {
        return marks(table).highestFloor();
    }

    @Override
    public long floorMicros(String table, String retentionClass) {
        return marks(table).floor(retentionClass);
    }

    @Override
    public long droppedSeq(String table) {
        return marks(table).droppedSeq();
    }

    /** In the writer's process from memory: every append asks. */
    private TableMarks.Marks marks(String table) {
        return writing != null
                ? writing.marks().of(table)
                : catalog.ask(TableMarks::read).getOrDefault(table, TableMarks.Marks.NONE);
    }

    @Override
    public void raiseFloor(String table, String retentionClass, long floorMicros) {
        raise(table, TableMarks.Marks.of(retentionClass, floorMicros, 0));
    }

    private void raise(String table, TableMarks.Marks to) {
        writing().catalog().change(c -> {
            TableMarks.write(c, table, to);
            return true;
        });
        writing().marks().raised(table, to);
    }

    @Override
    public @Nullable StoredRow find(TableSpec spec, Object[] key) {
        return writing().records().find(spec, key);
    }

    @Override
    public int delete(TableSpec spec, List<RowQuery.Mark> rows, @Nullable Expr still, Ack level) {
        return writing().records().delete(spec, rows, still, level);
    }

    @Override
    public boolean delete(TableSpec spec, Object[] key, Ack level) {
        return writing().records().delete(spec, key, level);
    }

    @Override
    public List<PartitionInfo> dropped() {
        return catalog.ask(TrashEntries::all).stream()
                .filter(entry -> Trash.file(paths, entry) != null)
                .map(TrashEntries.Entry::info)
                .toList();
    }

    @Override
    public Map<PartitionId, Duration> graces() {
        return writing != null ? writing.trash().graces() : catalog.ask(TrashEntries::graces);
    }

    @Override
    public void restore(PartitionId id) {
        writing().restoring().restore(id);
    }

    @Override
    public void purgeDropped(String table) {
        writing().traces().reach(table);
    }

    @Override
    public List<Gap> gaps() {
        catalog.refresh();
        return manifest.gaps();
    }

    @Override
    public List<Quarantined> quarantined() {
        catalog.refresh();
        return manifest.quarantined();
    }

    @Override
    public void noteErasure(Erasure erasure) {
        writing().catalog().change(c -> {
            CatalogTables.noteErasure(c, erasure);
            return true;
        });
    }

    @Override
    public void noteRetention(List<RetentionEvent> events) {
        writing().catalog().change(c -> RetentionLog.note(c, events));
    }

    @Override
    public List<RetentionEvent> retentionEvents(@Nullable String table, int limit) {
        return catalog.ask(c -> RetentionLog.newest(c, table, limit));
    }

    @Override
    public void raiseDroppedSeq(String table, long seq) {
        raise(table, new TableMarks.Marks(Long.MIN_VALUE, seq));
    }

    @Override
    public SourcePoint source(String table, String source) {
        return catalog.ask(c -> Sources.point(c, table, source));
    }

    @Override
    public void putSource(String table, String source, SourcePoint point) {
        writing().catalog().change(c -> {
            Sources.putPoint(c, table, source, point);
            return true;
        });
    }

    @Override
    public List<KeptCursor> cursors(@Nullable String table) {
        return cursors.list(table);
    }

    @Override
    public void putCursor(String table, String name, @Nullable SourcePoint point) {
        cursors.put(table, name, point);
    }

    @Override
    public String incarnation() {
        return catalog.ask(c -> String.valueOf(Catalog.value(c, "created")));
    }

    @Override
    public void tail(TailQuery query, Execution execution, RowSink sink) {
        views.tail(query, execution, sink);
    }

    @Override
    public long highestSeq(TableSpec spec, Execution execution) {
        return views.highestSeq(spec, execution);
    }

    @Override
    public void closeWriter() {
        writing().closings().end();
        writing().errands().end();
        writing().trash().noteTime();
        List<String> left = writing().open().closeAll();
        if (!left.isEmpty()) {
            LOG.log(System.Logger.Level.INFO, "partitions that stay open for the next writer: {0}", left);
        }
    }

    @Override
    public void close(@Nullable CloseReport report) {
        readers.closeAll();
        if (writing != null) {
            writing.close(report);
        } else {
            catalog.close();
        }
    }
}
