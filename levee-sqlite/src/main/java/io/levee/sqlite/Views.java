package io.levee.sqlite;

import io.levee.Bytes;
import io.levee.ErrorCode;
import io.levee.Expr;
import io.levee.LeveeException;
import io.levee.PartitionId;
import io.levee.SqlQuery;
import io.levee.TableSpec;
import io.levee.engine.Classes;
import io.levee.engine.Execution;
import io.levee.engine.ReadView;
import io.levee.engine.RowSink;
import io.levee.engine.TailQuery;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/** What queries read: partitions that are pinned for them, with what moves among them meanwhile. Any thread. */
final class Views {
    private final Parts parts;
    private final StorePaths paths;
    private final Manifest manifest;
    private final CatalogView catalog;
    private final @Nullable Writing writing;
    private final AtomicInteger sqlRunning = new AtomicInteger();

    /**
     * What they are made of.
     *
     * @param sqlCache each cache of free SQL
     * @param ledger where this process does not write
     */
    record Parts(
            StorePaths paths,
            Manifest manifest,
            CatalogView catalog,
            ReadHandles readers,
            Suspects suspects,
            DiskFigure figure,
            Bytes sqlCache,
            @Nullable Writing writing,
            @Nullable LedgerReader ledger) {}

    Views(Parts parts) {
        this.parts = parts;
        this.paths = parts.paths;
        this.manifest = parts.manifest;
        this.catalog = parts.catalog;
        this.writing = parts.writing;
    }

    /** How many free queries run. */
    int sqlRunning() {
        return sqlRunning.get();
    }

    /** See {@link io.levee.engine.StorageEngine#view(TableSpec, long, long, Expr)}. */
    ReadView view(TableSpec spec, long fromMicros, long toMicros, @Nullable Expr where) {
        catalog.refresh();
        Set<@Nullable String> wanted = Classes.of(spec).wanted(where);
        Sight sight = sight(spec);
        List<Partition> pinned = new ArrayList<>();
        for (Partition partition : manifest.pinned(spec.name(), fromMicros, toMicros)) {
            if (Classes.mayHold(partition.id(), partition.apart(), wanted)) {
                pinned.add(partition);
            } else {
                partition.unpin();
            }
        }
        return new PartitionsView(paths, parts.readers, pinned, this::missing, sight);
    }

    /** Taken before the list of partitions: what comes to one that is not in it is found where it was. */
    private Sight sight(TableSpec spec) {
        if (writing != null) {
            return writing.homes().sight(spec.name());
        }
        List<Partition> all = manifest.own(spec.name());
        boolean moves = spec.keyed()
                && (spec.retention().by() != null
                        || !manifest.adopted(spec.name()).isEmpty()
                        || all.stream().anyMatch(p -> !p.id().retentionClass().isEmpty()));
        try {
            return moves ? new Sight(MoveNotes.left(paths, all, spec.name())) : Sight.NONE;
        } catch (SQLException e) {
            throw Sqlite.failure("what has moved cannot be read", paths.root(), e);
        }
    }

    /** See {@link io.levee.engine.StorageEngine#view(TableSpec, PartitionId)}. */
    ReadView view(TableSpec spec, PartitionId id) {
        catalog.refresh();
        Sight sight = sight(spec);
        List<Partition> pinned = manifest.pinned(spec.name());
        List<Partition> one = new ArrayList<>();
        for (Partition partition : pinned) {
            if (partition.id().equals(id)) {
                one.add(partition);
            } else {
                partition.unpin();
            }
        }
        if (one.isEmpty()) {
            sight.close();
            throw new LeveeException(ErrorCode.NOT_FOUND, "there is no partition " + id + " (any more)");
        }
        if (one.get(0).state() == Partition.State.LENT) {
            // What is kept of it by name would outlive it where it is being merged.
            one.forEach(Partition::unpin);
            sight.close();
            throw new LeveeException(ErrorCode.PARTITION_BUSY, id + " is being rewritten or merged")
                    .with("partition", id.toString())
                    .hint("try again in a moment");
        }
        return new PartitionsView(paths, parts.readers, one, this::missing, sight);
    }

