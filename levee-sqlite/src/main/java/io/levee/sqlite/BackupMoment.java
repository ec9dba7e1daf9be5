package io.levee.sqlite;

import io.levee.Bytes;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.PartitionId;
import io.levee.engine.BackupHelp;
import io.levee.internal.time.MonotonicClock;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.sqlite.SQLiteConnection;

/**
 * The store at one moment: read transactions on the catalog and on every partition that a backup does not have yet, begun while nothing
 * was committed. A row that moves from one partition to another is therefore in exactly one of them. Holding it keeps WALs from being
 * reset and partitions from being closed, and keeps what is dropped meanwhile; it is held while what may change is copied.
 *
 * <p>Where the writer is another process nobody can be asked to pause: then it is looked afterwards whether something was committed
 * meanwhile, and begun again, which takes a millisecond each time. That process does not know of the space that is kept here, so what it
 * drops is let go of as soon as it has no name any more.
 *
 * <p>For the backup's thread; {@link #letGo} for any.
 */
final class BackupMoment implements AutoCloseable {
    static final Bytes CACHE = Bytes.kibi(256);
    private static final System.Logger LOG = System.getLogger("io.levee.sqlite");
    private static final Duration PATIENCE = Duration.ofSeconds(10);
    private static final int LOOKS = 5;
    private static final int PAGES_PER_STEP = 256;
    private static final int BUSY_MILLIS = 50;
    private static final int BUSY_TIMES = 100;
    private static final long PAGE = 4096;

    private final StorePaths paths;
    private final Consumer<BackupMoment> ended;
    private final Connection catalog;
    private final Map<Path, Connection> held = new HashMap<>();
    private final Map<Path, Connection> watched = new HashMap<>();
    private @Nullable Connection overrides;
    private List<Live> live = List.of();
    private Map<PartitionId, Map<Long, Long>> moved = Map.of();
    private boolean writerHere;
    /** All that is held, once the moment is taken and what spans partitions was read. */
    private volatile @Nullable HeldFiles files;

    /**
     * A partition as the catalog has it.
     *
     * @param checksum of a closed one; null where it is open, or where that is still to be made
     */
    record Live(Partition partition, @Nullable String checksum) {
        PartitionId id() {
            return partition.id();
        }
    }

    /** Opens the catalog for reading. */
    BackupMoment(StorePaths paths) throws SQLException {
        this(paths, moment -> {});
    }

    /** As {@link #BackupMoment(StorePaths)}; {@code ended} is told when it is closed. */
    BackupMoment(StorePaths paths, Consumer<BackupMoment> ended) throws SQLException {
        this.paths = paths;
        this.ended = ended;
        this.catalog = Connections.reader(paths.catalog(), CACHE);
    }

    /** The live partitions: of the moment once that was taken, before it as they are now. */
    List<Live> live() {
        return live;
    }

    Connection catalog() {
        return catalog;
    }

    /** Reads which partitions there are. */
    void look() throws SQLException {
        Map<PartitionId, String> checksums = new HashMap<>();
        try (Statement statement = catalog.createStatement();
                ResultSet rows = statement.executeQuery("SELECT table_name, class, period, n, checksum FROM partitions"
                        + " WHERE state = 'closed' AND checksum IS NOT NULL")) {
            while (rows.next()) {
                checksums.put(
                        new PartitionId(rows.getString(1), rows.getString(2), rows.getString(3), rows.getInt(4)),
                        rows.getString(5));
            }
        }
        List<Live> now = new ArrayList<>();
        for (Partition partition : Catalog.partitions(catalog)) {
            now.add(new Live(partition, checksums.get(partition.id())));
        }
        live = now;
    }

