package io.levee.sqlite;

import io.levee.BackupReport;
import io.levee.ErrorCode;
import io.levee.Gap;
import io.levee.Levee;
import io.levee.LeveeException;
import io.levee.PartitionId;
import io.levee.engine.BackupHelp;
import io.levee.engine.BackupMark;
import io.levee.engine.InFlight;
import io.levee.engine.Quarantined;
import io.levee.internal.backup.BackupDirectory;
import io.levee.internal.backup.BackupManifest;
import io.levee.internal.backup.BackupManifest.Entry;
import io.levee.internal.backup.BackupManifest.Plain;
import io.levee.internal.backup.PlainFiles;
import io.levee.internal.time.Micros;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Clock;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * One run of a backup, as docs/format.md tells: closed partitions byte by byte through the one door, then, of one moment, whatever is
 * open and the catalog. The caller's thread.
 */
final class StoreBackup {
    private static final System.Logger LOG = System.getLogger("io.levee.sqlite");

    /** Partitions that are closed while others are copied are copied in another round. */
    private static final int ROUNDS = 3;

    /** So often a file is tried again that a query has opened meanwhile, before SQLite is asked to copy it. */
    private static final int TRIES = 20;

    private static final int PIECE = 1 << 20;

    private final StorePaths paths;
    private final Manifest manifest;
    private final ReadHandles readers;
    private final Suspects suspects;
    private final Clock wall;
    private final boolean again;
    private final BackupHelp help;
    private final BackupDirectory to;
    private final Map<PartitionId, Entry> have = new LinkedHashMap<>();
    private final Map<String, String> missing = new TreeMap<>();
    private final Map<String, String> dropped = new TreeMap<>();
    private final Set<PartitionId> unchecked = new HashSet<>();
    /** What rows left behind that had moved at the moment, by where they came from. */
    private final Map<PartitionId, Map<Long, Long>> moved = new HashMap<>();

    private int copied;
    private long bytesCopied;

    private StoreBackup(
            StorePaths paths,
            Manifest manifest,
            ReadHandles readers,
            Suspects suspects,
            Clock wall,
            boolean again,
            BackupHelp help,
            BackupDirectory to) {
        this.paths = paths;
        this.manifest = manifest;
        this.readers = readers;
        this.suspects = suspects;
        this.wall = wall;
        this.again = again;
        this.help = help;
        this.to = to;
    }

    /** See {@link io.levee.engine.StorageEngine#backup}. */
    static BackupReport run(
            StorePaths paths,
            Manifest manifest,
            ReadHandles readers,
            Suspects suspects,
            Clock wall,
            HeldMoments moments,
            Path directory,
            boolean again,
            BackupHelp help) {
        Path target = directory.toAbsolutePath().normalize();
        if (target.startsWith(paths.root()) || paths.root().startsWith(target)) {
            throw new LeveeException(
                            ErrorCode.BAD_VALUE,
                            "the backup in " + target + " and the store in " + paths.root()
                                    + " would lie in each other")
                    .hint("name a directory beside the store, better one on another disk");
        }
        try (BackupMoment moment = moments.begin(paths);
                BackupDirectory to =
                        BackupDirectory.take(target, String.valueOf(Catalog.value(moment.catalog(), "created")))) {
            return new StoreBackup(paths, manifest, readers, suspects, wall, again, help, to).run(moment);
        } catch (SQLException e) {
            throw Sqlite.failure("the backup failed", paths.root(), e);
        } catch (IOException e) {
            throw BackupDirectory.failed("the backup failed", target, e);
        }
    }

