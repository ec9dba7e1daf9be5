package io.levee.sqlite;

import io.levee.Adoption;
import io.levee.Adoption.TimeUnit;
import io.levee.Column;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.TableSpec;
import io.levee.internal.adopt.ForeignTimes;
import io.levee.internal.adopt.MovedRows;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/**
 * A foreign table as the rows of ours, in SQL: every column, the event time and the number are expressions over its own columns, named
 * {@code m}. What it holds of another kind than the table's spec says reads as null, and so does what it lacks (guarantee G67). Belongs to
 * one connection.
 */
final class AdoptedTable {
    private static final List<String> ROW_NUMBERS = List.of("rowid", "_rowid_", "oid");

    private final Adopted adopted;
    private final String schema;
    private final Map<String, Foreign> source;
    private final Map<String, Foreign> details;
    private final long overrides;
    private @Nullable Boolean keyIndexed;

    /** A foreign column: its name as written there, and SQLite's affinity of it. */
    record Foreign(String name, Affinity affinity) {}

    /** What SQLite makes of values that are stored in a column. */
    enum Affinity {
        TEXT,
        NUMERIC,
        INTEGER,
        REAL,
        BLOB;

        /** As SQLite's documentation has it, "Determination Of Column Affinity". */
        static Affinity of(String declared) {
            String type = declared.toUpperCase(Locale.ROOT);
            if (type.contains("INT")) {
                return INTEGER;
            }
            if (type.contains("CHAR") || type.contains("CLOB") || type.contains("TEXT")) {
                return TEXT;
            }
            if (type.isEmpty() || type.contains("BLOB")) {
                return BLOB;
            }
            return type.contains("REAL") || type.contains("FLOA") || type.contains("DOUB") ? REAL : NUMERIC;
        }
    }

    private AdoptedTable(
            Adopted adopted, String schema, Map<String, Foreign> source, Map<String, Foreign> details, long overrides) {
        this.overrides = overrides;
        this.adopted = adopted;
        this.schema = schema;
        this.source = source;
        this.details = details;
    }

    /**
     * Looks up which columns there are.
     *
     * @param schema {@code main}, or the name that it is attached by
     */
    static AdoptedTable read(Connection connection, String schema, Adopted adopted) throws SQLException {
        return read(connection, schema, adopted, 0);
    }

    /**
     * The same without the rows that were overridden.
     *
     * @param overrides their part of the attached {@link Overrides}; 0 where there are none
     */
    static AdoptedTable read(Connection connection, String schema, Adopted adopted, long overrides)
            throws SQLException {
        Adoption adoption = adopted.adoption();
        String detailTable = adoption.details();
        return new AdoptedTable(
                adopted,
                schema,
                columns(connection, schema, adoption.source()),
                detailTable == null ? Map.of() : columns(connection, schema, detailTable),
                overrides);
    }

    /** The columns of a table by their names in lower case: SQLite knows no other. Empty where there is no such table. */
    static Map<String, Foreign> columns(Connection connection, String schema, String table) throws SQLException {
        Map<String, Foreign> columns = new LinkedHashMap<>();
        try (Statement statement = connection.createStatement();
                ResultSet rows =
                        statement.executeQuery("PRAGMA " + schema + ".table_info(" + Sqlite.quote(table) + ")")) {
            while (rows.next()) {
                String name = rows.getString("name");
                columns.put(fold(name), new Foreign(name, Affinity.of(rows.getString("type"))));
            }
        }
        return columns;
    }

    private static String fold(String name) {
        return name.toLowerCase(Locale.ROOT);
    }

    /** Whether its table is there. */
    boolean there() {
        return !source.isEmpty();
    }

    /** What it is called. */
    String name() {
        return adopted.adoption().source();
    }

    /** FROM and the table as {@code m}. */
    String from() {
        return " FROM " + schema + "." + Sqlite.quote(name()) + " m";
    }

    /** A condition that leaves out the rows that are in the store's own partitions, or have a later version there: goes on a WHERE. */
    String left() {
        return overrides == 0 ? notMoved() : notMoved() + " AND NOT " + Overrides.test(overrides, rowNumber());
    }

