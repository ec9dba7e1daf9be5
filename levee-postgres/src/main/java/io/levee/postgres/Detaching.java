package io.levee.postgres;

import io.levee.PartitionId;
import io.levee.engine.DropOutcome;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Clock;
import java.time.ZoneOffset;

/**
 * Takes partitions out of their tables. One caller at a time.
 *
 * <p>Invariants:
 * <ol>
 *   <li>a partition goes only while all that it holds lies below the table's floor, which is looked at in the transaction that begins
 *       the drop: a row that came meanwhile keeps it;
 *   <li>{@code dropped_seq} is raised before rows vanish, or with them: a tail never skips them in silence;
 *   <li>nobody waits behind a drop for longer than one try of the {@link LockSchedule}.
 * </ol>
 *
 * <p>Where younger rows show that the period is over, the partition is detached CONCURRENTLY, beside queries that run: the catalog
 * says {@code dropping} first, and whatever happens after that (a lock that is not to be had, a crash), the next run goes on from what
 * the server says of the table. Where rows may still come, that state would keep them waiting: there it is one transaction.
 */
final class Detaching {
    private static final System.Logger LOG = System.getLogger("io.levee.postgres");
    private static final String GREW = "it got newer rows since the plan was made";
    private static final String WHERE_ID = " WHERE table_name = ? AND class = ? AND period = ? AND n = ?";

    private final Connections connections;
    private final Names names;
    private final Manifest manifest;
    private final Clock wall;
    private final LockSchedule schedule = new LockSchedule();

    Detaching(Connections connections, Names names, Manifest manifest, Clock wall) {
        this.connections = connections;
        this.names = names;
        this.manifest = manifest;
        this.wall = wall;
    }

    /** See {@link io.levee.engine.StorageEngine#drop}. */
    synchronized DropOutcome drop(PartitionId id, String reason) {
        Leaf leaf = manifest.get(id);
        if (leaf == null) {
            return new DropOutcome(0, "it is gone already");
        }
        Connection connection = connections.open(false);
        try {
            String why = finishOthers(connection, leaf);
            if (!why.isEmpty()) {
                return new DropOutcome(0, why);
            }
            long bytes = bytes(connection, leaf);
            why = leaf.state() == Leaf.State.DROPPING || over(leaf)
                    ? concurrently(connection, leaf, reason)
                    : atOnce(connection, leaf, reason);
            return new DropOutcome(why.isEmpty() ? bytes : 0, why);
        } catch (SQLException e) {
            if (Postgres.busy(e)) {
                // Even a look at a table waits for whoever has it to himself.
                return new DropOutcome(0, "another session has it locked: " + e.getMessage());
            }
            throw Postgres.failure("the partition " + id + " cannot be dropped", e);
        } finally {
            connections.giveBack(connection);
        }
    }

    /** A table can have one partition that is being detached, and that one goes first. */
    private String finishOthers(Connection connection, Leaf leaf) throws SQLException {
        for (Leaf other : manifest.leaves(leaf.id().table())) {
            if (other != leaf && other.state() == Leaf.State.DROPPING) {
                String why = finish(connection, other);
                if (!why.isEmpty()) {
                    return other.id() + " is to go first, and stays: " + why;
                }
            }
        }
        return "";
    }

    /**
     * Goes on with the drops that were begun and could not be ended.
     *
     * @return why one stays, or an empty text
     */
    synchronized String finishBegun(String table) {
        String stays = "";
        for (Leaf leaf : manifest.all()) {
            if (leaf.state() == Leaf.State.DROPPING
                    && (table.isEmpty() || leaf.id().table().equals(table))) {
                String why = drop(leaf.id(), "").blockedBy();
                stays = why.isEmpty() ? stays : leaf.id() + ": " + why;
            }
        }
        return stays;
    }

    /** Whether rows of a later period are there, so that none is likely to come any more. */
    private boolean over(Leaf leaf) {
        return leaf.toMicros() != Long.MAX_VALUE
                && manifest.leaves(leaf.id().table()).stream()
                        .anyMatch(l -> l.held().rows() > 0 && l.held().maxMicros() >= leaf.toMicros());
    }

    private String concurrently(Connection connection, Leaf leaf, String reason) throws SQLException {
        if (!leaf.dropping() && leaf.state() != Leaf.State.DROPPING) {
            return GREW;
        }
        boolean[] begun = new boolean[1];
        boolean free = schedule.run(
                () -> begun[0] = Postgres.transaction(connection, () -> mark(connection, leaf, "dropping", reason)));
        if (begun[0]) {
            return finish(connection, leaf);
        }
        if (goneAlready(connection, leaf)) {
            manifest.remove(leaf.id());
            return "";
        }
        leaf.notDropping();
        return free ? GREW : Attachment.blocker(connection, names, leaf);
    }

