package io.levee.ingest;

import io.levee.LeveeException;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The bytes of one file that is followed: those that were read and not consumed yet, and enough of those before to notice that the
 * file is another one than it was. It stays readable when it is renamed or deleted. Used by one thread.
 *
 * <p>A file that was truncated and has grown again looks like one that has grown. So after every read the bytes before it are read
 * again: if they are still those that were there, what was read came after them.
 */
final class FollowedFile implements Closeable {
    /** First bytes that tell a file from others. */
    static final int HEAD = 1024;

    /** Bytes before a place that have to be the same when it is found again. */
    static final int TRAIL = 64;

    /** Bytes read at once. */
    static final int READ = 1 << 20;

    /** The header of a CSV file is found within this. */
    static final int PREFIX = 64 << 10;

    /** What a read found. */
    enum Read {
        /** More bytes. */
        MORE,
        /** Nothing new. */
        NOTHING,
        /** The file was truncated or replaced in place: what was read before is not in it any more. */
        CHANGED
    }

    private final Path path;
    private final String key;
    private long base;
    private final @Nullable FileChannel channel;
    private final @Nullable InputStream unpacked;
    private final byte[] prefix;

    private byte[] buffer = new byte[4096];
    private int start;
    private int limit;
    /** File offset of the next record: everything before is consumed. */
    private long offset;
    /** File offset behind the last byte read. */
    private long readTo;

    private byte[] head;
    private byte[] consumedTrail;
    /** The bytes before the buffer's start; others than those before {@link #offset} only while a long line is skipped. */
    private byte[] beforeStart;

    private long modified;

    private FollowedFile(
            Path path,
            String key,
            long modified,
            long base,
            @Nullable FileChannel channel,
            @Nullable InputStream unpacked,
            byte[] first,
            byte[] trail,
            long offset) {
        this.path = path;
        this.key = key;
        this.modified = modified;
        this.base = base;
        this.channel = channel;
        this.unpacked = unpacked;
        this.head = Arrays.copyOf(first, Math.min(HEAD, first.length));
        this.prefix = Arrays.copyOf(first, (int) Math.min(first.length, offset));
        this.consumedTrail = trail;
        this.beforeStart = trail;
        this.offset = offset;
        this.readTo = offset;
    }

    /**
     * Opens a file at an offset; null where there is none, or where it is shorter.
     *
     * @param base the position of its first byte
     */
    static @Nullable FollowedFile open(Path path, long base, long offset) throws IOException {
        BasicFileAttributes before;
        try {
            before = Files.readAttributes(path, BasicFileAttributes.class);
        } catch (NoSuchFileException e) {
            return null;
        }
        if (before.isDirectory()) {
            throw new IOException(path + " is a directory");
        }
        return Rotation.compressed(path) ? openCompressed(path, before, base, offset) : openPlain(path, base, offset);
    }

    private static @Nullable FollowedFile openPlain(Path path, long base, long offset) throws IOException {
        while (true) {
            BasicFileAttributes attributes;
            FileChannel channel;
            try {
                attributes = Files.readAttributes(path, BasicFileAttributes.class);
                channel = FileChannel.open(path, StandardOpenOption.READ);
            } catch (NoSuchFileException e) {
                return null;
            }
            // The name may have got another file between looking and opening: then this key is not the channel's.
            if (!keyOf(attributes).equals(keyAt(path))) {
                channel.close();
                continue;
            }
            if (channel.size() < offset) {
                channel.close();
                return null;
            }
            int trail = (int) Math.min(TRAIL, offset);
            return new FollowedFile(
                    path,
                    keyOf(attributes),
                    attributes.lastModifiedTime().toMillis(),
                    base,
                    channel,
                    null,
                    bytes(channel, 0, (int) Math.max(HEAD, Math.min(PREFIX, offset))),
                    bytes(channel, offset - trail, trail),
                    offset);
        }
    }

    private static @Nullable FollowedFile openCompressed(
            Path path, BasicFileAttributes attributes, long base, long offset) throws IOException {
        InputStream in = uncompress(path);
        byte[] first = in.readNBytes((int) Math.max(HEAD, Math.min(PREFIX, offset)));
        int before = (int) Math.min(first.length, offset);
        byte[] trail = last(new byte[0], first, 0, before);
        long at = before;
        while (at < offset) {
            byte[] more = in.readNBytes((int) Math.min(READ, offset - at));
            if (more.length == 0) {
                in.close();
                return null;
            }
            trail = last(trail, more, 0, more.length);
            at += more.length;
        }
        FollowedFile opened = new FollowedFile(
                path,
                keyOf(attributes),
                attributes.lastModifiedTime().toMillis(),
                base,
                null,
                in,
                first,
                trail,
                offset);
        // A stream cannot be read twice: what was looked at behind the offset is read already.
        System.arraycopy(first, before, opened.buffer, 0, first.length - before);
        opened.accept(first.length - before);
        return opened;
    }

    private static InputStream uncompress(Path path) throws IOException {
        try {
            return Compression.open(path);
        } catch (LeveeException e) {
            throw new IOException(e.what(), e);
        }
    }

