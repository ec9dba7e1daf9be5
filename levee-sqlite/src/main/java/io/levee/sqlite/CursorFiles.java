package io.levee.sqlite;

import io.levee.engine.KeptCursor;
import io.levee.engine.SourcePoint;
import io.levee.internal.json.Json;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * The places of named cursors: a small file each, {@code cursors/TABLE/NAME.json}, replaced by rename. Not in the catalog, so that a reader
 * beside the writer of another process can keep its own place, and a lost catalog takes none with it. Thread-safe.
 */
final class CursorFiles {
    private static final String SUFFIX = ".json";
    private static final AtomicLong MADE = new AtomicLong();

    private final Path root;

    CursorFiles(StorePaths paths) {
        this.root = paths.cursors();
    }

    List<KeptCursor> list(@Nullable String table) {
        List<KeptCursor> found = new ArrayList<>();
        try {
            for (Path directory : table == null ? entries(root) : List.of(root.resolve(table))) {
                for (Path file : entries(directory)) {
                    String name = String.valueOf(file.getFileName());
                    if (name.endsWith(SUFFIX)) {
                        read(String.valueOf(directory.getFileName()), file, found);
                    }
                }
            }
        } catch (IOException e) {
            throw Volume.failure("the cursors cannot be read", root, e);
        }
        return found;
    }

    private static List<Path> entries(Path directory) throws IOException {
        List<Path> entries = new ArrayList<>();
        try (DirectoryStream<Path> stream = Files.newDirectoryStream(directory)) {
            stream.forEach(entries::add);
        } catch (NoSuchFileException | NotDirectoryException e) {
            return List.of();
        }
        return entries;
    }

    private static void read(String table, Path file, List<KeptCursor> found) throws IOException {
        String fileName = String.valueOf(file.getFileName());
        String name = fileName.substring(0, fileName.length() - SUFFIX.length());
        SourcePoint point;
        try {
            Map<String, @Nullable Object> kept = Json.object(Files.readString(file));
            long position = kept.get("number") instanceof Number number ? number.longValue() : 0;
            point = new SourcePoint(position, String.valueOf(kept.get("state")));
        } catch (NoSuchFileException e) {
            return;
        } catch (IllegalArgumentException | java.nio.charset.MalformedInputException e) {
            // Nobody knows how far it was: it gets everything again, and is told that something happened.
            point = new SourcePoint(0, "damaged");
        }
        found.add(new KeptCursor(table, name, point));
    }

    void put(String table, String name, @Nullable SourcePoint point) {
        Path directory = root.resolve(table);
        Path file = directory.resolve(name + SUFFIX);
        try {
            if (point == null) {
                Files.deleteIfExists(file);
                StorePaths.sync(directory);
                return;
            }
            if (Files.notExists(directory)) {
                Files.createDirectories(directory);
                StorePaths.sync(root);
                StorePaths.sync(root.resolveSibling("."));
            }
            Map<String, @Nullable Object> kept = new LinkedHashMap<>();
            kept.put("number", point.position());
            kept.put("state", point.state());
            Path made = directory.resolve(
                    name + "." + ProcessHandle.current().pid() + "-" + MADE.incrementAndGet() + ".tmp");
            write(made, Json.write(kept) + "\n");
            Files.move(made, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
            StorePaths.sync(directory);
        } catch (IOException e) {
            throw Volume.failure("the cursor cannot be kept", file, e);
        }
    }

    private static void write(Path file, String text) throws IOException {
        try (FileChannel channel = FileChannel.open(
                file, StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.TRUNCATE_EXISTING)) {
            ByteBuffer bytes = StandardCharsets.UTF_8.encode(text);
            while (bytes.hasRemaining()) {
                channel.write(bytes);
            }
            channel.force(true);
        } catch (IOException e) {
            Files.deleteIfExists(file);
            throw e;
        }
    }

    /** What a kill left half written. The writer's opening: another process's write would only be tried again. */
    void sweep() {
        try {
            for (Path directory : entries(root)) {
                for (Path file : entries(directory)) {
                    if (file.toString().endsWith(".tmp")) {
                        Files.deleteIfExists(file);
                    }
                }
            }
        } catch (IOException e) {
            System.getLogger("io.levee.sqlite").log(System.Logger.Level.WARNING, "cursors cannot be swept", e);
        }
    }
}
