package io.levee.sqlite;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.internal.json.Json;
import java.io.IOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * The kernel lock of a store's one writer: it dies with the process, so a killed owner never blocks the next one.
 *
 * <p>The file is opened once. A second open and close of it in this JVM would give the lock away (the law of one door holds for
 * it too), so the stores that this JVM has locked are known here, and asked first.
 */
final class StoreLock implements AutoCloseable {
    private static final Map<Path, Map<String, Object>> OWNED = new ConcurrentHashMap<>();

    private final Path file;
    private final FileChannel channel;

    private StoreLock(Path file, FileChannel channel) {
        this.file = file;
        this.channel = channel;
    }

    /**
     * Takes the lock.
     *
     * @throws LeveeException {@link ErrorCode#STORE_LOCKED} with the owner's pid and host
     */
    static StoreLock take(Path lockFile, Instant now) {
        Path file = key(lockFile);
        Map<String, Object> me = me(now);
        Map<String, Object> here = OWNED.putIfAbsent(file, me);
        if (here != null) {
            throw locked(file, here, "by this process");
        }
        boolean taken = false;
        FileChannel channel = null;
        try {
            channel = FileChannel.open(
                    file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
            FileLock lock = channel.tryLock();
            if (lock == null) {
                Map<String, Object> owner = read(channel);
                throw locked(file, owner, "by another process");
            }
            channel.truncate(0);
            channel.write(ByteBuffer.wrap(Json.write(me).getBytes(StandardCharsets.UTF_8)), 0);
            taken = true;
            return new StoreLock(file, channel);
        } catch (IOException e) {
            throw Volume.unusable("the store's lock cannot be taken", file, e);
        } finally {
            if (!taken) {
                closeQuietly(file, channel);
                OWNED.remove(file);
            }
        }
    }

    /** Who holds the lock: {@code pid}, {@code host}, {@code since}; empty for nobody. */
    static Map<String, Object> owner(Path lockFile) {
        Path file = key(lockFile);
        Map<String, Object> here = OWNED.get(file);
        if (here != null) {
            return here;
        }
        if (!Files.isReadable(file)) {
            return Map.of();
        }
        // Another process's lock is not hurt by our closing the file. A shared lock shows whether there is an owner.
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            FileLock free = channel.tryLock(0, Long.MAX_VALUE, true);
            if (free != null) {
                free.release();
                return Map.of();
            }
            return read(channel);
        } catch (IOException e) {
            return Map.of("unreadable", String.valueOf(e.getMessage()));
        }
    }

    private static Map<String, Object> read(FileChannel channel) throws IOException {
        ByteBuffer buffer = ByteBuffer.allocate(4096);
        int length = Math.max(0, channel.read(buffer, 0));
        String text = new String(buffer.array(), 0, length, StandardCharsets.UTF_8);
        Map<String, Object> owner = new LinkedHashMap<>();
        try {
            Json.object(text).forEach((name, value) -> {
                if (value != null) {
                    owner.put(name, value);
                }
            });
        } catch (IllegalArgumentException e) {
            // The owner took the lock and has not written who it is yet.
            owner.put("pid", "unknown");
        }
        return owner;
    }

    private static Map<String, Object> me(Instant now) {
        Map<String, Object> me = new LinkedHashMap<>();
        me.put("pid", ProcessHandle.current().pid());
        me.put("host", host());
        me.put("since", now.toString());
        return me;
    }

    private static String host() {
        try {
            return InetAddress.getLocalHost().getHostName();
        } catch (UnknownHostException e) {
            return "localhost";
        }
    }

    private static LeveeException locked(Path file, Map<String, Object> owner, String by) {
        LeveeException e = new LeveeException(
                        ErrorCode.STORE_LOCKED,
                        "the store " + file.getParent() + " is open for writing " + by + " (pid " + owner.get("pid")
                                + " on " + owner.get("host") + ", since " + owner.get("since") + ")")
                .hint("stop that process, send the records to it, or open the store for reading");
        owner.forEach(e::with);
        return e;
    }

    private static Path key(Path lockFile) {
        return lockFile.toAbsolutePath().normalize();
    }

    @Override
    public void close() {
        closeQuietly(file, channel);
        OWNED.remove(file);
    }

    private static void closeQuietly(Path file, @Nullable FileChannel channel) {
        try {
            if (channel != null) {
                channel.close();
            }
        } catch (IOException e) {
            // The kernel drops the lock with the descriptor whatever close() says; nothing else depends on it.
            System.getLogger("io.levee.sqlite").log(System.Logger.Level.WARNING, "closing " + file + " failed", e);
        }
    }
}
