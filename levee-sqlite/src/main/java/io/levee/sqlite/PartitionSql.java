package io.levee.sqlite;

import io.levee.Column;
import io.levee.Expr;
import io.levee.TableSpec;
import io.levee.engine.Term;
import io.levee.sqlite.ReadHandles.ReadHandle;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * One statement on one partition, built up piece by piece. A column that the partition lacks, or has under another name, reads as it would
 * in a new one: see {@link FileColumns}.
 */
final class PartitionSql {
    private final TableSpec spec;
    private final @Nullable FileColumns columns;
    private final List<Object> parameters = new ArrayList<>();
    private final StringBuilder sql = new StringBuilder();
    private final ReadHandle handle;
    private final @Nullable AdoptedTable adopted;

    PartitionSql(TableSpec spec, ReadHandle handle) throws SQLException {
        this.spec = spec;
        this.handle = handle;
        this.adopted = handle.adopted();
        if (adopted != null) {
            this.columns = null;
            return;
        }
        this.columns = handle.shape(spec);
    }

    /** Whether the file has the table at all: one that never got its tables is empty. */
    boolean tableThere() {
        return adopted != null ? adopted.there() : columns != null && columns.there();
    }

    /** How a column is read. */
    String column(String name) {
        Column column = spec.column(name);
        if (adopted != null) {
            return adopted.column(spec, column);
        }
        return Objects.requireNonNull(columns).read(column);
    }

    /** How a term is read: shown, grouped, sorted, compared with text. */
    String text(Term term) {
        return TermSql.text(term, column(term.column().name()));
    }

    /** How a term is computed with; NULL where it is neither a number nor a place in json. */
    String number(Term term) {
        String type = PartitionSchema.sqlType(term.column().type());
        boolean countable = term.inJson() || type.equals("INTEGER") || type.equals("REAL");
        return countable ? TermSql.number(term, column(term.column().name())) : "NULL";
    }

    /** How a filter reads what it names. */
    private final class Names implements WhereSql.Columns {
        @Override
        public String text(String name) {
            Term term = Term.of(spec, name);
            return TermSql.text(term, compared(term));
        }

        @Override
        public String number(String name) {
            Term term = Term.of(spec, name);
            return TermSql.number(term, compared(term));
        }

        private String compared(Term term) {
            return adopted != null
                    ? adopted.compared(spec, term.column())
                    : column(term.column().name());
        }

        @Override
        public @Nullable String grams(String name) {
            Term term = Term.of(spec, name);
            if (adopted != null
                    || term.inJson()
                    || columns == null
                    || !columns.plain(term.column())
                    || !spec.fulltext().contains(term.column().name())) {
                // A place holds a text otherwise than the json around it writes it.
                return null;
            }
            boolean detail = term.column().detail();
            String index = Fulltext.name(detail ? PartitionSchema.details(spec) : spec.name());
            return indexed(index, columns.named(term.column().name()))
                    ? (detail ? "d" : "m") + "._seq IN (SELECT rowid FROM " + Sqlite.quote(index) + " WHERE "
                            + Sqlite.quote(index)
                    : null;
        }

        private boolean indexed(String index, String column) {
            try {
                return handle.columns(index, Set.of()).contains(column);
            } catch (SQLException e) {
                throw Sqlite.failure("the index of texts cannot be looked at", handle.file(), e);
            }
        }
    }

    /** How the event time is read. */
    String time() {
        return adopted != null
                ? adopted.time(spec)
                : "m." + Sqlite.quote(Objects.requireNonNull(columns).time());
    }

    /** How the row's number is read. */
    String seq() {
        return adopted != null ? adopted.seq() : "m._seq";
    }

    /** Appends WHERE for the row of a number that is set later, as {@link #number} says it. */
    PartitionSql whereSeq() {
        return add(" WHERE " + (adopted != null ? adopted.rowNumber() : "m._seq") + " = ?");
    }

    /** What a row is found by in {@link #whereSeq}. */
    long number(long seq) {
        return adopted != null ? adopted.rowNumber(seq) : seq;
    }

    /** The name of the column that holds the event time. */
    String timeName() {
        String first = adopted == null ? null : adopted.firstTime(spec);
        if (first != null) {
            return first;
        }
        return columns == null ? PartitionSchema.timeColumn(spec) : columns.time();
    }

    /** Appends text. */
    PartitionSql add(String text) {
        sql.append(text);
        return this;
    }

    /** Appends text with one parameter. */
    PartitionSql add(String text, Object parameter) {
        sql.append(text);
        parameters.add(parameter);
        return this;
    }

    /** Appends FROM, with the detail table where it is wanted and there. */
    PartitionSql from(boolean details) {
        return from(details, SeqRange.ALL);
    }

    /** The same for some of the rows: these are read in their order, whichever indexes there are. */
    PartitionSql from(boolean details, SeqRange rows) {
        if (adopted != null) {
            sql.append(adopted.from());
            return this;
        }
        sql.append(" FROM ").append(Sqlite.quote(spec.name())).append(" m").append(rows.all() ? "" : " NOT INDEXED");
        if (details && columns != null && columns.detailsThere()) {
            sql.append(" LEFT JOIN ")
                    .append(Sqlite.quote(PartitionSchema.details(spec)))
                    .append(" d ON d._seq = m._seq");
        }
        return this;
    }

    /** Appends WHERE for the range and the filter. */
    PartitionSql where(long fromMicros, long toMicros, @Nullable Expr filter) {
        add(" WHERE 1");
        if (adopted != null) {
            adopted.narrow(spec, fromMicros, toMicros, this::add);
            add(adopted.left());
        }
        if (fromMicros != Long.MIN_VALUE) {
            add(" AND " + time() + " >= ?", fromMicros);
        }
        if (toMicros != Long.MAX_VALUE) {
            add(" AND " + time() + " < ?", toMicros);
        }
        if (filter != null) {
            add(" AND ").filter(filter);
        }
        if (!handle.leftOut().isEmpty()) {
            add(" AND " + seq() + " NOT IN (SELECT value FROM json_each(?))", handle.leftOut());
        }
        return this;
    }

    /** Appends a filter. */
    PartitionSql filter(Expr filter) {
        return add(WhereSql.of(filter, new Names(), parameters));
    }

    /** Whether a filter names a detail column. */
    static boolean namesDetails(TableSpec spec, @Nullable Expr filter) {
        if (filter == null) {
            return false;
        }
        boolean[] found = new boolean[1];
        WhereSql.Columns names = new WhereSql.Columns() {
            @Override
            public String text(String name) {
                found[0] |= Term.of(spec, name).column().detail();
                return name;
            }

            @Override
            public String number(String name) {
                return text(name);
            }
        };
        WhereSql.of(filter, names, new ArrayList<>());
        return found[0];
    }

    /** The text so far. */
    String text() {
        return sql.toString();
    }

    /** Compiles the statement and binds its parameters. */
    PreparedStatement prepare(ReadHandle handle) throws SQLException {
        return bound(handle.statement(text()));
    }

    /** Compiles what tells how the statement would run. */
    PreparedStatement explain(ReadHandle handle) throws SQLException {
        return bound(handle.connection().prepareStatement("EXPLAIN QUERY PLAN " + text()));
    }

    private PreparedStatement bound(PreparedStatement statement) throws SQLException {
        for (int i = 0; i < parameters.size(); i++) {
            RowStatements.bind(statement, i + 1, parameters.get(i));
        }
        return statement;
    }
}
