package io.levee.postgres;

import io.levee.ErrorCode;
import io.levee.IndexSpec;
import io.levee.LeveeException;
import io.levee.PartitionId;
import io.levee.TableSpec;
import io.levee.internal.time.MonotonicClock;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The tables of dropped partitions: kept for a grace in which they can come back, then freed one by one. One caller at a time.
 *
 * <p>The grace is counted in this process's time, from the drop or from the opening of the store: a wall clock that jumps, or a store
 * that was closed for long, must not take the time in which a mistake can be undone.
 */
final class DroppedTables {
    private final Connections connections;
    private final Catalog catalog;
    private final Names names;
    private final Schema schema;
    private final Manifest manifest;
    private final Clock wall;
    private final Duration grace;
    private final MonotonicClock clock = MonotonicClock.SYSTEM;
    private final LockSchedule schedule = new LockSchedule();
    private final Map<PartitionId, Long> knownSince = new HashMap<>();
    private final Set<PartitionId> triedInThisPass = new HashSet<>();
    private final List<String> failedInThisPass = new ArrayList<>();

    DroppedTables(Connections connections, Catalog catalog, Manifest manifest, Clock wall, Duration grace) {
        this.connections = connections;
        this.catalog = catalog;
        this.names = catalog.names();
        this.schema = new Schema(names);
        this.manifest = manifest;
        this.wall = wall;
        this.grace = grace;
    }

    /**
     * Frees one table whose grace is over.
     *
     * @param now whatever the grace: space is short
     * @return whether there may be more to do now
     * @throws LeveeException where tables cannot be freed, after each was tried
     */
    synchronized boolean freeOne(boolean now) {
        return onConnection("dropped partitions cannot be freed", connection -> {
            for (Leaf dropped : catalog.dropped(connection)) {
                long since = knownSince.computeIfAbsent(dropped.id(), id -> clock.nanos());
                if ((now || clock.nanos() - since >= grace.toNanos()) && triedInThisPass.add(dropped.id())) {
                    String why = free(connection, dropped);
                    if (!why.isEmpty()) {
                        failedInThisPass.add(dropped.id() + ": " + why);
                    }
                    return true;
                }
            }
            endPass();
            return false;
        });
    }

    /** Frees one that was dropped for space, whatever its grace. Where that cannot be now it is among those of the next pass. */
    synchronized void freeAtOnce(PartitionId id) {
        String why = onConnection("a dropped partition cannot be freed", connection -> {
            for (Leaf dropped : catalog.dropped(connection)) {
                if (dropped.id().equals(id)) {
                    return free(connection, dropped);
                }
            }
            return "";
        });
        if (!why.isEmpty()) {
            System.getLogger("io.levee.postgres")
                    .log(System.Logger.Level.WARNING, "{0} was dropped for space and takes it still: {1}", id, why);
        }
    }

    /** How long each can be brought back yet. */
    synchronized Map<PartitionId, Duration> graces(List<Leaf> dropped) {
        long now = clock.nanos();
        Map<PartitionId, Duration> left = new HashMap<>();
        for (Leaf one : dropped) {
            // One that no pass of this process has met has all of it before it.
            long since = knownSince.getOrDefault(one.id(), now);
            left.put(one.id(), Duration.ofNanos(Math.max(0, grace.toNanos() - (now - since))));
        }
        return left;
    }

    private void endPass() {
        List<String> failed = List.copyOf(failedInThisPass);
        triedInThisPass.clear();
        failedInThisPass.clear();
        if (!failed.isEmpty()) {
            throw notFreed(failed);
        }
    }

    private static LeveeException notFreed(List<String> failed) {
        return new LeveeException(ErrorCode.PARTITION_BUSY, "dropped partitions take space still: " + failed)
                .hint("it is tried again; end the sessions that are named, or see docs/postgres.md");
    }

    /** Frees those of one table, whatever their grace. */
    synchronized void purge(String table) {
        List<String> failed = onConnection("dropped partitions cannot be freed", connection -> {
            List<String> stay = new ArrayList<>();
            for (Leaf dropped : catalog.dropped(connection)) {
                String why = dropped.id().table().equals(table) ? free(connection, dropped) : "";
                if (!why.isEmpty()) {
                    stay.add(dropped.id() + ": " + why);
                }
            }
            return stay;
        });
        if (!failed.isEmpty()) {
            throw notFreed(failed);
        }
    }

    /** Frees a table if it is what the catalog means; returns why it stays, or an empty text. */
    private String free(Connection connection, Leaf dropped) throws SQLException {
        String[] stays = {""};
        boolean free;
        try {
            free = schedule.run(() -> Postgres.transaction(connection, () -> {
                stays[0] = switch (Attachment.of(connection, names, dropped)) {
                    case ATTACHED, PENDING -> "somebody attached it to its table again: see docs/postgres.md";
                    case FOREIGN -> "its table has not the bounds that the catalog says: somebody else made it";
                    case DETACHED -> {
                        Postgres.run(connection, "DROP TABLE " + names.in(dropped.name()));
                        yield freed(connection, dropped);
                    }
                    case MISSING -> freed(connection, dropped);
                };
                return stays[0];
            }));
        } catch (SQLException e) {
            if (Postgres.gone(e)) {
                throw e;
            }
            // A view of somebody's own hangs on it, or its owner is another: that must not keep the others.
            return String.valueOf(e.getMessage());
        }
        if (free && stays[0].isEmpty()) {
            knownSince.remove(dropped.id());
        }
        return free ? stays[0] : Attachment.blocker(connection, names, dropped);
    }

