package io.levee.cli;

import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.json.JsonOut;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;

/** {@code levee get}: one record, with its details. */
@CommandLine.Command(
        name = "get",
        description = "The record of a key, with all its columns. Status 1 where there is none.",
        footerHeading = "%nExamples:%n",
        footer = {
            "  levee get invocations 5f0c7a52",
            "  levee get jobs alex 4711 --json",
            "  levee get jobs --url http://127.0.0.1:7311 -- alex -1",
        })
final class GetCommand extends RecordCommand {
    GetCommand(Console console) {
        super(console);
    }

    @Override
    int local() {
        try (Store store = target.openToRead(console)) {
            Table<Row> from = store.table(table);
            Optional<Row> found = from.find(values());
            if (found.isEmpty()) {
                return missing();
            }
            Row record = found.get();
            if (json()) {
                try (JsonOut out = new JsonOut(console.out())) {
                    out.beginObject().name("found").value(true).name("record").row(record, columns(from));
                    out.endObject().newline();
                }
                return OK;
            }
            Map<String, @Nullable Object> values = new LinkedHashMap<>();
            values.put("_seq", record.seq());
            values.putAll(record.toMap());
            print(values);
        }
        return OK;
    }

    @Override
    int ask(Remote remote, String path) throws Exception {
        if (json()) {
            remote.copy(path, Map.of(), console);
        } else if (remote.get(path, Map.of()).get("record") instanceof Map<?, ?> record) {
            print(record);
        }
        return OK;
    }

    @Override
    int missing() {
        return answer(false, "found", false, "");
    }

    private void print(Map<?, ? extends @Nullable Object> record) {
        int width = record.keySet().stream()
                .map(String::valueOf)
                .mapToInt(name -> name.codePointCount(0, name.length()))
                .max()
                .orElse(0);
        record.forEach((name, value) -> line(width, String.valueOf(name), value));
        console.flush();
    }
}
