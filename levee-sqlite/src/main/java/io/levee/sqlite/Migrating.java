package io.levee.sqlite;

import io.levee.Column;
import io.levee.ErrorCode;
import io.levee.Expr;
import io.levee.LeveeException;
import io.levee.MigrationStatus.State;
import io.levee.MigrationStep;
import io.levee.PartitionId;
import io.levee.TableSpec;
import io.levee.engine.MigrationRecord;
import io.levee.engine.MigrationRows;
import io.levee.engine.SliceOrder;
import io.levee.engine.SliceOutcome;
import java.nio.file.Files;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Clock;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/** Online schema changes of a store of files; see docs/format.md. Threads as {@link io.levee.engine.StorageEngine} says. */
final class Migrating {
    private final StorePaths paths;
    private final Catalog catalog;
    private final Manifest manifest;
    private final ReadHandles readers;
    private final Errands writer;
    private final MigrationReach reach;
    private final IndexBuild builds;
    private final Clock wall;

    /** By migration: numbers from here on were given after it was declared. */
    private final Map<String, Long> bounds = new ConcurrentHashMap<>();

    /** By migration that has reached all: numbers from here on were given after it was seen that it has. */
    private final Map<String, Long> ended = new ConcurrentHashMap<>();

    Migrating(Writing writing, Manifest manifest, ReadHandles readers, IndexBuild builds, Clock wall) {
        this.wall = wall;
        this.paths = writing.paths();
        this.catalog = writing.catalog();
        this.manifest = manifest;
        this.readers = readers;
        this.writer = writing.errands();
        this.reach = new MigrationReach(paths, manifest);
        this.builds = builds;
    }

    /** See {@link io.levee.engine.StorageEngine#putMigration}: the catalog's part. */
    void put(MigrationRecord record, @Nullable TableSpec spec) {
        Long end = record.state() == State.DONE ? ended.get(record.id()) : null;
        catalog.change(c -> {
            MigrationCatalog.put(c, record);
            if (end != null) {
                MigrationCatalog.ended(c, record.id(), end);
            }
            if (spec != null) {
                CatalogTables.putTable(c, spec);
                Apart.keepTo(c, spec);
            }
            if (!record.step().additive()) {
                CatalogSchema.requireRenamed(c);
            }
            return true;
        });
        if (end != null) {
            bounds.remove(record.id());
        }
    }

    private long bound(MigrationRecord record) {
        if (record.number() == 0 || !record.applied()) {
            return Long.MAX_VALUE;
        }
        return bounds.computeIfAbsent(record.id(), id -> catalog.change(c -> MigrationCatalog.bound(c, id)));
    }

    private TableSpec spec(String table) {
        return catalog.change(c -> CatalogTables.table(c, table));
    }

    /** See {@link io.levee.engine.StorageEngine#migrationParts}. */
    List<PartitionId> parts(MigrationRecord record) {
        if (record.step() instanceof MigrationStep.Custom) {
            return List.of();
        }
        // Numbers are given in the order of commits: a partition that has only higher ones came after the look.
        long highest = highest(record.table());
        List<PartitionId> left = reach.left(record, spec(record.table()), bound(record)).stream()
                .map(Partition::id)
                .toList();
        if (left.isEmpty() && MigrationCatalog.sets(record.step()) && highest < Long.MAX_VALUE) {
            ended.put(record.id(), highest + 1);
        } else {
            ended.remove(record.id());
        }
        return left;
    }

    /** The same of several. */
    Map<String, List<PartitionId>> parts(List<MigrationRecord> records) {
        List<MigrationReach.Asked> asked = records.stream()
                .filter(record -> !(record.step() instanceof MigrationStep.Custom))
                .map(record -> new MigrationReach.Asked(record, spec(record.table()), bound(record)))
                .toList();
        Map<String, List<PartitionId>> parts = new LinkedHashMap<>();
        reach.left(asked)
                .forEach((one, left) -> parts.put(
                        one.record().id(), left.stream().map(Partition::id).toList()));
        return parts;
    }

    /** The highest number that was committed; {@link Long#MAX_VALUE} where that is not known of every partition. */
    private long highest(String table) {
        long highest = 0;
        for (Partition partition : manifest.own(table)) {
            Partition.Held held = partition.held();
            if (!held.known() || held.maxSeq() < 0) {
                return Long.MAX_VALUE;
            }
            highest = Math.max(highest, held.maxSeq());
        }
        return highest;
    }

