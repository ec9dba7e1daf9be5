package io.levee.cli;

import io.levee.LeveeException;
import io.levee.Store;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What an ingest lost, and where that ended it: so that it can be gone on with where it ended. Used by one thread. */
final class LostLines {
    private final Console console;
    private final List<Map<String, Object>> lost = new ArrayList<>();
    private final List<String> leftOut = new ArrayList<>();
    private @Nullable String file;
    private long line;
    private boolean told;

    LostLines(Console console) {
        this.console = console;
    }

    /** Records of these lines are lost. */
    void lost(String from, long count, long first, long last, @Nullable LeveeException error, @Nullable Store store) {
        Map<String, Object> entry = new LinkedHashMap<>();
        entry.put("file", from);
        entry.put("from", first);
        entry.put("to", last);
        entry.put("count", count);
        lost.add(entry);
        console.say("lost " + count + " records of lines " + first + " to " + last + " of " + from
                + (error == null ? "" : ": " + Printable.line(error.getMessage())));
        if (!told && store != null) {
            // Why, in the store's own words: a receipt has none.
            told = true;
            store.status().health().reasons().forEach(reason -> console.say(Printable.line(reason)));
        }
    }

    /** The queue stayed full: a record was not taken, nor is one after it. */
    void full(String from, long first) {
        if (file == null) {
            endedAfter(from, first - 1);
        }
    }

    /** No record after this line was taken. */
    void endedAfter(String from, long last) {
        file = from;
        line = last;
    }

    /** Whether nothing more is to be read. */
    boolean ended() {
        return file != null || !lost.isEmpty();
    }

    /** A file was not even begun. */
    void leftOut(String name) {
        leftOut.add(name);
    }

    /** Adds it to the command's answer. */
    void into(Map<String, @Nullable Object> report) {
        report.put("lostLines", lost);
        report.put("endedAfter", file == null ? null : Map.of("file", file, "line", line));
        report.put("leftOut", leftOut);
    }

    /** Where it ended, in words. */
    List<String> failures() {
        List<String> failures = new ArrayList<>();
        if (file != null) {
            failures.add("nothing after line " + line + " of " + file + " was taken: go on from there once it can be"
                    + " written again");
        }
        if (!leftOut.isEmpty()) {
            failures.add("not begun: " + String.join(", ", leftOut));
        }
        return failures;
    }
}
