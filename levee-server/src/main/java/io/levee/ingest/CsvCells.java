package io.levee.ingest;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The cells of one CSV record. Not thread-safe; the list is reused. */
final class CsvCells {
    private final List<@Nullable String> cells = new ArrayList<>();
    private final StringBuilder quoted = new StringBuilder();

    /** The cells: null where a cell is empty, empty text where it is quoted and empty. Valid until the next call. */
    List<@Nullable String> read(Frames frames) {
        int invalid = Utf8.firstInvalid(frames.buffer, frames.start, frames.end);
        if (invalid >= 0) {
            throw JsonLines.invalidUtf8(frames, invalid);
        }
        String text = new String(frames.buffer, frames.start, frames.end - frames.start, StandardCharsets.UTF_8);
        cells.clear();
        int at = 0;
        while (true) {
            at = at < text.length() && text.charAt(at) == '"' ? quotedCell(text, at + 1) : plainCell(text, at);
            if (at == text.length()) {
                return cells;
            }
            at++;
            if (at == text.length()) {
                cells.add(null);
                return cells;
            }
        }
    }

    private int plainCell(String text, int from) {
        int comma = text.indexOf(',', from);
        int to = comma < 0 ? text.length() : comma;
        String cell = text.substring(from, to);
        if (cell.indexOf('"') >= 0) {
            throw new LeveeException(
                            ErrorCode.BAD_LINE, "a quote inside cell " + (cells.size() + 1) + ", which is not quoted")
                    .hint("quote the whole cell and double the quote inside");
        }
        cells.add(cell.isEmpty() ? null : cell);
        return to;
    }

    private int quotedCell(String text, int from) {
        quoted.setLength(0);
        int at = from;
        while (true) {
            int quote = text.indexOf('"', at);
            if (quote < 0) {
                throw new LeveeException(ErrorCode.BAD_LINE, "cell " + (cells.size() + 1) + " has no closing quote");
            }
            quoted.append(text, at, quote);
            at = quote + 1;
            if (at < text.length() && text.charAt(at) == '"') {
                quoted.append('"');
                at++;
            } else if (at == text.length() || text.charAt(at) == ',') {
                cells.add(quoted.toString());
                return at;
            } else {
                throw new LeveeException(
                        ErrorCode.BAD_LINE, "text after the closing quote of cell " + (cells.size() + 1));
            }
        }
    }
}
