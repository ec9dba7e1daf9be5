package io.levee.ingest;

import java.io.InputStream;

/** The records of a CSV file after RFC 4180: line ends inside quotes belong to the record. */
final class CsvFrames extends Frames {
    CsvFrames(InputStream in, int maxBytes) {
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
            if (end > start) {
                return true;
            }
        }
    }

    private boolean findEnd() {
        boolean quoted = false;
        while (true) {
            for (; at < limit; at++) {
                byte b = buffer[at];
                if (b == '"') {
                    // A doubled quote inside quotes closes and opens again: the state is right either way.
                    quoted = !quoted;
                } else if (b == '\n') {
                    linesPassed++;
                    if (!quoted) {
                        end = at++;
                        return true;
                    }
                }
            }
            if (tooLong()) {
                // An unclosed quote would swallow the rest of the file: from here on the next line end is an end.
                error = tooLongError();
                quoted = false;
                discard();
            }
            if (!fill()) {
                end = limit;
                return failure == null && (limit > start || error != null);
            }
        }
    }
}