    private BackupReport run(BackupMoment moment) throws SQLException, IOException {
        takeOver();
        int before = -1;
        for (int round = 0; round < ROUNDS && copied != before; round++) {
            before = copied;
            moment.look();
            for (BackupMoment.Live one : moment.live()) {
                if (one.checksum() != null
                        && !upToDate(one)
                        && !missing.containsKey(one.id().toString())) {
                    copyClosed(one, one.checksum());
                }
            }
        }
        List<InFlight> flight = new ArrayList<>(flight());
        moment.take(suspects.live(), this::toBeHeld, help);
        Instant at = wall.instant();
        flight.addAll(flight());
        moved.putAll(moment.moved());
        List<Entry> entries = new ArrayList<>();
        Map<PartitionId, Entry> live = new LinkedHashMap<>();
        for (BackupMoment.Live one : moment.live()) {
            Entry entry = upToDate(one) ? have.get(one.id()) : copyHeld(moment, one);
            if (entry != null) {
                entries.add(entry);
                live.put(one.id(), entry);
            }
        }
        entries.addAll(keptOnes(moment, live));
        List<Plain> files = new ArrayList<>();
        LedgerState ledger = ledger();
        files.add(copyCatalog(moment, live, at, ledger.losses()));
        files.add(copyLedger(ledger));
        files.addAll(copyOverrides(moment));
        files.addAll(copyCursors());
        BackupManifest made = new BackupManifest(
                "sqlite",
                Levee.VERSION,
                paths.root().toString(),
                String.valueOf(Catalog.value(moment.catalog(), "created")),
                Micros.of(at),
                entries,
                files,
                missing,
                dropped,
                flight);
        requireWanted(help.pace(0));
        to.finish(made);
        new BackupMarks(paths).note(new BackupMark(to.root(), at));
        long rows = live.values().stream().mapToLong(Entry::rows).sum();
        return new BackupReport(to.root(), at, live.size(), copied, rows, made.bytes(), bytesCopied, missing, dropped);
    }

    private static void requireWanted(boolean wanted) {
        if (!wanted) {
            throw new LeveeException(
                            ErrorCode.CANCELLED,
                            "the backup was ended before it was whole; the one before is as it was")
                    .hint("repeat it: what was copied already is found and not copied again");
        }
    }

    /** What the backup before has may be what the store still has. */
    private void takeOver() throws IOException {
        BackupManifest before = to.before();
        for (Entry entry : before == null ? List.<Entry>of() : before.live()) {
            if (again ? to.whole(entry.plain(), help::pace) : to.there(entry.plain())) {
                have.put(entry.id(), entry);
            }
            requireWanted(help.pace(0));
        }
    }

    private boolean toBeHeld(BackupMoment.Live one) {
        return !upToDate(one) && !missing.containsKey(one.id().toString());
    }

    /** Whether what is there of a partition is what the store has now. */
    private boolean upToDate(BackupMoment.Live one) {
        Entry entry = have.get(one.id());
        Partition.Held held = one.partition().held();
        return entry != null
                && one.checksum() != null
                && one.checksum().equals(entry.source())
                && held.rows() == entry.rows()
                && (held.maxSeq() < 0 || held.maxSeq() == entry.maxSeq())
                && !missing.containsKey(one.id().toString());
    }

    /** Copies a closed partition byte by byte; one that is in use, or is opened meanwhile, is left for the moment. */
    private void copyClosed(BackupMoment.Live one, String expected) throws IOException {
        Partition partition = one.partition();
        Path file = paths.partition(partition);
        String path = partition.file();
        String name = BackupDirectory.name(path, expected);
        Plain left = new Plain(path, name, Partition.size(file), expected);
        if (left.bytes() > 0 && to.there(left) && to.whole(left, help::pace)) {
            // A backup that was killed has left it.
            put(one, left, false);
            return;
        }
        try (PlainFiles.Incoming incoming = new PlainFiles.Incoming(to.partial())) {
            if (!read(file, incoming)) {
                return;
            }
            if (!incoming.checksum().equals(expected)) {
                differs(one, incoming.checksum());
                return;
            }
            incoming.finish(to.root().resolve(name));
            put(one, new Plain(path, name, incoming.bytes(), expected), true);
        } catch (java.nio.file.NoSuchFileException e) {
            // Dropped meanwhile, or lost: the moment tells.
            LOG.log(System.Logger.Level.DEBUG, "gone while it was copied", e);
        }
    }