    /**
     * Takes the moment.
     *
     * @param here whether the store's writer is of this process, and was asked by {@link BackupHelp#still}
     * @param needed whether a partition is to be copied from what is held
     */
    void take(boolean here, Predicate<Live> needed, BackupHelp help) throws SQLException {
        writerHere = here;
        // Opened before, so that the moment itself is short.
        look();
        for (Live one : live) {
            if (needed.test(one)) {
                open(held, one);
                if (!here) {
                    open(watched, one);
                }
            }
        }
        if (here) {
            takeOnTheWriter(needed, help);
        } else {
            watched.put(paths.catalog(), Connections.reader(paths.catalog(), CACHE));
            if (overrides() != null) {
                watched.put(paths.overrides(), Connections.reader(paths.overrides(), CACHE));
            }
            takeBesideAWriter(needed);
            closeAll(watched);
        }
        // What says where rows came from must not go before that was read.
        moved = notes();
        Map<Path, Partition> partitions = new HashMap<>();
        live.forEach(one -> partitions.put(paths.partition(one.partition), one.partition));
        files = new HeldFiles(paths, held, partitions);
        held.clear();
    }

    private void takeOnTheWriter(Predicate<Live> needed, BackupHelp help) throws SQLException {
        SQLException[] failure = new SQLException[1];
        help.still(() -> {
            try {
                begin(needed);
            } catch (SQLException e) {
                failure[0] = e;
            }
        });
        if (failure[0] != null) {
            throw failure[0];
        }
    }

    private void takeBesideAWriter(Predicate<Live> needed) throws SQLException {
        long end = MonotonicClock.SYSTEM.nanos() + PATIENCE.toNanos();
        while (true) {
            Map<Path, Long> before = versions();
            begin(needed);
            for (Path file : held.keySet()) {
                if (!watched.containsKey(file)) {
                    watched.put(file, Connections.reader(file, CACHE));
                }
            }
            if (before.equals(versions())) {
                return;
            }
            rollback();
            if (MonotonicClock.SYSTEM.nanos() - end > 0) {
                throw new LeveeException(
                                ErrorCode.PARTITION_BUSY,
                                "for " + PATIENCE + " the writer committed something every time; no backup was made")
                        .hint("have the process that writes make it (Store.backup), or repeat it when less is written");
            }
        }
    }

    /** What changes with each commit of another connection. */
    private Map<Path, Long> versions() throws SQLException {
        Map<Path, Long> versions = new HashMap<>();
        for (Map.Entry<Path, Connection> one : watched.entrySet()) {
            versions.put(one.getKey(), Sqlite.number(one.getValue(), "PRAGMA data_version"));
        }
        return versions;
    }

    /** A file that is gone may have been dropped, or merged, between the catalog's word and the look at it: then it is looked again. */
    private void begin(Predicate<Live> needed) throws SQLException {
        for (int i = 1; !begun(needed) && i < LOOKS; i++) {
            rollback();
        }
    }

    /** Whether the file of everything that holds rows was there. */
    private boolean begun(Predicate<Live> needed) throws SQLException {
        boolean all = true;
        Sqlite.run(catalog, "BEGIN");
        look();
        Connection overridden = overrides();
        if (overridden != null) {
            Sqlite.run(overridden, "BEGIN");
            Sqlite.value(overridden, "SELECT count(*) FROM sqlite_master");
        }
        Map<Path, Connection> wanted = new LinkedHashMap<>();
        for (Live one : live) {
            if (needed.test(one)) {
                Connection connection = open(held, one);
                if (connection != null) {
                    Sqlite.run(connection, "BEGIN");
                    Sqlite.value(connection, "SELECT count(*) FROM sqlite_master");
                    wanted.put(paths.partition(one.partition), connection);
                } else {
                    all &= !one.partition.held().known() || one.partition.held().rows() == 0;
                }
            }
        }
        // What was closed and copied, or dropped, between the two looks.
        for (Map.Entry<Path, Connection> one : List.copyOf(held.entrySet())) {
            if (!wanted.containsKey(one.getKey())) {
                held.remove(one.getKey());
                Connections.closeQuietly(one.getKey(), one.getValue());
            }
        }
        return all;
    }

    private void rollback() throws SQLException {
        Sqlite.run(catalog, "ROLLBACK");
        if (overrides != null) {
            Sqlite.run(overrides, "ROLLBACK");
        }
        for (Connection connection : held.values()) {
            Sqlite.run(connection, "ROLLBACK");
        }
    }

