package io.levee.internal.query;

import io.levee.Column;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.Order;
import io.levee.Query;
import io.levee.TableSpec;
import io.levee.engine.RowQuery;
import io.levee.engine.Term;
import java.util.ArrayList;
import java.util.List;

/** Resolves queries of rows: names, values, the order and the cursor. */
final class RowQueries {
    private RowQueries() {}

    /**
     * The query as engines are asked: one row more than wanted shows whether there is a next page.
     *
     * @throws LeveeException {@code UNKNOWN_COLUMN}, {@code BAD_QUERY}, {@code NOT_SUPPORTED}
     */
    static RowQuery of(Query query, TableSpec spec) {
        boolean newestFirst = query.newestFirst();
        List<RowQuery.Sort> sorts = new ArrayList<>();
        for (Order part : query.order()) {
            Term term = Names.term(spec, part.by());
            if (term.type() == ColumnType.DECIMAL) {
                throw new LeveeException(
                                ErrorCode.NOT_SUPPORTED,
                                "ordering by '" + term.name() + "': decimals are not ordered yet")
                        .hint("order by another column");
            }
            sorts.add(new RowQuery.Sort(term, part.descending()));
        }
        if (sorts.size() == 1 && isTime(sorts.get(0).term(), spec)) {
            // The order of event time in other words: it needs no sort, and stops at the limit.
            newestFirst = sorts.get(0).descending();
            sorts.clear();
        }
        long limit = query.limit();
        RowQuery first = new RowQuery(
                spec,
                query.fromMicros(),
                query.toMicros(),
                query.where() == null ? null : ExprResolver.resolve(query.where(), spec),
                newestFirst,
                sorts,
                query.newestPer().stream().map(n -> Names.term(spec, n)).toList(),
                limit == Query.NO_LIMIT ? limit : limit + 1,
                null,
                columns(query, spec));
        String after = query.after();
        return after == null ? first : first.from(Cursor.parse(after, first), first.limit());
    }

    private static boolean isTime(Term term, TableSpec spec) {
        return !spec.separateTime()
                && !term.inJson()
                && spec.time().equals(List.of(term.column().name()));
    }

    private static List<Column> columns(Query query, TableSpec spec) {
        if (!query.columns().isEmpty()) {
            return query.columns().stream()
                    .map(name -> Names.column(spec, name))
                    .distinct()
                    .toList();
        }
        return spec.columns().stream()
                .filter(c -> query.details() || !c.detail())
                .toList();
    }
}
