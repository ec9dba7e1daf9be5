package io.levee.server;

import io.levee.Query;
import io.levee.SqlQuery;
import io.levee.Store;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import org.eclipse.jetty.http.HttpHeader;
import org.jspecify.annotations.Nullable;

/** Free SQL: a JSON body {@code {"sql","from","to"}}, or the SQL itself as plain text. */
final class SqlRoutes {
    private static final int MAX_SQL_BYTES = 1 << 20;

    private final Store store;
    private final AnswerStreams answers;

    SqlRoutes(Store store, AnswerStreams answers) {
        this.answers = answers;
        this.store = store;
    }

    void addTo(Router router) {
        router.reading("POST", "/v1/sql", this::sql);
    }

    private void sql(Exchange exchange) throws Exception {
        exchange.params();
        SqlQuery query = query(exchange);
        // Parsing is the query threads' work: nothing waits here but for the answer's first piece.
        answers.send(exchange, Exchange.JSON, query.deadline(), Pieces.sql(store.sql(query)));
    }

    private static long limit(@Nullable Object value) {
        if (value == null) {
            return Query.NO_LIMIT;
        }
        if (value instanceof Long limit && limit >= 0) {
            return limit;
        }
        throw HttpProblem.badRequest("limit must be a number from 0 (got " + value + ")", "send {\"limit\": 100}");
    }

    private SqlQuery query(Exchange exchange) throws IOException {
        Duration deadline = exchange.deadline(Query.DEFAULT_DEADLINE);
        String body = RequestBody.text(exchange, MAX_SQL_BYTES);
        String type = exchange.request().getHeaders().get(HttpHeader.CONTENT_TYPE);
        boolean json = type == null || !type.startsWith("text/plain");
        if (!json || !body.stripLeading().startsWith("{")) {
            return new SqlQuery(body, Long.MIN_VALUE, Long.MAX_VALUE, deadline);
        }
        Map<String, @Nullable Object> fields =
                RequestBody.object(body, "{\"sql\": \"SELECT …\"}", "sql", "from", "to", "limit");
        String sql = RequestBody.text(fields, "sql");
        if (sql == null) {
            throw HttpProblem.badRequest("the body has no \"sql\"", "send {\"sql\": \"SELECT …\"}");
        }
        Instant now = store.options().clock().instant();
        String from = RequestBody.text(fields, "from");
        String to = RequestBody.text(fields, "to");
        return new SqlQuery(
                sql,
                from == null ? Long.MIN_VALUE : Params.micros("from", from, now),
                to == null ? Long.MAX_VALUE : Params.micros("to", to, now),
                deadline,
                limit(fields.get("limit")));
    }
}