    private void put(BackupMoment.Live one, Plain plain, boolean now) {
        have.put(one.id(), entry(one, plain, one.partition().held()));
        count(one.id(), plain, now);
    }

    private static Entry entry(BackupMoment.Live one, Plain plain, Partition.Held held) {
        return new Entry(
                one.id(),
                plain,
                one.checksum(),
                held.rows(),
                held.minMicros(),
                held.maxMicros(),
                held.minSeq(),
                held.maxSeq(),
                null);
    }

    private void count(PartitionId id, Plain plain, boolean now) {
        if (now) {
            copied++;
            bytesCopied += plain.bytes();
        }
        help.done(id, now, plain.bytes());
    }

    /** Reads a file through the one door; false where it is used all the time. */
    private boolean read(Path file, PlainFiles.Incoming into) throws IOException {
        ByteBuffer piece = ByteBuffer.allocateDirect(PIECE);
        int tries = 0;
        for (long position = 0; ; ) {
            piece.clear();
            readers.evict(file);
            int read = Handles.read(file, position, piece);
            if (read == -1) {
                return true;
            }
            if (read == -2) {
                if (++tries > TRIES) {
                    return false;
                }
                requireWanted(help.pace(PIECE));
                continue;
            }
            piece.flip();
            into.write(piece);
            position += read;
            requireWanted(help.pace(read));
        }
    }

    /** The source is not what the catalog says: it was opened for writing meanwhile, or it is damaged. */
    private void differs(BackupMoment.Live one, String found) throws IOException {
        try (BackupMoment now = new BackupMoment(paths)) {
            now.look();
            boolean same = now.live().stream()
                    .anyMatch(l -> l.id().equals(one.id())
                            && one.checksum() != null
                            && one.checksum().equals(l.checksum()));
            if (same) {
                String why = "its checksum is " + found + ", and was " + one.checksum() + " when it was closed";
                damaged(one.id(), why);
            }
        } catch (SQLException e) {
            throw new IOException(e);
        }
    }

    /** Copies what the moment holds. Null where it holds no row, or is gone. */
    private @Nullable Entry copyHeld(BackupMoment moment, BackupMoment.Live one) throws SQLException, IOException {
        Partition partition = one.partition();
        PartitionId id = one.id();
        if (missing.containsKey(id.toString())) {
            return null;
        }
        requireWanted(help.pace(0));
        Path partial = to.partial();
        try {
            if (!moment.copy(partition, partial, help)) {
                notHeld(moment, partition);
                return null;
            }
            Partition.Held held = settle(partial, id, partition.state() == Partition.State.OPEN);
            if (held == null) {
                return null;
            }
            Plain plain = to.keep(partial, partition.file(), help::pace);
            count(id, plain, true);
            return entry(one, plain, held);
        } catch (SQLException e) {
            if (!Sqlite.damaged(e)) {
                throw e;
            }
            damaged(id, String.valueOf(e.getMessage()));
            return null;
        }
    }

    private void notHeld(BackupMoment moment, Partition partition) {
        String id = partition.id().toString();
        String why = moment.went(partition.id());
        if (why != null) {
            dropped.put(id, why);
        } else if (partition.held().known() && partition.held().rows() > 0) {
            missing.put(id, "its file is missing or empty");
        }
    }

    /** Told to who looks into it, where that is this process; the backup goes on without it. */
    private void damaged(PartitionId id, String why) {
        Partition known = manifest.get(id);
        if (known != null) {
            suspects.report(known, why);
        }
        missing.put(id.toString(), "it is damaged: " + why);
    }

