package io.levee.cli;

import static io.levee.cli.PlainColumn.path;
import static io.levee.cli.PlainColumn.quoted;

import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * Scripts for the {@code sqlite3} shell: one plain table of a set's records, Levee's answers beside it, and a line for each
 * comparison: its name, how much was compared, how much differs, and where.
 */
final class PlainTable {
    private final DataSet set;
    private final List<PlainColumn> columns;
    private final List<String> key;
    private final PlainColumn number;
    private final PlainColumn time;
    private final StringBuilder script = new StringBuilder();

    PlainTable(DataSet set, Map<String, Object> spec) {
        this.set = set;
        this.columns = PlainColumn.of(spec);
        Object names = spec.get("key");
        this.key = names == null
                ? List.of()
                : names instanceof List<?> list
                        ? list.stream().map(String::valueOf).toList()
                        : List.of(names.toString());
        this.number = column(set.number());
        this.time = column(spec.get("time").toString());
    }

    private PlainColumn column(String name) {
        return columns.stream().filter(c -> c.name().equals(name)).findFirst().orElseThrow();
    }

    /** What {@code levee sql} is asked for: all rows, all columns. */
    String allRows() {
        return "SELECT _seq, " + names("") + " FROM " + quoted(set.table()) + " ORDER BY _seq";
    }

    /** What both sides are asked in the same words. */
    String groupsInSql() {
        return "SELECT " + quoted(set.group()) + ", count(*), count(" + number.sql() + "), min(" + time.sql()
                + "), max(" + time.sql() + ") FROM " + quoted(set.table()) + " GROUP BY 1";
    }

    private String names(String prefix) {
        return columns.stream().map(c -> prefix + c.sql()).collect(Collectors.joining(", "));
    }

    /** The whole script; the files are in the shell's directory. */
    String script() {
        script.append("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-200000;\n.mode ascii\n");
        script.append(".separator \"\\001\" \"\\n\"\n");
        for (String file : Answers.FILES) {
            add("CREATE TABLE raw_%s(line TEXT)", file);
            script.append(".import ").append(file).append(" raw_").append(file).append('\n');
        }
        script.append(".mode list\n.separator \"\\t\" \"\\n\"\n");
        plain();
        wholeTable();
        pages();
        aggregates();
        return script.toString();
    }

    private void plain() {
        add("CREATE TABLE bad(n INTEGER PRIMARY KEY)");
        add("INSERT INTO bad SELECT json_extract(line,'$.line') FROM raw_errors");
        check(
                "rejected lines, explained",
                "count(*),sum((json_valid(line)=1)=(rowid IN (SELECT n FROM bad)))+(SELECT count(*) FROM raw_errors WHERE"
                        + " coalesce(json_extract(line,'$.code'),'')='' OR coalesce(json_extract(line,'$.message'),'')='')",
                "raw_records");
        String values = columns.stream()
                .map(c -> c.fromRecord(columns) + " AS " + c.sql())
                .collect(Collectors.joining(",\n "));
        add(
                "CREATE TABLE every AS SELECT rowid AS n,\n %s FROM raw_records WHERE rowid NOT IN (SELECT n FROM bad)",
                values);
        // Of records with one key the last one counts, in the place of the first.
        String rows = key.isEmpty()
                ? "SELECT n AS first, n AS last FROM every"
                : "SELECT min(n) AS first, max(n) AS last FROM every GROUP BY "
                        + key.stream().map(PlainColumn::quoted).collect(Collectors.joining(","));
        add("CREATE TABLE plain(n INTEGER PRIMARY KEY,%s)", names("").replace("\", \"", "\",\""));
        add("CREATE TABLE kept(last INTEGER PRIMARY KEY,first INTEGER)");
        add("INSERT INTO kept SELECT last,first FROM (%s)", rows);
        add(
                "INSERT INTO plain SELECT row_number() OVER (ORDER BY first),%s FROM kept r CROSS JOIN every e ON e.n=r.last",
                names("e."));
        add("CREATE VIEW %s AS SELECT * FROM plain", quoted(set.table()));
        add("SELECT 'rows',(SELECT count(*) FROM plain),0,(SELECT count(*) FROM every)-(SELECT count(*) FROM plain)");
    }

    /** Every column of every row, as {@code sql} and {@code query} give it. */
    private void wholeTable() {
        check("sql rows there", "count(*),abs(count(*)-(SELECT count(*) FROM plain))", "raw_sql");
        rows("sql rows", false, "raw_sql r ON r.rowid=p.n");
        add("CREATE TABLE walked(o INTEGER PRIMARY KEY,seq INTEGER,n INTEGER)");
        add("INSERT INTO walked SELECT rowid,json_extract(line,'$._seq'),NULL FROM raw_query");
        add("CREATE TABLE ranks(seq INTEGER PRIMARY KEY,n INTEGER)");
        add("INSERT INTO ranks SELECT seq,row_number() OVER (ORDER BY seq) FROM (SELECT DISTINCT seq FROM walked)");
        add("UPDATE walked SET n=(SELECT n FROM ranks r WHERE r.seq=walked.seq)");
        check(
                "query rows once",
                "count(*),count(*)-count(DISTINCT seq)+abs(count(*)-(SELECT count(*) FROM plain))",
                "walked");
        rows("query rows", true, "walked w ON w.n=p.n CROSS JOIN raw_query r ON r.rowid=w.o");
        check(
                "query order",
                "count(*),sum(w.o<>p.o)",
                "walked w JOIN (SELECT n,row_number() OVER (ORDER BY " + time.sql() + " DESC,n DESC) AS o FROM plain) p"
                        + " ON w.n=p.n");
    }

