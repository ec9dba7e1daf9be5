package io.levee.cli;

import io.levee.Column;
import io.levee.Row;
import io.levee.Table;
import io.levee.Tail;
import io.levee.TailCursor;
import io.levee.json.JsonOut;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Follows a table of an opened store. */
final class LocalTail implements Feed {
    private final @Nullable Tail<Row> tail;
    private final @Nullable TailCursor<Row> cursor;
    private final List<String> columns;

    LocalTail(Table<Row> table, @Nullable Long after, @Nullable String cursor) {
        this.tail = cursor == null ? table.tail(after == null ? Tail.NOW : after) : null;
        this.cursor = cursor == null ? null : table.cursor(cursor, after == null ? 0 : after);
        this.columns = table.spec().columns().stream().map(Column::name).toList();
    }

    @Override
    public Batch poll(Duration timeout) {
        Tail.Batch<Row> batch = cursor != null
                ? cursor.poll(timeout)
                : Objects.requireNonNull(tail).poll(timeout);
        List<Line> lines = new ArrayList<>();
        Tail.Missed missed = batch.missed();
        if (missed != null) {
            lines.add(new Line(false, 0, JsonOut.text(Map.of("gap", JsonOut.form(missed)))));
        }
        for (Tail.Entry<Row> entry : batch.entries()) {
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            try (JsonOut out = new JsonOut(bytes)) {
                out.entry(entry, columns);
            }
            lines.add(new Line(true, entry.number(), bytes.toString(StandardCharsets.UTF_8)));
        }
        return new Batch(lines, false);
    }

    @Override
    public Map<String, Object> coverage() {
        return JsonOut.form(
                cursor != null
                        ? cursor.coverage()
                        : Objects.requireNonNull(tail).coverage());
    }

    @Override
    public long position() {
        return cursor != null ? cursor.position() : Objects.requireNonNull(tail).position();
    }

    @Override
    public void done(long number) {
        if (cursor != null) {
            cursor.commit(number);
        }
    }

    @Override
    public void close() {
        if (tail != null) {
            tail.close();
        }
        if (cursor != null) {
            cursor.close();
        }
    }
}
