package io.levee.cli;

import io.levee.Expr;
import io.levee.Query;
import java.time.Instant;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Which rows of one table: a range of times and a filter. */
final class FilterOptions extends RangeOptions {
    @Option(
            names = "--where",
            paramLabel = "EXPR",
            description =
                    "Filter: \"name = 'x' AND runtime_ms >= 500\"; odd names in double quotes; times as ISO-8601 or now - 6h.")
    private @Nullable String where;

    /** Starts a query of these rows. */
    Query.Builder query(String table, Console console) {
        Query.Builder query = Query.builder(table).deadline(deadline());
        Instant from = from(console);
        if (from != null) {
            query.from(from);
        }
        Instant to = to(console);
        if (to != null) {
            query.to(to);
        }
        if (where != null) {
            query.where(Expr.parse(where, console.clock().instant()));
        }
        return query;
    }

    @Override
    Map<String, @Nullable Object> ask(Remote remote, Console console) {
        Map<String, @Nullable Object> params = super.ask(remote, console);
        params.put("where", where);
        return params;
    }
}
