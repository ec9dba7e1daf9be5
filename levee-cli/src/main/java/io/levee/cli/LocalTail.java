package io.levee.cli;

import io.levee.Column;
import io.levee.Row;
import io.levee.Table;
import io.levee.Tail;
import io.levee.json.JsonOut;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Follows a table of an opened store. */
final class LocalTail implements Feed {
    private final Tail<Row> tail;
    private final List<String> columns;

    LocalTail(Table<Row> table, @Nullable Long after) {
        this.tail = table.tail(after == null ? Tail.NOW : after);
        this.columns = table.spec().columns().stream().map(Column::name).toList();
    }

    @Override
    public Batch poll(Duration timeout) {
        Tail.Batch<Row> batch = tail.poll(timeout);
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
        return JsonOut.form(tail.coverage());
    }

    @Override
    public long position() {
        return tail.position();
    }

    @Override
    public void close() {
        tail.close();
    }
}
