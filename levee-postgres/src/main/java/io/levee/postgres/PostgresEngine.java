package io.levee.postgres;

import io.levee.Ack;
import io.levee.Adoption;
import io.levee.AdoptionReport;
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
import io.levee.engine.Capability;
import io.levee.engine.Classes;
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
import io.levee.internal.adopt.SplitState;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/** An opened store in a PostgreSQL database: delegates each intent to the part that knows how. Threads as {@link StorageEngine}. */
final class PostgresEngine implements StorageEngine {
    private final Connections connections;
    private final CatalogSession session;
    private final Catalog catalog;
    private final Manifest manifest;
    private final Tables tables;
    private final Sizes sizes;
    private final Damage damage;
    private final Map<String, Object> pragmas;
    private final String name;
    private final @Nullable Writing writing;
    private final Map<ClassTables.Key, Long> floors;
    private final ClassTables classes;
    private final Adoptions adoptions;
    private final Map<String, Long> reserved = new ConcurrentHashMap<>();
    private final Clock clock;
    private final int queries;
    private @Nullable CatalogSession cursorSession;

    /**
     * Over an opened store.
     *
     * @param floors filled here, and read by the parts of {@code writing}
     * @param writing null where it is opened for reading
     */
    PostgresEngine(
            Connections connections,
            CatalogSession session,
            Catalog catalog,
            Manifest manifest,
            Map<String, Object> pragmas,
            Adoptions adoptions,
            Map<ClassTables.Key, Long> floors,
            @Nullable Writing writing,
            EngineSettings settings) {
        this.adoptions = adoptions;
        this.floors = floors;
        this.connections = connections;
        this.session = session;
        this.catalog = catalog;
        this.manifest = manifest;
        this.pragmas = pragmas;
        this.writing = writing;
        this.clock = settings.options().clock();
        this.queries = settings.options().queryThreads();
        this.name = "postgresql " + pragmas.getOrDefault("server_version", "");
        this.tables = new Tables(session, catalog);
        this.sizes = new Sizes(session, catalog, settings.options().disk());
        this.damage = new Damage(connections, session, catalog.names());
        this.classes = new ClassTables(catalog);
        floors.putAll(session.ask("the catalog cannot be read", classes::floors));
    }

    /** See {@link Opening#open}. */
    static PostgresEngine open(Connections connections, Names names, EngineSettings settings) {
        return Opening.open(connections, names, settings, settings.options().trashGrace());
    }

    // Who and what

    @Override
    public String name() {
        return name;
    }

    @Override
    public String address() {
        return connections.address();
    }

    @Override
    public Map<String, Object> pragmas() {
        return pragmas;
    }

    @Override
    public Map<String, Object> owner() {
        try {
            return session.ask("the store's owner cannot be read", c -> WriterSession.owner(c, catalog));
        } catch (LeveeException e) {
            // It shows in the status, which has to come when the server does not answer.
            return Map.of("unknown", e.what());
        }
    }

    @Override
    public boolean lastShutdownClean() {
        if (writing != null) {
            return writing.lastClean();
        }
        return session.ask(
                "the catalog cannot be read",
                c -> "CLEAN".equals(catalog.get(c, "last_shutdown"))
                        || !WriterSession.owner(c, catalog).isEmpty());
    }

    @Override
    public Set<Capability> capabilities() {
        return Set.of(
                Capability.PERSISTENT,
                Capability.SECOND_PROCESS,
                Capability.SQL,
                Capability.UNDO_DROP,
                Capability.ADOPTION,
                Capability.MIGRATIONS);
    }

    @Override
    public List<Finding> diagnose() {
        refresh();
        List<Finding> findings =
                new ArrayList<>(new Diagnosis(session, catalog, writing == null, queries, clock).run());
        findings.addAll(adoptions.findings());
        findings.addAll(Migrations.findings(session, catalog, manifest.all()));
        return findings;
    }

    @Override
    public List<TableSpec> tables() {
        return tables.all();
    }

    @Override
    public void putTable(TableSpec spec) {
        writing();
        tables.put(spec);
        ClassTables.keepTo(manifest.leaves(spec.name()), spec);
    }

    private Writing writing() {
        if (writing == null) {
            throw new LeveeException(
                    ErrorCode.NOT_WRITABLE, "the store " + connections.address() + " was opened for reading");
        }
        return writing;
    }

