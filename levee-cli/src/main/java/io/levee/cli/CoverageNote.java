package io.levee.cli;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Says on standard error what an answer can be trusted for. */
final class CoverageNote {
    private static final int MOST = 5;

    private CoverageNote() {}

    /** Prints a coverage in its JSON form. Says nothing where it is complete. */
    static void print(Console console, @Nullable Object coverage) {
        if (!(coverage instanceof Map<?, ?> map) || !(map.get("gaps") instanceof List<?> gaps) || gaps.isEmpty()) {
            return;
        }
        console.say("incomplete: " + gaps.size() + (gaps.size() == 1 ? " gap" : " gaps"));
        gaps.stream().limit(MOST).forEach(gap -> {
            if (gap instanceof Map<?, ?> g) {
                console.say("  " + g.get("from") + " to " + g.get("to") + ": "
                        + (g.get("count") == null ? "an unknown number of" : g.get("count")) + " records, "
                        + g.get("reason"));
            }
        });
        if (gaps.size() > MOST) {
            console.say("  and " + (gaps.size() - MOST) + " more; --json lists all");
        }
    }
}
