package io.levee.sqlite;

import io.levee.engine.BackupMark;
import io.levee.internal.backup.PlainFiles;
import io.levee.internal.json.Json;
import io.levee.internal.time.Micros;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * Which backups there are, a small file each in {@code backups/}: a process that reads beside the writer makes backups too, and a lost
 * catalog takes none of it with it. Thread-safe.
 */
final class BackupMarks {
    private final Path root;

    BackupMarks(StorePaths paths) {
        this.root = paths.root().resolve("backups");
    }

    /** Remembers a backup in the place of an older one of the same directory. */
    void note(BackupMark mark) {
        Map<String, @Nullable Object> map = new LinkedHashMap<>();
        map.put("directory", mark.directory().toString());
        map.put("at", Micros.of(mark.at()));
        CRC32C name = new CRC32C();
        name.update(mark.directory().toString().getBytes(StandardCharsets.UTF_8));
        Path file = root.resolve(String.format("%08x.json", name.getValue()));
        try {
            Files.createDirectories(root);
            PlainFiles.write(file, Json.write(map) + "\n");
            StorePaths.sync(root.resolveSibling("."));
        } catch (IOException e) {
            throw Volume.failure("the backup is whole, and the store cannot remember it", file, e);
        }
    }

    /** The backups, the newest first; one whose directory is gone was deleted, or its disk is somewhere else: that it was is told. */
    List<BackupMark> all() {
        List<BackupMark> all = new ArrayList<>();
        try (DirectoryStream<Path> files = Files.newDirectoryStream(root, "*.json")) {
            for (Path file : files) {
                Map<String, @Nullable Object> map = Json.object(PlainFiles.read(file));
                if (map.get("at") instanceof Number at) {
                    Instant time = Micros.instant(at.longValue());
                    all.add(new BackupMark(Path.of(String.valueOf(map.get("directory"))), time));
                }
            }
        } catch (NoSuchFileException e) {
            return List.of();
        } catch (IOException | IllegalArgumentException e) {
            throw new io.levee.LeveeException(
                    io.levee.ErrorCode.IO_FAILED, "what the store knows of its backups cannot be read: " + e, e);
        }
        all.sort(Comparator.comparing(BackupMark::at).reversed());
        return all;
    }
}