    private String notMoved() {
        MovedRows moved = adopted.moved();
        // Not by the row number's own order: a range of time is better found by its index.
        return moved.none()
                ? ""
                : " AND (+" + rowNumber() + " < " + moved.from() + " OR +" + rowNumber() + " > " + moved.to() + ")";
    }

    /**
     * The newest time of the rows that a splitting has left, in the order of an index that begins with the time.
     *
     * @param bound none is newer
     * @return null where no single column tells
     */
    @Nullable
    String newestLeft(TableSpec spec, long bound) {
        List<Foreign> times = times(spec);
        if (times.size() != 1 || !comparable(times.get(0))) {
            return null;
        }
        String column = raw("m", times.get(0));
        StringBuilder sql = new StringBuilder("SELECT " + AdoptedTime.micros(unit(), column) + from() + " WHERE "
                + (unit() == TimeUnit.TEXT ? column + " >= '0' AND " + column + " < ':'" : column + " < ''")
                + notMoved());
        Object below = ForeignTimes.below(unit(), bound == Long.MAX_VALUE ? bound : bound + 1);
        if (below != null) {
            sql.append(" AND ")
                    .append(column)
                    .append(" < ")
                    .append(below instanceof String text ? Sqlite.literal(text) : below);
        }
        return sql.append(" ORDER BY ").append(column).append(" DESC LIMIT 1").toString();
    }

    /** By how much the order of its times may differ from that of its values. */
    long slackMicros() {
        return unit() == TimeUnit.TEXT ? 2 * ForeignTimes.TEXT_SLACK_MICROS : 0;
    }

    /** Whether a row was overridden, as SQL. */
    String overridden() {
        return overrides == 0 ? "0" : Overrides.test(overrides, rowNumber());
    }

    /** How many values of a row are of another kind than their column, and so read as null. */
    String unreadable(TableSpec spec) {
        List<String> each = new ArrayList<>();
        for (Column column : spec.columns()) {
            Foreign foreign = source.get(fold(theirs(column.name())));
            if (foreign != null) {
                each.add("(" + raw("m", foreign) + " IS NOT NULL AND " + value(column, foreign, "m") + " IS NULL)");
            }
        }
        return each.isEmpty() ? "0" : String.join(" + ", each);
    }

    /** The event time as it is written there, null where it is none that can be read. */
    String readableTime(TableSpec spec) {
        List<String> each = new ArrayList<>();
        times(spec).forEach(c -> each.add(AdoptedTime.micros(unit(), raw("m", c))));
        each.add("NULL");
        each.add("NULL");
        return "COALESCE(" + String.join(", ", each) + ")";
    }

    /** The row's number in our table. */
    String seq() {
        return "(" + rowNumber() + " - " + adopted.base() + ")";
    }

    /** The row's number in its own table: by this it is found at once. */
    String rowNumber() {
        return "m." + rowNumber(source);
    }

    /** The name of the number that every row of a table has. */
    static String rowNumber(Map<String, Foreign> columns) {
        return ROW_NUMBERS.stream()
                .filter(name -> !columns.containsKey(name))
                .findFirst()
                .orElseThrow(() -> new LeveeException(
                        ErrorCode.BAD_SPEC,
                        "the table has columns named " + ROW_NUMBERS + ", which hide its rows' numbers"));
    }

    /** The number in its own table of a row that is known by ours. */
    long rowNumber(long seq) {
        return seq + adopted.base();
    }

    /** Our number of a row that is known by its number there. */
    long seq(long rowNumber) {
        return rowNumber - adopted.base();
    }

    /** Whether its number can be one of this database's. */
    boolean mayHave(long seq) {
        return adopted.mayHave(seq);
    }

    /** The foreign columns of the event time that are there. */
    private List<Foreign> times(TableSpec spec) {
        List<String> names = new ArrayList<>(adopted.adoption().time());
        if (names.isEmpty()) {
            spec.time().forEach(ours -> names.add(theirs(ours)));
        }
        return names.stream()
                .map(name -> source.get(fold(name)))
                .filter(java.util.Objects::nonNull)
                .toList();
    }

    private String theirs(String ours) {
        return adopted.adoption().columns().getOrDefault(ours, ours);
    }