    /** Device and inode of what has a name now; empty where nothing has. */
    static String keyAt(Path path) throws IOException {
        try {
            return keyOf(Files.readAttributes(path, BasicFileAttributes.class));
        } catch (NoSuchFileException e) {
            return "";
        }
    }

    private static String keyOf(BasicFileAttributes attributes) {
        return String.valueOf(attributes.fileKey());
    }

    private static byte[] bytes(FileChannel channel, long from, int count) throws IOException {
        ByteBuffer target = ByteBuffer.allocate(count);
        while (target.hasRemaining() && channel.read(target, from + target.position()) > 0) {
            // Reads until there is no more.
        }
        return Arrays.copyOf(target.array(), target.position());
    }

    /** The last bytes of some that follow others. */
    private static byte[] last(byte[] before, byte[] bytes, int from, int to) {
        int fresh = Math.min(TRAIL, to - from);
        int old = Math.min(TRAIL - fresh, before.length);
        byte[] trail = new byte[old + fresh];
        System.arraycopy(before, before.length - old, trail, 0, old);
        System.arraycopy(bytes, to - fresh, trail, old, fresh);
        return trail;
    }

    /** Reads on behind what is in the buffer. */
    Read read() throws IOException {
        makeRoom();
        if (channel == null) {
            int count = unpacked == null ? -1 : unpacked.read(buffer, limit, buffer.length - limit);
            return accept(count);
        }
        int count = channel.read(ByteBuffer.wrap(buffer, limit, buffer.length - limit), readTo);
        if (count <= 0) {
            return channel.size() < readTo ? Read.CHANGED : Read.NOTHING;
        }
        byte[] trail = last(beforeStart, buffer, start, limit);
        int again = (int) Math.min(count, Math.max(0, head.length - readTo));
        if (!Arrays.equals(trail, bytes(channel, readTo - trail.length, trail.length))
                || again > 0
                        && !Arrays.equals(head, (int) readTo, (int) readTo + again, buffer, limit, limit + again)) {
            return Read.CHANGED;
        }
        return accept(count);
    }

    private Read accept(int count) {
        if (count <= 0) {
            return Read.NOTHING;
        }
        int known = head.length;
        if (known < HEAD && readTo + count > known) {
            // It grows with what is read: then it is of the file that was read, whatever is under its name by now.
            int to = (int) Math.min(HEAD, readTo + count);
            head = Arrays.copyOf(head, to);
            System.arraycopy(buffer, limit + (int) (known - readTo), head, known, to - known);
        }
        limit += count;
        readTo += count;
        return Read.MORE;
    }

    private void makeRoom() {
        if (start > 0) {
            System.arraycopy(buffer, start, buffer, 0, limit - start);
            limit -= start;
            start = 0;
        }
        if (limit == buffer.length) {
            buffer = Arrays.copyOf(buffer, buffer.length < READ ? READ : buffer.length + READ);
        }
    }

    /** The bytes read and not consumed are {@code buffer[start .. limit)}. */
    byte[] buffer() {
        return buffer;
    }

    int start() {
        return start;
    }

    int limit() {
        return limit;
    }

    /** Everything up to an index of the buffer is dealt with. */
    void consume(int to) {
        beforeStart = last(beforeStart, buffer, start, to);
        offset = readTo - (limit - to);
        consumedTrail = beforeStart;
        start = to;
    }

    /** Gives up bytes of a record that goes on: the place stays before it. */
    void drop() {
        beforeStart = last(beforeStart, buffer, start, limit);
        start = limit;
    }

    /** Whether bytes of an unfinished record were dropped. */
    boolean dropped() {
        return readTo - (limit - start) > offset;
    }

    Path path() {
        return path;
    }

    String key() {
        return key;
    }

    /** Counts its positions on from another one; before the first of them is handed over. */
    FollowedFile withBase(long newBase) {
        base = newBase;
        return this;
    }

    /** Position of the first byte. */
    long base() {
        return base;
    }

    /** File offset of the next record. */
    long offset() {
        return offset;
    }

    /** Bytes that are there and not consumed; 0 for a compressed file. */
    long behind() throws IOException {
        return channel == null ? 0 : Math.max(0, channel.size() - offset);
    }

    byte[] head() {
        return head;
    }

    /** The bytes before {@link #offset}. */
    byte[] trail() {
        return consumedTrail;
    }

    /** The first bytes, as far as they lie before where the file was opened. */
    byte[] prefix() {
        return prefix;
    }

    long modified() {
        return modified;
    }

    /** Whether the file still has this name; notes when it was written last. */
    boolean isAt(Path name) throws IOException {
        try {
            BasicFileAttributes attributes = Files.readAttributes(name, BasicFileAttributes.class);
            if (!keyOf(attributes).equals(key)) {
                return false;
            }
            modified = attributes.lastModifiedTime().toMillis();
            return true;
        } catch (NoSuchFileException e) {
            return false;
        }
    }

    @Override
    public void close() throws IOException {
        if (channel != null) {
            channel.close();
        }
        if (unpacked != null) {
            unpacked.close();
        }
    }
}
