package io.levee.postgres;

import io.levee.ErrorCode;
import io.levee.Gap;
import io.levee.LeveeException;
import io.levee.LossReason;
import io.levee.PartitionBy;
import io.levee.PartitionId;
import io.levee.TableSpec;
import io.levee.engine.Period;
import io.levee.engine.Slot;
import io.levee.internal.adopt.SplitPeriods;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Clock;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

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
    private final ClassTables classes;
    private final Clock wall;
    private final Consumer<List<Gap>> serverLost;
    private int generation;

    /**
     * Over a writer's session.
     *
     * @param serverLost is told the ranges of what was committed, and is not there behind a new connection
     */
    Leaves(WriterSession session, Catalog catalog, Manifest manifest, Clock wall, Consumer<List<Gap>> serverLost) {
        this.session = session;
        this.catalog = catalog;
        this.schema = new Schema(catalog.names());
        this.manifest = manifest;
        this.classes = new ClassTables(catalog);
        this.wall = wall;
        this.serverLost = serverLost;
        this.generation = session.generation();
    }

    /**
     * Behind a new connection, takes over what its server has: partitions whose making nobody answered, and what a crash with
     * {@code synchronous_commit = off} or a standby that took over has left.
     *
     * @return whether there was a new connection
     */
    boolean follow() throws SQLException {
        Connection c = session.take();
        if (generation == session.generation()) {
            return false;
        }
        Map<PartitionId, Leaf> there = new HashMap<>();
        catalog.leaves(c).forEach(leaf -> there.put(leaf.id(), leaf));
        List<Gap> lost = new ArrayList<>();
        for (Leaf mine : manifest.all()) {
            Leaf theirs = there.remove(mine.id());
            Leaf.Held held = theirs == null ? catalog.held(c, mine.id()) : theirs.held();
            Leaf.Held was = mine.held();
            if (was.maxSeq() > (held == null ? 0 : held.maxSeq())) {
                lost.add(new Gap(
                        mine.id().table(), was.minMicros(), was.maxMicros(), Gap.UNKNOWN, LossReason.UNCLEAN_STOP));
            }
            if (held == null) {
                manifest.remove(mine.id());
            } else {
                mine.held(held);
            }
        }
        there.values().stream()
                .filter(leaf -> leaf.state() != Leaf.State.DROPPING)
                .forEach(manifest::add);
        if (!lost.isEmpty()) {
            serverLost.accept(lost);
        }
        generation = session.generation();
        return true;
    }

    /** Whether a time has a partition of a class. */
    boolean there(TableSpec spec, String retentionClass, long micros) {
        return manifest.at(spec.name(), retentionClass, micros) != null;
    }

    /**
     * The partition that takes rows of a slot and a time in it.
     *
     * @throws LeveeException {@link ErrorCode#PARTITION_BUSY} where it is being dropped, or cannot be made now
     */
    Leaf forTime(TableSpec spec, Slot slot, long micros) {
        Leaf leaf = manifest.at(spec.name(), slot.retentionClass(), micros);
        if (leaf == null) {
            leaf = make(spec, slot, micros);
        }
        if (!leaf.opened()) {
            throw new LeveeException(ErrorCode.PARTITION_BUSY, "the partition " + leaf.id() + " is being dropped")
                    .with("partition", leaf.id().toString());
        }
        return leaf;
    }

    /** Makes the partitions of a slot's times that have none; returns whether any was missing. */
    boolean cover(TableSpec spec, Slot slot) {
        boolean missing = false;
        long at = slot.period().startMicros();
        while (at < slot.period().endMicros()) {
            Leaf leaf = manifest.at(spec.name(), slot.retentionClass(), at);
            if (leaf == null) {
                leaf = make(spec, slot, at);
                missing = true;
            }
            at = leaf.toMicros();
        }
        return missing;
    }

    /** Makes the partition of the free times around one: widths change over time, and partitions must not overlap. */
    private Leaf make(TableSpec spec, Slot slot, long micros) {
        Period period = slot.period();
        String own = slot.retentionClass();
        if (manifest.size() >= MAX_PARTITIONS) {
            throw new LeveeException(
                            ErrorCode.TOO_MANY_PARTITIONS,
                            "the store has " + manifest.size() + " partitions, and needs " + spec.name() + "/"
                                    + slot.name() + " besides")
                    .hint("use wider partitions or a retention rule; garbage times make partitions of their own");
        }
        Leaf before = manifest.before(spec.name(), own, micros);
        Leaf after = manifest.after(spec.name(), own, micros);
        // Times of no year that has a period: those of an adopted table's rows. They must not take the free times of
        // others.
        boolean outside = spec.partitionBy() != PartitionBy.NONE && period.equals(Period.ALL);
        long start = outside && micros >= SplitPeriods.YEAR_9999 ? SplitPeriods.YEAR_9999 : period.startMicros();
        long end = outside && micros < SplitPeriods.YEAR_1 ? SplitPeriods.YEAR_1 : period.endMicros();
        long from = before == null ? start : Math.max(start, before.toMicros());
        long to = after == null ? end : Math.min(end, after.fromMicros());
        try {
            Leaf known = follow() ? manifest.at(spec.name(), own, micros) : null;
            if (known != null) {
                return known;
            }
            Connection connection = session.take();
            Leaf made = Postgres.transaction(connection, () -> {
                int n = catalog.nextN(connection, spec.name(), slot);
                PartitionId id = new PartitionId(spec.name(), own, period.name(), n);
                Leaf leaf = new Leaf(id, Names.leaf(id), from, to, Leaf.State.OPEN, Leaf.Held.NOTHING);
                schema.createLeaf(connection, spec, leaf);
                catalog.insert(connection, leaf, wall.instant());
                if (own.isEmpty()) {
                    classes.insert(connection, spec, leaf);
                }
                return leaf;
            });
            manifest.add(made);
            if (!made.apart().isEmpty()) {
                // The table may have been declared anew since: then this one was not among those that were told.
                made.apart(classes.now(connection, spec));
            }
            return made;
        } catch (SQLException e) {
            if (Postgres.gone(e)) {
                // Whether it was made is seen behind the next connection.
                session.lost();
            }
            throw Postgres.failure("the partition " + spec.name() + "/" + period.name() + " cannot be made", e);
        }
    }
}