    private TimeUnit unit() {
        TimeUnit unit = adopted.adoption().timeUnit();
        return unit == null ? TimeUnit.SECONDS : unit;
    }

    /** The event time in microseconds, never null. */
    String time(TableSpec spec) {
        List<String> each = new ArrayList<>();
        times(spec).forEach(c -> each.add(AdoptedTime.micros(unit(), raw("m", c))));
        each.add(Long.toString(Adopted.NO_TIME_MICROS));
        return each.size() == 1 ? each.get(0) : "COALESCE(" + String.join(", ", each) + ")";
    }

    /** A column as it is shown, grouped and sorted: of the kind that the spec says, or null. */
    String column(TableSpec spec, Column column) {
        if (!spec.separateTime() && column.name().equals(spec.time().get(0))) {
            return time(spec);
        }
        String name = theirs(spec, column);
        Foreign foreign = source.get(name);
        if (foreign != null) {
            return value(column, foreign, "m");
        }
        Foreign detail = details.get(name);
        return detail == null
                ? FileColumns.otherwise(spec, column, other -> column(spec, other))
                : detail(spec, value(column, detail, "d"), nothing(column));
    }

    /** Its column that is one of ours, or null. */
    @Nullable
    Foreign foreign(TableSpec spec, Column column) {
        return source.get(theirs(spec, column));
    }

    /** What a column is called there: the table may have given it another name since it was adopted. */
    private String theirs(TableSpec spec, Column column) {
        String first = fold(theirs(column.name()));
        if (source.containsKey(first) || details.containsKey(first)) {
            return first;
        }
        return spec.formerNames().getOrDefault(column.name(), List.of()).stream()
                .map(former -> fold(theirs(former)))
                .filter(name -> source.containsKey(name) || details.containsKey(name))
                .findFirst()
                .orElse(first);
    }

    /** A column as a filter compares it: plain where that is the same for all that it can hold, so that its index is used. */
    String compared(TableSpec spec, Column column) {
        Foreign foreign = foreign(spec, column);
        boolean plain = foreign != null
                && (spec.separateTime() || !column.name().equals(spec.time().get(0)))
                && switch (column.type()) {
                    case TEXT, DECIMAL, UUID, JSON -> foreign.affinity == Affinity.TEXT;
                    case INTEGER, BOOLEAN -> foreign.affinity == Affinity.INTEGER;
                    case REAL -> foreign.affinity == Affinity.REAL;
                    default -> false;
                };
        return plain && foreign != null ? raw("m", foreign) : column(spec, column);
    }

    private static String nothing(Column column) {
        return "CAST(NULL AS " + PartitionSchema.sqlType(column.type()) + ")";
    }

    private static String raw(String alias, Foreign foreign) {
        return alias + "." + Sqlite.quote(foreign.name);
    }

    /** One row of details at most, and no row more for it: a join would repeat rows where a key is there twice. */
    private String detail(TableSpec spec, String value, String nothing) {
        String table = adopted.adoption().details();
        Foreign there = details.get(fold(detailsKey(spec)));
        Foreign here = source.get(fold(detailsKey(spec)));
        if (table == null || there == null || here == null) {
            return nothing;
        }
        return "(SELECT " + value + " FROM " + schema + "." + Sqlite.quote(table) + " d WHERE " + raw("d", there)
                + " = " + raw("m", here) + " LIMIT 1)";
    }

    /** The column that joins the details. */
    private String detailsKey(TableSpec spec) {
        String key = adopted.adoption().detailsKey();
        return key != null ? key : spec.keyed() ? theirs(spec.key().get(0)) : "id";
    }

    private String value(Column column, Foreign foreign, String alias) {
        String raw = raw(alias, foreign);
        boolean text = foreign.affinity == Affinity.TEXT;
        return switch (column.type()) {
            case TEXT, DECIMAL, UUID, JSON -> "CAST(" + raw + " AS TEXT)";
            case INTEGER -> text ? "CAST(" + raw + " AS INTEGER)" : number(raw, "CAST(" + raw + " AS INTEGER)");
            case REAL -> text ? "CAST(" + raw + " AS REAL)" : number(raw, "CAST(" + raw + " AS REAL)");
            case BOOLEAN ->
                "CASE WHEN typeof(" + raw + ") IN ('integer', 'real') THEN " + raw + " <> 0 WHEN lower(" + raw
                        + ") IN ('true', 't', 'yes', '1') THEN 1 WHEN lower(" + raw
                        + ") IN ('false', 'f', 'no', '0') THEN 0 END";
            case TIMESTAMP -> AdoptedTime.micros(unit(), raw);
            case DURATION -> AdoptedTime.micros(TimeUnit.MICROS, raw);
            case BLOB -> "CAST(" + raw + " AS BLOB)";
        };
    }

