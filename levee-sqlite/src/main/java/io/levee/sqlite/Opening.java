package io.levee.sqlite;

import io.levee.Bytes;
import io.levee.engine.EngineSettings;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Instant;
import java.util.Map;

/** Opens a store: its lock, its catalog (made anew from the partitions where it is lost), and what a crash left in the middle. The caller's thread. */
final class Opening {
    private static final System.Logger LOG = System.getLogger("io.levee.sqlite");

    private Opening() {}

    /** See {@link SqliteEngineProvider}. */
    static SqliteEngine open(StorePaths paths, EngineSettings settings) {
        paths.requireDirectory();
        StoreRestore.requireFinished(paths);
        return settings.readOnly() ? forReading(paths, settings) : forWriting(paths, settings);
    }

    private static SqliteEngine forWriting(StorePaths paths, EngineSettings settings) {
        Volume.requireSafe(paths.root());
        paths.create();
        StoreLock lock = StoreLock.take(paths.lock(), settings.options().clock().instant());
        Catalog catalog = null;
        boolean done = false;
        try {
            Connections.prepare(paths.tmp());
            Instant now = settings.options().clock().instant();
            CatalogCheck.Found found = CatalogCheck.look(paths);
            if (found.wrong() != null) {
                CatalogRebuild.run(paths, now, found.wrong());
            }
            catalog = Catalog.open(paths.catalog(), now);
            Manifest manifest = new Manifest(paths);
            if (found.wrong() == null) {
                manifest.reload(catalog.beforeStart(), found.partitions());
            } else {
                manifest.reload(catalog.beforeStart());
            }
            rollBackLeftovers(paths, manifest);
            Map<String, Object> pragmas = Connections.effective(catalog.beforeStart());
            SqliteEngine engine = new SqliteEngine(paths, settings, manifest, pragmas, lock, catalog, null);
            done = true;
            return engine;
        } catch (SQLException e) {
            throw Sqlite.failure("the catalog cannot be read", paths.catalog(), e);
        } finally {
            if (!done) {
                if (catalog != null) {
                    Connections.closeQuietly(paths.catalog(), catalog.beforeStart());
                }
                lock.close();
            }
        }
    }

    /**
     * A kill in the middle of a change of journal mode leaves a journal of one page beside an open partition, and no reader may
     * undo it: so it is undone before there are readers. A look for a file each, for the few that were open.
     */
    private static void rollBackLeftovers(StorePaths paths, Manifest manifest) {
        for (Partition partition : manifest.all()) {
            Path file = paths.partition(partition);
            if (partition.state() == Partition.State.OPEN && Partition.size(StorePaths.journal(file)) > 0) {
                try {
                    Connections.rollBackLeftover(file);
                } catch (SQLException e) {
                    // Who reads or writes it next meets the same, and tells it with a code.
                    LOG.log(System.Logger.Level.WARNING, "a journal beside " + file + " cannot be rolled back", e);
                }
            }
        }
    }

    private static SqliteEngine forReading(StorePaths paths, EngineSettings settings) {
        CatalogCheck.requireThere(paths);
        Connections.prepare(paths.tmp());
        Connection catalog = null;
        boolean done = false;
        try {
            catalog = Connections.reader(paths.catalog(), Bytes.mebi(1));
            CatalogCheck.requireMade(catalog, paths);
            Manifest manifest = new Manifest(paths);
            manifest.reload(catalog);
            Map<String, Object> pragmas = Connections.effective(catalog);
            SqliteEngine engine = new SqliteEngine(paths, settings, manifest, pragmas, null, null, catalog);
            done = true;
            return engine;
        } catch (SQLException e) {
            throw CatalogView.unreadable(paths, e);
        } finally {
            if (!done && catalog != null) {
                Connections.closeQuietly(paths.catalog(), catalog);
            }
        }
    }
}
