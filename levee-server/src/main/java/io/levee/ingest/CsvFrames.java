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
        Cell cell = Cell.BEGIN;
        while (true) {
            for (; at < limit; at++) {
                byte b = buffer[at];
                if (b == '\n') {
                    linesPassed++;
                    if (cell != Cell.QUOTED) {
                        end = at++;
                        return true;
                    }
                } else {
                    cell = after(cell, b);
                }
            }
            if (tooLong()) {
                // An unclosed quote would swallow the rest of the file: from here on the next line end is an end.
                error = tooLongError();
                cell = Cell.PLAIN;
                discard();
            }
            if (!fill()) {
                end = limit;
                return failure == null && (limit > start || error != null);
            }
        }
    }

    /** Only a quote that begins a cell quotes it; inside, a doubled one closes and opens again. */
    static Cell after(Cell cell, byte b) {
        if (b == '"') {
            return switch (cell) {
                case BEGIN, CLOSED -> Cell.QUOTED;
                case QUOTED -> Cell.CLOSED;
                case PLAIN -> Cell.PLAIN;
            };
        }
        if (cell == Cell.QUOTED) {
            return cell;
        }
        return b == ',' ? Cell.BEGIN : Cell.PLAIN;
    }

    /** Where in a cell the scan is. */
    enum Cell {
        BEGIN,
        PLAIN,
        QUOTED,
        CLOSED
    }
}
