package io.levee.cli;

import io.levee.LeveeException;
import io.levee.json.JsonOut;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Names bad records: the first ones on standard error, the rest as counts by code, all of them in a file where asked. */
final class Rejections implements AutoCloseable {
    private static final int PRINTED = 20;

    private final Console console;
    private final @Nullable OutputStream stream;
    private final @Nullable JsonOut file;
    private final Map<String, Long> byCode = new TreeMap<>();
    private long count;

    /**
     * Names rejections.
     *
     * @param console hears of the first ones
     * @param file takes all of them as NDJSON, replacing what is there; null: no file
     */
    Rejections(Console console, @Nullable Path file) throws IOException {
        this.console = console;
        this.stream = file == null ? null : new BufferedOutputStream(Files.newOutputStream(file));
        this.file = stream == null ? null : new JsonOut(stream);
    }

    void add(String input, long line, LeveeException error) {
        addAt(input, "line", line, error);
    }

    /** Names one by where it is: the line, or the byte at which it begins. */
    void addAt(String input, String unit, long at, LeveeException error) {
        count++;
        byCode.merge(error.code().text(), 1L, Long::sum);
        if (count <= PRINTED) {
            String place = unit.equals("line") ? String.valueOf(at) : unit + " " + at;
            console.say(input + ":" + place + ": " + error.code().text() + ": " + Printable.line(error.what()));
            if (count == PRINTED) {
                console.say("… further bad records are only counted; --errors FILE names all");
            }
        }
        if (file != null) {
            Map<String, @Nullable Object> entry = new LinkedHashMap<>();
            entry.put("file", input);
            entry.put(unit, at);
            entry.putAll(JsonOut.form(error));
            file.value(entry).newline();
        }
    }

    long count() {
        return count;
    }

    /** How many by code. */
    Map<String, Long> byCode() {
        return byCode;
    }

    @Override
    public void close() throws IOException {
        if (file != null && stream != null) {
            file.close();
            stream.close();
        }
    }
}
