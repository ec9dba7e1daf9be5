package io.levee.postgres;

import io.levee.Adoption.TimeUnit;
import io.levee.Column;
import io.levee.Expr;
import io.levee.PartitionId;
import io.levee.TableSpec;
import io.levee.internal.adopt.ForeignTimes;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A foreign table as the rows of ours, in SQL: every column, the event time and the number are expressions over its own columns, named
 * {@code m}. What it lacks, or holds in a form that cannot be read, is null (guarantee G67). Of one look at the server's catalog.
 */
final class AdoptedTable {
    /** Rows of a page: no page of the server has more, whatever its size. */
    static final int ROWS_OF_PAGE = 2048;

    private static final String NULL_TIME = "NULL::bigint";
    private static final String LAST_PLACE = "'(4294967295,65535)'::tid";

    private final Adopted adopted;
    private final TableSpec spec;
    private final Names names;
    private final ForeignTable source;
    private final @Nullable ForeignTable details;

    AdoptedTable(Adopted adopted, TableSpec spec, Names names, ForeignTable source, @Nullable ForeignTable details) {
        this.adopted = adopted;
        this.spec = spec;
        this.names = names;
        this.source = source;
        this.details = details;
    }

    Adopted adopted() {
        return adopted;
    }

    ForeignTable source() {
        return source;
    }

    @Nullable
    ForeignTable details() {
        return details;
    }

    private @Nullable TimeUnit unit() {
        return adopted.adoption().timeUnit();
    }

    /** FROM and the table as {@code m}. */
    String from() {
        return " FROM " + source.name().quoted() + " m";
    }

    /** The row's number in our table. */
    String seq() {
        return "(" + rowNumber() + " - " + adopted.facts().base() + ")";
    }

    /** Whether rows are numbered by where they lie. */
    boolean byPlace() {
        String number = adopted.facts().number();
        // Once rows have moved by that column, nothing else tells which: without it the statement fails, and says so.
        return number == null || source.column(number) == null && !adopted.split();
    }

    /** The column of its numbers, as its index has them. */
    String plainNumber() {
        return "m." + Names.quote(String.valueOf(adopted.facts().number()));
    }

    /** The row's number in its own table: a column of it, or where it lies. */
    String rowNumber() {
        if (!byPlace()) {
            return plainNumber() + "::bigint";
        }
        String place = "(m.ctid::text::point)";
        return "(" + place + "[0]::bigint * " + ROWS_OF_PAGE + " + " + place + "[1]::bigint)";
    }

    /** The highest number that a row of a table of so many pages can have by where it lies. */
    static long highestPlace() {
        return (1L << 32) * ROWS_OF_PAGE;
    }

    private String theirs(String ours) {
        return adopted.adoption().columns().getOrDefault(ours, ours);
    }

    /** The foreign columns of the event time that are there. */
    List<ForeignColumn> times() {
        List<String> wanted = new ArrayList<>(adopted.adoption().time());
        if (wanted.isEmpty()) {
            spec.time().forEach(ours -> wanted.addAll(namesOf(spec.column(ours))));
        }
        return wanted.stream().map(source::column).filter(Objects::nonNull).toList();
    }

    /** The column of the event time that indexes begin with; null where none says it in an order of its own. */
    @Nullable
    ForeignColumn indexedTime() {
        List<ForeignColumn> times = times();
        return times.isEmpty() || !times.get(0).comparable(unit()) ? null : times.get(0);
    }

    /** Whether its times can only be asked for by whole days. */
    boolean byDays() {
        List<ForeignColumn> times = times();
        return !times.isEmpty() && times.get(0).byDays(unit());
    }

    /** The event time in microseconds, never null. */
    String time() {
        String readable = readableTime();
        String none = ForeignTimes.NO_TIME_MICROS + "::bigint";
        return readable.equals(NULL_TIME) ? none : "coalesce(" + readable + ", " + none + ")";
    }

    /** The event time in microseconds; null where none can be read. */
    String readableTime() {
        List<String> each =
                times().stream().map(c -> c.micros(c.of("m"), unit(), names)).toList();
        return each.isEmpty()
                ? NULL_TIME
                : each.size() == 1 ? each.get(0) : "coalesce(" + String.join(", ", each) + ")";
    }

