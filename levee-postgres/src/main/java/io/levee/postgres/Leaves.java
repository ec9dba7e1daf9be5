package io.levee.postgres;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.PartitionId;
import io.levee.TableSpec;
import io.levee.engine.Period;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Clock;
import org.jspecify.annotations.Nullable;

/**
 * Finds the partition of an event time, and makes the one that is missing: in a transaction of its own, which waits no longer than
 * one slice for a lock. Owned by the writer thread.
 */
final class Leaves {
    /** Most partitions of a store: each costs every plan, and every query without a range of time, a little. */
    static final int MAX_PARTITIONS = 20_000;

    private final WriterSession session;
    private final Catalog catalog;
    private final Schema schema;
    private final Manifest manifest;
    private final Clock wall;

    Leaves(WriterSession session, Catalog catalog, Manifest manifest, Clock wall) {
        this.session = session;
        this.catalog = catalog;
        this.schema = new Schema(catalog.names());
        this.manifest = manifest;
        this.wall = wall;
    }

    /** Whether a time has a partition. */
    boolean there(TableSpec spec, long micros) {
        return manifest.at(spec.name(), micros) != null;
    }

    /**
     * The partition that takes rows of a time.
     *
     * @throws LeveeException {@link ErrorCode#PARTITION_BUSY} where it is being dropped, or cannot be made now
     */
    Leaf forTime(TableSpec spec, Period period, long micros) {
        Leaf leaf = manifest.at(spec.name(), micros);
        if (leaf == null) {
            leaf = make(spec, period, micros);
        }
        if (!leaf.opened()) {
            throw new LeveeException(ErrorCode.PARTITION_BUSY, "the partition " + leaf.id() + " is being dropped")
                    .with("partition", leaf.id().toString());
        }
        return leaf;
    }

    /** Makes the partitions of a period's times that have none; returns whether any was missing. */
    boolean cover(TableSpec spec, Period period) {
        boolean missing = false;
        long at = period.startMicros();
        while (at < period.endMicros()) {
            Leaf leaf = manifest.at(spec.name(), at);
            if (leaf == null) {
                leaf = make(spec, period, at);
                missing = true;
            }
            at = leaf.toMicros();
        }
        return missing;
    }

    /** Makes the partition of the free times around one: widths change over time, and partitions must not overlap. */
    private Leaf make(TableSpec spec, Period period, long micros) {
        if (manifest.size() >= MAX_PARTITIONS) {
            throw new LeveeException(
                            ErrorCode.TOO_MANY_PARTITIONS,
                            "the store has " + manifest.size() + " partitions, and needs " + spec.name() + "/"
                                    + period.name() + " besides")
                    .hint("use wider partitions or a retention rule; garbage times make partitions of their own");
        }
        Leaf before = manifest.before(spec.name(), micros);
        Leaf after = manifest.after(spec.name(), micros);
        long from = before == null ? period.startMicros() : Math.max(period.startMicros(), before.toMicros());
        long to = after == null ? period.endMicros() : Math.min(period.endMicros(), after.fromMicros());
        Connection connection = session.take();
        try {
            Leaf made = Postgres.transaction(connection, () -> {
                int n = catalog.nextN(connection, spec.name(), period.name());
                PartitionId id = new PartitionId(spec.name(), "", period.name(), n);
                Leaf leaf = new Leaf(id, Names.leaf(id), from, to, Leaf.State.OPEN, Leaf.Held.NOTHING);
                schema.createLeaf(connection, spec, leaf);
                catalog.insert(connection, leaf, wall.instant());
                return leaf;
            });
            manifest.add(made);
            return made;
        } catch (SQLException e) {
            Leaf known = Postgres.gone(e) ? lost(spec, micros) : null;
            if (known != null) {
                return known;
            }
            throw Postgres.failure("the partition " + spec.name() + "/" + period.name() + " cannot be made", e);
        }
    }

    /** The connection went while a partition was made: whether it was made is seen when there is a new one. */
    private @Nullable Leaf lost(TableSpec spec, long micros) {
        session.lost();
        try {
            for (Leaf leaf : catalog.leaves(session.take())) {
                if (manifest.get(leaf.id()) == null) {
                    manifest.add(leaf);
                }
            }
        } catch (LeveeException | SQLException e) {
            System.getLogger("io.levee.postgres").log(System.Logger.Level.DEBUG, "no new connection yet", e);
        }
        return manifest.at(spec.name(), micros);
    }
}
