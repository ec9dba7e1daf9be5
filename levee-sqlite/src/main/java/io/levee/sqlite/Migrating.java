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
import io.levee.internal.supervisor.Errands;
import java.nio.file.Files;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Clock;
import java.util.ArrayList;
import java.util.Arrays;
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
    private final Errands<OpenPartitions> writer;
    private final MigrationReach reach;
    private final ComingRows coming;
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
        this.coming = writing.coming();
        this.reach = new MigrationReach(paths, manifest);
        this.builds = builds;
    }

    /** See {@link io.levee.engine.StorageEngine#putMigration}: the catalog's part. */
    void put(MigrationRecord record, @Nullable TableSpec spec) {
        Long end = record.state() == State.DONE ? ended.get(record.id()) : null;
        if (end != null) {
            coming.ended(record.id(), end);
        }
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
        int reopenings = partition.reopenings();
        SliceOutcome outcome = copies
                ? builds.run(record, order, partition)
                : writer.ask(open -> turn(record, order, open, partition, bound).work());
        if (outcome.partitionDone()) {
            reach.reached(record, partition, reopenings);
        }
        return outcome;
    }

    private SliceTurn turn(
            MigrationRecord record, SliceOrder order, OpenPartitions open, Partition partition, long bound) {
        return new SliceTurn(record, order, open, paths, partition, bound, wall.instant());
    }

    /** See {@link io.levee.engine.StorageEngine#migrationRows}. */
    MigrationRows rows(MigrationRecord record, PartitionId id, SliceOrder order, List<Column> columns, long behind) {
        Partition partition = manifest.get(id);
        if (partition == null || Files.notExists(paths.partition(partition))) {
            return new MigrationRows(List.of(), 0, 0, true);
        }
        MigrationRows found = rows(record, partition, order, columns, behind);
        if (found == null) {
            long bound = bound(record);
            boolean begun = writer.ask(
                    open -> turn(record, order, open, partition, bound).begin());
            found = begun ? rows(record, partition, order, columns, behind) : null;
        }
        // None, and not the end: the slice tells why.
        return found == null ? new MigrationRows(List.of(), 0, Long.MIN_VALUE, false) : found;
    }

    /** Null where the migration has not begun with the partition. */
    private @Nullable MigrationRows rows(
            MigrationRecord record, Partition partition, SliceOrder order, List<Column> columns, long behind) {
        partition.pin();
        try {
            ReadHandles.ReadHandle handle = readers.take(partition);
            boolean usable = false;
            try {
                handle.begin();
                MigrationRows rows = begun(record, order, columns, behind, handle);
                usable = true;
                return rows;
            } finally {
                readers.giveBack(handle, usable);
            }
        } catch (SQLException e) {
            throw Sqlite.failure("the rows of " + partition.id() + " cannot be read", paths.partition(partition), e);
        } finally {
            partition.unpin();
        }
    }

    private static @Nullable MigrationRows begun(
            MigrationRecord record, SliceOrder order, List<Column> columns, long behind, ReadHandles.ReadHandle handle)
            throws SQLException {
        MigrationMark mark = new PartitionSql(order.spec(), handle).tableThere()
                ? MigrationMark.of(handle.connection(), record.id())
                : null;
        if (mark == null) {
            return null;
        }
        boolean listed = MovedNumbers.any(handle.connection(), record.id());
        if (listed && mark.cursor() >= mark.upTo()) {
            return beside(record, order, columns, behind, handle);
        }
        long after = Math.max(behind, mark.cursor());
        String rows = " WHERE m._seq > " + after + " AND m._seq <= " + mark.upTo()
                + (listed ? MovedNumbers.notListed(record.id()) : "");
        return read(order, columns, handle, rows, after);
    }

    /** The next of those that came beside the way by numbers, which is over. What comes behind them is known when these are done with. */
    private static MigrationRows beside(
            MigrationRecord record, SliceOrder order, List<Column> columns, long behind, ReadHandles.ReadHandle handle)
            throws SQLException {
        String lowest = MovedNumbers.lowest(record.id(), order.rows());
        if (behind != Long.MIN_VALUE) {
            return new MigrationRows(List.of(), 0, behind, false);
        }
        MigrationRows found = read(order, columns, handle, " WHERE m._seq IN (" + lowest + ")", behind);
        // Numbers without a row are done with, too.
        long through = Sqlite.number(handle.connection(), "SELECT max(seq) FROM (" + lowest + ")");
        return new MigrationRows(found.rows(), found.seen(), through, true);
    }

    /** In one pass: of a row that the filter keeps out only that it was looked at is taken. */
    private static MigrationRows read(
            SliceOrder order, List<Column> columns, ReadHandles.ReadHandle handle, String which, long after)
            throws SQLException {
        TableSpec spec = order.spec();
        PartitionSql sql = new PartitionSql(spec, handle);
        sql.add("SELECT ");
        columns.forEach(column -> sql.add(sql.column(column.name()) + ", "));
        sql.add("m._seq, " + (spec.keyed() ? "coalesce(m._chg, 0)" : "0") + ", " + sql.time() + ", ");
        Expr where = order.where();
        (where == null ? sql.add("1") : sql.filter(where))
                .from(true)
                .add(which + " ORDER BY m._seq LIMIT " + order.rows());
        List<MigrationRows.Read> found = new ArrayList<>();
        int width = columns.size();
        long seen = 0;
        long through = after;
        try (PreparedStatement statement = sql.prepare(handle);
                ResultSet rows = statement.executeQuery()) {
            while (rows.next()) {
                @Nullable Object[] row = Stored.row(rows, width + 4);
                seen++;
                through = number(row[width]);
                if (!Long.valueOf(1).equals(row[width + 3])) {
                    continue;
                }
                for (int i = 0; i < width; i++) {
                    Stored.checked(row[i], columns.get(i));
                }
                @Nullable Object[] values = Arrays.copyOf(row, width);
                found.add(
                        new MigrationRows.Read(through, number(row[width + 1]), seen, number(row[width + 2]), values));
            }
        }
        return new MigrationRows(found, seen, through, seen < order.rows());
    }

    private static long number(@Nullable Object stored) {
        return stored instanceof Long number ? number : 0;
    }
}