    /** How many of a row's values are there and cannot be had in the form that the spec says. */
    String unreadable() {
        List<String> each = new ArrayList<>();
        times().forEach(c -> each.add(lost(c, "m", c.micros(c.of("m"), unit(), names))));
        for (Column column : spec.columns()) {
            ForeignColumn own = eventTime(column) ? null : source(column);
            ForeignColumn detail = eventTime(column) || own != null ? null : detail(column);
            if (own != null) {
                each.add(lost(own, "m", own.value(column, own.of("m"), unit(), names)));
            } else if (detail != null && join() != null) {
                each.add("coalesce("
                        + detail(lost(detail, "d", detail.value(column, detail.of("d"), unit(), names)), column)
                        + ", 0)");
            }
        }
        return each.isEmpty() ? "0" : String.join(" + ", each);
    }

    private static String lost(ForeignColumn column, String of, String value) {
        return "(" + column.of(of) + " IS NOT NULL AND (" + value + ") IS NULL)::integer";
    }

    /**
     * A condition that leaves out the rows that a splitting has moved, as the statement's snapshot has it: each of them is once in what that
     * shows, here or among the table's own.
     */
    String notMoved() {
        PartitionId id = adopted.id();
        if (!byPlace()) {
            return "(" + plainNumber() + " < coalesce(" + SplitCatalog.value(names, id, "s.from_row") + ", "
                    + Long.MAX_VALUE + ") OR " + plainNumber() + " > coalesce("
                    + SplitCatalog.value(names, id, "s.to_row") + ", -" + Long.MAX_VALUE + "))";
        }
        return "(m.ctid < coalesce(" + SplitCatalog.value(names, id, place("s.from_row")) + ", " + LAST_PLACE
                + ") OR m.ctid > coalesce(" + SplitCatalog.value(names, id, place("s.to_row")) + ", '(0,0)'::tid))";
    }

    /** Where the row of a number lies. */
    private static String place(String number) {
        return "CASE WHEN " + number + " < 0 THEN '(0,0)'::tid WHEN " + number + " >= " + highestPlace() + " THEN "
                + LAST_PLACE + " ELSE pg_catalog.format('(%s,%s)', " + number + " / " + ROWS_OF_PAGE + ", " + number
                + " % " + ROWS_OF_PAGE + ")::tid END";
    }

    /** A column in its stored form, or null. */
    String column(Column column) {
        if (eventTime(column)) {
            return time();
        }
        ForeignColumn own = source(column);
        if (own != null) {
            return own.value(column, own.of("m"), unit(), names);
        }
        ForeignColumn detail = detail(column);
        return detail != null
                ? detail(detail.value(column, detail.of("d"), unit(), names), column)
                : ForeignColumn.nothing(column.type());
    }

    /** The foreign column of one of ours; null where it is in the details, or nowhere. */
    private @Nullable ForeignColumn source(Column column) {
        for (String name : namesOf(column)) {
            ForeignColumn own = source.column(name);
            if (own != null || details != null && details.column(name) != null) {
                return own;
            }
        }
        return null;
    }

    private @Nullable ForeignColumn detail(Column column) {
        return details == null
                ? null
                : namesOf(column).stream()
                        .map(details::column)
                        .filter(Objects::nonNull)
                        .findFirst()
                        .orElse(null);
    }

    /** The names that a column may have there: nobody renames columns in a table of somebody else's. */
    private List<String> namesOf(Column column) {
        List<String> all = new ArrayList<>(List.of(theirs(column.name())));
        spec.formerNames().getOrDefault(column.name(), List.of()).forEach(former -> all.add(theirs(former)));
        return all;
    }

    /** A column's value, or what a row has that was stored before the column was added. */
    private String filled(Column column) {
        String value = column(column);
        Object stored = column.defaultValue();
        if (stored != null) {
            return "coalesce(" + value + ", " + StoredSql.literal(stored) + ")";
        }
        return column.expression() == null
                ? value
                : "coalesce(" + value + ", " + Filled.made(spec, names, column, name -> column(spec.column(name)))
                        + ")";
    }

    private boolean eventTime(Column column) {
        return !spec.separateTime() && column.name().equals(spec.time().get(0));
    }

    /** One row of details at most, and no row more for it: a join would repeat rows where a key is there twice. */
    private String detail(String value, Column column) {
        String join = join();
        return details == null || join == null
                ? ForeignColumn.nothing(column.type())
                : "(SELECT " + value + " FROM " + details.name().quoted() + " d WHERE " + join + " LIMIT 1)";
    }

