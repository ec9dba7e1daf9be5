package io.levee.ingest;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import java.util.Locale;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.json.JsonFactory;

/** The parsers of single records: one over the bytes of each, so that an error in one cannot reach the next. */
final class JsonLines {
    private final JsonFactory factory = JsonFactory.builder()
            .enable(StreamReadFeature.USE_FAST_DOUBLE_PARSER)
            .disable(StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION)
            .streamReadConstraints(StreamReadConstraints.builder()
                    .maxNestingDepth(RecordSource.MAX_DEPTH)
                    .maxStringLength(Integer.MAX_VALUE)
                    .maxNumberLength(1000)
                    .build())
            .build();

    /** A parser over the present record, which is checked to be UTF-8. */
    JsonParser parser(Frames frames) {
        int invalid = Utf8.firstInvalid(frames.buffer, frames.start, frames.end);
        if (invalid >= 0) {
            throw invalidUtf8(frames, invalid);
        }
        return factory.createParser(ObjectReadContext.empty(), frames.buffer, frames.start, frames.end - frames.start);
    }

    /** A parser over a text. */
    JsonParser parser(String text) {
        return factory.createParser(ObjectReadContext.empty(), text);
    }

    static LeveeException invalidUtf8(Frames frames, int at) {
        return new LeveeException(
                        ErrorCode.BAD_LINE,
                        String.format(
                                Locale.ROOT,
                                "not UTF-8: byte %d is 0x%02x",
                                at - frames.start + 1,
                                frames.buffer[at] & 0xFF))
                .hint("convert the input to UTF-8, such as with iconv");
    }

    /** What a parser found wrong, in one line without its advice to programmers. */
    static LeveeException notJson(JacksonException e) {
        String why = e.getOriginalMessage();
        int newline = why.indexOf('\n');
        if (newline >= 0) {
            why = why.substring(0, newline);
        }
        String where =
                e.getLocation() == null ? "" : " (column " + e.getLocation().getColumnNr() + ")";
        return new LeveeException(ErrorCode.BAD_LINE, "not JSON: " + why + where);
    }
}