    private @Nullable Connection overrides() throws SQLException {
        if (overrides == null && Partition.size(paths.overrides()) > 0) {
            overrides = Connections.reader(paths.overrides(), CACHE);
            Sqlite.run(overrides, "PRAGMA busy_timeout=0");
        }
        return overrides;
    }

    /** Null where there is no file, or an empty one: it never held a row, or it is gone. */
    private @Nullable Connection open(Map<Path, Connection> to, Live one) throws SQLException {
        Path file = paths.partition(one.partition);
        Connection known = to.get(file);
        if (known != null || Partition.size(file) == 0) {
            return known;
        }
        Connection connection = Connections.reader(file, CACHE);
        to.put(file, connection);
        // On the writer's thread nobody waits for a lock.
        Sqlite.run(connection, "PRAGMA busy_timeout=0");
        return connection;
    }

    /** By partition, what the others note of rows that came from it. */
    Map<PartitionId, Map<Long, Long>> moved() {
        return moved;
    }

    private Map<PartitionId, Map<Long, Long>> notes() throws SQLException {
        Map<PartitionId, Map<Long, Long>> notes = new HashMap<>();
        for (Live one : live) {
            Connection connection = held.get(paths.partition(one.partition));
            if (connection != null) {
                MoveNotes.add(notes, MoveNotes.read(connection, one.id().table()));
            }
        }
        return notes;
    }

    /** Lets go of what was dropped since and has no name any more, but for what is being copied: SQLite cannot be stopped within a file. */
    boolean letGo() {
        HeldFiles all = files;
        return all != null && all.letGo();
    }

    /** Why something that was there at the moment is not held any more; null where it never was, or still is. */
    @Nullable
    String went(PartitionId id) {
        HeldFiles all = files;
        return all == null ? null : all.went(id);
    }

    /**
     * Copies a held partition as it was at the moment, and lets go of it.
     *
     * @return false where nothing of it is held
     */
    boolean copy(Partition partition, Path to, BackupHelp help) throws SQLException {
        Path file = paths.partition(partition);
        HeldFiles all = files;
        Connection connection = all == null ? null : all.take(file);
        if (connection == null) {
            return false;
        }
        boolean done = false;
        try {
            copy(connection, to, help);
            done = true;
        } finally {
            if (!done) {
                Connections.closeQuietly(file, connection);
            }
        }
        Connections.close(file, connection);
        return true;
    }

    /** Copies the catalog as it was at the moment. */
    void copyCatalog(Path to, BackupHelp help) throws SQLException {
        copy(catalog, to, help);
    }

    /** Copies what was overridden of adopted databases at the moment; false where nothing ever was. */
    boolean copyOverrides(Path to, BackupHelp help) throws SQLException {
        Connection there = overrides;
        if (there == null) {
            return false;
        }
        copy(there, to, help);
        return true;
    }

    private void copy(Connection from, Path to, BackupHelp help) throws SQLException {
        int code = ((SQLiteConnection) from)
                .getDatabase()
                .backup(
                        "main",
                        to.toString(),
                        (remaining, pages) -> copied(help),
                        BUSY_MILLIS,
                        BUSY_TIMES,
                        PAGES_PER_STEP);
        if (code != 0) {
            throw new SQLException("SQLite's backup ended with " + code, null, code);
        }
    }

    /** Between two steps of a copy. */
    private void copied(BackupHelp help) {
        if (help.pace(PAGES_PER_STEP * PAGE) && !writerHere && letGo()) {
            LOG.log(System.Logger.Level.DEBUG, "what the writer dropped was let go of");
        }
    }

    private static void closeAll(Map<Path, Connection> connections) {
        connections.forEach(Connections::closeQuietly);
        connections.clear();
    }

    @Override
    public void close() {
        ended.accept(this);
        closeAll(held);
        closeAll(watched);
        HeldFiles all = files;
        if (all != null) {
            all.close();
        }
        if (overrides != null) {
            Connections.closeQuietly(paths.overrides(), overrides);
        }
        Connections.closeQuietly(paths.catalog(), catalog);
    }
}
