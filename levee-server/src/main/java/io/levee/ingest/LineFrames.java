package io.levee.ingest;

import java.io.InputStream;

/** One record a line: ends with LF or CR LF, the last one also with the input. Blank lines count but are no records. */
final class LineFrames extends Frames {
    LineFrames(InputStream in, int maxBytes) {
        super(in, maxBytes);
    }

    @Override
    boolean find() {
        while (true) {
            start = at;
            line = linesPassed + 1;
            if (!findEnd()) {
                return false;
            }
            if (error != null) {
                return true;
            }
            if (end > start && buffer[end - 1] == '\r') {
                end--;
            }
            if (!allBlank()) {
                return true;
            }
        }
    }

    private boolean findEnd() {
        while (true) {
            for (int i = at, last = limit; i < last; i++) {
                if (buffer[i] == '\n') {
                    end = i;
                    at = i + 1;
                    linesPassed++;
                    return true;
                }
            }
            at = limit;
            if (tooLong()) {
                error = tooLongError();
                discard();
            }
            if (!fill()) {
                end = limit;
                return failure == null && (limit > start || error != null);
            }
        }
    }

    private boolean allBlank() {
        for (int i = start; i < end; i++) {
            if (!blank(buffer[i])) {
                return false;
            }
        }
        return true;
    }
}
