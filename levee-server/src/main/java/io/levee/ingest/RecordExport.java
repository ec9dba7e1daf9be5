package io.levee.ingest;

import io.levee.Column;
import io.levee.Row;
import io.levee.TableSpec;
import io.levee.TimeFormat;
import io.levee.json.JsonOut;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.OutputStream;
import java.io.OutputStreamWriter;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Writes records in the form that {@link Ingest} takes for the same table, so that they come back as they were: NDJSON exactly; CSV but
 * for JSON columns that hold a bare number or word, which come back as text. Used by one thread.
 */
public final class RecordExport implements AutoCloseable {
    private final TableSpec spec;
    private final List<String> names;
    private final int[] positions;
    private final boolean iso;
    private final @Nullable JsonOut json;
    private final @Nullable Writer csv;

    /**
     * Begins an export; of a CSV file that is its header.
     *
     * @param out where to; flushed and not closed by {@link #close}
     * @param columns the columns, by name
     * @param asCsv CSV instead of NDJSON
     * @param iso times in ISO-8601 instead of the columns' own formats
     */
    public RecordExport(OutputStream out, TableSpec spec, List<String> columns, boolean asCsv, boolean iso)
            throws IOException {
        this.spec = spec;
        this.names = List.copyOf(columns);
        this.positions = columns.stream().mapToInt(spec::position).toArray();
        this.iso = iso;
        this.json = asCsv ? null : new JsonOut(out);
        this.csv = asCsv ? new BufferedWriter(new OutputStreamWriter(out, StandardCharsets.UTF_8), 1 << 16) : null;
        if (csv != null) {
            for (int i = 0; i < positions.length; i++) {
                cell(csv, i, names.get(i));
            }
            csv.write("\n");
        }
    }

    /**
     * Writes one record.
     *
     * @throws UncheckedIOException where it cannot be written
     * @throws io.levee.LeveeException {@code BAD_VALUE} for a time that its column's pattern cannot tell
     */
    public void write(Row row) {
        if (json != null) {
            json(json, row);
            return;
        }
        Writer to = csv;
        if (to == null) {
            return;
        }
        try {
            for (int i = 0; i < positions.length; i++) {
                cell(to, i, text(column(i), row.stored(positions[i])));
            }
            to.write("\n");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private Column column(int nth) {
        return spec.columns().get(positions[nth]);
    }

    private TimeFormat format(Column column) {
        TimeFormat format = column.format();
        return iso || format == null ? TimeFormat.ISO : format;
    }

    private void json(JsonOut out, Row row) {
        out.beginObject();
        for (int i = 0; i < positions.length; i++) {
            Column column = column(i);
            Object stored = row.stored(positions[i]);
            out.name(names.get(i));
            if (stored == null) {
                out.value(null);
                continue;
            }
            switch (column.type()) {
                case JSON, DECIMAL -> out.json(String.valueOf(stored));
                case BOOLEAN -> out.value(!Long.valueOf(0).equals(stored));
                case TIMESTAMP, DURATION -> {
                    String text = String.valueOf(text(column, stored));
                    if (format(column).unit() == null) {
                        out.value(text);
                    } else {
                        out.json(text);
                    }
                }
                default -> out.value(stored);
            }
        }
        out.endObject().newline();
    }

    private @Nullable String text(Column column, @Nullable Object stored) {
        if (stored == null) {
            return null;
        }
        return switch (column.type()) {
            case TIMESTAMP -> format(column).text((Long) stored);
            case DURATION -> format(column).durationText((Long) stored);
            case BOOLEAN -> Long.valueOf(0).equals(stored) ? "false" : "true";
            case BLOB -> Base64.getEncoder().encodeToString((byte[]) stored);
            case JSON -> jsonCell((String) stored);
            default -> stored.toString();
        };
    }

    /** Text without its quotes, as it would be given; anything nested as it is. */
    private static String jsonCell(String stored) {
        Object value = stored.startsWith("\"") ? io.levee.internal.json.Json.parse(stored) : null;
        return value instanceof String text ? text : stored;
    }

    /** Null is an empty cell, and empty text a quoted one. */
    private static void cell(Writer to, int nth, @Nullable String text) throws IOException {
        if (nth > 0) {
            to.write(',');
        }
        if (text == null) {
            return;
        }
        boolean quote = text.isEmpty() || text.chars().anyMatch(c -> c == ',' || c == '"' || c == '\n' || c == '\r');
        to.write(quote ? '"' + text.replace("\"", "\"\"") + '"' : text);
    }

    /** Hands on what was written; the stream stays open. */
    @Override
    public void close() throws IOException {
        if (json != null) {
            json.close();
        }
        if (csv != null) {
            csv.flush();
        }
    }
}
