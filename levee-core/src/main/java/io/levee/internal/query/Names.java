package io.levee.internal.query;

import io.levee.Column;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.TableSpec;
import io.levee.engine.Term;
import java.util.regex.Pattern;

/**
 * Names of columns as users may say them: exactly, or in camel case as in a record; and of places in json columns, {@code extra.cpu[0].load}.
 *
 * <p>A column whose whole name it is comes first, then the json column with the longest name in front. Quotes only keep odd characters together:
 * {@code "xwf.id".a} and {@code xwf.id.a} are the same name. The keys of a place have no dot, bracket, quote or backslash in them.
 */
public final class Names {
    private static final Pattern PATH = Pattern.compile("(?:\\.[^.\\[\\]\"'\\\\\\p{Cntrl}]++|\\[\\d{1,9}])++");

    private Names() {}

    /** {@code taskName} as {@code task_name}, {@code jobID} as {@code job_id}. */
    public static String snake(String camel) {
        StringBuilder snake = new StringBuilder();
        for (int i = 0; i < camel.length(); i++) {
            char c = camel.charAt(i);
            boolean upper = Character.isUpperCase(c);
            boolean afterLower = i > 0 && !Character.isUpperCase(camel.charAt(i - 1));
            boolean beforeLower = i + 1 < camel.length() && Character.isLowerCase(camel.charAt(i + 1));
            if (upper && i > 0 && camel.charAt(i - 1) != '_' && (afterLower || beforeLower)) {
                snake.append('_');
            }
            snake.append(Character.toLowerCase(c));
        }
        return snake.toString();
    }

    /**
     * The column that a user means.
     *
     * @throws LeveeException {@code UNKNOWN_COLUMN}
     */
    public static Column column(TableSpec spec, String name) {
        if (spec.position(name) < 0 && spec.position(snake(name)) >= 0) {
            return spec.column(snake(name));
        }
        return spec.column(name);
    }

    /**
     * The column, or the place in a json column, that a user means.
     *
     * @throws LeveeException {@code UNKNOWN_COLUMN}; {@code BAD_QUERY} for a place that cannot be named
     */
    public static Term term(TableSpec spec, String name) {
        if (spec.position(name) >= 0) {
            return new Term(spec.column(name), "");
        }
        for (int end = name.length() - 1; end > 0; end--) {
            char c = name.charAt(end);
            if (c == '.' || c == '[') {
                String head = name.substring(0, end);
                String column = spec.position(head) >= 0 ? head : snake(head);
                if (spec.position(column) >= 0 && spec.column(column).type() == ColumnType.JSON) {
                    return place(spec.column(column), name.substring(end));
                }
            }
        }
        return new Term(column(spec, name), "");
    }

    private static Term place(Column column, String path) {
        if (!PATH.matcher(path).matches()) {
            throw new LeveeException(
                            ErrorCode.BAD_QUERY,
                            "'" + path + "' is no place in the json column '" + column.name() + "'")
                    .hint("write " + column.name() + ".key, " + column.name() + ".key.key or " + column.name()
                            + ".key[0]");
        }
        return new Term(column, "$" + path);
    }

    /** A name without its quotes: {@code "odd "" name"[0]."x y".z} as {@code odd " name[0].x y.z}. */
    public static String unquoted(String text) {
        StringBuilder plain = new StringBuilder();
        boolean quoted = false;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            boolean doubled = quoted && c == '"' && i + 1 < text.length() && text.charAt(i + 1) == '"';
            if (c != '"' || doubled) {
                plain.append(c);
                i += doubled ? 1 : 0;
            } else {
                quoted = !quoted;
            }
        }
        return plain.toString();
    }
}
