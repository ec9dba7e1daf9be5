package io.levee.ingest;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.Row;
import io.levee.Source;
import io.levee.Table;
import java.io.IOException;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Follows a file that grows and rotates, and takes each of its whole lines over exactly once, whatever happens to this process.
 *
 * <p>A record's position is the byte at which it ends, counted on over all files that had the name. The store keeps positions in the
 * commit of the rows ({@link Source}), and durably which file a position is of, before the first row of it is handed over.
 *
 * <p>Rotation by rename (the old file is read to its end, also under its new name and compressed), by copy and truncation, and several
 * of them while nothing ran. What can not be read any more is told as a gap. {@link #run} is for one thread; {@link #stop} for any.
 */
public final class Follow {
    /** How often a file that has nothing new is looked at. */
    private static final long POLL_MILLIS = 100;

    /** A renamed file is left when nothing came for so long: its writer may not know the new one yet. */
    private static final long GRACE_NANOS = TimeUnit.SECONDS.toNanos(1);

    private static final long DRAIN_NANOS = TimeUnit.SECONDS.toNanos(5);

    private final Path file;
    private final Rotation rotation;
    private final Source<Row> source;
    private final FollowOptions options;
    private final FollowListener listener;
    private final FollowFeed feed;
    private final CountDownLatch stopped = new CountDownLatch(1);

    private @Nullable FollowRecords current;
    /** The file before, which may still grow although it was renamed. */
    private @Nullable FollowedFile left;

    private long nextBase;
    private long nextModified = Long.MIN_VALUE;
    private long quietSince;
    private String trouble = "";
    /** Gaps told, by their text: a file that cannot be read is looked at again and again. */
    private final Set<String> told = new HashSet<>();

    private int files;
    private int gaps;

    /**
     * A file to follow.
     *
     * @param file its path; it need not be there yet
     * @param table the table that its records go to
     * @param sourceName the name under which the table keeps the place
     * @param options how
     * @param listener hears of what happens
     */
    public Follow(Path file, Table<Row> table, String sourceName, FollowOptions options, FollowListener listener) {
        this.file = file.toAbsolutePath().normalize();
        this.rotation = new Rotation(this.file);
        this.source = table.source(sourceName);
        this.options = options;
        this.listener = listener;
        this.feed = new FollowFeed(table, source, options, listener, this::stopsWithin);
    }

    /** Ends {@link #run} soon. Idempotent; any thread. */
    public void stop() {
        stopped.countDown();
    }

    private boolean stopsWithin(long millis) {
        try {
            return stopped.await(millis, TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            stop();
            return true;
        }
    }

    /**
     * Follows the file until {@link #stop}; then settles what was handed over, for at most 5 seconds, and notes the place.
     *
     * @return what became of the records
     * @throws LeveeException {@link ErrorCode#IO_FAILED} where the file cannot be read at the start, {@link ErrorCode#CLOSED} when the
     *     store closes meanwhile, {@link ErrorCode#BAD_LINE} for a JSON array, which cannot be followed
     */
    public FollowReport run() {
        try {
            start();
            while (!stopsWithin(0)) {
                feed.settle();
                feed.checkpointIfDue();
                boolean moved = safeStep();
                listener.progress(report(), behind());
                if (!moved) {
                    stopsWithin(POLL_MILLIS);
                }
            }
            feed.drain(DRAIN_NANOS);
            feed.checkpoint();
            tellLate();
            return report();
        } catch (IOException e) {
            throw unreadable(e);
        } finally {
            close(current == null ? null : current.file());
            close(left);
        }
    }

    private LeveeException unreadable(IOException e) {
        return new LeveeException(ErrorCode.IO_FAILED, file + " cannot be read: " + e, e);
    }

    private FollowReport report() {
        return feed.report(files, gaps);
    }

    private long behind() {
        try {
            return current == null ? 0 : current.file().behind();
        } catch (IOException e) {
            // Only a figure for people; reading names the error.
            return 0;
        }
    }

    // Where to begin

    private void start() throws IOException {
        FollowPlace place = FollowPlace.parse(source.start().state());
        nextBase = source.start().position();
        if (place == null) {
            firstStart();
        } else if (place.headLength() == 0) {
            nextModified = place.modified();
        } else {
            resume(place);
        }
    }

    private void firstStart() throws IOException {
        FollowedFile first = FollowedFile.open(file, nextBase, 0);
        if (first == null || first.behind() == 0) {
            close(first);
            nextModified = rotation.files().stream()
                    .mapToLong(Rotation::modified)
                    .max()
                    .orElse(0);
            while (!feed.begin(FollowPlace.waiting(file.toString(), nextBase, nextModified), nextBase)) {
                if (stopsWithin(POLL_MILLIS)) {
                    return;
                }
            }
            return;
        }
        if (options.fromEnd()) {
            long end = LastLine.end(file);
            close(first);
            first = FollowedFile.open(file, nextBase, end);
        }
        if (first != null) {
            first.read();
            FollowRecords records = take(first, false);
            // Durable before the first record is seen and before anyone is told: a second start is no first one, and
            // begins at no
            // later end or file.
            while (!records.begin() && !stopsWithin(POLL_MILLIS)) {
                // The store cannot note it now; it told why.
            }
            listener.reading(first.path(), first.offset(), "first start");
        }
    }

    private void resume(FollowPlace place) throws IOException {
        long offset = source.start().position() - place.base();
        FollowedFile found = rotation.find(place, offset);
        if (found == null) {
            // A rotation that goes on meanwhile may hide it for a moment.
            stopsWithin(POLL_MILLIS);
            found = rotation.find(place, offset);
        }
        if (found != null) {
            read(found, true, "where it was left");
            return;
        }
        gap(
                Path.of(place.file()),
                "the file that was read up to byte " + offset
                        + " is gone, or it was truncated: what was written to it after that is missing");
        nextModified = place.modified();
    }

    private void read(FollowedFile next, boolean begun, String why) {
        take(next, begun);
        listener.reading(next.path(), next.offset(), why);
    }

    private FollowRecords take(FollowedFile next, boolean begun) {
        FollowRecords records = new FollowRecords(next, feed, options, begun);
        current = records;
        files++;
        quietSince = options.clock().nanos();
        return records;
    }

    // Reading on

    /** One step; what is in the way of it is told, and following goes on when it is gone. */
    private boolean safeStep() {
        try {
            boolean moved = step();
            trouble = "";
            return moved;
        } catch (IOException e) {
            String what = (current == null ? file : current.file().path()) + " cannot be read: " + e;
            if (!what.equals(trouble)) {
                trouble = what;
                listener.trouble(what);
            }
            return false;
        }
    }

    /** Reads on; answers whether there may be more at once. */
    private boolean step() throws IOException {
        FollowRecords records = current;
        if (records == null) {
            return begin();
        }
        FollowedFile reading = records.file();
        // While the store cannot note where the file begins, no more of it is kept in memory.
        boolean wanted = records.begun() || reading.limit() - reading.start() < FollowedFile.READ;
        FollowedFile.Read read = wanted ? readOn(reading) : FollowedFile.Read.NOTHING;
        if (read == FollowedFile.Read.CHANGED) {
            return truncated(records);
        }
        if (records.take() || read == FollowedFile.Read.MORE) {
            quietSince = options.clock().nanos();
            return true;
        }
        return leave(records);
    }

    private FollowedFile.Read readOn(FollowedFile reading) throws IOException {
        try {
            return reading.read();
        } catch (IOException e) {
            if (!Rotation.compressed(reading.path())) {
                throw e;
            }
            gapOnce(reading.path(), "it cannot be uncompressed past byte " + reading.offset() + ": " + e.getMessage());
            return FollowedFile.Read.NOTHING;
        }
    }

    // Going on to the next file

    /** Nothing new came: looks whether the file was rotated away, and what came after it. */
    private boolean leave(FollowRecords records) throws IOException {
        FollowedFile reading = records.file();
        tellLate();
        if (reading.isAt(file)) {
            return false;
        }
        List<Rotation.Entry> after = rotation.after(reading);
        boolean quiet = options.clock().nanos() - quietSince >= GRACE_NANOS;
        // Behind a file that is not the last of the rotated ones, no writer is left.
        if (after.isEmpty() || !quiet && after.size() == 1) {
            return false;
        }
        FollowedFile next = openFirst(after, reading.base());
        // A rotation between looking and opening would have put another file under the name.
        if (next == null || !after.equals(rotation.after(reading)) || !records.finish()) {
            close(next);
            return false;
        }
        close(left);
        left = reading;
        // The rest of the file before may just have been taken: positions go on behind it.
        read(next.withBase(reading.base() + reading.offset()), false, "after " + reading.path());
        return true;
    }

    private boolean begin() throws IOException {
        List<Rotation.Entry> unread = rotation.newerThan(nextModified);
        FollowedFile next = openFirst(unread, nextBase);
        if (next == null || !unread.equals(rotation.newerThan(nextModified))) {
            close(next);
            return false;
        }
        read(next, false, "it is there now");
        return true;
    }

    /** The first that has anything in it; those that cannot be read are told. */
    private @Nullable FollowedFile openFirst(List<Rotation.Entry> entries, long base) throws IOException {
        for (Rotation.Entry entry : entries) {
            Path path = entry.path();
            if (Rotation.unreadable(path)) {
                gapOnce(path, "it was compressed in a way that cannot be read here before it was read");
                continue;
            }
            FollowedFile next = open(path, base);
            if (next != null && next.key().equals(entry.key()) && (Rotation.compressed(path) || next.behind() > 0)) {
                return next;
            }
            close(next);
        }
        return null;
    }

    private @Nullable FollowedFile open(Path path, long base) throws IOException {
        try {
            return FollowedFile.open(path, base, 0);
        } catch (IOException e) {
            if (!Rotation.compressed(path)) {
                throw e;
            }
            gapOnce(path, "it cannot be uncompressed: " + e.getMessage());
            return null;
        }
    }

    /** The file lost what was read of it. Where that was copied before, the copy is read on; what comes now begins anew. */
    private boolean truncated(FollowRecords records) throws IOException {
        FollowedFile reading = records.file();
        FollowPlace place = FollowPlace.of(reading, reading.trail());
        FollowedFile copy = reading.offset() == 0 ? null : rotation.find(place, reading.offset());
        close(reading);
        current = null;
        if (copy != null) {
            read(copy, records.begun(), "a copy of " + reading.path() + ", which was truncated");
            return true;
        }
        if (reading.offset() > 0) {
            gap(
                    reading.path(),
                    "it was truncated after byte " + reading.offset() + " was read, and there is no copy: lines written"
                            + " between are missing, if there were any");
        }
        nextBase = reading.base() + reading.offset();
        nextModified = reading.modified();
        return true;
    }

    /** Says so where the file before grew after it was left. */
    private void tellLate() throws IOException {
        FollowedFile before = left;
        if (before != null && before.behind() > 0) {
            gap(
                    before.path(),
                    before.behind() + " bytes were written to it more than a second after it was renamed, from byte "
                            + before.offset() + " on");
            close(before);
            left = null;
        }
    }

    private void gapOnce(Path where, String what) {
        if (told.add(where + what)) {
            gap(where, what);
        }
    }

    private void gap(Path where, String what) {
        gaps++;
        listener.gap(where, what);
    }

    private void close(@Nullable FollowedFile open) {
        try {
            if (open != null) {
                open.close();
            }
        } catch (IOException e) {
            listener.trouble(open.path() + " cannot be closed: " + e.getMessage());
        }
    }
}
