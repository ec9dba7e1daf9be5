package io.levee.postgres;

import io.levee.IndexSpec;
import io.levee.LeveeException;
import io.levee.MigrationStatus.State;
import io.levee.MigrationStep.AddColumn;
import io.levee.MigrationStep.AddIndex;
import io.levee.MigrationStep.Backfill;
import io.levee.MigrationStep.BackfillRows;
import io.levee.MigrationStep.DropColumn;
import io.levee.MigrationStep.DropIndex;
import io.levee.MigrationStep.RenameColumn;
import io.levee.TableSpec;
import io.levee.engine.MigrationRecord;
import java.sql.Connection;
import java.sql.SQLException;
import org.jspecify.annotations.Nullable;

/**
 * What migrations do to a table as a whole: only what the server does at once, whatever the partitions hold. Statements only; the
 * caller's transaction, which ends soon: it has the table to itself.
 */
final class TableChange {
    private final Catalog catalog;
    private final Names names;
    private final Schema schema;
    private final NamedIndexes indexes;
    private final Tables tables;
    private final MigrationTables migrations;

    TableChange(Catalog catalog, Tables tables) {
        this.catalog = catalog;
        this.names = catalog.names();
        this.schema = new Schema(names);
        this.indexes = new NamedIndexes(names);
        this.tables = tables;
        this.migrations = new MigrationTables(catalog);
    }

    /** Whether a step changes rows of partitions, or builds something in each. */
    static boolean perPartition(MigrationRecord record) {
        return record.step() instanceof Backfill
                || record.step() instanceof BackfillRows
                || record.step() instanceof AddIndex
                || record.step() instanceof AddColumn add && add.column().expression() != null;
    }

    /** Keeps a migration, and makes its spec the table's newest where there is one. */
    void put(Connection connection, MigrationRecord record, @Nullable TableSpec spec) throws SQLException {
        boolean first = !migrations.has(connection, record.id());
        if (spec != null) {
            apply(connection, record, spec);
        }
        if (record.state() == State.DONE) {
            finish(connection, record);
        }
        if (perPartition(record) && (first || spec != null) && record.state() != State.DONE) {
            migrations.begin(connection, record);
        }
        migrations.put(connection, record);
    }

    private void apply(Connection connection, MigrationRecord record, TableSpec spec) throws SQLException {
        TableSpec old = catalog.table(connection, spec.name());
        if (old != null && record.step() instanceof RenameColumn rename) {
            rename(connection, old, spec, rename);
            catalog.putTable(connection, spec);
        }
        tables.declare(connection, spec);
        for (IndexSpec index : spec.namedIndexes()) {
            indexes.create(connection, spec, index);
        }
        if (!record.step().additive()) {
            // Older releases look for the columns that they know: they are kept away, and told so.
            catalog.put(connection, "format", Integer.toString(Catalog.CHANGED_FORMAT));
        }
    }

    private void rename(Connection connection, TableSpec old, TableSpec spec, RenameColumn rename) throws SQLException {
        if (old.position(rename.from()) < 0 || spec.position(rename.to()) < 0) {
            return;
        }
        schema.requireNonePending(connection, spec);
        Postgres.run(
                connection,
                "ALTER TABLE " + names.parent(spec) + " RENAME COLUMN " + Names.column(old, rename.from()) + " TO "
                        + Names.column(spec, rename.to()));
    }

    /** Whether there is something left that {@link #finish} does. */
    boolean unfinished(Connection connection, MigrationRecord record) throws SQLException {
        TableSpec spec = catalog.table(connection, record.table());
        if (spec == null) {
            return false;
        }
        if (record.step() instanceof DropColumn drop) {
            return spec.position(drop.column()) < 0
                    && schema.hasColumn(connection, spec.name(), Names.column(spec, drop.column()));
        }
        return record.step() instanceof DropIndex drop
                && spec.namedIndexes().stream().noneMatch(i -> i.name().equals(drop.name()))
                && !indexes.ofParent(connection, spec, drop.name()).isEmpty();
    }

    /** Takes away what the newest spec has no more: nobody names it since the spec was put. */
    void finish(Connection connection, MigrationRecord record) throws SQLException {
        TableSpec spec = catalog.table(connection, record.table());
        if (spec == null || !unfinished(connection, record)) {
            return;
        }
        if (record.step() instanceof DropColumn drop) {
            schema.requireNonePending(connection, spec);
            Postgres.run(
                    connection,
                    "ALTER TABLE " + names.parent(spec) + " DROP COLUMN " + Names.column(spec, drop.column()));
        } else if (record.step() instanceof DropIndex drop) {
            for (String index : indexes.ofParent(connection, spec, drop.name())) {
                indexes.drop(connection, index);
            }
        }
    }

    /**
     * Tries what a migration says on an empty table like its own, and takes that back.
     *
     * @throws LeveeException {@code BAD_SPEC} with what the server says
     */
    void check(Connection connection, MigrationRecord record, TableSpec after) throws SQLException {
        new MigrationCheck(catalog).run(connection, record, after);
    }
}
