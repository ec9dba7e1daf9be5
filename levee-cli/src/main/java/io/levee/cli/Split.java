package io.levee.cli;

import java.util.ArrayList;
import java.util.List;

/** Lists on the command line. */
final class Split {
    private Split() {}

    /** Parts between commas; a comma inside double quotes or parentheses belongs to its part. */
    static List<String> parts(String text) {
        List<String> parts = new ArrayList<>();
        StringBuilder part = new StringBuilder();
        boolean quoted = false;
        int depth = 0;
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c == '"') {
                quoted = !quoted;
            } else if (!quoted && (c == '(' || c == ')')) {
                depth += c == '(' ? 1 : -1;
            }
            if (c == ',' && !quoted && depth == 0) {
                parts.add(part.toString().trim());
                part.setLength(0);
            } else {
                part.append(c);
            }
        }
        parts.add(part.toString().trim());
        return parts;
    }

    /** Column names between commas; a name in double quotes may hold commas. */
    static List<String> names(String text) {
        return parts(text).stream().map(Split::unquoted).toList();
    }

    /** A column name, which may stand in double quotes. */
    static String unquoted(String name) {
        boolean quoted = name.length() >= 2 && name.startsWith("\"") && name.endsWith("\"");
        return quoted ? name.substring(1, name.length() - 1).replace("\"\"", "\"") : name;
    }
}
