package io.levee.ingest;

import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.Row;
import io.levee.RowBuilder;
import io.levee.TableSpec;
import io.levee.internal.json.Json;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;

/** CSV records as rows. The first record names the columns. */
final class CsvRecords implements RecordSource {
    private final Frames frames;
    private final CsvCells cells = new CsvCells();
    private final JsonLines lines = new JsonLines();
    private final JsonText text = new JsonText();
    private final RowBuilder row;
    private final TableSpec spec;
    private final List<String> header;
    private final int[] columns;

    CsvRecords(Frames frames, TableSpec spec) {
        this.frames = frames;
        this.spec = spec;
        this.row = Row.of(spec);
        this.header = header(frames, cells);
        this.columns = header.stream().mapToInt(spec::position).toArray();
        if (spec.unknown() == TableSpec.Unknown.REJECT) {
            header.forEach(spec::column);
        }
    }

    /** Reads the header; empty for an empty input. */
    static List<String> header(Frames frames, CsvCells cells) {
        if (!frames.next()) {
            return List.of();
        }
        if (frames.error != null) {
            throw frames.error;
        }
        List<String> names = new ArrayList<>();
        Set<String> seen = new HashSet<>();
        for (String name : cells.read(frames)) {
            if (name == null || name.isEmpty()) {
                throw new LeveeException(ErrorCode.BAD_LINE, "cell " + (names.size() + 1) + " of the header is empty")
                        .with("line", frames.line)
                        .hint("the first line of a CSV file names its columns");
            }
            if (!seen.add(name)) {
                throw new LeveeException(ErrorCode.BAD_LINE, "the header names the column '" + name + "' twice")
                        .with("line", frames.line);
            }
            names.add(name);
        }
        return names;
    }

    @Override
    public boolean advance() {
        return frames.next();
    }

    @Override
    public Row row() {
        try {
            if (frames.error != null) {
                throw frames.error;
            }
            row.clear();
            List<@Nullable String> values = cells.read(frames);
            if (values.size() != header.size()) {
                throw new LeveeException(
                        ErrorCode.BAD_LINE, values.size() + " cells where the header has " + header.size());
            }
            for (int i = 0; i < columns.length; i++) {
                String value = values.get(i);
                if (value != null) {
                    set(i, value);
                }
            }
            return row.build();
        } catch (LeveeException e) {
            throw e.with("line", frames.line);
        }
    }

    private void set(int nth, String value) {
        int at = columns[nth];
        if (at < 0) {
            row.setUnknown(header.get(nth), Json.write(value));
            return;
        }
        ColumnType type = spec.columns().get(at).type();
        String nested = type == ColumnType.JSON ? nested(value) : null;
        if (nested != null) {
            row.setJson(at, nested);
        } else if (!value.isEmpty() || type == ColumnType.TEXT || type == ColumnType.BLOB) {
            row.setText(at, value);
        }
    }

    /** A cell of a JSON column that is an object or an array is that, in compact form; null for any other, which is text. */
    private @Nullable String nested(String value) {
        if (!value.startsWith("{") && !value.startsWith("[")) {
            return null;
        }
        try (JsonParser parser = lines.parser(value)) {
            parser.nextToken();
            String compact = text.copy(parser);
            return parser.nextToken() == null ? compact : null;
        } catch (JacksonException e) {
            // Text that only begins like one.
            return null;
        }
    }

    @Override
    public long line() {
        return frames.line;
    }

    @Override
    public long bytesRead() {
        return frames.bytesRead();
    }

    @Override
    public @Nullable LeveeException failure() {
        return frames.failure();
    }

    @Override
    public void close() {
        frames.close();
    }
}