    /** Whether a drop took effect whose answer got lost with a connection. */
    private boolean goneAlready(Connection connection, Leaf leaf) throws SQLException {
        String sql = "SELECT state IN ('dropped', 'freed') FROM " + names.catalog("partitions") + WHERE_ID;
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            bind(statement, 1, leaf.id());
            try (ResultSet rows = statement.executeQuery()) {
                return rows.next() && rows.getBoolean(1);
            }
        }
    }

    /** From whatever the server says of a table that is to go, to one that is detached. */
    private String finish(Connection connection, Leaf leaf) throws SQLException {
        String detach = "ALTER TABLE " + Attachment.parent(connection, names, leaf) + " DETACH PARTITION "
                + names.in(leaf.name());
        boolean done = schedule.run(() -> {
            Attachment now = Attachment.of(connection, names, leaf);
            if (now == Attachment.ATTACHED) {
                Postgres.run(connection, detach + " CONCURRENTLY");
            } else if (now == Attachment.PENDING) {
                endPending(connection, leaf, detach);
            }
        });
        if (!done) {
            return Attachment.blocker(connection, names, leaf);
        }
        Postgres.transaction(connection, () -> mark(connection, leaf, "dropped", ""));
        manifest.remove(leaf.id());
        return "";
    }

    /**
     * Versions 17 and later cannot finalize a partition whose parent got a column meanwhile, nor add that column to it. Levee adds
     * none then; where somebody else did, the table is dropped at once, or no other partition could ever go.
     */
    private void endPending(Connection connection, Leaf leaf, String detach) throws SQLException {
        try {
            Postgres.run(connection, detach + " FINALIZE");
        } catch (SQLException e) {
            if (!Postgres.rowTypesDiffer(e)) {
                throw e;
            }
            Postgres.run(connection, "DROP TABLE " + names.in(leaf.name()));
            LOG.log(
                    System.Logger.Level.WARNING,
                    "{0} cannot be brought back: somebody added a column while it was detached ({1})",
                    leaf.id(),
                    e.getMessage());
        }
    }

    /** In one transaction, so that no moment is left in which the partition neither takes rows nor is gone. */
    private String atOnce(Connection connection, Leaf leaf, String reason) throws SQLException {
        boolean[] gone = new boolean[1];
        boolean free = schedule.run(() -> {
            if (!leaf.dropping()) {
                return;
            }
            boolean known = true;
            try {
                gone[0] = Postgres.transaction(connection, () -> {
                    // The lock first: a batch that is under way has ended then, and what it wrote counts.
                    Postgres.run(
                            connection,
                            "ALTER TABLE " + Attachment.parent(connection, names, leaf) + " DETACH PARTITION "
                                    + names.in(leaf.name()));
                    boolean marked = mark(connection, leaf, "dropped", reason);
                    if (!marked) {
                        connection.rollback();
                    }
                    return marked;
                });
            } catch (SQLException e) {
                // Without an answer it stays as it is, and the next run asks the catalog.
                known = !Postgres.gone(e);
                throw e;
            } finally {
                if (!gone[0] && known) {
                    leaf.notDropping();
                }
            }
        });
        if (gone[0]) {
            manifest.remove(leaf.id());
            return "";
        }
        return free ? GREW : Attachment.blocker(connection, names, leaf);
    }

    /** Moves a partition on in the catalog, in the caller's transaction; false where it may not go (any more). */
    private boolean mark(Connection connection, Leaf leaf, String state, String reason) throws SQLException {
        Postgres.run(connection, "SET LOCAL synchronous_commit = on");
        PartitionId id = leaf.id();
        String sql = "UPDATE " + names.catalog("partitions") + " p SET state = ?, changed = ?,"
                + " reason = coalesce(nullif(?, ''), reason)" + WHERE_ID
                + " AND (state = 'dropping' OR state = 'closed' AND (max_time IS NULL OR max_time < "
                + ClassTables.floorOf(names) + "))";
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            statement.setString(1, state);
            statement.setObject(2, wall.instant().atOffset(ZoneOffset.UTC));
            statement.setString(3, reason);
            bind(statement, 4, id);
            if (statement.executeUpdate() == 0) {
                return false;
            }
        }
        try (PreparedStatement statement = connection.prepareStatement("UPDATE " + names.catalog("tables")
                + " SET dropped_seq = greatest(dropped_seq, (SELECT max_seq FROM " + names.catalog("partitions")
                + WHERE_ID + ")) WHERE name = ?")) {
            bind(statement, 1, id);
            statement.setString(5, id.table());
            statement.executeUpdate();
        }
        return true;
    }

    private static void bind(PreparedStatement statement, int from, PartitionId id) throws SQLException {
        statement.setString(from, id.table());
        statement.setString(from + 1, id.retentionClass());
        statement.setString(from + 2, id.period());
        statement.setInt(from + 3, id.n());
    }

    private long bytes(Connection connection, Leaf leaf) throws SQLException {
        Object bytes = Postgres.value(
                connection,
                "SELECT pg_catalog.pg_total_relation_size(pg_catalog.to_regclass(?))",
                names.in(leaf.name()));
        return bytes instanceof Long number ? number : 0;
    }
}