    /** Makes one plain file of the copy of an open partition; null where it was never given its tables. */
    private Partition.@Nullable Held settle(Path copy, PartitionId id, boolean open) throws SQLException {
        Connection connection = Connections.exclusive(copy);
        try {
            Sqlite.value(connection, "PRAGMA journal_mode=DELETE");
            if (!CatalogSchema.hasTable(connection, "levee_stats")) {
                return null;
            }
            String wrong = Identity.wrong(connection, "main", id, null);
            if (wrong != null) {
                damaged(id, wrong);
                return null;
            }
            if (open && CatalogSchema.hasTable(connection, "levee_keys")) {
                // It is of the version that was closed before: it lacks the keys that came since.
                Sqlite.run(connection, "DELETE FROM levee_keys");
            }
            if (open) {
                MoveNotes.settleCopy(connection, id.table(), moved.get(id));
            }
            if (Sqlite.value(connection, "SELECT 1 FROM levee_partition WHERE key = '" + Rewriter.MARK + "'") != null) {
                unchecked.add(id);
            }
            return PartitionSchema.exactly(connection, id.table());
        } finally {
            Connections.close(copy, connection);
        }
    }

    /** The good copy of what was set aside since is what it can be put back from. */
    private List<Entry> keptOnes(BackupMoment moment, Map<PartitionId, Entry> live) throws SQLException {
        Set<PartitionId> aside = new HashSet<>();
        for (Quarantined one : Quarantine.read(moment.catalog(), paths.root())) {
            aside.add(one.id());
        }
        List<Entry> kept = new ArrayList<>();
        BackupManifest before = to.before();
        for (Entry entry : before == null ? List.<Entry>of() : before.partitions()) {
            boolean lost =
                    aside.contains(entry.id()) || missing.containsKey(entry.id().toString());
            if (lost && !live.containsKey(entry.id()) && to.there(entry.plain())) {
                kept.add(entry.kept("the store's own is damaged"));
            }
        }
        return kept;
    }

    private Plain copyCatalog(BackupMoment moment, Map<PartitionId, Entry> live, Instant at, List<Gap> told)
            throws SQLException, IOException {
        Path partial = to.partial();
        moment.copyCatalog(partial, help);
        BackupCatalog.fit(partial, live, unchecked, new BackupCatalog.Absent(missing, dropped, told), at);
        return to.keep(partial, "catalog.db", help::pace);
    }

    private LedgerState ledger() throws IOException {
        LedgerState state = new LedgerState();
        LedgerFile.read(paths.ledger()).entries().forEach(state::apply);
        return state;
    }

    /** What may be accepted and not stored: a kill now would cost no more. */
    private List<InFlight> flight() throws IOException {
        return ledger().windows("flight");
    }

    private Plain copyLedger(LedgerState ledger) throws IOException {
        Path partial = to.partial();
        try (LedgerFile copy = LedgerFile.open(partial, 0)) {
            copy.replace(ledger.compacted());
        }
        return to.keep(partial, "ledger.log", help::pace);
    }

    /** With what is noted in partitions alone: their copies have no notes. */
    private List<Plain> copyOverrides(BackupMoment moment) throws SQLException, IOException {
        Path partial = to.partial();
        if (!moment.copyOverrides(partial, help)) {
            return List.of();
        }
        Map<PartitionId, List<Long>> noted = new HashMap<>();
        for (Partition partition : AdoptedCatalog.live(moment.catalog())) {
            Map<Long, Long> numbers = moved.get(partition.id());
            Adopted adopted = partition.adopted();
            if (numbers != null && adopted != null) {
                noted.put(
                        partition.id(),
                        numbers.keySet().stream()
                                .map(seq -> seq + adopted.base())
                                .toList());
            }
        }
        Overrides.complete(partial, noted);
        return List.of(to.keep(partial, paths.overrides().getFileName().toString(), help::pace));
    }

    private List<Plain> copyCursors() throws IOException {
        List<Plain> copies = new ArrayList<>();
        if (Files.notExists(paths.cursors())) {
            return copies;
        }
        List<Path> all;
        try (Stream<Path> walk = Files.walk(paths.cursors())) {
            all = walk.filter(f -> f.toString().endsWith(".json")).toList();
        }
        for (Path file : all) {
            Path partial = to.partial();
            Path copy = partial.resolveSibling("cursor");
            PlainFiles.copy(file, partial, copy, help::pace);
            copies.add(to.keep(copy, paths.root().relativize(file).toString(), help::pace));
        }
        return copies;
    }
}
