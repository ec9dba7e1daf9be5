package io.levee.ingest;

/**
 * Where whole records end in bytes that may go on: what follows the last end waits for the rest of its record. What it answers depends on
 * the bytes alone and not on how many of them are there yet, so that a file that is read again is cut into the same records.
 */
final class RecordEnds {
    /** A quote that stays open for longer was never meant to span lines: its line is a record by itself, and a bad one. */
    static final int LONGEST_QUOTED = 64 << 10;

    private RecordEnds() {}

    /**
     * What the bytes hold.
     *
     * @param end behind the last whole record; the start where there is none
     * @param broken the first record is a line with a quote that is never closed: it ends there and cannot be parsed
     */
    record Cut(int end, boolean broken) {}

    /** Whole NDJSON lines. */
    static Cut lines(byte[] bytes, int from, int to) {
        for (int i = to - 1; i >= from; i--) {
            if (bytes[i] == '\n') {
                return new Cut(i + 1, false);
            }
        }
        return new Cut(from, false);
    }

    /**
     * Whole CSV records: line ends inside quotes belong to the record.
     *
     * @param longest a quote that stays open for so many bytes, or for {@link #LONGEST_QUOTED}, is never closed; not more than the
     *     longest line, else a record would be skipped as too long where its line alone is bad
     * @param ended nothing will follow: a quote that is still open stays so
     */
    static Cut csv(byte[] bytes, int from, int to, int longest, boolean ended) {
        int most = Math.min(LONGEST_QUOTED, longest);
        int end = from;
        int firstLine = -1;
        CsvFrames.Cell cell = CsvFrames.Cell.BEGIN;
        for (int i = from; i < to; i++) {
            byte b = bytes[i];
            if (b != '\n') {
                cell = CsvFrames.after(cell, b);
            } else if (cell == CsvFrames.Cell.QUOTED) {
                firstLine = firstLine < 0 ? i + 1 : firstLine;
            } else {
                end = i + 1;
                firstLine = -1;
                cell = CsvFrames.Cell.BEGIN;
            }
            if (firstLine >= 0 && i - end >= most) {
                return end > from ? new Cut(end, false) : new Cut(firstLine, true);
            }
        }
        return ended && firstLine >= 0 && end == from ? new Cut(firstLine, true) : new Cut(end, false);
    }

    /** The end of the first CSV record, which names the columns; -1 where it is not whole yet. */
    static int header(byte[] bytes, int from, int to) {
        CsvFrames.Cell cell = CsvFrames.Cell.BEGIN;
        for (int i = from; i < to; i++) {
            if (bytes[i] == '\n' && cell != CsvFrames.Cell.QUOTED && i > from) {
                return i + 1;
            }
            cell = CsvFrames.after(cell, bytes[i]);
        }
        return -1;
    }
}
