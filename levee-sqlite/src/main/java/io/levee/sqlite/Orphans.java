package io.levee.sqlite;

import io.levee.Bytes;
import io.levee.engine.Finding;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Files of a store's directory that the catalog does not know: a partition that somebody laid there, a WAL whose database is gone, copies
 * that a killed process was making. They take space and no query reads them. They are told, and counted, and never deleted: whose they
 * are nobody here knows.
 */
final class Orphans {
    /** Told each by name; the rest as a sum. */
    private static final int NAMED = 20;

    private static final String[] SUFFIXES = {"-wal", "-shm", "-journal"};

    private static final String LOOK =
            "look at it (sqlite3 FILE 'SELECT * FROM levee_partition'), then move it out of the store, or delete"
                    + " it; to take its rows in, ingest them (levee export, or sqlite3 -json). Levee leaves it alone, but would take a"
                    + " partition for its own if it had to rebuild a lost catalog";
    private static final String BESIDE = "its database is gone or was closed: move it out of the store, or delete it";
    private static final String COPY =
            "a process ended while it made this copy; what it was made of is still there. Delete it; Levee overwrites it when it makes"
                    + " the next one";
    private static final String ASIDE =
            "Levee set it aside and nothing needs it any more: take from it what you want (sqlite3 FILE .recover), then delete it";

    private final StorePaths paths;
    private volatile Set<Path> seen = Set.of();

    /** A file that nobody owns. */
    record Orphan(Path file, long bytes, String hint) {}

    /** What the catalog says of a file in {@code tables/}. */
    private record Known(Map<String, String> states, Set<String> quarantined) {}

    Orphans(StorePaths paths) {
        this.paths = paths;
    }

    /** Those of the last look. Any thread. */
    Set<Path> seen() {
        return seen;
    }

    /** Looks, for the disk figure; logs what is new. Maintenance thread. */
    void look(Catalog catalog) {
        List<Orphan> found = find(paths, true, catalog::change);
        Set<Path> before = seen;
        for (Orphan orphan : found) {
            if (!before.contains(orphan.file)) {
                System.getLogger("io.levee.sqlite")
                        .log(
                                System.Logger.Level.WARNING,
                                "{0} ({1}) is in the store and the catalog does not know it: {2}",
                                orphan.file,
                                new Bytes(orphan.bytes),
                                orphan.hint);
            }
        }
        seen = found.stream().map(Orphan::file).collect(Collectors.toUnmodifiableSet());
    }

    /**
     * Looks for them.
     *
     * @param owned whether somebody writes to the store: then what came to {@code tmp/} since the lock was taken is in use
     * @param catalog asks the catalog
     */
    static List<Orphan> find(
            StorePaths paths, boolean owned, Function<Catalog.Command<List<Orphan>>, List<Orphan>> catalog) {
        List<Path> there = files(paths);
        Instant since = owned ? changed(paths.lock()) : null;
        return catalog.apply(c -> of(paths, there, c, since));
    }

    /** For doctor. */
    static List<Finding> findings(List<Orphan> orphans) {
        List<Finding> findings = new ArrayList<>();
        for (Orphan orphan : orphans.subList(0, Math.min(NAMED, orphans.size()))) {
            findings.add(Finding.warning(
                    "nobody knows " + orphan.file + " (" + orphan.bytes + " bytes): the catalog has no such file",
                    orphan.hint));
        }
        if (orphans.size() > NAMED) {
            long bytes = orphans.stream().skip(NAMED).mapToLong(Orphan::bytes).sum();
            findings.add(Finding.warning(
                    "nobody knows " + (orphans.size() - NAMED) + " more files of the store (" + bytes + " bytes)",
                    "look after those above first"));
        }
        return findings;
    }

    /**
     * The files that may be orphans, as they lie there before the catalog is asked: it always names a file before that is made.
     *
     * @return in the order of their paths
     */
    private static List<Path> files(StorePaths paths) {
        List<Path> found = new ArrayList<>();
        for (Path table : list(paths.tables())) {
            if (Files.isDirectory(table, LinkOption.NOFOLLOW_LINKS)) {
                found.addAll(list(table));
            } else {
                found.add(table);
            }
        }
        for (Path directory : new Path[] {paths.trash(), paths.quarantine(), paths.tmp()}) {
            found.addAll(list(directory));
        }
        return found;
    }

