package io.levee.sqlite;

import io.levee.Gap;
import io.levee.LeveeException;
import io.levee.LossReason;
import io.levee.PartitionId;
import io.levee.engine.Period;
import io.levee.engine.Quarantined;
import io.levee.internal.time.Micros;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Clock;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Sets damaged partitions aside, so that one damaged file costs its own rows and nothing else (invariant I10): later queries leave
 * it out and tell the gap, new rows of its period go to a sibling, and the file is kept for a person. Nothing in
 * {@code quarantine/} is ever opened, changed or deleted here. One caller at a time.
 */
final class Quarantine {
    private static final System.Logger LOG = System.getLogger("io.levee.sqlite");

    /** Beside a database: what SQLite keeps for it. */
    static final String[] SUFFIXES = {"", "-wal", "-shm"};

    private final StorePaths paths;
    private final Catalog catalog;
    private final Manifest manifest;
    private final ReadHandles readers;
    private final Clock wall;
    private final TableMarks marks;
    private final List<Partition> stillPinned = new ArrayList<>();
    private boolean leftoversMoved;

    Quarantine(
            StorePaths paths, Catalog catalog, Manifest manifest, ReadHandles readers, Clock wall, TableMarks marks) {
        this.paths = paths;
        this.catalog = catalog;
        this.manifest = manifest;
        this.readers = readers;
        this.wall = wall;
        this.marks = marks;
    }

    /**
     * Sets a damaged partition aside, open or closed: durably known when this returns. Writer thread, after its connection was closed.
     *
     * @param reason what is wrong with it, for people
     * @return false where it is dropped already, or lent to another thread: then it is left alone
     * @throws LeveeException where the catalog cannot be written: nothing was changed, and it may be tried again
     */
    synchronized boolean setAside(Partition partition, String reason) {
        Partition.State before = partition.setAside();
        if (before != null) {
            setAside(partition, before, reason);
        }
        return before != null;
    }

    /** Sets a closed partition aside, from any thread, if it was closed since {@code openingsBefore}; else returns false. */
    synchronized boolean setAsideClosed(Partition partition, int openingsBefore, String reason) {
        if (!partition.setAsideClosed(openingsBefore)) {
            return false;
        }
        setAside(partition, Partition.State.CLOSED, reason);
        return true;
    }

    private void setAside(Partition partition, Partition.State before, String reason) {
        Partition.Held held = partition.held();
        Quarantined damaged =
                describe(paths, partition.id(), partition.file(), reason, wall.instant(), held.known() ? held : null);
        String table = partition.id().table();
        boolean done = false;
        try {
            TableMarks.Marks gone = catalog.change(c -> {
                long highest = held.maxSeq() >= 0 ? held.maxSeq() : highestGiven(c, table);
                TableMarks.Marks now = new TableMarks.Marks(Long.MIN_VALUE, highest);
                TableMarks.write(c, table, now);
                Catalog.markDropped(c, partition.id(), reason, wall.instant());
                write(c, paths, damaged);
                return now;
            });
            marks.raised(table, gone);
            done = true;
        } finally {
            if (!done) {
                partition.back(before);
            }
        }
        manifest.setAside(damaged);
        LOG.log(
                System.Logger.Level.WARNING,
                "{0} is damaged and set aside in {1}: {2}",
                partition.id(),
                damaged.where(),
                reason);
        if (partition.pinned()) {
            // Queries that began before may not have opened it yet: it keeps its place until they end.
            stillPinned.add(partition);
        } else {
            move(partition);
        }
    }

    private static Quarantined describe(
            StorePaths paths, PartitionId id, String file, String reason, Instant now, Partition.@Nullable Held held) {
        String where = paths.quarantine().resolve(StorePaths.flat(file)).toString();
        return describe(id, where, reason, Micros.of(now), held);
    }

    /** One of which only the name is known. */
    static Quarantined describe(StorePaths paths, PartitionId id, String reason, Instant now) {
        return describe(paths, id, PartitionFiles.name(id), reason, now, null);
    }

    /** What is not known of its rows is bounded by its period. */
    private static Quarantined describe(
            PartitionId id, String where, String reason, long since, Partition.@Nullable Held held) {
        if (held != null) {
            return new Quarantined(id, where, reason, since, held.rows(), held.minMicros(), held.maxMicros());
        }
        Period period = Period.parse(id.period());
        return new Quarantined(id, where, reason, since, Gap.UNKNOWN, period.startMicros(), period.endMicros() - 1);
    }

    /** No row has a higher number: whoever follows the table may have missed all up to it. */
    private static long highestGiven(Connection connection, String table) throws SQLException {
        return Sqlite.number(connection, "SELECT next_seq - 1 FROM tables WHERE name = " + Sqlite.literal(table));
    }

    /** Moves what queries have given free since, and what a crash left in its place. Maintenance thread. */
    synchronized void moveReleased() {
        stillPinned.removeIf(partition -> {
            boolean free = !partition.pinned();
            if (free) {
                move(partition);
            }
            return free;
        });
        if (!leftoversMoved) {
            for (String file : catalog.change(Quarantine::places)) {
                if (stillPinned.stream().noneMatch(p -> p.file().equals(file))) {
                    move(file);
                }
            }
            leftoversMoved = true;
        }
    }

