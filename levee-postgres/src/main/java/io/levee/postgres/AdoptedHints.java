package io.levee.postgres;

import io.levee.Adoption.TimeUnit;
import io.levee.Column;
import io.levee.ColumnType;
import io.levee.Expr;
import io.levee.TableSpec;
import io.levee.engine.Term;
import java.util.List;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A filter turned round: what it says of a foreign table in that table's own columns and types, so that its indexes are used. It may let
 * more through than the filter, never less: the filter itself is asked for as well. Parts that cannot be said are left out.
 */
final class AdoptedHints {
    private static final Pattern UUID =
            Pattern.compile("[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}");

    private final TableSpec spec;
    private final AdoptedTable table;
    private final @Nullable TimeUnit unit;
    private final SqlBuilder sql;

    AdoptedHints(TableSpec spec, AdoptedTable table, @Nullable TimeUnit unit, SqlBuilder sql) {
        this.spec = spec;
        this.table = table;
        this.unit = unit;
        this.sql = sql;
    }

    /** Appends {@code AND} and what all rows of the filter have in common. */
    void add(@Nullable Expr filter) {
        if (filter instanceof Expr.And and) {
            and.parts().forEach(this::add);
        } else if (filter instanceof Expr.Compare compare) {
            compare(compare);
        } else if (filter instanceof Expr.In in && !in.negated()) {
            in(in);
        }
    }

    /** Whether the value of a column can be looked for in the foreign one as it is. */
    static boolean sayable(Column ours, ForeignColumn theirs) {
        return switch (ours.type()) {
            case TEXT, UUID, DECIMAL ->
                theirs.kind() == ForeignColumn.Kind.UUID
                        || theirs.kind() == ForeignColumn.Kind.TEXT && ours.type() == ColumnType.TEXT;
            case INTEGER -> theirs.kind() == ForeignColumn.Kind.INTEGER;
            case BOOLEAN -> theirs.kind() == ForeignColumn.Kind.BOOLEAN;
            default -> false;
        };
    }

    private void compare(Expr.Compare compare) {
        Term term = Term.of(spec, compare.column());
        ForeignColumn theirs = term.inJson() ? null : table.plain(term.column());
        if (theirs == null) {
            return;
        }
        Object value = compare.value();
        if (term.column().type() == ColumnType.TIMESTAMP && value instanceof Long micros) {
            time(theirs, compare.op(), micros);
        } else if (sayable(term.column(), theirs)) {
            boolean equal = compare.op() == Expr.Op.EQ;
            if (value instanceof Long number && theirs.kind() == ForeignColumn.Kind.INTEGER) {
                sql.add(" AND " + theirs.of("m") + compare.op().sql()).parameter(number);
            } else if (equal && value instanceof Long truth && theirs.kind() == ForeignColumn.Kind.BOOLEAN) {
                sql.add(" AND " + theirs.of("m") + (truth != 0 ? "" : " = false"));
            } else if (equal && value instanceof String text && usable(theirs, text)) {
                sql.add(" AND " + theirs.of("m") + " = ").parameter(text).add(cast(theirs));
            }
        }
    }

    /** Texts that a database's own order has elsewhere than ours are compared for being equal alone. */
    private static boolean usable(ForeignColumn theirs, String text) {
        return theirs.kind() == ForeignColumn.Kind.UUID ? UUID.matcher(text).matches() : text.indexOf('\0') < 0;
    }

    private static String cast(ForeignColumn theirs) {
        return theirs.kind() == ForeignColumn.Kind.UUID ? "::uuid" : "::text";
    }

    private void time(ForeignColumn theirs, Expr.Op op, long micros) {
        if (!theirs.comparable(unit) || op == Expr.Op.NE || Math.abs(micros) > Long.MAX_VALUE / 4) {
            return;
        }
        boolean lower = op == Expr.Op.EQ || op == Expr.Op.GE || op == Expr.Op.GT;
        boolean upper = op == Expr.Op.EQ || op == Expr.Op.LE || op == Expr.Op.LT;
        String from = lower ? theirs.atLeast(micros, unit) : null;
        String to = upper ? theirs.below(micros + 1, unit) : null;
        sql.add(from == null ? "" : " AND " + theirs.of("m") + " >= " + from);
        sql.add(to == null ? "" : " AND " + theirs.of("m") + " < " + to);
    }

    private void in(Expr.In in) {
        Term term = Term.of(spec, in.column());
        ForeignColumn theirs = term.inJson() ? null : table.plain(term.column());
        if (theirs == null || !sayable(term.column(), theirs)) {
            return;
        }
        List<Object> values = in.values();
        boolean numbers =
                theirs.kind() == ForeignColumn.Kind.INTEGER && values.stream().allMatch(Long.class::isInstance);
        boolean texts = theirs.kind() == ForeignColumn.Kind.TEXT
                && values.stream().allMatch(v -> v instanceof String text && usable(theirs, text));
        if (numbers || texts) {
            sql.add(" AND " + theirs.of("m") + " = ANY (")
                    .parameter(new SqlBuilder.Listed(numbers ? "bigint" : "text", values.toArray()))
                    .add(")");
        }
    }
}
