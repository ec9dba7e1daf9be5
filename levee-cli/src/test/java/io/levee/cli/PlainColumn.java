package io.levee.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * One column of a table as SQLite reads it, by itself, out of a line of JSON: the expressions are the oracle of {@link
 * EveryDataSetTest} and share nothing with Levee's readers. Times are microseconds, made by SQLite's own date functions.
 *
 * @param format of times: epoch-s and the like, a pattern, or empty for ISO-8601
 * @param zone of times without an offset; empty: they have one
 */
record PlainColumn(String name, String type, String format, String zone, String origin) {
    private static final String MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec";

    /** The columns of a spec, as {@code table show --json} prints it. */
    static List<PlainColumn> of(Map<String, Object> spec) {
        List<PlainColumn> columns = new ArrayList<>();
        ((Map<?, ?>) spec.get("columns")).forEach((name, said) -> {
            Map<?, ?> map = said instanceof Map<?, ?> m ? m : Map.of("type", said);
            columns.add(new PlainColumn(
                    name.toString(), text(map, "type"), text(map, "format"), text(map, "zone"), text(map, "origin")));
        });
        return columns;
    }

    private static String text(Map<?, ?> map, String key) {
        Object value = map.get(key);
        return value == null ? "" : value.toString();
    }

    /** The quoted name. */
    String sql() {
        return quoted(name);
    }

    static String quoted(String name) {
        return '"' + name.replace("\"", "\"\"") + '"';
    }

    static String path(String name) {
        return "'$.\"" + name.replace("'", "''") + "\"'";
    }

    private String value() {
        return "json_extract(line," + path(name) + ")";
    }

    private String asWritten() {
        return "iif(json_type(line,PATH)='null',NULL,line->PATH)".replace("PATH", path(name));
    }

    private String asText() {
        return "iif(json_type(line," + path(name) + ")='text'," + value() + "," + asWritten() + ")";
    }

    /** What a record's line holds, as Levee says that it stores it. The column {@code extra} is all that no other one takes. */
    String fromRecord(List<PlainColumn> all) {
        if (name.equals("extra")) {
            StringBuilder rest = new StringBuilder("nullif(json_remove(line");
            all.stream()
                    .filter(column -> !column.name.equals(name))
                    .forEach(c -> rest.append(',').append(path(c.name)));
            return rest.append("),'{}')").toString();
        }
        return switch (type) {
            case "text", "decimal" -> asText();
            case "uuid" -> "lower(" + value() + ")";
            case "integer" -> "CAST(" + value() + " AS INTEGER)";
            case "real" -> "CAST(" + value() + " AS REAL)";
            case "boolean" -> "CASE " + asText() + " WHEN 'true' THEN 1 WHEN 'false' THEN 0 END";
            case "json" -> asWritten();
            case "duration" -> value() + "*" + unit();
            case "timestamp" -> time();
            default -> throw new IllegalArgumentException("the oracle knows no type " + type);
        };
    }

    /** The same value in a row of {@code levee sql --format json}. */
    String fromSql() {
        return type.equals("json") ? "json(" + value() + ")" : value();
    }

    /** The same value in a row of {@code levee query --format json}; null for durations, which SQLite cannot read. */
    String fromQuery() {
        return switch (type) {
            case "json", "decimal" -> asWritten();
            case "timestamp" -> iso(value(), "'Z'");
            case "duration" -> "NULL";
            default -> value();
        };
    }

    /** Whether both are the same value; a real may differ in its last bit, because both sides read it from decimal digits. */
    String same(String left, String right) {
        String same = left + " IS " + right;
        return type.equals("real") ? "(" + same + " OR " + near(left, right, "1e-15") + ")" : "(" + same + ")";
    }

    static String near(String left, String right, String tolerance) {
        return "coalesce(abs(%1$s-%2$s)<=%3$s*abs(%1$s),0)".formatted(left, right, tolerance);
    }

    private long unit() {
        return switch (format) {
            case "epoch-s" -> 1_000_000;
            case "epoch-ms" -> 1_000;
            case "epoch-us" -> 1;
            default -> throw new IllegalArgumentException("the oracle knows no unit " + format);
        };
    }

    private String time() {
        if (format.startsWith("epoch-")) {
            return origin.isEmpty()
                    ? value() + "*" + unit()
                    : "strftime('%s','" + origin + "')*1000000+" + value() + "*" + unit();
        }
        if (format.equals("dd/MMM/yyyy:HH:mm:ss Z")) {
            return ("strftime('%s',printf('%s-%02d-%sT%s%s:%s',substr(@,8,4),(instr('" + MONTHS
                            + "',substr(@,4,3))+2)/3,substr(@,1,2),substr(@,13,8),substr(@,22,3),substr(@,25,2)))*1000000")
                    .replace("@", value());
        }
        if (!format.isEmpty()) {
            throw new IllegalArgumentException("the oracle knows no format " + format);
        }
        return iso(
                value(),
                switch (zone) {
                    case "", "UTC" -> "'Z'";
                    // Each line of these logs says which of the two offsets it was written with.
                    case "Europe/Berlin" ->
                        "CASE json_extract(line,'$.tz') WHEN 'CET' THEN '+01:00' WHEN 'CEST' THEN '+02:00' END";
                    default -> throw new IllegalArgumentException("the oracle knows no zone " + zone);
                });
    }

    /** ISO-8601: whole seconds by SQLite, with the offset that is written or else the other one; six digits of the fraction. */
    private static String iso(String text, String otherwise) {
        String written =
                "CASE WHEN @ GLOB '*Z' THEN 'Z' WHEN @ GLOB '*[+-][0-9][0-9]:[0-9][0-9]' THEN substr(@,-6) END";
        String digits = "substr(rtrim(substr(@,21,length(@)-20-coalesce(length(" + written + "),0)))||'000000',1,6)";
        return ("(strftime('%s',substr(@,1,19)||coalesce(" + written + "," + otherwise + "))*1000000"
                        + "+iif(substr(@,20,1)='.',CAST(" + digits + " AS INTEGER),0))")
                .replace("@", text);
    }
}