    @Override
    public long reserveSeq(String table, long count) {
        // A standby that took over may not have what was reserved last: no number is given twice all the same.
        long known = reserved.getOrDefault(table, 0L);
        long first = session.change("numbers cannot be reserved", c -> catalog.reserveSeq(c, table, known, count));
        reserved.merge(table, first + count, Math::max);
        return first;
    }

    @Override
    public long floorMicros(String table) {
        long highest = Long.MIN_VALUE;
        for (Map.Entry<ClassTables.Key, Long> floor : floors.entrySet()) {
            highest = floor.getKey().table().equals(table) ? Math.max(highest, floor.getValue()) : highest;
        }
        return highest;
    }

    @Override
    public long floorMicros(String table, String retentionClass) {
        return floors.getOrDefault(new ClassTables.Key(table, retentionClass), Long.MIN_VALUE);
    }

    @Override
    public void raiseFloor(String table, String retentionClass, long floorMicros) {
        writing();
        ClassTables.Key key = new ClassTables.Key(table, retentionClass);
        session.change("the floor cannot be raised", c -> {
            classes.raiseFloor(c, key, floorMicros);
            return true;
        });
        floors.merge(key, floorMicros, Math::max);
    }

    @Override
    public long droppedSeq(String table) {
        return session.ask("the catalog cannot be read", c -> catalog.droppedSeq(c, table));
    }

    @Override
    public void raiseDroppedSeq(String table, long seq) {
        writing();
        session.change("what retention deletes cannot be noted", c -> {
            catalog.raiseDroppedSeq(c, table, seq);
            return true;
        });
    }

    @Override
    public void noteRetention(List<RetentionEvent> events) {
        writing();
        session.change("decisions of retention cannot be noted", c -> RetentionLog.note(c, catalog.names(), events));
    }

    @Override
    public List<RetentionEvent> retentionEvents(@Nullable String table, int limit) {
        return session.ask("decisions of retention cannot be read", c -> RetentionLog.newest(c, catalog, table, limit));
    }

    @Override
    public void noteErasure(Erasure erasure) {
        writing();
        session.change("an erasure cannot be noted", c -> {
            catalog.noteErasure(c, erasure);
            return true;
        });
    }

    // Losses and sources

    @Override
    public List<Gap> losses() {
        return writing != null
                ? writing.ledger().before()
                : session.ask("the ledger cannot be read", c -> Ledger.losses(c, catalog, clock.instant()));
    }

    @Override
    public List<Gap> gaps() {
        List<Gap> gaps = new ArrayList<>(adoptions.gaps());
        gaps.addAll(writing == null ? List.of() : writing.ledger().found());
        return gaps;
    }

    @Override
    public long lastSeenMicros() {
        return writing == null ? Long.MIN_VALUE : writing.ledger().lastSeenMicros();
    }

    @Override
    public void ledger(List<Gap> lost, List<InFlight> inFlight) {
        writing().ledger().write(lost, inFlight);
    }

    @Override
    public @Nullable CloseReport lastReport() {
        if (writing != null) {
            return writing.ledger().reportBefore();
        }
        return session.ask("the last report cannot be read", c -> Optional.ofNullable(Ledger.report(c, catalog)))
                .orElse(null);
    }

    @Override
    public SourcePoint source(String table, String source) {
        return session.ask(
                "how far a source was read cannot be read",
                c -> catalog.has(c, "source_points")
                        ? Sources.point(c, catalog.names(), table, source)
                        : SourcePoint.START);
    }

    @Override
    public void putSource(String table, String source, SourcePoint point) {
        writing();
        session.change("how far a source was read cannot be noted", c -> {
            Sources.put(c, catalog.names(), table, source, point);
            return true;
        });
    }

    // Cursors

    /** Points of sources whose names no source can have. */
    private static final String CURSOR = "levee:cursor:";

    @Override
    public List<KeptCursor> cursors(@Nullable String table) {
        return session.ask(
                "the cursors cannot be read",
                c -> catalog.has(c, "source_points")
                        ? Sources.cursors(c, catalog.names(), table, CURSOR)
                        : List.<KeptCursor>of());
    }

