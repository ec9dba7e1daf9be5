package io.levee.server;

import java.util.ArrayList;
import java.util.List;

/** Lists in query parameters: {@code a,"odd, name",b} and {@code count,avg(x),max("odd, name")}. */
final class Lists {
    private Lists() {}

    /**
     * Splits at commas outside of double quotes and parentheses.
     *
     * @param text the list
     * @param unquote whether quotes around a whole name are taken off
     * @return the elements without blanks around them; empty ones are left out
     */
    static List<String> split(String text, boolean unquote) {
        List<String> elements = new ArrayList<>();
        int start = 0;
        int depth = 0;
        boolean quoted = false;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '"') {
                quoted = !quoted;
            } else if (!quoted && c == '(') {
                depth++;
            } else if (!quoted && c == ')') {
                depth--;
            } else if (!quoted && depth == 0 && c == ',') {
                add(elements, text.substring(start, i), unquote);
                start = i + 1;
            }
        }
        add(elements, text.substring(start), unquote);
        return elements;
    }

    private static void add(List<String> elements, String text, boolean unquote) {
        String element = text.strip();
        boolean whole = element.length() >= 2 && element.startsWith("\"") && element.endsWith("\"");
        if (unquote && whole) {
            element = element.substring(1, element.length() - 1).replace("\"\"", "\"");
        }
        if (!element.isEmpty()) {
            elements.add(element);
        }
    }
}
