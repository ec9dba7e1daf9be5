package io.levee.ingest;

import io.levee.LeveeException;
import java.io.InputStream;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;

/** Reads records without a spec and collects what their fields have in common. */
final class FieldScan {
    private static final Pattern NUMBER = Pattern.compile("-?(0|[1-9]\\d*)(\\.\\d+)?([eE][+-]?\\d+)?");

    private final Map<String, FieldStats> fields = new LinkedHashMap<>();
    private final JsonLines lines = new JsonLines();
    private final JsonText text = new JsonText();
    private final CsvCells cells = new CsvCells();
    long records;
    long bad;
    boolean whole;

    @Nullable
    LeveeException firstError;

    /** Scans until the end of the input or a limit. Closes the input. */
    void scan(InputStream in, Format format, long maxRecords, long maxBytes) {
        if (format == Format.AUTO) {
            Format.Detected detected = Format.detect(in);
            scan(detected.input(), detected.format(), maxRecords, maxBytes);
            return;
        }
        boolean csv = format == Format.CSV;
        int longest = RecordSource.DEFAULT_MAX_LINE_BYTES;
        try (Frames frames = csv
                ? new CsvFrames(in, longest)
                : format == Format.JSON ? new ArrayFrames(in, longest) : new LineFrames(in, longest)) {
            List<String> header = csv ? CsvRecords.header(frames, cells) : List.of();
            while (records + bad < maxRecords && frames.bytesRead() < maxBytes) {
                if (!frames.next()) {
                    whole = true;
                    return;
                }
                record(frames, csv, header);
            }
        }
    }

    private void record(Frames frames, boolean csv, List<String> header) {
        try {
            if (frames.error != null) {
                throw frames.error;
            }
            if (csv) {
                csvRecord(frames, header);
            } else {
                jsonRecord(frames);
            }
            records++;
        } catch (JacksonException e) {
            bad(JsonLines.notJson(e), frames.line);
        } catch (LeveeException e) {
            bad(e, frames.line);
        }
    }

    private void bad(LeveeException error, long line) {
        bad++;
        if (firstError == null) {
            firstError = error.with("line", line);
        }
    }

    private void jsonRecord(Frames frames) {
        try (JsonParser parser = lines.parser(frames)) {
            if (parser.nextToken() != JsonToken.START_OBJECT) {
                throw new LeveeException(io.levee.ErrorCode.BAD_LINE, "not a JSON object");
            }
            for (String name = parser.nextName(); name != null; name = parser.nextName()) {
                value(parser, field(name), parser.nextToken(), frames.line);
            }
        }
    }

    private void value(JsonParser parser, FieldStats field, JsonToken token, long line) {
        switch (token) {
            case VALUE_STRING -> field.text(parser.getString(), line);
            case VALUE_NUMBER_INT -> {
                JsonParser.NumberType type = parser.getNumberType();
                if (type == JsonParser.NumberType.INT || type == JsonParser.NumberType.LONG) {
                    field.integer(parser.getLongValue(), line);
                } else {
                    field.number(parser.getString(), true, line);
                }
            }
            case VALUE_NUMBER_FLOAT -> field.number(parser.getString(), false, line);
            case VALUE_TRUE, VALUE_FALSE -> field.bool(token == JsonToken.VALUE_TRUE, line);
            case VALUE_NULL -> {}
            default -> field.nested(text.copy(parser).length());
        }
    }

    private void csvRecord(Frames frames, List<String> header) {
        List<@Nullable String> values = cells.read(frames);
        if (values.size() != header.size()) {
            throw new LeveeException(
                    io.levee.ErrorCode.BAD_LINE, values.size() + " cells where the header has " + header.size());
        }
        for (int i = 0; i < header.size(); i++) {
            FieldStats field = field(header.get(i));
            String cell = values.get(i);
            if (cell != null) {
                csvCell(field, cell, frames.line);
            }
        }
    }

    /** A cell is a number only in the one form that a number is printed in: 007 and 1,5 stay text. */
    private static void csvCell(FieldStats field, String cell, long line) {
        if (NUMBER.matcher(cell).matches()) {
            boolean whole = cell.indexOf('.') < 0 && cell.indexOf('e') < 0 && cell.indexOf('E') < 0;
            if (whole && cell.length() <= 18) {
                field.integer(Long.parseLong(cell), line);
            } else {
                field.number(cell, whole, line);
            }
        } else if (cell.equals("true") || cell.equals("false")) {
            field.bool(cell.equals("true"), line);
        } else {
            field.text(cell, line);
        }
    }

    private FieldStats field(String name) {
        return fields.computeIfAbsent(name, FieldStats::new);
    }

    Collection<FieldStats> fields() {
        return fields.values();
    }
}
