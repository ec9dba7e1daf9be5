package io.levee.sqlite;

import io.levee.internal.json.Json;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * The bytes of {@code ledger.log}, as docs/format.md says: lines with checksums, zeros ahead of the end. Not thread-safe: its one
 * owner is the thread {@code levee-catalog}.
 */
final class LedgerFile implements AutoCloseable {
    /** How far ahead of its end the file is made longer, and in which steps. */
    static final int AHEAD = 64 << 10;

    private static final int CHECKSUM = 8;
    private static final HexFormat HEX = HexFormat.of();

    private final Path file;
    private FileChannel channel;
    private long end;
    private long length;

    private LedgerFile(Path file, FileChannel channel, long end) throws IOException {
        this.file = file;
        this.channel = channel;
        this.end = end;
        this.length = channel.size();
    }

    /**
     * What a file holds.
     *
     * @param entries those that are whole, in order
     * @param damaged how many lines were not
     * @param end where the next entry begins
     */
    record Content(List<Map<String, @Nullable Object>> entries, int damaged, long end) {
        static final Content NONE = new Content(List.of(), 0, 0);
    }

    /** Opens the file for appending, making it where it is missing. */
    static LedgerFile open(Path file, long end) throws IOException {
        FileChannel channel =
                FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
        LedgerFile opened = new LedgerFile(file, channel, end);
        if (end < opened.length) {
            // What a kill left of an unfinished entry must not become part of the next one.
            opened.clearBehind();
        }
        return opened;
    }

    private void clearBehind() throws IOException {
        int left = (int) Math.min(length - end, 2L * AHEAD);
        writeFully(ByteBuffer.allocate(left), end);
    }

    /** Reads everything; an empty list where there is no file. */
    static Content read(Path file) throws IOException {
        if (Files.notExists(file)) {
            return Content.NONE;
        }
        byte[] bytes = Files.readAllBytes(file);
        int last = bytes.length;
        while (last > 0 && bytes[last - 1] == 0) {
            last--;
        }
        List<Map<String, @Nullable Object>> entries = new ArrayList<>();
        int damaged = 0;
        int start = 0;
        int end = 0;
        for (int i = 0; i < last; i++) {
            if (bytes[i] != '\n') {
                continue;
            }
            if (i > start) {
                Map<String, @Nullable Object> entry = entry(bytes, start, i);
                if (entry == null) {
                    damaged++;
                } else {
                    entries.add(entry);
                }
            }
            start = i + 1;
            end = start;
        }
        return new Content(entries, damaged, end);
    }

    private static @Nullable Map<String, @Nullable Object> entry(byte[] bytes, int from, int to) {
        int json = from + CHECKSUM + 1;
        if (to <= json) {
            return null;
        }
        String checksum = new String(bytes, from, CHECKSUM, StandardCharsets.ISO_8859_1);
        if (!checksum.equals(checksum(bytes, json, to - json))) {
            return null;
        }
        try {
            return Json.object(new String(bytes, json, to - json, StandardCharsets.UTF_8));
        } catch (IllegalArgumentException e) {
            // Its checksum is right: a later release may write what this one cannot read; it is told as damaged.
            return null;
        }
    }

    private static String checksum(byte[] bytes, int from, int length) {
        CRC32C crc = new CRC32C();
        crc.update(bytes, from, length);
        return HEX.toHexDigits((int) crc.getValue());
    }

    private static byte[] line(Map<String, ? extends @Nullable Object> entry) {
        byte[] json = Json.write(entry).getBytes(StandardCharsets.UTF_8);
        byte[] line = new byte[CHECKSUM + 1 + json.length + 2];
        byte[] checksum = checksum(json, 0, json.length).getBytes(StandardCharsets.ISO_8859_1);
        System.arraycopy(checksum, 0, line, 0, CHECKSUM);
        line[CHECKSUM] = ' ';
        System.arraycopy(json, 0, line, CHECKSUM + 1, json.length);
        line[line.length - 2] = '\n';
        line[line.length - 1] = '\n';
        return line;
    }

    /** Appends one entry, whole or not at all. */
    void append(Map<String, ? extends @Nullable Object> entry, boolean sync) throws IOException {
        byte[] line = line(entry);
        boolean done = false;
        try {
            writeFully(ByteBuffer.wrap(line), end);
            if (sync) {
                channel.force(false);
            }
            done = true;
        } finally {
            if (!done) {
                lengthNow();
                clearBehind();
            }
        }
        // Only now: a failed entry is written over by the next.
        end += line.length;
        length = Math.max(length, end);
    }

    private void writeFully(ByteBuffer bytes, long at) throws IOException {
        long position = at;
        while (bytes.hasRemaining()) {
            position += channel.write(bytes, position);
        }
    }

    /** Makes the file longer while little is left ahead of its end; returns whether enough is. */
    boolean extend() {
        if (length - end >= AHEAD) {
            return true;
        }
        try {
            writeFully(ByteBuffer.allocate(AHEAD), length);
            length += AHEAD;
            return true;
        } catch (IOException e) {
            // A full volume: what was reserved before is there for it. What was written of the zeros counts.
            lengthNow();
            return false;
        }
    }

    private void lengthNow() {
        try {
            length = Math.max(end, channel.size());
        } catch (IOException e) {
            length = end;
        }
    }

    /** The machine's present life; empty where the system does not tell. */
    static String bootId() {
        try {
            return Files.readString(Path.of("/proc/sys/kernel/random/boot_id")).strip();
        } catch (IOException e) {
            // Not Linux: a crash of the machine cannot be told from one of the process.
            return "";
        }
    }

    /** Bytes that can still be written without asking the volume for room. */
    long left() {
        return length - end;
    }

    long end() {
        return end;
    }

    /** Puts other entries in the place of all, at once. */
    void replace(List<? extends Map<String, ? extends @Nullable Object>> entries) throws IOException {
        Path made = file.resolveSibling("ledger.tmp");
        FileChannel fresh = FileChannel.open(
                made,
                StandardOpenOption.CREATE,
                StandardOpenOption.TRUNCATE_EXISTING,
                StandardOpenOption.READ,
                StandardOpenOption.WRITE);
        boolean done = false;
        try {
            LedgerFile target = new LedgerFile(made, fresh, 0);
            for (Map<String, ? extends @Nullable Object> entry : entries) {
                target.append(entry, false);
            }
            target.writeFully(ByteBuffer.allocate(AHEAD), target.end);
            fresh.force(true);
            Files.move(made, file, StandardCopyOption.ATOMIC_MOVE);
            channel.close();
            channel = fresh;
            end = target.end;
            length = fresh.size();
            done = true;
        } finally {
            if (!done) {
                fresh.close();
                Files.deleteIfExists(made);
            }
        }
        StorePaths.sync(file.resolveSibling("."));
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
