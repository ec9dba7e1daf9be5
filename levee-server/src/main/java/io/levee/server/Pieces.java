package io.levee.server;

import io.levee.Result;
import io.levee.Row;
import io.levee.SqlResult;
import io.levee.json.JsonOut;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** An answer that is made piece by piece, so that only a little of it is ever in memory. Used by one thread at a time. */
interface Pieces extends AutoCloseable {
    /**
     * Writes the next piece.
     *
     * @return whether there may be another
     */
    boolean next(JsonOut out);

    /** Gives up what the answer is made from. Idempotent. */
    @Override
    default void close() {}

    /** A page: {@code rows, next, coverage}. */
    static Pieces page(Result<Row> result, List<String> columns) {
        Iterator<Row> rows = result.iterator();
        return new Pieces() {
            private boolean begun;

            @Override
            public boolean next(JsonOut out) {
                if (!begun) {
                    begun = true;
                    out.beginObject().name("rows").beginArray();
                }
                if (rows.hasNext()) {
                    out.row(rows.next(), columns);
                    return true;
                }
                out.endArray().name("next").value(result.next());
                out.name("coverage").value(JsonOut.form(result.coverage())).endObject();
                return false;
            }

            @Override
            public void close() {
                result.close();
            }
        };
    }

    /** One row a line and nothing else. */
    static Pieces lines(Result<Row> result, List<String> columns) {
        Iterator<Row> rows = result.iterator();
        return new Pieces() {
            @Override
            public boolean next(JsonOut out) {
                if (!rows.hasNext()) {
                    return false;
                }
                out.row(rows.next(), columns).newline();
                return true;
            }

            @Override
            public void close() {
                result.close();
            }
        };
    }

    /** The answer to SQL: {@code columns, rows, coverage}. */
    static Pieces sql(SqlResult result) {
        return new Pieces() {
            private @Nullable Iterator<List<@Nullable Object>> rows;

            @Override
            public boolean next(JsonOut out) {
                if (rows == null) {
                    out.beginObject().name("columns").value(result.columns());
                    out.name("rows").beginArray();
                    rows = result.iterator();
                }
                if (rows.hasNext()) {
                    out.value(rows.next());
                    return true;
                }
                out.endArray();
                out.name("more").value(result.more());
                out.name("coverage").value(JsonOut.form(result.coverage())).endObject();
                return false;
            }

            @Override
            public void close() {
                result.close();
            }
        };
    }

    /** An object; its lists are written an element at a time. */
    static Pieces object(Map<String, ? extends @Nullable Object> object) {
        Iterator<? extends Map.Entry<String, ? extends @Nullable Object>> entries =
                object.entrySet().iterator();
        return new Pieces() {
            private boolean begun;
            private @Nullable Iterator<?> list;

            @Override
            public boolean next(JsonOut out) {
                if (!begun) {
                    begun = true;
                    out.beginObject();
                }
                if (list != null) {
                    if (list.hasNext()) {
                        out.value(list.next());
                    } else {
                        list = null;
                        out.endArray();
                    }
                    return true;
                }
                if (!entries.hasNext()) {
                    out.endObject();
                    return false;
                }
                Map.Entry<String, ? extends @Nullable Object> entry = entries.next();
                out.name(entry.getKey());
                if (entry.getValue() instanceof List<?> values) {
                    out.beginArray();
                    list = values.iterator();
                } else {
                    out.value(entry.getValue());
                }
                return true;
            }
        };
    }
}
