package io.levee.cli;

import io.levee.LeveeException;
import io.levee.Query;
import io.levee.SqlQuery;
import io.levee.SqlResult;
import io.levee.Store;
import io.levee.internal.time.Micros;
import io.levee.json.JsonOut;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code levee sql}: free SQL, read-only. */
@CommandLine.Command(
        name = "sql",
        description = "Read-only SQL over the tables as views. Times are microseconds since 1970, UTC.",
        footerHeading = "%nExamples:%n",
        footer = {
            "  levee sql \"SELECT state, count(*) FROM invocations GROUP BY 1 ORDER BY 2 DESC\"",
            "  levee sql --from 24h \"SELECT * FROM invocations WHERE runtime_ms > 1000 LIMIT 10\"",
        })
final class SqlCommand extends Command {
    @Parameters(paramLabel = "SQL", description = "One SELECT, WITH or EXPLAIN.")
    @SuppressWarnings("NullAway.Init") // Set by picocli: required.
    private String sql;

    @Option(names = "--limit", paramLabel = "N", description = "Most rows. Default: all.")
    private @Nullable Long limit;

    @Mixin
    @SuppressWarnings("NullAway.Init") // Set by picocli.
    private RangeOptions range;

    SqlCommand(Console console) {
        super(console);
    }

    @Override
    int run() throws Exception {
        range.check(console);
        if (limit != null && limit < 0) {
            throw usage("--limit must be 0 or more (got " + limit + ")");
        }
        Remote remote = target.remote(console);
        if (remote != null) {
            return askServer(remote);
        }
        Instant from = range.from(console);
        Instant to = range.to(console);
        SqlQuery query = new SqlQuery(
                sql,
                from == null ? Long.MIN_VALUE : Micros.of(from),
                to == null ? Long.MAX_VALUE : Micros.of(to),
                range.deadline(),
                limit == null ? Query.NO_LIMIT : limit);
        try (Store store = target.openToRead(console);
                SqlResult result = store.sql(query)) {
            return json() ? printJson(result) : print(result);
        }
    }

    private int printJson(SqlResult result) {
        try (JsonOut out = new JsonOut(console.out())) {
            out.beginObject().name("columns").value(result.columns());
            out.name("rows").beginArray();
            LeveeException error = null;
            try {
                result.forEach(out::value);
            } catch (LeveeException e) {
                // Half of the answer is out already: the object is ended properly, and says that it is not whole.
                error = e;
            }
            out.endArray();
            if (error == null) {
                out.name("more").value(result.more());
                out.name("coverage").value(JsonOut.form(result.coverage()));
            } else {
                out.name("error").value(JsonOut.form(error));
            }
            out.endObject().newline();
            if (error != null) {
                new Errors(console).print(error);
            }
            return error == null ? OK : FAILED;
        }
    }

    private int print(SqlResult result) {
        Grid grid = range.grid(console, result.columns());
        result.forEach(grid::row);
        grid.end();
        console.flush();
        cut(result.more());
        CoverageNote.print(console, JsonOut.form(result.coverage()));
        return OK;
    }

    private void cut(boolean more) {
        if (more) {
            console.say("there are more rows than the limit of " + limit);
        }
    }

    private int askServer(Remote remote) throws Exception {
        Map<String, @Nullable Object> body = range.ask(remote, console);
        body.put("sql", sql);
        if (limit != null) {
            body.put("limit", limit);
        }
        Map<String, @Nullable Object> answer = remote.send("POST", "/v1/sql", Map.of(), JsonOut.text(body));
        if (json()) {
            console.json(answer);
            return OK;
        }
        List<String> columns = answer.get("columns") instanceof List<?> names
                ? names.stream().map(String::valueOf).toList()
                : List.of();
        Grid grid = range.grid(console, columns);
        if (answer.get("rows") instanceof List<?> rows) {
            for (Object row : rows) {
                if (row instanceof List<?> values) {
                    grid.row(new ArrayList<>(values));
                }
            }
        }
        grid.end();
        console.flush();
        cut(Boolean.TRUE.equals(answer.get("more")));
        CoverageNote.print(console, answer.get("coverage"));
        return OK;
    }
}
