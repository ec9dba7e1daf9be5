package io.levee.postgres;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.engine.EngineSettings;
import io.levee.internal.supervisor.Errands;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** Opens a store in a database, which makes its catalog where it is missing. The caller's thread. */
final class Opening {
    private Opening() {}

    /**
     * Opens a store.
     *
     * @param grace how long dropped partitions can be brought back
     */
    static PostgresEngine open(Connections connections, Names names, EngineSettings settings, Duration grace) {
        Catalog catalog = new Catalog(names);
        CatalogSession session = new CatalogSession(connections, settings.readOnly());
        boolean done = false;
        try {
            PostgresEngine engine = settings.readOnly()
                    ? forReading(connections, session, catalog, settings)
                    : forWriting(connections, session, catalog, settings, grace);
            done = true;
            return engine;
        } finally {
            if (!done) {
                session.close();
                connections.close();
            }
        }
    }

    private static PostgresEngine forWriting(
            Connections connections, CatalogSession session, Catalog catalog, EngineSettings settings, Duration grace) {
        Clock clock = settings.options().clock();
        WriterSession writer = WriterSession.open(connections, catalog, clock.instant());
        boolean done = false;
        try {
            boolean[] clean = new boolean[1];
            Ledger ledger = begin(writer, catalog, session, clock, clean);
            Manifest manifest = new Manifest();
            manifest.reload(catalog.leaves(writer.take()));
            Adoptions adoptions = new Adoptions(connections, session, catalog, clock);
            Map<ClassTables.Key, Long> floors = new ConcurrentHashMap<>();
            Writing writing = writing(
                    new Opened(connections, session, catalog, manifest, adoptions, writer, ledger),
                    floors,
                    settings,
                    grace,
                    clean[0]);
            PostgresEngine engine = new PostgresEngine(
                    connections,
                    session,
                    catalog,
                    manifest,
                    ServerSettings.of(writer.take()),
                    adoptions,
                    floors,
                    writing,
                    settings);
            writing.splitting().service().resume();
            done = true;
            return engine;
        } catch (SQLException e) {
            throw Postgres.failure("the store cannot be opened", e);
        } finally {
            if (!done) {
                writer.close();
            }
        }
    }

    /** What the parts of a writer's store share. */
    private record Opened(
            Connections connections,
            CatalogSession session,
            Catalog catalog,
            Manifest manifest,
            Adoptions adoptions,
            WriterSession writer,
            Ledger ledger) {}

    private static Writing writing(
            Opened of, Map<ClassTables.Key, Long> floors, EngineSettings settings, Duration grace, boolean lastClean)
            throws SQLException {
        Clock clock = settings.options().clock();
        Names names = of.catalog.names();
        Tables tables = new Tables(of.session, of.catalog);
        Leaves leaves = new Leaves(of.writer, of.catalog, of.manifest, clock, of.ledger::found);
        AdoptedOverrides overrides = new AdoptedOverrides(names, spec -> of.adoptions.of(spec.name()));
        KeyLookup keys = new KeyLookup(of.writer, names, of.manifest, overrides);
        Sources sources = new Sources(names, of.manifest, of.writer);
        ComingRows coming = new ComingRows(of.catalog, of.manifest);
        coming.open(of.writer.take());
        BatchAppender appender = new BatchAppender(of.writer, of.catalog, leaves, keys, sources, overrides, coming);
        Errands<SplitSlice.Parts> errands = new Errands<>();
        Splitting.Parts splitting = new Splitting.Parts(
                of.connections,
                of.session,
                of.catalog,
                of.manifest,
                of.adoptions,
                errands,
                appender::handed,
                tables::find,
                () -> new Sizes(of.session, of.catalog, null).disk().bytes(),
                settings.options().disk());
        SplitSlice.Parts moving = new SplitSlice.Parts(
                of.writer,
                of.catalog,
                leaves,
                of.manifest,
                keys,
                new CopyWriter(names),
                coming,
                (table, retentionClass) ->
                        floors.getOrDefault(new ClassTables.Key(table, retentionClass), Long.MIN_VALUE));
        return new Writing(
                of.writer,
                leaves,
                appender,
                new RowChanges(of.writer, of.catalog, of.manifest, of.adoptions, keys, overrides, coming),
                new Detaching(of.connections, names, of.manifest, clock),
                new DroppedTables(of.connections, of.catalog, of.manifest, clock, grace),
                new Migrations(
                        of.connections, of.session, of.catalog, of.manifest, tables, coming, settings.supervisor()),
                new Splitting(splitting, settings.supervisor()),
                moving,
                errands,
                of.ledger,
                lastClean);
    }

    /**
     * Makes the catalog if it is missing and marks it as in use.
     *
     * @param clean gets whether the last writer closed it in order
     */
    private static Ledger begin(
            WriterSession writer, Catalog catalog, CatalogSession session, Clock clock, boolean[] clean)
            throws SQLException {
        Connection c = writer.take();
        Ledger ledger = Postgres.transaction(c, () -> {
            Postgres.run(c, "SET LOCAL synchronous_commit = on");
            if (!catalog.exists(c)) {
                catalog.create(c, clock.instant());
            }
            catalog.requireFormat(c);
            catalog.complete(c);
            catalog.raiseNextSeq(c);
            clean[0] = "CLEAN".equals(catalog.get(c, "last_shutdown"));
            catalog.put(c, "last_shutdown", "RUNNING");
            OlderWriter.look(c, catalog, true);
            return Ledger.open(c, catalog, session, clock, clean[0], writer.me());
        });
        writer.announce();
        return ledger;
    }

    private static PostgresEngine forReading(
            Connections connections, CatalogSession session, Catalog catalog, EngineSettings settings) {
        if (!session.ask("the store cannot be opened", catalog::exists)) {
            throw new LeveeException(ErrorCode.NOT_FOUND, "there is no store at " + connections.address())
                    .with("store", connections.address())
                    .hint("name its schema with ?schema=…, or make one by writing to it");
        }
        Manifest manifest = new Manifest();
        Map<String, Object> pragmas = session.ask("the store cannot be opened", c -> {
            catalog.requireFormat(c);
            OlderWriter.look(c, catalog, false);
            manifest.reload(catalog.leaves(c));
            return ServerSettings.of(c);
        });
        Adoptions adoptions =
                new Adoptions(connections, session, catalog, settings.options().clock());
        return new PostgresEngine(
                connections, session, catalog, manifest, pragmas, adoptions, new ConcurrentHashMap<>(), null, settings);
    }
}
