package io.levee.internal.write;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/**
 * One file of a spill: a head that says which positions were used before it, then records. Appending and counting are guarded by the
 * queue's lock; reading is the writer's, and only below what was flushed.
 */
final class SpillSegment {
    private static final long MAGIC = 0x4C45564545535031L;
    private static final int HEAD = 16;
    private static final int CHUNK = 256 << 10;

    private final Path file;
    private final FileChannel channel;
    private final boolean inherited;
    private final ByteBuffer unwritten = ByteBuffer.allocate(CHUNK);
    private volatile long flushed;
    private long readTo = HEAD;
    private long lastTime = Long.MIN_VALUE;
    private int chunk = CHUNK;
    private boolean readWhole;
    private boolean lost;

    /** Counts of records, guarded by the queue's lock. */
    private long written;

    private long handed;
    private long settled;

    private SpillSegment(Path file, FileChannel channel, boolean inherited) throws IOException {
        this.file = file;
        this.channel = channel;
        this.inherited = inherited;
        this.flushed = Math.max(HEAD, channel.size());
    }

    /** A new one. */
    static SpillSegment create(Path file, long firstPosition) throws IOException {
        FileChannel channel = FileChannel.open(
                file, StandardOpenOption.CREATE_NEW, StandardOpenOption.READ, StandardOpenOption.WRITE);
        try {
            SpillSegment segment = new SpillSegment(file, channel, false);
            segment.head(firstPosition);
            return segment;
        } catch (IOException e) {
            channel.close();
            Files.deleteIfExists(file);
            throw e;
        }
    }

    /** One that an earlier life left. */
    static SpillSegment inherit(Path file) throws IOException {
        return new SpillSegment(file, FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE), true);
    }

    private void head(long position) throws IOException {
        writeFully(ByteBuffer.allocate(HEAD).putLong(MAGIC).putLong(position).flip(), 0);
    }

    /** Positions below this were used; 0 where the head cannot be read. */
    long usedBelow() throws IOException {
        ByteBuffer head = ByteBuffer.allocate(HEAD);
        readFully(head, 0);
        head.flip();
        return head.remaining() == HEAD && head.getLong() == MAGIC ? head.getLong() : 0;
    }

    /** Appends a record; may keep it in memory until {@link #flush}. Nothing of it is there when this throws. */
    void append(ByteBuffer record) throws IOException {
        if (record.remaining() > unwritten.remaining()) {
            flush();
        }
        if (record.remaining() > unwritten.remaining()) {
            int size = record.remaining();
            long at = flushed;
            writeFully(record, at);
            flushed = at + size;
        } else {
            unwritten.put(record);
        }
        written++;
    }

    /** Writes what is kept in memory; what could not be written stays there. */
    void flush() throws IOException {
        if (unwritten.position() == 0) {
            return;
        }
        ByteBuffer out = unwritten.duplicate().flip();
        int size = out.remaining();
        // At a place of our own counting: a write that failed half-way is written over by the next one.
        long at = flushed;
        writeFully(out, at);
        flushed = at + size;
        unwritten.clear();
    }

    private void writeFully(ByteBuffer out, long at) throws IOException {
        long place = at;
        while (out.hasRemaining()) {
            place += channel.write(out, place);
        }
    }

    private void readFully(ByteBuffer in, long at) throws IOException {
        while (in.hasRemaining() && channel.read(in, at + in.position()) > 0) {
            // As much as there is.
        }
    }

    /**
     * The next records. Writer thread.
     *
     * @param hole told of a place that cannot be read with something readable behind it: the time of the last record before it
     *     ({@link Long#MIN_VALUE} for none) and the first record after it
     * @return empty where there are no more for now
     */
    List<SpillCodec.Spilled> read(BiConsumer<Long, SpillCodec.Spilled> hole) throws IOException {
        List<SpillCodec.Spilled> records = new ArrayList<>();
        while (records.isEmpty() && readTo < flushed) {
            ByteBuffer in = ByteBuffer.allocate((int) Math.min(chunk, flushed - readTo));
            readFully(in, readTo);
            in.flip();
            int at = 0;
            while (at < in.limit()) {
                int length = SpillCodec.length(in, at);
                if (length > 0) {
                    SpillCodec.Spilled record = SpillCodec.decode(in, at);
                    if (lost) {
                        hole.accept(lastTime, record);
                        lost = false;
                    }
                    lastTime = record.timeMicros();
                    records.add(record);
                    at += length;
                } else if (length == 0 && readTo + in.limit() < flushed) {
                    break;
                } else {
                    // Damaged, or torn by the end of the process: look for what can be read behind it.
                    lost = true;
                    at++;
                }
            }
            chunk = at == 0 ? chunk * 2 : CHUNK;
            readTo += at;
        }
        return records;
    }

    /** A look for more found nothing: of an inherited file, that is the end. */
    void nothingMore() {
        readWhole = true;
    }

    /** A record that was read is queued now. */
    void handed() {
        handed++;
        if (inherited) {
            written++;
        }
    }

    /** A record that was queued is settled. */
    void settled() {
        settled++;
    }

    boolean inherited() {
        return inherited;
    }

    /** Whether everything that is in it was read, as far as it is known now. */
    boolean readWhole() {
        return inherited ? readWhole : handed == written;
    }

    /** Whether nothing of it is needed any more, if nothing is added. */
    boolean over() {
        return readWhole() && settled == written;
    }

    long bytes() {
        return flushed + unwritten.position();
    }

    boolean empty() {
        return written == 0;
    }

    /** Takes all records out, after {@link #over}: needs no room on the disk. */
    void reset(long nextPosition) throws IOException {
        head(nextPosition);
        channel.truncate(HEAD);
        flushed = HEAD;
        readTo = HEAD;
        written = 0;
        handed = 0;
        settled = 0;
    }

    void delete() throws IOException {
        channel.close();
        Files.deleteIfExists(file);
    }

    /** Writes out and closes. Returns the error, or null. */
    @Nullable
    IOException close() {
        try (channel) {
            flush();
            return null;
        } catch (IOException e) {
            return e;
        }
    }

    /** Whether a file that an earlier life left holds more than its head. */
    static boolean holdsRecords(Path file) throws IOException {
        return Files.size(file) > HEAD;
    }
}