    @Override
    public void putCursor(String table, String name, @Nullable SourcePoint point) {
        // A reader's session cannot write, and its own place it may keep all the same, where its role may.
        CatalogSession writable = writing != null ? session : cursorSession();
        writable.change("the cursor cannot be kept", c -> {
            if (point == null) {
                Sources.forgetPoint(c, catalog.names(), table, CURSOR + name);
            } else {
                Sources.put(c, catalog.names(), table, CURSOR + name, point);
            }
            return true;
        });
    }

    private synchronized CatalogSession cursorSession() {
        CatalogSession known = cursorSession;
        if (known == null) {
            known = new CatalogSession(connections, false);
            cursorSession = known;
        }
        return known;
    }

    // Partitions

    /** Beside a writer of another process the catalog is read again before each use. */
    private void refresh() {
        if (writing == null) {
            session.ask("the catalog cannot be read", c -> {
                manifest.reload(catalog.leaves(c));
                return true;
            });
            adoptions.refresh();
        }
    }

    @Override
    public long maxPartitions() {
        return Leaves.MAX_PARTITIONS;
    }

    @Override
    public List<PartitionInfo> partitions() {
        refresh();
        List<PartitionInfo> infos = new ArrayList<>(adoptions.infos());
        infos.addAll(sizes.infos(manifest.all()));
        return infos;
    }

    @Override
    public List<PartitionInfo> partitionsMeasured() {
        sizes.changed();
        return partitions();
    }

    @Override
    public boolean createAhead(TableSpec spec, Slot slot) {
        try {
            return writing().leaves().cover(spec, slot);
        } catch (LeveeException e) {
            if (e.code() != ErrorCode.PARTITION_BUSY) {
                throw e;
            }
            // It is tried again in a minute, and made on demand whatever comes of that.
            System.getLogger("io.levee.postgres").log(System.Logger.Level.INFO, e.getMessage());
            return false;
        }
    }

    @Override
    public String closePartition(PartitionId id) {
        if (adoptions.get(id) != null) {
            return "";
        }
        Leaf leaf = manifest.get(id);
        if (leaf == null) {
            return "it is gone already";
        }
        writing();
        // This is the writer's thread: nothing is on its way to the partition while it runs.
        session.change(
                "a partition cannot be closed", c -> catalog.move(c, id, "open", "closed", null, clock.instant()));
        leaf.closed();
        return "";
    }

    /** What a partition of our own holds is committed with its rows, so an unclean stop leaves it right: only others' tables are looked at. */
    @Override
    public void learnRanges() {
        if (!adoptions.infos().isEmpty()) {
            adoptions.lookAgain(this::spec);
        }
    }

    private @Nullable TableSpec spec(String table) {
        return tables.find(table);
    }

    @Override
    public AdoptionReport adopt(TableSpec spec, Adoption adoption) {
        writing();
        return adoptions.adopt(spec, adoption);
    }

    @Override
    public List<AdoptionReport> adopted() {
        refresh();
        return adoptions.reports();
    }

    @Override
    public boolean inAdopted(String table, long seq) {
        return adoptions.inAdopted(table, seq);
    }

    @Override
    public SplitStatus split(PartitionId id, boolean go) {
        return writing().splitting().service().split(id, go);
    }

    @Override
    public List<SplitStatus> splits() {
        return writing != null
                ? writing.splitting().service().statuses()
                : Splitting.all(session, catalog).stream()
                        .map(SplitState::status)
                        .toList();
    }

    /** Splits adopted tables; for tests. */
    Splitting splitting() {
        return writing().splitting();
    }

    @Override
    public StoreStatus.Disk disk() {
        return sizes.disk();
    }

    @Override
    public Map<String, Long> memory() {
        return Map.of();
    }

    // Writing

    @Override
    public void append(TableSpec spec, List<? extends WriteRow> rows, Ack level, SeqSource seq) {
        writing().appender().append(spec, rows, level, seq);
    }

    @Override
    public @Nullable StoredRow find(TableSpec spec, Object[] key) {
        return writing().changes().find(spec, key);
    }

    @Override
    public int delete(TableSpec spec, List<RowQuery.Mark> rows, @Nullable Expr still, Ack level) {
        return writing().changes().delete(spec, rows, still, level);
    }

    @Override
    public boolean delete(TableSpec spec, Object[] key, Ack level) {
        return writing().changes().delete(spec, key, level);
    }

    /** Of its own nothing is postponed: the server checkpoints and cleans by itself. */
    @Override
    public void afterBatch() {
        writing().errands().serve(writing().moving());
    }

