package io.levee.sqlite;

import io.levee.ErrorCode;
import io.levee.Gap;
import io.levee.LeveeException;
import io.levee.RestoreReport;
import io.levee.internal.backup.BackupDirectory;
import io.levee.internal.backup.BackupManifest;
import io.levee.internal.backup.BackupManifest.Plain;
import io.levee.internal.backup.PlainFiles;
import io.levee.internal.json.Json;
import io.levee.internal.time.Micros;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.SQLException;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Makes a store from a backup. Until it is whole a mark lies in its directory, and nobody can open it; one that was killed is gone on
 * with by the same call.
 */
final class StoreRestore {
    private static final String MARK = "restoring.json";

    private final Path backup;
    private final BackupManifest manifest;
    private final StorePaths paths;
    private final Instant now;

    private StoreRestore(Path backup, BackupManifest manifest, StorePaths paths, Instant now) {
        this.backup = backup;
        this.manifest = manifest;
        this.paths = paths;
        this.now = now;
    }

    /** Refuses a store that a restoration was not finished in: what is missing would look as if it had never been. */
    static void requireFinished(StorePaths paths) {
        if (Files.exists(paths.root().resolve(MARK))) {
            throw new LeveeException(
                            ErrorCode.UNSAFE_ENVIRONMENT, "the restoration of " + paths.root() + " was not finished")
                    .with("store", paths.root().toString())
                    .hint("run the same levee restore again: it goes on where it was");
        }
    }

    /** See {@link io.levee.engine.EngineProvider#restore}. */
    static RestoreReport run(Path from, StorePaths paths, Instant now) {
        Path backup = from.toAbsolutePath().normalize();
        BackupManifest manifest = BackupDirectory.read(backup);
        if (!manifest.engine().equals("sqlite")) {
            throw new LeveeException(
                    ErrorCode.NOT_SUPPORTED,
                    "the backup in " + backup + " was made by the engine " + manifest.engine());
        }
        Volume.requireSafe(paths.root());
        try {
            requireEmpty(paths, backup);
            paths.create();
            StoreLock lock = StoreLock.take(paths.lock(), now);
            try {
                return new StoreRestore(backup, manifest, paths, now).run();
            } finally {
                lock.close();
            }
        } catch (IOException e) {
            throw BackupDirectory.failed("the store cannot be restored", paths.root(), e);
        } catch (SQLException e) {
            throw Sqlite.failure("the store cannot be restored", paths.catalog(), e);
        }
    }

    /** An empty directory, or one that the same restoration began in. */
    private static void requireEmpty(StorePaths paths, Path backup) throws IOException {
        Path mark = paths.root().resolve(MARK);
        if (Files.exists(mark)) {
            String before = String.valueOf(Json.object(PlainFiles.read(mark)).get("backup"));
            if (before.equals(backup.toString())) {
                return;
            }
            throw new LeveeException(
                            ErrorCode.BAD_VALUE, paths.root() + " holds an unfinished restoration from " + before)
                    .hint("finish that one, or name another directory");
        }
        boolean empty = true;
        if (Files.exists(paths.root())) {
            try (Stream<Path> entries = Files.list(paths.root())) {
                empty = entries.findAny().isEmpty();
            }
        }
        if (!empty) {
            throw new LeveeException(ErrorCode.BAD_VALUE, paths.root() + " is not empty")
                    .with("store", paths.root().toString())
                    .hint("a store is restored to a new directory; one partition is put back with --partition");
        }
    }

    private RestoreReport run() throws IOException, SQLException {
        Map<String, @Nullable Object> mark = new LinkedHashMap<>();
        mark.put("backup", backup.toString());
        PlainFiles.write(paths.root().resolve(MARK), Json.write(mark) + "\n");
        long bytes = 0;
        long rows = 0;
        for (BackupManifest.Entry entry : manifest.live()) {
            bytes += copy(entry.plain());
            rows += entry.rows();
        }
        for (Plain plain : manifest.files()) {
            if (plain.path().startsWith("cursors/")
                    || plain.path().equals(paths.overrides().getFileName().toString())) {
                bytes += copy(plain);
            }
        }
        bytes += copyCatalogAndLedger();
        syncAll();
        PlainFiles.delete(paths.root().resolve(MARK));
        Instant at = Micros.instant(manifest.atMicros());
        return new RestoreReport(paths.root().toString(), at, manifest.live().size(), rows, bytes);
    }

    /** Copies one file, unless it is there already. */
    private long copy(Plain plain) throws IOException {
        Path to = paths.root().resolve(plain.path()).normalize();
        if (!to.startsWith(paths.root())) {
            throw new LeveeException(
                    ErrorCode.CORRUPT, "the backup names a path outside of the store: " + plain.path());
        }
        boolean there = Files.exists(to)
                && Files.size(to) == plain.bytes()
                && PlainFiles.checksum(to, bytes -> true).equals(plain.checksum());
        if (!there) {
            copy(plain, to);
        }
        return plain.bytes();
    }

    private void copy(Plain plain, Path to) throws IOException {
        String found =
                PlainFiles.copy(backup.resolve(plain.file()), paths.tmp().resolve("restore.tmp"), to, bytes -> true);
        if (!found.equals(plain.checksum())) {
            PlainFiles.delete(to);
            throw new LeveeException(
                            ErrorCode.CORRUPT,
                            plain.file() + " of the backup is damaged: its checksum is " + found + ", and was "
                                    + plain.checksum())
                    .with("file", backup.resolve(plain.file()).toString())
                    .hint("levee backup " + backup
                            + " --verify-only lists what is damaged; restore from another backup");
        }
    }

    /** The catalog comes last: a new store's, that tells what is missing since the backup. */
    private long copyCatalogAndLedger() throws IOException, SQLException {
        Plain catalog = manifest.file("catalog.db");
        Path made = paths.tmp().resolve("catalog.db");
        copy(catalog, made);
        Map<String, Gap> lost = BackupCatalog.renew(made, manifest, now, Micros.of(now));
        Plain ledger = manifest.file("ledger.log");
        copy(ledger, paths.ledger());
        try (LedgerFile file =
                LedgerFile.open(paths.ledger(), LedgerFile.read(paths.ledger()).end())) {
            Map<String, @Nullable Object> entry = LedgerState.lost(List.copyOf(lost.values()));
            entry.put("at", Micros.of(now));
            file.append(entry, true);
        }
        PlainFiles.copy(made, paths.tmp().resolve("restore.tmp"), paths.catalog(), bytes -> true);
        PlainFiles.delete(made);
        return catalog.bytes() + ledger.bytes();
    }

    private void syncAll() throws IOException {
        List<Path> directories;
        try (Stream<Path> walk = Files.walk(paths.root())) {
            directories = walk.filter(Files::isDirectory).toList();
        }
        for (Path directory : directories) {
            StorePaths.sync(directory);
        }
    }
}