    private String freed(Connection connection, Leaf dropped) throws SQLException {
        Sources.forget(connection, names, dropped.id());
        new MigrationTables(catalog).forget(connection, dropped.id());
        return moved(connection, dropped, "freed");
    }

    private String moved(Connection connection, Leaf dropped, String state) throws SQLException {
        Postgres.run(connection, "SET LOCAL synchronous_commit = on");
        return catalog.move(connection, dropped.id(), "dropped", state, null, wall.instant())
                ? ""
                : "another session of this store's has changed its state";
    }

    /** See {@link io.levee.engine.StorageEngine#restore}. */
    synchronized void restore(PartitionId id) {
        onConnection("the partition " + id + " cannot be brought back", connection -> {
            Leaf dropped = find(connection, id);
            Leaf taken = overlapping(dropped);
            if (taken != null) {
                throw taken(id, taken);
            }
            complete(connection, dropped);
            boolean[] back = new boolean[1];
            boolean free;
            try {
                free = schedule.run(
                        () -> back[0] = Postgres.transaction(connection, () -> attach(connection, dropped)));
            } catch (SQLException e) {
                if (Postgres.overlaps(e)) {
                    // The writer made a partition for these times in this very moment.
                    throw taken(id, overlapping(dropped));
                }
                throw e;
            }
            if (!free || !back[0]) {
                throw new LeveeException(
                                ErrorCode.PARTITION_BUSY,
                                "the partition " + id + " cannot be brought back now: "
                                        + Attachment.blocker(connection, names, dropped))
                        .with("partition", id.toString());
            }
            knownSince.remove(id);
            Leaf live = new Leaf(
                    id, dropped.name(), dropped.fromMicros(), dropped.toMicros(), Leaf.State.CLOSED, dropped.held());
            manifest.add(live.apart(dropped.apart()));
            return true;
        });
    }

    /** Gives a detached table the named indexes that came meanwhile, before anybody waits for it: attaching would build them. */
    private void complete(Connection connection, Leaf dropped) throws SQLException {
        TableSpec spec = catalog.table(connection, dropped.id().table());
        if (spec == null
                || spec.namedIndexes().isEmpty()
                || Attachment.of(connection, names, dropped) != Attachment.DETACHED) {
            return;
        }
        schedule.run(() -> Postgres.transaction(connection, () -> {
            schema.completeLeaf(connection, spec, dropped);
            return true;
        }));
        for (IndexSpec index : spec.namedIndexes()) {
            new NamedIndexes(names).createOwn(connection, spec, index, dropped);
        }
    }

    private boolean attach(Connection connection, Leaf dropped) throws SQLException {
        TableSpec spec = catalog.table(connection, dropped.id().table());
        if (spec == null) {
            return false;
        }
        if (Attachment.of(connection, names, dropped) == Attachment.DETACHED) {
            // Columns that came meanwhile reached only what was attached.
            schema.completeLeaf(connection, spec, dropped);
            if (spec.keyed()) {
                Postgres.run(connection, deleteKeysWrittenSince(spec, dropped));
            }
            schema.attach(connection, spec, dropped);
        }
        return moved(connection, dropped, "closed").isEmpty();
    }

    /** A key has one row: of one that was written again since the drop, the newer row is that. */
    private String deleteKeysWrittenSince(TableSpec spec, Leaf dropped) {
        String sameKey = spec.key().stream()
                .map(name -> Names.column(spec, name))
                .map(column -> "p." + column + " = d." + column)
                .collect(Collectors.joining(" AND "));
        return "DELETE FROM " + names.in(dropped.name()) + " d USING " + names.parent(spec) + " p WHERE " + sameKey;
    }

    private Leaf find(Connection connection, PartitionId id) throws SQLException {
        for (Leaf dropped : catalog.dropped(connection)) {
            Attachment now = dropped.id().equals(id) ? Attachment.of(connection, names, dropped) : Attachment.MISSING;
            if (now == Attachment.DETACHED || now == Attachment.ATTACHED) {
                return dropped;
            }
        }
        Leaf live = manifest.get(id);
        throw new LeveeException(
                        ErrorCode.NOT_FOUND,
                        live == null
                                ? "nothing is left of the partition " + id
                                : "the partition " + id + " is not dropped"
                                        + (live.state() == Leaf.State.DROPPING
                                                ? " yet: its drop has begun and waits for others"
                                                : ""))
                .with("partition", id.toString())
                .hint("what can be brought back is listed as dropped");
    }

    private @Nullable Leaf overlapping(Leaf dropped) {
        for (Leaf live : manifest.leaves(dropped.id().table())) {
            boolean sameClass = live.id().retentionClass().equals(dropped.id().retentionClass());
            if (sameClass && live.fromMicros() < dropped.toMicros() && dropped.fromMicros() < live.toMicros()) {
                return live;
            }
        }
        return null;
    }

    private static LeveeException taken(PartitionId id, @Nullable Leaf by) {
        return new LeveeException(
                        ErrorCode.BAD_VALUE,
                        "the partition " + id + " cannot be brought back: its times belong to "
                                + (by == null ? "a younger partition" : by.id()) + " by now")
                .with("partition", id.toString())
                .hint("read its table directly before its grace ends: see docs/postgres.md");
    }

    private <T> T onConnection(String what, CatalogSession.Command<T> command) {
        Connection connection = connections.open(false);
        try {
            return command.on(connection);
        } catch (SQLException e) {
            throw Postgres.failure(what, e);
        } finally {
            connections.giveBack(connection);
        }
    }
}