    @Override
    public void onErrand(Runnable come) {
        if (writing != null) {
            writing.errands().onAsk(come);
        }
    }

    // Dropping

    @Override
    public DropOutcome drop(PartitionId id, String reason) {
        Adopted adopted = adoptions.get(id);
        TableSpec spec = adopted == null ? null : spec(id.table());
        if (adopted != null && spec != null) {
            return adoptions.drop(adopted, spec, reason);
        }
        try {
            writing().migrations().giveWay(id);
            return writing().detaching().drop(id, reason);
        } finally {
            sizes.changed();
        }
    }

    @Override
    public DropOutcome dropForSpace(PartitionId id, String reason) {
        Leaf leaf = manifest.get(id);
        if (leaf != null && leaf.held().rows() > 0) {
            // What goes for space is within its promise: rows of its time are refused from now on, or it could not be
            // detached.
            raiseFloor(id.table(), id.retentionClass(), leaf.held().maxMicros() + 1);
        }
        DropOutcome outcome = drop(id, reason);
        if (outcome.blockedBy().isEmpty() && leaf != null) {
            writing().dropped().freeAtOnce(id);
            sizes.changed();
        }
        return outcome;
    }

    @Override
    public boolean freeDropped() {
        return free(false);
    }

    @Override
    public boolean freeDroppedNow() {
        return free(true);
    }

    private boolean free(boolean now) {
        boolean more = false;
        try {
            adoptions.free();
            more = writing().dropped().freeOne(now);
            return more;
        } finally {
            if (!more) {
                writing().detaching().finishBegun("");
            }
            sizes.changed();
        }
    }

    @Override
    public List<PartitionInfo> dropped() {
        return sizes.infos(session.ask("dropped partitions cannot be listed", catalog::dropped));
    }

    @Override
    public Map<PartitionId, Duration> graces() {
        List<Leaf> dropped = session.ask("dropped partitions cannot be listed", catalog::dropped);
        return writing == null ? Map.of() : writing.dropped().graces(dropped);
    }

    @Override
    public void restore(PartitionId id) {
        writing().moving().coming().wake(session, id.table());
        writing().dropped().restore(id);
    }

    @Override
    public void purgeDropped(String table) {
        String stays = writing().detaching().finishBegun(table);
        writing().dropped().purge(table);
        sizes.changed();
        if (!stays.isEmpty()) {
            throw new LeveeException(ErrorCode.PARTITION_BUSY, "a drop has begun and waits for others: " + stays)
                    .hint("it is gone on with; erase again after that");
        }
    }

    @Override
    public Verification verify(PartitionId id) {
        if (adoptions.get(id) != null) {
            return new Verification(
                    id, Verification.State.UNCHECKED, 0, "it is an adopted table: nothing says what it held");
        }
        return damage.verify(id);
    }

    // Online schema change

    @Override
    public List<MigrationRecord> migrations() {
        return Migrations.all(session, catalog);
    }

    @Override
    public void putMigration(MigrationRecord record, @Nullable TableSpec spec) {
        writing().migrations().put(record, spec);
    }

    @Override
    public boolean migrationsPaused() {
        return session.ask("the migrations cannot be read", c -> catalog.get(c, Migrations.PAUSED) != null);
    }

    @Override
    public long migrationsUnlooked() {
        return session.ask("the migrations cannot be read", new MigrationTables(catalog)::unreached);
    }

    @Override
    public void onArrival(Runnable told) {
        if (writing != null) {
            writing.splitting().onArrival(told);
        }
    }

    @Override
    public void pauseMigrations(boolean paused) {
        writing().migrations().pause(paused);
    }

    @Override
    public void checkMigration(MigrationRecord record, TableSpec after) {
        writing().migrations().check(record, after);
    }

    @Override
    public List<PartitionId> migrationParts(MigrationRecord record) {
        refresh();
        return Migrations.parts(session, catalog, manifest, tables, record);
    }

    @Override
    public @Nullable MigrationSample migrationSample(MigrationRecord record, PartitionId id, SliceOrder order) {
        // It is tried on a table of its own, which only a writer may make.
        return writing == null ? null : writing.migrations().sample(record, id, order);
    }

    @Override
    public MigrationRows migrationRows(
            MigrationRecord record, PartitionId id, SliceOrder order, List<Column> columns, long behind) {
        return writing().migrations().rows(record, id, order, columns, behind);
    }

