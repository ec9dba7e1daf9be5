package io.levee.cli;

import io.levee.internal.json.Json;
import io.levee.json.JsonOut;
import java.math.BigDecimal;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Prints rows as a table, CSV or one JSON object a line. Tables hold back the first rows to know the widths; later ones are
 * printed as they come, so that memory is bounded.
 */
final class Grid {
    /** How rows are printed. */
    enum Format {
        TABLE,
        JSON,
        CSV
    }

    private static final int HELD_BACK = 1_000;
    private static final int WIDEST = 60;

    private final Console console;
    private final Format format;
    private final List<String> columns;
    private final ZoneId zone;
    private final List<List<String>> held = new ArrayList<>();
    private final int[] widths;
    private final boolean[] right;
    private final boolean[] timeText;
    private boolean headed;

    Grid(Console console, Format format, List<String> columns, ZoneId zone) {
        this.console = console;
        this.format = format;
        this.columns = columns;
        this.zone = zone;
        this.widths = new int[columns.size()];
        this.right = new boolean[columns.size()];
        this.timeText = new boolean[columns.size()];
    }

    /** Says which columns hold times as text, to be printed in the zone. */
    Grid times(Predicate<String> labels) {
        for (int i = 0; i < timeText.length; i++) {
            timeText[i] = labels.test(columns.get(i));
        }
        return this;
    }

    private @Nullable Object read(@Nullable Object value, int column) {
        if (timeText[column] && value instanceof String text) {
            try {
                return Instant.parse(text);
            } catch (DateTimeParseException e) {
                // It is printed as it came.
                return text;
            }
        }
        return value;
    }

    /** Prints a row: one value a column. */
    void row(List<? extends @Nullable Object> given) {
        List<@Nullable Object> values = new ArrayList<>(given.size());
        for (int i = 0; i < given.size(); i++) {
            values.add(read(given.get(i), i));
        }
        switch (format) {
            case JSON -> {
                Map<String, @Nullable Object> object = new LinkedHashMap<>();
                for (int i = 0; i < values.size(); i++) {
                    object.put(columns.get(i), values.get(i));
                }
                console.print(JsonOut.text(object));
            }
            case CSV -> csv(values);
            case TABLE -> table(values);
        }
    }

    /** Prints objects, a row each, and ends: a value of each by the name of its column. */
    void objects(@Nullable Object list) {
        if (list instanceof List<?> objects) {
            for (Object object : objects) {
                if (object instanceof Map<?, ?> map) {
                    List<@Nullable Object> row = new ArrayList<>(columns.size());
                    columns.forEach(name -> row.add(map.get(name)));
                    row(row);
                }
            }
        }
        end();
    }

    private void csv(List<? extends @Nullable Object> values) {
        if (!headed) {
            headed = true;
            console.print(csvLine(columns));
        }
        console.print(csvLine(values.stream().map(this::text).toList()));
    }

    private static String csvLine(List<String> cells) {
        StringBuilder line = new StringBuilder();
        for (String cell : cells) {
            if (line.length() > 0) {
                line.append(',');
            }
            boolean quote = cell.chars().anyMatch(c -> c == ',' || c == '"' || c == '\n' || c == '\r');
            line.append(quote ? '"' + cell.replace("\"", "\"\"") + '"' : cell);
        }
        return line.toString();
    }

    private void table(List<? extends @Nullable Object> values) {
        List<String> cells = new ArrayList<>(values.size());
        for (int i = 0; i < values.size(); i++) {
            String cell = cut(Printable.line(text(values.get(i))));
            cells.add(cell);
            if (!headed) {
                widths[i] = Math.max(widths[i], width(cell));
                right[i] |= values.get(i) instanceof Number;
            }
        }
        if (headed) {
            console.print(line(cells));
            return;
        }
        held.add(cells);
        if (held.size() >= HELD_BACK) {
            head();
        }
    }

    /** Prints what was held back. To be called once, after the last row. */
    void end() {
        if (!headed) {
            headed = true;
            if (format == Format.CSV) {
                console.print(csvLine(columns));
            } else if (format == Format.TABLE) {
                head();
            }
        }
    }

    private void head() {
        headed = true;
        List<String> names = columns.stream().map(Printable::line).toList();
        for (int i = 0; i < widths.length; i++) {
            widths[i] = Math.max(widths[i], width(names.get(i)));
        }
        String line = line(names);
        console.print(console.styled() ? "\u001b[1m" + line + "\u001b[0m" : line);
        held.forEach(cells -> console.print(line(cells)));
        held.clear();
    }

    private String line(List<String> cells) {
        StringBuilder line = new StringBuilder();
        for (int i = 0; i < cells.size(); i++) {
            String cell = cells.get(i);
            String blanks = " ".repeat(Math.max(0, widths[i] - width(cell)));
            line.append(i == 0 ? "" : "  ").append(right[i] ? blanks + cell : cell + blanks);
        }
        return line.toString().stripTrailing();
    }

    private static int width(String cell) {
        return cell.codePointCount(0, cell.length());
    }

    private static String cut(String cell) {
        return width(cell) <= WIDEST ? cell : cell.substring(0, cell.offsetByCodePoints(0, WIDEST - 1)) + "…";
    }

    private String text(@Nullable Object value) {
        return text(value, zone);
    }

    /** A value as text: times in the zone, bytes as base64, nested values as JSON, null as nothing. */
    static String text(@Nullable Object value, ZoneId zone) {
        if (value == null) {
            return "";
        }
        if (value instanceof Instant instant) {
            return zone.equals(ZoneId.of("UTC")) || zone.equals(ZoneOffset.UTC)
                    ? instant.toString()
                    : DateTimeFormatter.ISO_OFFSET_DATE_TIME.format(instant.atZone(zone));
        }
        if (value instanceof byte[] bytes) {
            return Base64.getEncoder().encodeToString(bytes);
        }
        if (value instanceof BigDecimal decimal) {
            return decimal.toPlainString();
        }
        return value instanceof Map || value instanceof Collection ? Json.write(value) : value.toString();
    }
}
