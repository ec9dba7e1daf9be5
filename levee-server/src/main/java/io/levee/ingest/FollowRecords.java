package io.levee.ingest;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import java.util.Arrays;

/** Cuts one followed file into whole records and hands them to the feed. What has no end yet waits. Used by one thread. */
final class FollowRecords {
    private final FollowedFile file;
    private final FollowFeed feed;
    private final FollowOptions options;
    private boolean begun;
    private Format format = Format.AUTO;
    private byte[] header = new byte[0];

    /**
     * Records of a file.
     *
     * @param begun whether the store knows durably that this file is read
     */
    FollowRecords(FollowedFile file, FollowFeed feed, FollowOptions options, boolean begun) {
        this.file = file;
        this.feed = feed;
        this.options = options;
        this.begun = begun;
    }

    FollowedFile file() {
        return file;
    }

    /** Whether the store knows durably that this file is read. */
    boolean begun() {
        return begun;
    }

    /** Makes the store know it; answers whether it does. */
    boolean begin() {
        begun = begun || feed.begin(FollowPlace.of(file, file.trail()), file.base() + file.offset());
        return begun;
    }

    /** Hands over the whole records that were read; answers whether there were any. */
    boolean take() {
        return take(false);
    }

    /**
     * A file's first records wait until the store knows durably which file they are of: it is known by its first whole record at
     * least, since a shorter piece may begin many files.
     */
    private boolean take(boolean ended) {
        if (!recognised()) {
            return false;
        }
        if (file.offset() == 0 && !file.dropped() && header.length > 0) {
            file.consume(file.start() + header.length);
        }
        if (file.dropped()) {
            return skip(ended);
        }
        RecordEnds.Cut cut = cut(ended);
        boolean whole = cut.end() > file.start();
        if (!whole && file.limit() - file.start() > options.maxLineBytes()) {
            file.drop();
            return true;
        }
        boolean rest = !whole && ended && file.limit() > file.start();
        if (!whole && !rest || !begin()) {
            return false;
        }
        if (cut.broken()) {
            return refuse(cut.end(), "the line has a quote that is never closed");
        }
        return whole ? feed.take(file, cut.end(), format, header) : takeRest();
    }

    private RecordEnds.Cut cut(boolean ended) {
        return format == Format.CSV
                ? RecordEnds.csv(file.buffer(), file.start(), file.limit(), options.maxLineBytes(), ended)
                : RecordEnds.lines(file.buffer(), file.start(), file.limit());
    }

    private boolean refuse(int to, String why) {
        return feed.refuse(file, to, new LeveeException(ErrorCode.BAD_LINE, why));
    }

    /** A line that was too long goes on to its end. */
    private boolean skip(boolean ended) {
        int end = file.start();
        while (end < file.limit() && file.buffer()[end] != '\n') {
            end++;
        }
        if (end == file.limit() && !ended) {
            boolean more = end > file.start();
            file.drop();
            return more;
        }
        return begin()
                && feed.refuse(
                        file,
                        Math.min(end + 1, file.limit()),
                        new LeveeException(
                                        ErrorCode.TOO_LARGE,
                                        "the line is longer than " + options.maxLineBytes() + " bytes and was skipped")
                                .with("limitBytes", options.maxLineBytes()));
    }

    /** What a file that has ended holds behind its last line end: an object is whole by itself, a CSV record may be cut off. */
    private boolean takeRest() {
        return format == Format.NDJSON
                ? feed.take(file, file.limit(), format, header)
                : refuse(file.limit(), "the file ended without the end of this line");
    }

    /**
     * Deals with what a file that has ended holds behind its last whole record.
     *
     * @return whether nothing is left; where not, it has to be tried again
     */
    boolean finish() {
        byte[] rest = Arrays.copyOfRange(file.buffer(), file.start(), file.limit());
        if (Format.ofHead(rest) == Format.AUTO && !file.dropped()) {
            file.consume(file.limit());
            return true;
        }
        if (!recognised()) {
            return begin() && refuse(file.limit(), "the file ended before its header did");
        }
        while (file.limit() > file.start() || file.dropped()) {
            if (!take(true)) {
                return false;
            }
        }
        return true;
    }

    /** Whether it is known how the file's records are written; for CSV that needs the whole header. */
    private boolean recognised() {
        if (format != Format.AUTO) {
            return true;
        }
        Format told = options.format() == Format.AUTO ? Format.ofHead(file.head()) : options.format();
        if (told == Format.JSON) {
            throw new LeveeException(
                            ErrorCode.BAD_LINE, file.path() + " begins with [: a JSON array cannot be followed")
                    .hint("write one object a line");
        }
        if (told == Format.CSV && file.offset() > 0) {
            int end = RecordEnds.header(file.prefix(), 0, file.prefix().length);
            header = Arrays.copyOf(file.prefix(), Math.max(0, end));
        } else if (told == Format.CSV) {
            int end = RecordEnds.header(file.buffer(), file.start(), file.limit());
            if (end < 0) {
                return false;
            }
            header = Arrays.copyOfRange(file.buffer(), file.start(), end);
        }
        format = told;
        return told != Format.AUTO;
    }
}