    /** See {@link io.levee.engine.StorageEngine#migrate}. */
    SliceOutcome migrate(MigrationRecord record, PartitionId id, SliceOrder order) {
        Partition partition = manifest.get(id);
        if (partition == null || partition.adopted() != null) {
            return new SliceOutcome(0, 0, 0, true, 0, "");
        }
        if (order.cancelled().getAsBoolean()) {
            throw new LeveeException(ErrorCode.CANCELLED, "the migration " + record.id() + " was stopped")
                    .hint("it goes on where it is");
        }
        boolean copies =
                record.step() instanceof MigrationStep.AddIndex || record.step() instanceof MigrationStep.DropIndex;
        long bound = bound(record);
        SliceOutcome outcome = copies
                ? builds.run(record, order, partition)
                : writer.ask(open -> MigrationSlice.run(record, order, open, paths, partition, bound, wall.instant()));
        if (outcome.partitionDone()) {
            reach.reached(record, partition);
        }
        return outcome;
    }

    /** See {@link io.levee.engine.StorageEngine#migrationRows}. */
    MigrationRows rows(MigrationRecord record, PartitionId id, SliceOrder order, List<Column> columns, long behind) {
        Partition partition = manifest.get(id);
        if (partition == null || Files.notExists(paths.partition(partition))) {
            return new MigrationRows(List.of(), 0, 0, true);
        }
        partition.pin();
        try {
            ReadHandles.ReadHandle handle = readers.take(partition);
            boolean usable = false;
            try {
                handle.begin();
                MigrationRows rows = rows(record, order, columns, behind, handle);
                usable = true;
                return rows;
            } finally {
                readers.giveBack(handle, usable);
            }
        } catch (SQLException e) {
            throw Sqlite.failure("the rows of " + id + " cannot be read", paths.partition(partition), e);
        } finally {
            partition.unpin();
        }
    }

    private MigrationRows rows(
            MigrationRecord record, SliceOrder order, List<Column> columns, long behind, ReadHandles.ReadHandle handle)
            throws SQLException {
        TableSpec spec = order.spec();
        if (!new PartitionSql(spec, handle).tableThere()) {
            return new MigrationRows(List.of(), 0, 0, true);
        }
        MigrationMark mark = MigrationMark.of(handle.connection(), record.id());
        long after = Math.max(behind, mark == null ? Long.MIN_VALUE : mark.cursor());
        long upTo = mark != null
                ? mark.upTo()
                : Math.min(
                        Sqlite.number(handle.connection(), "SELECT max_seq FROM levee_stats WHERE id = 1"),
                        bound(record) - 1);
        List<Long> looked = new ArrayList<>();
        try (Statement statement = handle.connection().createStatement();
                ResultSet rows = statement.executeQuery("SELECT _seq FROM " + Sqlite.quote(spec.name())
                        + " WHERE _seq > " + after + " AND _seq <= " + upTo + " ORDER BY _seq LIMIT " + order.rows())) {
            while (rows.next()) {
                looked.add(rows.getLong(1));
            }
        }
        if (looked.isEmpty()) {
            return new MigrationRows(List.of(), 0, after, true);
        }
        long through = looked.get(looked.size() - 1);
        List<MigrationRows.Read> found = read(spec, order.where(), columns, handle, after, through, looked);
        return new MigrationRows(found, looked.size(), through, looked.size() < order.rows());
    }

    private static List<MigrationRows.Read> read(
            TableSpec spec,
            @Nullable Expr where,
            List<Column> columns,
            ReadHandles.ReadHandle handle,
            long after,
            long through,
            List<Long> looked)
            throws SQLException {
        PartitionSql sql = new PartitionSql(spec, handle);
        List<String> selected = new ArrayList<>();
        columns.forEach(column -> selected.add(sql.column(column.name())));
        selected.add("m._seq");
        selected.add(spec.keyed() ? "coalesce(m._chg, 0)" : "0");
        selected.add(sql.time());
        sql.add("SELECT " + String.join(", ", selected))
                .from(true)
                .where(Long.MIN_VALUE, Long.MAX_VALUE, where)
                .add(" AND m._seq > ? AND m._seq <= " + through + " ORDER BY m._seq", after);
        List<MigrationRows.Read> found = new ArrayList<>();
        int width = columns.size();
        int at = 0;
        try (PreparedStatement statement = sql.prepare(handle);
                ResultSet rows = statement.executeQuery()) {
            while (rows.next()) {
                @Nullable Object[] values = Stored.row(rows, width);
                for (int i = 0; i < width; i++) {
                    Stored.checked(values[i], columns.get(i));
                }
                long seq = rows.getLong(width + 1);
                while (looked.get(at) < seq) {
                    at++;
                }
                found.add(
                        new MigrationRows.Read(seq, rows.getLong(width + 2), at + 1L, rows.getLong(width + 3), values));
            }
        }
        return found;
    }
}
