package io.levee.internal.write;

import io.levee.Bytes;
import io.levee.ErrorCode;
import io.levee.Gap;
import io.levee.LeveeException;
import io.levee.LossReason;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Records on disk that the queue has no room for, in order, until the writer catches up. Guarded by the queue's lock, but for
 * {@link #read}, which is the writer's.
 *
 * <p>Invariants:
 * <ol>
 *   <li>each record has a position that rises over the life of the store, so that the engine knows a replayed one
 *       ({@link io.levee.engine.SourceMark}): positions go on from what the files say and from the wall clock's microseconds, whichever is
 *       later, and one file always stays to tell;
 *   <li>a file goes once all its records are settled, and before a later record of a table with a key goes another way: else a replay
 *       would put an old row over a newer one.
 * </ol>
 */
final class Spill {
    /** The source of a row that came back from a spill file. */
    static final String SOURCE = "levee/spill";

    private static final long LEAST_SEGMENT = 1 << 20;
    private static final long MOST_SEGMENT = 64 << 20;

    /** A segment and the first position that may be in it. */
    private final TreeMap<Long, SpillSegment> segments = new TreeMap<>();

    private final SpillDirectory directory;
    private final long limitBytes;
    private final LossLog losses;
    private final Deque<Read> ahead = new ArrayDeque<>();
    private long nextPosition;
    private long unread;
    private long unsettled;
    private long handedTo;
    private String trouble = "";

    /** A record that was read and is not queued yet. */
    record Read(SpillSegment segment, SpillCodec.Spilled record) {}

    /**
     * Opens a directory of spill files; what an earlier life left there comes first.
     *
     * @param nowMicros the wall clock
     * @throws LeveeException {@code STORE_LOCKED}, {@code IO_FAILED}
     */
    Spill(Path path, Bytes limit, LossLog losses, long nowMicros) {
        this.directory = new SpillDirectory(path);
        this.limitBytes = limit.value();
        this.losses = losses;
        this.nextPosition = nowMicros;
        try {
            for (Path file : directory.files()) {
                SpillSegment segment = SpillSegment.inherit(file);
                // Names sort as they were made; positions of this life lie above all of theirs.
                segments.put((long) segments.size(), segment);
                nextPosition = Math.max(nextPosition, segment.usedBelow() + segment.bytes());
            }
        } catch (IOException e) {
            directory.close();
            throw new LeveeException(
                    ErrorCode.IO_FAILED, "cannot read what was spilled into " + directory + ": " + e, e);
        }
    }

    /** Whether a new record that nobody waits for has to go behind what is spilled. */
    boolean before(TableState table) {
        return table.spec().keyed() ? !over() : unreadLeft();
    }

    /** Whether something was not yet read back. */
    boolean unreadLeft() {
        return unread > 0 || !ahead.isEmpty() || inheritedLeft();
    }

    private boolean inheritedLeft() {
        for (SpillSegment segment : segments.values()) {
            if (segment.inherited() && !segment.readWhole()) {
                return true;
            }
        }
        return false;
    }

    /** Whether nothing spilled is left, neither in files nor on its way. */
    boolean over() {
        if (unsettled > 0) {
            return false;
        }
        for (SpillSegment segment : segments.values()) {
            if (segment.inherited() || !segment.empty()) {
                return false;
            }
        }
        return true;
    }

    /** The position of the last record that was spilled. */
    long lastPosition() {
        return nextPosition - 1;
    }

    /** Whether everything up to a position was read back. */
    boolean readUpTo(long position) {
        return !inheritedLeft() && (unread == 0 || handedTo >= position);
    }

    /** Takes a record. Returns false where the limit is reached or the file cannot be written. */
    boolean offer(Pending record) {
        try {
            var encoded = SpillCodec.encode(record, nextPosition);
            if (bytes() + encoded.remaining() > limitBytes) {
                return false;
            }
            tail(encoded.remaining()).append(encoded);
            nextPosition++;
            unread++;
            unsettled++;
            return true;
        } catch (IOException e) {
            trouble = "cannot spill into " + directory + ": " + e;
            return false;
        }
    }

    private SpillSegment tail(int more) throws IOException {
        long most = Math.max(LEAST_SEGMENT, Math.min(MOST_SEGMENT, limitBytes / 8));
        Map.Entry<Long, SpillSegment> last = segments.lastEntry();
        if (last == null
                || last.getValue().inherited()
                || !last.getValue().empty() && last.getValue().bytes() + more > most) {
            return roll();
        }
        return last.getValue();
    }

    private SpillSegment roll() throws IOException {
        if (!segments.isEmpty()) {
            segments.lastEntry().getValue().flush();
        }
        SpillSegment segment = SpillSegment.create(directory.file(nextPosition), nextPosition);
        segments.put(nextPosition, segment);
        trouble = "";
        return segment;
    }

    /** Begins a new file, so that what is spilled by now goes with its files once it is settled. */
    void seal() {
        try {
            if (!segments.isEmpty() && !segments.lastEntry().getValue().empty()) {
                roll();
            }
        } catch (IOException e) {
            trouble = "cannot spill into " + directory + ": " + e;
        }
    }

    /** Whether records at or below a position are still in a file. */
    boolean holds(long position) {
        for (Map.Entry<Long, SpillSegment> segment : segments.entrySet()) {
            if (segment.getKey() <= position
                    && (segment.getValue().inherited() || !segment.getValue().empty())) {
                return true;
            }
        }
        return false;
    }

    /** Writes out what is still in memory, so that it can be read. */
    void flush() {
        if (!segments.isEmpty()) {
            try {
                segments.lastEntry().getValue().flush();
                trouble = "";
            } catch (IOException e) {
                trouble = "cannot spill into " + directory + ": " + e;
            }
        }
    }

    /** The first file that has something to read, where nothing is read ahead; or null. */
    @Nullable
    SpillSegment toRead() {
        if (!ahead.isEmpty()) {
            return null;
        }
        for (SpillSegment segment : segments.values()) {
            if (!segment.readWhole()) {
                return segment;
            }
        }
        return null;
    }

    /** Reads records of a file. Writer thread, without the lock. */
    List<SpillCodec.Spilled> read(SpillSegment segment) {
        try {
            return segment.read(this::hole);
        } catch (IOException e) {
            throw new LeveeException(ErrorCode.IO_FAILED, "cannot read back from " + directory + ": " + e, e);
        }
    }

    /** Takes what {@link #read} found. */
    void ahead(SpillSegment segment, List<SpillCodec.Spilled> records) {
        if (records.isEmpty()) {
            segment.nothingMore();
        }
        records.forEach(record -> ahead.add(new Read(segment, record)));
    }

    /** What was in between, nobody can say. */
    private void hole(long lastTime, SpillCodec.Spilled next) {
        long from = lastTime == Long.MIN_VALUE ? next.timeMicros() : Math.min(lastTime, next.timeMicros());
        losses.note(new Gap(
                next.table(), from, Math.max(lastTime, next.timeMicros()), Gap.UNKNOWN, LossReason.UNCLEAN_STOP));
    }

    @Nullable
    Read peek() {
        return ahead.peek();
    }

    /** The record that {@link #peek} showed is in the queue now. */
    void handed() {
        Read read = ahead.remove();
        read.segment().handed();
        if (read.segment().inherited()) {
            unsettled++;
        } else {
            unread--;
            handedTo = read.record().position();
        }
    }

    /** A record that came from here is settled. */
    void settled(SpillSegment segment) {
        unsettled--;
        segment.settled();
    }

    /** Frees files whose records are all settled. */
    void free() {
        if (segments.isEmpty()) {
            return;
        }
        SpillSegment last = segments.lastEntry().getValue();
        try {
            for (Map.Entry<Long, SpillSegment> entry : List.copyOf(segments.entrySet())) {
                SpillSegment segment = entry.getValue();
                boolean aheadOf = !ahead.isEmpty() && ahead.element().segment() == segment;
                if (!segment.over() || aheadOf || !segment.inherited() && segment.empty()) {
                    continue;
                }
                if (segment == last && !segment.inherited()) {
                    segment.reset(nextPosition);
                } else {
                    if (segment == last) {
                        roll();
                    }
                    segment.delete();
                    segments.remove(entry.getKey());
                }
            }
        } catch (IOException e) {
            trouble = "cannot free spill files in " + directory + ": " + e;
        }
    }

    long unread() {
        return unread;
    }

    long bytes() {
        return segments.values().stream().mapToLong(SpillSegment::bytes).sum();
    }

    long limitBytes() {
        return limitBytes;
    }

    /** What keeps it from writing or freeing files; empty for nothing. */
    String trouble() {
        return trouble;
    }

    /** Closes the files; those with records that are not settled stay for the next opening. Returns what failed, or an empty text. */
    String close() {
        IOException failure = null;
        for (SpillSegment segment : segments.values()) {
            IOException failed = segment.close();
            failure = failure == null ? failed : failure;
        }
        IOException unlocked = directory.close();
        failure = failure == null ? unlocked : failure;
        return failure == null ? "" : "the spill files could not be closed: " + failure;
    }
}
