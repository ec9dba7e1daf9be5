package io.levee.postgres;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.TableSpec;
import io.levee.internal.time.MonotonicClock;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The declared tables. The catalog's spec and the parent's columns change in one transaction. Thread-safe.
 */
final class Tables {
    /** How long a change of a table that others use is tried, by short tries with pauses in which these go on. */
    private static final Duration PATIENCE = Duration.ofSeconds(10);

    private static final Duration PAUSE = Duration.ofMillis(200);

    private final CatalogSession session;
    private final Catalog catalog;
    private final Schema schema;

    Tables(CatalogSession session, Catalog catalog) {
        this.session = session;
        this.catalog = catalog;
        this.schema = new Schema(catalog.names());
    }

    List<TableSpec> all() {
        return session.ask("the catalog cannot be read", catalog::tables);
    }

    /** That of a name; null where it was never declared. */
    @Nullable
    TableSpec find(String table) {
        return all().stream().filter(s -> s.name().equals(table)).findFirst().orElse(null);
    }

    /**
     * Declares a table or widens it.
     *
     * @throws LeveeException {@link ErrorCode#PARTITION_BUSY} where others kept it locked all the time: nothing has changed
     */
    void put(TableSpec spec) {
        if (!spec.fulltext().isEmpty()) {
            session.ask("the table " + spec.name() + " cannot be declared", c -> {
                Trigrams.provide(c);
                return true;
            });
        }
        patiently("the table " + spec.name() + " cannot be declared", c -> declare(c, spec));
    }

    /** What changes a table within one transaction. */
    @FunctionalInterface
    interface Change {
        void on(Connection connection) throws SQLException;
    }

    /**
     * Changes a table in one transaction, by short tries.
     *
     * @throws LeveeException {@link ErrorCode#PARTITION_BUSY} where others kept it locked all the time: nothing has changed
     */
    void patiently(String what, Change change) {
        long end = MonotonicClock.SYSTEM.nanos() + PATIENCE.toNanos();
        while (true) {
            try {
                session.change(what, c -> {
                    change.on(c);
                    return true;
                });
                return;
            } catch (LeveeException e) {
                if (e.code() != ErrorCode.PARTITION_BUSY || MonotonicClock.SYSTEM.nanos() - end > 0) {
                    throw e;
                }
                pause();
            }
        }
    }

    /** Declares a table or widens it, in the caller's transaction. */
    void declare(Connection connection, TableSpec spec) throws SQLException {
        TableSpec old = catalog.table(connection, spec.name());
        if (old == null) {
            schema.createParent(connection, spec);
        } else {
            requireSameShape(old, spec);
            schema.addColumns(connection, old, spec);
        }
        catalog.putTable(connection, spec);
        new ClassTables(catalog).keepTo(connection, spec);
    }

    /** Every partition of a table would have to hang on another parent. */
    private static void requireSameShape(TableSpec old, TableSpec spec) {
        if (Names.branched(old) != Names.branched(spec)) {
            throw new LeveeException(
                            ErrorCode.NOT_SUPPORTED,
                            "PostgreSQL: the table " + spec.name() + " was made "
                                    + (Names.branched(old) ? "with" : "without")
                                    + " classes of records (retention by), and stays so")
                    .with("table", spec.name())
                    .hint("declare a new table with the retention that is wanted, and copy the rows");
        }
    }

    private static void pause() {
        try {
            TimeUnit.NANOSECONDS.sleep(PAUSE.toNanos());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new LeveeException(ErrorCode.CANCELLED, "interrupted while a table was to be changed", e);
        }
    }
}