    /**
     * Which of them nobody owns.
     *
     * @param files {@link #files}, read before
     * @param since when the writer of now began: what is younger in {@code tmp/} is its own. Null where nobody writes
     */
    private static List<Orphan> of(StorePaths paths, List<Path> files, Connection catalog, @Nullable Instant since)
            throws SQLException {
        Known known = known(catalog);
        List<Orphan> found = new ArrayList<>();
        for (Path file : files) {
            String hint = hint(paths, file, known, since);
            // Asked again: what was there before the catalog was read may have gone since, in order.
            if (hint != null && Files.exists(file, LinkOption.NOFOLLOW_LINKS)) {
                found.add(new Orphan(file, Partition.size(file), hint));
            }
        }
        return found;
    }

    private static @Nullable String hint(StorePaths paths, Path file, Known known, @Nullable Instant since) {
        if (file.startsWith(paths.tmp())) {
            return since == null || changed(file).isBefore(since) ? COPY : null;
        }
        String name = String.valueOf(file.getFileName());
        String base = base(name);
        if (file.startsWith(paths.quarantine())) {
            return known.quarantined.contains(base) ? null : ASIDE;
        }
        if (file.startsWith(paths.trash())) {
            // Freed when its grace is over, where it is one that was dropped.
            String state = known.states.get(inPlace(base));
            return state == null ? LOOK : null;
        }
        String state = known.states.get(
                paths.root().relativize(file.resolveSibling(base)).toString());
        if (base.equals(name)) {
            return state == null ? LOOK : null;
        }
        boolean used = "open".equals(state) || state != null && Files.exists(file.resolveSibling(base));
        return used ? null : BESIDE;
    }

    /** The path in {@code tables/} of a file that lies in the trash. */
    private static String inPlace(String name) {
        return "tables/" + name.replace('~', '/');
    }

    /** Which files of the trash were dropped by this store; the others are left alone. */
    static Set<String> dropped(Connection catalog, Set<String> names) throws SQLException {
        Set<String> dropped = new HashSet<>();
        try (PreparedStatement statement =
                catalog.prepareStatement("SELECT file FROM partitions WHERE table_name = ? AND state = 'dropped'")) {
            for (String table : names.stream().map(n -> n.split("~", 2)[0]).collect(Collectors.toSet())) {
                statement.setString(1, table);
                try (ResultSet rows = statement.executeQuery()) {
                    while (rows.next()) {
                        dropped.add(StorePaths.flat(rows.getString(1)));
                    }
                }
            }
        }
        return names.stream().filter(n -> dropped.contains(base(n))).collect(Collectors.toSet());
    }

    /** The database that a file belongs to. */
    private static String base(String name) {
        for (String suffix : SUFFIXES) {
            if (name.endsWith(suffix)) {
                return name.substring(0, name.length() - suffix.length());
            }
        }
        return name;
    }

    private static Known known(Connection catalog) throws SQLException {
        Map<String, String> states = new HashMap<>();
        Set<String> quarantined = new HashSet<>();
        try (Statement statement = catalog.createStatement()) {
            try (ResultSet rows = statement.executeQuery("SELECT file, state FROM partitions")) {
                while (rows.next()) {
                    states.put(rows.getString(1), rows.getString(2));
                }
            }
            if (CatalogSchema.hasTable(catalog, "quarantine")) {
                try (ResultSet rows = statement.executeQuery("SELECT file FROM quarantine")) {
                    while (rows.next()) {
                        Path file = Path.of(rows.getString(1));
                        quarantined.add(String.valueOf(file.getFileName()));
                    }
                }
            }
        }
        return new Known(states, quarantined);
    }

    private static Instant changed(Path file) {
        try {
            return Files.getLastModifiedTime(file, LinkOption.NOFOLLOW_LINKS).toInstant();
        } catch (IOException e) {
            // It went.
            return Instant.MAX;
        }
    }

    private static List<Path> list(Path directory) {
        if (Files.notExists(directory)) {
            return List.of();
        }
        try (Stream<Path> files = Files.list(directory)) {
            return files.sorted().toList();
        } catch (IOException e) {
            System.getLogger("io.levee.sqlite").log(System.Logger.Level.DEBUG, directory + " cannot be listed", e);
            return List.of();
        }
    }

    /** Parts of the disk figure that no directory tells. */
    static Map<Path, String> parts(Set<Path> kept, Set<Path> orphans) {
        Map<Path, String> parts = new TreeMap<>();
        orphans.forEach(file -> parts.put(file, Volume.ORPHANS));
        kept.forEach(file -> parts.put(file, Volume.KEPT));
        return parts;
    }
}
