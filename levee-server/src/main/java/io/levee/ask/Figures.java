package io.levee.ask;

import io.levee.LeveeException;
import io.levee.Measure;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Figures inside of a filter: {@code avg(runtime_ms) > 5} is about the column {@code "avg(runtime_ms)"} of the groups. */
final class Figures {
    /** A text in single quotes, a name in double quotes, or a word with parentheses behind it. */
    private static final Pattern PART = Pattern.compile(
            "'(?:[^']++|'')*+'|\"(?:[^\"]++|\"\")*+\"|[A-Za-z][A-Za-z0-9.]*\\s*\\((?:[^()\"']++|\"(?:[^\"]++|\"\")*+\")*+\\)");

    private Figures() {}

    /** The same filter with its figures in double quotes, named as in the result. */
    static String quoted(String filter) {
        Matcher matcher = PART.matcher(filter);
        StringBuilder quoted = new StringBuilder();
        while (matcher.find()) {
            matcher.appendReplacement(quoted, Matcher.quoteReplacement(part(matcher.group())));
        }
        return matcher.appendTail(quoted).toString();
    }

    private static String part(String text) {
        if (text.startsWith("'") || text.startsWith("\"")) {
            return text;
        }
        try {
            return '"' + Measure.parse(text).name().replace("\"", "\"\"") + '"';
        } catch (LeveeException e) {
            // IN (…), NOT (…) and whatever else is no figure: the filter's own parser says what is wrong with it.
            return text;
        }
    }
}