    private void rows(String name, boolean query, String join) {
        String flags = columns.stream()
                .filter(c -> !query || !c.type().equals("duration"))
                .map(c -> "NOT " + c.same("p." + c.sql(), query ? c.fromQuery() : c.fromSql()) + " AS " + c.sql())
                .collect(Collectors.joining(",\n "));
        String compared = columns.stream()
                .filter(c -> !query || !c.type().equals("duration"))
                .map(PlainColumn::sql)
                .collect(Collectors.joining("+"));
        String detail = columns.stream()
                .filter(c -> !query || !c.type().equals("duration"))
                .map(c -> "iif(sum(C)>0,'C: '||sum(C)||', first in row '||min(iif(C,n,NULL))||'; ','')"
                        .replace("C", c.sql()))
                .collect(Collectors.joining("||"));
        add(
                "WITH d AS MATERIALIZED (SELECT p.n,\n %4$s FROM plain p CROSS JOIN %5$s)"
                        + " SELECT '%1$s',count(*),sum((%2$s)>0),%3$s FROM d",
                name, compared, detail, flags, join);
    }

    /** The first pages from either end, and what a filter leaves. */
    private void pages() {
        for (String end : List.of("newest", "oldest")) {
            String order = end.equals("newest") ? " DESC" : "";
            check(
                    end + " 50",
                    "count(*),sum(a.n IS NOT b.n)+(SELECT count(*) FROM raw_" + end
                            + " WHERE json_extract(line,'$.coverage.complete') IS NOT 1)",
                    "(SELECT row_number() OVER () AS o,n FROM (SELECT n FROM plain ORDER BY " + time.sql() + order
                            + ",n"
                            + order + " LIMIT 50)) a LEFT JOIN (SELECT e.key+1 AS o,k.n FROM raw_" + end
                            + " r,json_each(r.line,'$.rows') e CROSS JOIN ranks k ON k.seq=json_extract(e.value,'$._seq')) b USING(o)");
        }
        add("CREATE TABLE wanted(n INTEGER PRIMARY KEY)");
        add("INSERT INTO wanted SELECT n FROM plain WHERE %s", set.filter());
        add("CREATE TABLE given(n)");
        add("INSERT INTO given SELECT k.n FROM raw_where r,json_each(r.line,'$.rows') e"
                + " CROSS JOIN ranks k ON k.seq=json_extract(e.value,'$._seq')");
        check(
                "where",
                "count(*),abs(count(*)-(SELECT count(*) FROM given))"
                        + "+(SELECT count(*) FROM (SELECT n FROM given EXCEPT SELECT n FROM wanted))",
                "wanted");
    }

    private void aggregates() {
        groups("groups", "raw_groups", "");
        groups("groups where", "raw_groups_where", " WHERE " + set.filter());
        add("CREATE TABLE sql_groups AS %s", groupsInSql());
        add("CREATE TABLE levee_groups AS SELECT json_extract(value,'$[0]') a,json_extract(value,'$[1]') b,"
                + "json_extract(value,'$[2]') c,json_extract(value,'$[3]') d,json_extract(value,'$[4]') e"
                + " FROM raw_sql_groups,json_each(line,'$.rows')");
        check(
                "sql groups",
                "count(*),abs(count(*)-(SELECT count(*) FROM levee_groups))"
                        + "+(SELECT count(*) FROM (SELECT * FROM sql_groups EXCEPT SELECT * FROM levee_groups))",
                "sql_groups");
    }

    private void groups(String name, String raw, String where) {
        String by = quoted(set.group());
        String n = number.sql();
        String table = name.replace(' ', '_');
        add(
                "CREATE TABLE a_%s AS SELECT %s AS k,count(*) AS c,count(%3$s) AS cn,sum(%3$s) AS s,avg(%3$s) AS a,min(%3$s) AS"
                        + " lo,max(%3$s) AS hi FROM plain%4$s GROUP BY 1",
                table, by, n, where);
        String of = number.name() + ")";
        String[] fields = {set.group(), "count", "count(" + of, "sum(" + of, "avg(" + of, "min(" + of, "max(" + of};
        StringBuilder values = new StringBuilder();
        for (String field : fields) {
            values.append(values.length() == 0 ? "" : ",")
                    .append("json_extract(value,")
                    .append(path(field))
                    .append(')')
                    .append(" AS f")
                    .append(values.length());
        }
        add("CREATE TABLE b_%s(k,c,cn,s,a,lo,hi)", table);
        add("INSERT INTO b_%s SELECT %s FROM %s,json_each(line,'$.groups')", table, values, raw);
        String exact = number.type().equals("real") ? "0" : "x.s IS y.s";
        check(
                name,
                "count(*),abs(count(*)-(SELECT count(*) FROM b_" + table + "))+sum(y.c IS NULL)",
                "a_" + table + " x LEFT JOIN b_" + table + " y ON x.k IS y.k AND x.c=y.c AND x.cn=y.cn AND (" + exact
                        + " OR x.s IS NULL AND y.s IS NULL OR typeof(x.s)='real' AND "
                        + PlainColumn.near("x.s", "y.s", "1e-9")
                        + ") AND (x.a IS y.a OR " + PlainColumn.near("x.a", "y.a", "1e-9") + ") AND "
                        + number.same("x.lo", "y.lo") + " AND " + number.same("x.hi", "y.hi"));
    }

    private void check(String name, String compared, String from) {
        add("SELECT '%s',%s,'' FROM %s", name, compared, from);
    }

    private void add(String sql, Object... values) {
        script.append(values.length == 0 ? sql : String.format(sql, values)).append(";\n");
    }
}