    private static String number(String raw, String value) {
        return "CASE WHEN typeof(" + raw + ") IN ('integer', 'real') THEN " + value + " END";
    }

    /**
     * Says the range in the foreign column's own values, for its index.
     *
     * @param condition takes a text that goes on a WHERE, with one parameter
     */
    void narrow(TableSpec spec, long fromMicros, long toMicros, BiConsumer<String, Object> condition) {
        List<Foreign> times = times(spec);
        boolean noTime = fromMicros <= Adopted.NO_TIME_MICROS && toMicros > Adopted.NO_TIME_MICROS;
        if (times.isEmpty() || noTime && adopted.timeless() || !comparable(times.get(0))) {
            return;
        }
        String column = raw("m", times.get(0));
        // Where it is null, the next one tells.
        String orElse = times.size() == 1 ? "" : " OR " + AdoptedTime.noTime(unit(), column);
        Object from = ForeignTimes.atLeast(unit(), fromMicros);
        Object to = ForeignTimes.below(unit(), toMicros);
        if (from != null) {
            condition.accept(" AND (" + column + " >= ?" + orElse + ")", from);
        }
        if (to != null) {
            condition.accept(" AND (" + column + " < ?" + orElse + ")", to);
        }
    }

    /** Numbers that are kept as text compare as text. */
    private boolean comparable(Foreign time) {
        return unit() == TimeUnit.TEXT || time.affinity != Affinity.TEXT;
    }

    /** A condition for a key, with a parameter for each of its columns; null where a column is missing. */
    @Nullable
    String keyTest(TableSpec spec) {
        List<String> tests = new ArrayList<>();
        for (String ours : spec.key()) {
            if (!source.containsKey(theirs(spec, spec.column(ours)))) {
                return null;
            }
            tests.add(compared(spec, spec.column(ours)) + " = ?");
        }
        return String.join(" AND ", tests);
    }

    /** Whether an index finds the row of a key. */
    boolean keyIndexed(Connection connection, TableSpec spec) throws SQLException {
        String test = spec.keyed() ? keyTest(spec) : null;
        Boolean known = keyIndexed;
        if (known == null) {
            known = test != null
                    && AdoptedProbe.plan(connection, "SELECT 1" + from() + " WHERE " + test)
                            .startsWith("SEARCH");
            keyIndexed = known;
        }
        return known;
    }

    /** Those of our columns that it does not have. */
    List<String> lacking(TableSpec spec) {
        return spec.columns().stream()
                .filter(c -> column(spec, c).equals(nothing(c)))
                .map(Column::name)
                .toList();
    }

    /** The foreign column of the event time that indexes begin with, or null. */
    @Nullable
    String firstTime(TableSpec spec) {
        List<Foreign> times = times(spec);
        return times.isEmpty() || !comparable(times.get(0)) ? null : times.get(0).name;
    }

    /** The first column of the event time, however it is written there; null where there is none. */
    @Nullable
    String timeColumn(TableSpec spec) {
        List<Foreign> times = times(spec);
        return times.isEmpty() ? null : times.get(0).name;
    }

    /** Whether a second column tells the time where the first is null. */
    boolean moreTimes(TableSpec spec) {
        return times(spec).size() > 1;
    }

    /** The whole rows as a SELECT: the number, then the columns of the spec. */
    String select(TableSpec spec) {
        List<String> selected = new ArrayList<>(List.of(seq() + " AS _seq"));
        spec.columns().forEach(c -> selected.add(column(spec, c) + " AS " + Sqlite.quote(c.name())));
        return "SELECT " + String.join(", ", selected) + from() + " WHERE 1" + left();
    }
}
