package io.levee.ingest;

import io.levee.Column;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.Row;
import io.levee.RowBuilder;
import io.levee.TableSpec;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;

/**
 * JSON objects as rows, one parser a record.
 *
 * <p>Written for speed where every record passes: field names are never made into new text (the parser hands out the same
 * instance for the same name), and the n-th field of a record is first compared with the n-th field of the one before.
 */
final class JsonRecords implements RecordSource {
    private static final int UNKNOWN = -1;

    private final Frames frames;
    private final JsonLines lines = new JsonLines();
    private final JsonText text = new JsonText();
    private final RowBuilder row;
    private final TableSpec.Unknown unknown;
    private final Map<String, Integer> positions = new HashMap<>();
    private final boolean[] real;
    private final boolean[] verbatim;

    /** The fields of the record before, in its order, and their columns. */
    private @Nullable String[] names = new String[16];

    private int[] columns = new int[16];

    /** The record that set each column last: twice in one record is an error. */
    private final long[] setBy;

    private long record;
    private @Nullable Set<String> unknownNames;

    JsonRecords(Frames frames, TableSpec spec) {
        this.frames = frames;
        this.row = Row.of(spec);
        this.unknown = spec.unknown();
        List<Column> all = spec.columns();
        this.real = new boolean[all.size()];
        this.verbatim = new boolean[all.size()];
        this.setBy = new long[all.size()];
        for (int i = 0; i < all.size(); i++) {
            ColumnType type = all.get(i).type();
            positions.put(all.get(i).name(), i);
            real[i] = type == ColumnType.REAL;
            verbatim[i] = type == ColumnType.TEXT || type == ColumnType.JSON || type == ColumnType.DECIMAL;
        }
    }

    @Override
    public boolean advance() {
        return frames.next();
    }

    @Override
    public Row row() {
        record++;
        try {
            if (frames.error != null) {
                throw frames.error;
            }
            row.clear();
            return parse();
        } catch (JacksonException e) {
            throw JsonLines.notJson(e).with("line", frames.line);
        } catch (LeveeException e) {
            throw e.with("line", frames.line);
        }
    }

    private Row parse() {
        try (JsonParser parser = lines.parser(frames)) {
            if (parser.nextToken() != JsonToken.START_OBJECT) {
                throw new LeveeException(ErrorCode.BAD_LINE, "not a JSON object");
            }
            if (unknownNames != null) {
                unknownNames.clear();
            }
            int nth = 0;
            for (String name = parser.nextName(); name != null; name = parser.nextName()) {
                field(parser, name, position(nth++, name));
            }
            if (parser.nextToken() != null) {
                throw new LeveeException(ErrorCode.BAD_LINE, "text after the object");
            }
            return row.build();
        }
    }

    @SuppressWarnings("ReferenceEquality") // The parser hands out one instance for a name: most comparisons end here.
    private int position(int nth, String name) {
        if (nth == names.length) {
            names = java.util.Arrays.copyOf(names, nth * 2);
            columns = java.util.Arrays.copyOf(columns, nth * 2);
        }
        if (names[nth] == name) {
            return columns[nth];
        }
        int at = positions.getOrDefault(name, UNKNOWN);
        names[nth] = name;
        columns[nth] = at;
        return at;
    }

    private void field(JsonParser parser, String name, int at) {
        JsonToken token = parser.nextToken();
        if (at == UNKNOWN) {
            unknownField(parser, name);
            return;
        }
        if (setBy[at] == record) {
            throw JsonText.twice(name);
        }
        setBy[at] = record;
        switch (token) {
            case VALUE_STRING -> row.setText(at, parser.getString());
            case VALUE_NUMBER_INT -> integer(parser, at);
            case VALUE_NUMBER_FLOAT -> decimal(parser, at);
            case VALUE_TRUE -> row.setBoolean(at, true);
            case VALUE_FALSE -> row.setBoolean(at, false);
            case VALUE_NULL -> row.setNull(at);
            default -> row.setJson(at, text.copy(parser));
        }
    }

    private void integer(JsonParser parser, int at) {
        if (!verbatim[at]) {
            JsonParser.NumberType type = parser.getNumberType();
            if (type == JsonParser.NumberType.INT || type == JsonParser.NumberType.LONG) {
                row.setLong(at, parser.getLongValue());
                return;
            }
        }
        row.setNumber(at, parser.getString());
    }

    private void decimal(JsonParser parser, int at) {
        if (real[at]) {
            double value = parser.getDoubleValue();
            if (!Double.isInfinite(value)) {
                row.setDouble(at, value);
                return;
            }
        }
        row.setNumber(at, parser.getString());
    }

    private void unknownField(JsonParser parser, String name) {
        if (unknownNames == null) {
            unknownNames = new HashSet<>();
        }
        if (!unknownNames.add(name)) {
            throw JsonText.twice(name);
        }
        if (unknown == TableSpec.Unknown.IGNORE) {
            text.skip(parser);
        } else {
            row.setUnknown(name, unknown == TableSpec.Unknown.REJECT ? "" : text.copy(parser));
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