    /** The columns that join the details; null where one is missing. */
    private @Nullable String join() {
        ForeignColumn there = detailsKey();
        ForeignColumn here = source.column(detailsKeyName());
        if (there == null || here == null) {
            return null;
        }
        boolean alike = there.kind() == here.kind() && here.kind() != ForeignColumn.Kind.SHOWN
                || there.kind().number() && here.kind().number();
        return alike
                ? there.of("d") + " = " + here.of("m")
                : there.of("d") + "::text = " + here.of("m") + "::text COLLATE \"C\"";
    }

    /** The column of the details that joins them; null where there is none. */
    @Nullable
    ForeignColumn detailsKey() {
        return details == null ? null : details.column(detailsKeyName());
    }

    private String detailsKeyName() {
        String key = adopted.adoption().detailsKey();
        return key != null ? key : spec.keyed() ? theirs(spec.key().get(0)) : "id";
    }

    /** Those of our columns that it does not have. */
    List<String> lacking() {
        return spec.columns().stream()
                .filter(c -> column(c).equals(ForeignColumn.nothing(c.type())))
                .map(Column::name)
                .toList();
    }

    /** The foreign column of one of ours, where it is in the table itself and not the event time. */
    @Nullable
    ForeignColumn plain(Column column) {
        return eventTime(column)
                ? null
                : namesOf(column).stream()
                        .map(source::column)
                        .filter(Objects::nonNull)
                        .findFirst()
                        .orElse(null);
    }

    /** What a reader selects, by our names: the number, the event time, the columns of the spec. */
    private Map<String, String> selected() {
        Map<String, String> selected = new LinkedHashMap<>();
        selected.put("_seq", seq());
        selected.put(Names.time(spec), time());
        spec.columns().forEach(c -> selected.putIfAbsent(Names.column(spec, c.name()), filled(c)));
        return selected;
    }

    /** The names of {@link #select}'s columns, in their order. */
    static List<String> columns(TableSpec spec) {
        List<String> columns = new ArrayList<>(List.of("_seq", Names.time(spec)));
        spec.columns().stream()
                .map(c -> Names.column(spec, c.name()))
                .filter(c -> !columns.contains(c))
                .forEach(columns::add);
        return columns;
    }

    /** Its rows as ours: more of them than the range and the filter let through, which are to be asked for as well. */
    SqlBuilder select(long fromMicros, long toMicros, @Nullable Expr where) {
        return select(fromMicros, toMicros, where, adopted.splittable() ? notMoved() : null);
    }

    /** The same of all its rows, also of those that have moved: what it was before its splitting began. */
    SqlBuilder whole(long fromMicros, long toMicros, @Nullable Expr where) {
        return select(fromMicros, toMicros, where, null);
    }

    private SqlBuilder select(long fromMicros, long toMicros, @Nullable Expr where, @Nullable String which) {
        List<String> columns = new ArrayList<>();
        selected().forEach((name, value) -> columns.add(value + " AS " + name));
        SqlBuilder sql = new SqlBuilder().add("SELECT " + String.join(", ", columns) + from() + " WHERE true");
        sql.add(narrow(fromMicros, toMicros)).add(which == null ? "" : " AND " + which);
        if (spec.keyed() && adopted.overridable()) {
            sql.add(" AND " + AdoptedOverrides.test(names, adopted.id(), seq()));
        }
        new AdoptedHints(spec, this, unit(), sql).add(where);
        return sql;
    }

    /** A range in the foreign column's own values, for its index. */
    private String narrow(long fromMicros, long toMicros) {
        List<ForeignColumn> times = times();
        ForeignColumn time = indexedTime();
        if (time == null) {
            return "";
        }
        String raw = time.of("m");
        String from = time.atLeast(fromMicros, unit());
        String to = time.below(toMicros, unit());
        if (from == null && to == null) {
            return "";
        }
        List<String> any = new ArrayList<>();
        any.add((from == null ? "" : raw + " >= " + from)
                + (from == null || to == null ? "" : " AND ")
                + (to == null ? "" : raw + " < " + to));
        // Where it is no time, the next one tells, or 1970 is meant.
        if (times.size() > 1 || adopted.noTimes(fromMicros, toMicros)) {
            any.addAll(time.noTimes(raw));
        }
        return " AND (" + String.join(" OR ", any) + ")";
    }

    /**
     * Whether it can be left out of a range. Where an index begins with its time, it never is: to look there costs as little, and sees at
     * once what somebody else has just written.
     */
    boolean leftOut(long fromMicros, long toMicros) {
        return !adopted.facts().timeIndexed()
                && adopted.outside(fromMicros, toMicros)
                && source.stamp().equals(adopted.facts().stamp());
    }
}