    @Override
    public SliceOutcome migrate(MigrationRecord record, PartitionId id, SliceOrder order) {
        return writing().migrations().slice(record, id, order);
    }

    // Reading: each query takes a connection of its own

    private void reading(Runnable scan) {
        try {
            scan.run();
        } catch (LeveeException e) {
            throw damage.named(e);
        }
    }

    @Override
    public ReadView view(TableSpec spec, long fromMicros, long toMicros) {
        return view(spec, fromMicros, toMicros, null);
    }

    @Override
    public ReadView view(TableSpec spec, long fromMicros, long toMicros, @Nullable Expr where) {
        Classes of = Classes.of(spec);
        Set<@Nullable String> wanted = of.wanted(where);
        Set<String> named = wanted == null ? null : of.of(wanted);
        refresh();
        List<Adopted> adopted = adoptions.of(spec.name());
        String moved = adoptions.moved(spec.name());
        return new ParentView(connections.pool(), catalog.names(), damage, named, adopted, moved, () -> {
            refresh();
            return manifest.leaves(spec.name()).stream()
                    .filter(leaf ->
                            leaf.held().minMicros() < toMicros && leaf.held().maxMicros() >= fromMicros)
                    .filter(leaf -> Classes.mayHold(leaf.id(), leaf.apart(), wanted))
                    .toList();
        });
    }

    @Override
    public ReadView view(TableSpec spec, PartitionId id) {
        Leaf leaf = manifest.get(id);
        Adopted adopted = adoptions.get(id);
        if (adopted != null) {
            return LeafView.of(connections.pool(), catalog.names(), damage, adopted);
        }
        String moved = adoptions.moved(spec.name());
        if (leaf == null) {
            throw new LeveeException(ErrorCode.NOT_FOUND, "there is no partition " + id + " (any more)");
        }
        return LeafView.of(connections.pool(), catalog.names(), damage, leaf, moved);
    }

    /** A rollup's figures are shown only where they are asked for. */
    private List<TableSpec> visible(SqlQuery query) {
        return tables().stream()
                .filter(spec -> !spec.hidden() || query.sql().contains(spec.name()))
                .toList();
    }

    @Override
    public void tail(TailQuery query, Execution execution, RowSink sink) {
        reading(() -> new TailScan(connections.pool(), catalog.names(), query, execution).run(sink));
    }

    @Override
    public long highestSeq(TableSpec spec, Execution execution) {
        return TailScan.highestSeq(connections.pool(), catalog.names(), spec, execution);
    }

    @Override
    public void sql(SqlQuery query, Execution execution, RowSink sink) {
        refresh();
        reading(() -> new SqlScan(
                        connections.pool(),
                        catalog.names(),
                        query,
                        visible(query),
                        spec -> adoptions.of(spec.name()),
                        execution)
                .run(sink));
    }

    // The end

    @Override
    public void closeWriter() {
        writing().errands().end();
        // The lock is kept until close(): the janitor may still be at work.
    }

    @Override
    public void close(@Nullable CloseReport report) {
        try {
            if (writing != null) {
                writing.migrations().close();
                end(writing.session(), report);
            }
        } finally {
            synchronized (this) {
                if (cursorSession != null) {
                    cursorSession.close();
                }
            }
            session.close();
            connections.close();
        }
    }

    /** Says that the store was closed in order, if it was, and gives the lock back. */
    private void end(WriterSession writer, @Nullable CloseReport report) {
        try {
            writer.ask("the catalog cannot be closed", c -> {
                return Postgres.transaction(c, () -> {
                    Postgres.run(c, "SET LOCAL synchronous_commit = on");
                    if (report != null) {
                        Ledger.putReport(c, catalog, report);
                    }
                    if (report != null && report.clean()) {
                        catalog.put(c, "last_shutdown", "CLEAN");
                    }
                    catalog.delete(c, "owner");
                    return true;
                });
            });
        } catch (LeveeException e) {
            if (e.code() != ErrorCode.STORE_LOCKED) {
                throw e;
            }
            // Another writer has the store by now, and its catalog: there is nothing of this one to be said in it.
            System.getLogger("io.levee.postgres").log(System.Logger.Level.WARNING, e.getMessage());
        } finally {
            writer.close();
        }
    }
}