    /** A query found no table where a partition should be: damage, unless it was never written to or is dropped by now. */
    private void missing(Partition partition) {
        catalog.refresh();
        Partition now = manifest.get(partition.id());
        if (now == null && partition.held().rows() != 0) {
            String merged = catalog.ask(c -> Merging.mergedInto(c, partition.id()));
            if (!merged.isEmpty()) {
                throw Merging.moved(partition.id(), merged);
            }
        }
        if (now != null && now.adopted() != null) {
            // Its gap tells: see Manifest.gaps.
            return;
        }
        if (now != null && now.held().rows() > 0 && !goneForSpace(now.id())) {
            parts.suspects.report(now, "its file is missing or empty");
            throw new LeveeException(
                            ErrorCode.CORRUPT,
                            "the partition " + now.id() + " should hold "
                                    + now.held().rows() + " rows, and its file is missing or empty: "
                                    + paths.partition(now))
                    .with("partition", now.id().toString())
                    .hint("restore the file from a backup");
        }
    }

    /** Beside another process's writer: what it unlinked on a full volume, and could not tell the catalog yet, reads as dropped. */
    private boolean goneForSpace(PartitionId id) {
        return parts.ledger != null && parts.ledger.read().gone().containsKey(id);
    }

    /** See {@link io.levee.engine.StorageEngine#sql}. */
    void sql(SqlQuery query, Execution execution, RowSink sink) {
        catalog.refresh();
        List<SqlScan.TablePart> tables = new ArrayList<>();
        sqlRunning.incrementAndGet();
        Execution.Lease lease = execution.lease();
        try {
            for (TableSpec spec : catalog.ask(CatalogTables::tables)) {
                if (spec.hidden() && !query.sql().contains(spec.name())) {
                    // A rollup's figures: a view only where they are asked for.
                    continue;
                }
                Sight sight = sight(spec);
                tables.add(new SqlScan.TablePart(
                        spec, manifest.pinned(spec.name(), query.fromMicros(), query.toMicros()), sight));
            }
            execution.keeps(() -> tables.stream()
                    .flatMap(part -> part.partitions().stream())
                    .anyMatch(p -> p.state() == Partition.State.DROPPED));
            new SqlScan(paths, query, execution, this::missing, parts.suspects, parts.sqlCache, parts.figure.sorts())
                    .run(tables, sink);
        } finally {
            lease.close();
            sqlRunning.decrementAndGet();
            tables.forEach(part -> part.partitions().forEach(Partition::unpin));
            tables.forEach(part -> part.sight().close());
        }
    }

    /** See {@link io.levee.engine.StorageEngine#tail}. */
    void tail(TailQuery query, Execution execution, RowSink sink) {
        TailScan scan = new TailScan(paths, parts.readers, execution, this::missing, homes());
        long bound = highestSeq(query.spec(), execution);
        if (bound <= query.after()) {
            return;
        }
        catalog.refresh();
        List<Partition> pinned = manifest.pinned(query.spec().name());
        try {
            scan.run(query, bound, pinned, sink);
        } catch (SQLException e) {
            execution.check();
            throw Sqlite.failure("the tail cannot be read", paths.root(), e);
        } finally {
            pinned.forEach(Partition::unpin);
        }
    }

    private @Nullable Homes homes() {
        return writing == null ? null : writing.homes();
    }

    /** See {@link io.levee.engine.StorageEngine#highestSeq}. */
    long highestSeq(TableSpec spec, Execution execution) {
        catalog.refresh();
        List<Partition> pinned = manifest.pinned(spec.name());
        try {
            return new TailScan(paths, parts.readers, execution, this::missing, homes()).highest(pinned);
        } catch (SQLException e) {
            execution.check();
            throw Sqlite.failure("the highest number cannot be read", paths.root(), e);
        } finally {
            pinned.forEach(Partition::unpin);
        }
    }
}
