package io.levee.cli;

import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Which columns of a server's answer hold times: they come as text, and are to be printed in the zone that was asked for. */
final class RemoteTimes {
    private static final Pattern FIGURE = Pattern.compile("(?:min|max)\\((.*)\\)");

    private final Map<?, ?> columns;

    /** Asks the server for the table's columns. */
    RemoteTimes(Remote remote, String table) throws InterruptedException {
        Map<String, @Nullable Object> spec = remote.get(Remote.path("v1", "tables", table), Map.of());
        this.columns = spec.get("columns") instanceof Map<?, ?> map ? map : Map.of();
    }

    /** Whether a column, or the least or greatest value of one, is a time. */
    boolean holds(String label) {
        Matcher figure = FIGURE.matcher(label);
        return timestamp(label) || figure.matches() && timestamp(figure.group(1));
    }

    private boolean timestamp(String column) {
        Object type = columns.get(column);
        return "timestamp".equals(type instanceof Map<?, ?> form ? form.get("type") : type);
    }
}
