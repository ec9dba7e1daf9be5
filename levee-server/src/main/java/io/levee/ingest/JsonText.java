package io.levee.ingest;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;

/**
 * Copies a value from a parser as compact JSON text, token by token: numbers keep their digits as written, text keeps its
 * characters, and a field that occurs twice in one object is refused. Not thread-safe; reused for many values.
 */
final class JsonText {
    private static final char[] HEX = "0123456789abcdef".toCharArray();

    private final StringBuilder out = new StringBuilder();
    /** The field names of each open object, by depth; kept for the next value. */
    private final List<Set<String>> names = new ArrayList<>();

    /** The value at the parser's present token; afterwards the parser is at its last token. */
    String copy(JsonParser parser) {
        out.setLength(0);
        value(parser, parser.currentToken(), 0);
        return out.toString();
    }

    /** Goes past the value at the present token, looking for fields that occur twice. */
    void skip(JsonParser parser) {
        copy(parser);
    }

    private void value(JsonParser parser, JsonToken token, int depth) {
        switch (token) {
            case START_OBJECT -> object(parser, depth);
            case START_ARRAY -> array(parser, depth);
            case VALUE_STRING -> text(parser);
            case VALUE_NUMBER_INT, VALUE_NUMBER_FLOAT -> out.append(parser.getString());
            case VALUE_TRUE -> out.append("true");
            case VALUE_FALSE -> out.append("false");
            case VALUE_NULL -> out.append("null");
            default -> throw new IllegalStateException("not a value: " + token);
        }
    }

    private void object(JsonParser parser, int depth) {
        while (names.size() <= depth) {
            names.add(new HashSet<>());
        }
        Set<String> seen = names.get(depth);
        seen.clear();
        out.append('{');
        boolean first = true;
        for (String name = parser.nextName(); name != null; name = parser.nextName()) {
            if (!seen.add(name)) {
                throw twice(name);
            }
            if (!first) {
                out.append(',');
            }
            first = false;
            quote(name);
            out.append(':');
            value(parser, parser.nextToken(), depth + 1);
        }
        out.append('}');
    }

    private void array(JsonParser parser, int depth) {
        out.append('[');
        boolean first = true;
        for (JsonToken token = parser.nextToken(); token != JsonToken.END_ARRAY; token = parser.nextToken()) {
            if (!first) {
                out.append(',');
            }
            first = false;
            value(parser, token, depth + 1);
        }
        out.append(']');
    }

    static LeveeException twice(String name) {
        return new LeveeException(ErrorCode.BAD_LINE, "the field '" + name + "' occurs twice in one object")
                .with("field", name);
    }

    private void text(JsonParser parser) {
        char[] chars = parser.getStringCharacters();
        int from = parser.getStringOffset();
        quote(chars, from, from + parser.getStringLength());
    }

    private void quote(String text) {
        char[] chars = text.toCharArray();
        quote(chars, 0, chars.length);
    }

    private void quote(char[] chars, int from, int to) {
        out.append('"');
        int plain = from;
        for (int i = from; i < to; i++) {
            char c = chars[i];
            if (c >= 0x20 && c != '"' && c != '\\' && !(Character.isSurrogate(c) && unpaired(chars, i, from, to))) {
                continue;
            }
            out.append(chars, plain, i - plain);
            plain = i + 1;
            escape(c);
        }
        out.append(chars, plain, to - plain).append('"');
    }

    private void escape(char c) {
        switch (c) {
            case '"' -> out.append("\\\"");
            case '\\' -> out.append("\\\\");
            case '\n' -> out.append("\\n");
            case '\r' -> out.append("\\r");
            case '\t' -> out.append("\\t");
            default -> {
                out.append("\\u");
                for (int shift = 12; shift >= 0; shift -= 4) {
                    out.append(HEX[(c >> shift) & 15]);
                }
            }
        }
    }

    private static boolean unpaired(char[] chars, int i, int from, int to) {
        return Character.isHighSurrogate(chars[i])
                ? i + 1 >= to || !Character.isLowSurrogate(chars[i + 1])
                : i == from || !Character.isHighSurrogate(chars[i - 1]);
    }
}