    /** The files in {@code quarantine/} that are left of one table, restored ones too: an erasure cannot look into them. */
    List<String> left(String table) {
        if (Files.notExists(paths.quarantine())) {
            return List.of();
        }
        try (Stream<Path> files = Files.list(paths.quarantine())) {
            return files.filter(file -> {
                        String name = String.valueOf(file.getFileName());
                        return name.startsWith(table + "~") && name.endsWith(".db");
                    })
                    .map(Path::toString)
                    .sorted()
                    .toList();
        } catch (IOException e) {
            throw Volume.failure("what was set aside cannot be listed", paths.quarantine(), e);
        }
    }

    /** It came back from a backup: its gap is none any more. The damaged file stays for a person. */
    synchronized void cameBack(PartitionId id) {
        catalog.change(c -> {
            try (PreparedStatement statement = c.prepareStatement(
                    "DELETE FROM quarantine WHERE table_name = ? AND class = ? AND period = ? AND n = ?")) {
                Catalog.bind(statement, 1, id);
                statement.executeUpdate();
            }
            return true;
        });
        manifest.cameBack(id);
    }

    private void move(Partition partition) {
        readers.evict(paths.partition(partition));
        move(partition.file());
    }

    private void move(String file) {
        Path from = paths.root().resolve(file);
        Path to = paths.quarantine().resolve(StorePaths.flat(file));
        boolean moved = false;
        try {
            for (String suffix : SUFFIXES) {
                Path part = from.resolveSibling(from.getFileName() + suffix);
                if (Files.exists(part)) {
                    Files.move(part, to.resolveSibling(to.getFileName() + suffix), StandardCopyOption.ATOMIC_MOVE);
                    moved = true;
                }
            }
            if (moved) {
                StorePaths.sync(paths.quarantine());
                StorePaths.sync(paths.root().resolve(file).resolveSibling("."));
            }
        } catch (IOException e) {
            leftoversMoved = false;
            LOG.log(System.Logger.Level.WARNING, from + " cannot be moved into quarantine/; it is tried again", e);
        }
    }

    /** Where the files of what was set aside lay. */
    private static List<String> places(Connection connection) throws SQLException {
        return Catalog.files(
                connection,
                "SELECT p.file FROM partitions p JOIN quarantine q USING(table_name, class, period, n)"
                        + " WHERE p.state = 'dropped'");
    }

    static void write(Connection connection, StorePaths paths, Quarantined damaged) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement("INSERT OR REPLACE INTO quarantine(table_name,"
                + " class, period, n, file, reason, since, row_count, min_time, max_time)"
                + " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")) {
            Catalog.bind(statement, 1, damaged.id());
            statement.setString(
                    5, paths.root().relativize(Path.of(damaged.where())).toString());
            statement.setString(6, damaged.reason());
            statement.setLong(7, damaged.since());
            if (damaged.rows() != Gap.UNKNOWN) {
                statement.setLong(8, damaged.rows());
                statement.setLong(9, damaged.minMicros());
                statement.setLong(10, damaged.maxMicros());
            }
            statement.executeUpdate();
        }
    }

    /** What a catalog says was set aside; nothing where it is of a release that could not. */
    static List<Quarantined> read(Connection connection, Path root) throws SQLException {
        List<Quarantined> found = new ArrayList<>();
        if (!CatalogSchema.hasTable(connection, "quarantine")) {
            return found;
        }
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery("SELECT table_name, class, period, n, file, reason, since,"
                        + " row_count, min_time, max_time FROM quarantine")) {
            while (rows.next()) {
                PartitionId id =
                        new PartitionId(rows.getString(1), rows.getString(2), rows.getString(3), rows.getInt(4));
                Partition.Held held = rows.getObject(8) == null
                        ? null
                        : new Partition.Held(rows.getLong(9), rows.getLong(10), rows.getLong(8), 0, -1);
                String where = root.resolve(rows.getString(5)).toString();
                found.add(describe(id, where, rows.getString(6), rows.getLong(7), held));
            }
        }
        return found;
    }

    /** The gaps that a catalog tells besides: those of a catalog that was rebuilt. */
    static List<Gap> rebuilt(Connection connection) throws SQLException {
        List<Gap> found = new ArrayList<>();
        if (!CatalogSchema.hasTable(connection, "gaps")) {
            return found;
        }
        try (Statement statement = connection.createStatement();
                ResultSet rows =
                        statement.executeQuery("SELECT table_name, from_time, to_time, count, reason FROM gaps")) {
            while (rows.next()) {
                long count = rows.getObject(4) == null ? Gap.UNKNOWN : rows.getLong(4);
                found.add(new Gap(
                        rows.getString(1),
                        rows.getLong(2),
                        rows.getLong(3),
                        count,
                        LossReason.valueOf(rows.getString(5))));
            }
        }
        return found;
    }

    /** The gaps that they leave; one that held no row leaves none. */
    static List<Gap> gaps(List<Quarantined> damaged) {
        return damaged.stream()
                .filter(q -> q.rows() != 0)
                .map(q -> new Gap(q.id().table(), q.minMicros(), q.maxMicros(), q.rows(), LossReason.QUARANTINED))
                .toList();
    }
}
