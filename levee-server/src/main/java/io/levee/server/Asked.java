package io.levee.server;

import io.levee.Expr;
import io.levee.Query;
import io.levee.Store;
import io.levee.TableSpec;
import java.time.Instant;
import java.util.stream.Stream;

/** What all questions about one table have in common: the table, a range, a filter and a deadline. */
record Asked(TableSpec spec, Params params, Query.Builder query, Instant now) {
    private static final String[] COMMON = {"from", "to", "where"};

    /** Reads it; a parameter that is neither common nor one of these is refused. */
    static Asked of(Store store, Exchange exchange, String... others) {
        Params params = exchange.params(
                Stream.concat(Stream.of(COMMON), Stream.of(others)).toArray(String[]::new));
        TableSpec spec = store.table(exchange.variable("t")).spec();
        Instant now = store.options().clock().instant();
        Query.Builder query = Query.builder(spec.name()).deadline(exchange.deadline(Query.DEFAULT_DEADLINE));
        Instant from = params.instant("from", now);
        if (from != null) {
            query.from(from);
        }
        Instant to = params.instant("to", now);
        if (to != null) {
            query.to(to);
        }
        String where = params.text("where");
        if (where != null) {
            query.where(Expr.parse(where, now));
        }
        return new Asked(spec, params, query, now);
    }
}
