package io.levee.sqlite;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * What the catalog says: asked of its owner where this process writes, else read beside a writer of another process. Any thread; the
 * connection beside is guarded by this object.
 */
final class CatalogView {
    private final StorePaths paths;
    private final Manifest manifest;
    private final @Nullable Catalog owner;
    private final @Nullable Connection beside;

    /** The version of the catalog that the manifest is of. */
    private long version = -1;

    /**
     * One of the two.
     *
     * @param owner the writer's
     * @param beside a connection that reads, which is closed with this
     */
    CatalogView(StorePaths paths, Manifest manifest, @Nullable Catalog owner, @Nullable Connection beside) {
        this.paths = paths;
        this.manifest = manifest;
        this.owner = owner;
        this.beside = beside;
    }

    /** What a statement finds in it. */
    <T> T ask(Catalog.Command<T> reading) {
        return owner != null ? owner.change(reading) : read(reading);
    }

    private synchronized <T> T read(Catalog.Command<T> reading) {
        try {
            return reading.on(Objects.requireNonNull(beside));
        } catch (SQLException e) {
            throw unreadable(paths, e);
        }
    }

    /** The error of a catalog that cannot be read, with what helps. */
    static LeveeException unreadable(StorePaths paths, SQLException e) {
        LeveeException failure = Sqlite.failure("the catalog cannot be read", paths.catalog(), e);
        return failure.code() == ErrorCode.CORRUPT ? failure.hint(CatalogCheck.REBUILD) : failure;
    }

    /** Beside a writer of another process the manifest is read again before each use. */
    void refresh() {
        if (owner == null) {
            read(this::reload);
        }
    }

    private boolean reload(Connection c) throws SQLException {
        // Changes with every commit of another connection: most looks find that nothing did.
        long now = Sqlite.number(c, "PRAGMA data_version");
        if (now != version) {
            // Of one moment: rows that move from an adopted database are in one of its tables or the other.
            Sqlite.run(c, "BEGIN");
            try {
                manifest.reload(c);
            } finally {
                Sqlite.run(c, "COMMIT");
            }
            version = now;
        }
        return true;
    }

    /** Closes the connection beside, if that is what it has. */
    void close() {
        if (beside != null) {
            try {
                Connections.close(paths.catalog(), beside);
            } catch (SQLException e) {
                throw Sqlite.failure("the catalog cannot be closed", paths.catalog(), e);
            }
        }
    }
}
