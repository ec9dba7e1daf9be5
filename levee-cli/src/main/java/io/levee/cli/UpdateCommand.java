package io.levee.cli;

import io.levee.Ack;
import io.levee.Column;
import io.levee.ColumnType;
import io.levee.TableSpec;
import io.levee.internal.json.Json;
import io.levee.internal.query.Names;
import io.levee.json.JsonOut;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Option;

/** {@code levee update}: other values in one record. */
@CommandLine.Command(
        name = "update",
        description = "Changes some columns of the record of a key. Status 1 where there is none.",
        footerHeading = "%nExamples:%n",
        footer = {
            "  levee update invocations 5f0c7a52 --set state=DONE --set runtime_ms=12.5",
            "  levee update jobs alex 4711 --set \"exit code=0\" --set note",
            "  levee update jobs alex 4711 --set 'extra={\"retries\":2}' --url http://127.0.0.1:7311",
        })
final class UpdateCommand extends RecordCommand {
    @Option(
            names = "--set",
            required = true,
            paramLabel = "COL[=VALUE]",
            mapFallbackValue = Option.NULL_VALUE,
            description = "The column's new value, read as the column's type; null without =VALUE. Repeatable.")
    private Map<String, @Nullable String> texts = Map.of();

    UpdateCommand(Console console) {
        super(console);
    }

    @Override
    int local() throws Exception {
        boolean updated = write(into -> into.update(changes(into.spec()), Ack.DURABLE, values()));
        return updated ? updated() : missing();
    }

    @Override
    int ask(Remote remote, String path) throws Exception {
        TableSpec spec = TableSpec.fromMap(remote.get(Remote.path("v1", "tables", table), Map.of()));
        remote.send("PATCH", path, Map.of("ack", "durable"), JsonOut.text(changes(spec)));
        return updated();
    }

    private Map<String, @Nullable Object> changes(TableSpec spec) {
        Map<String, @Nullable Object> changes = new LinkedHashMap<>();
        texts.forEach((name, text) -> {
            Column column = spec.column(Names.unquoted(name));
            changes.put(column.name(), text == null ? null : value(column, text));
        });
        return changes;
    }

    /** Text, which the table reads as the column's type; for a JSON column what the text says, if it is JSON. */
    private static @Nullable Object value(Column column, String text) {
        if (column.type() != ColumnType.JSON) {
            return text;
        }
        try {
            return Json.parse(text);
        } catch (IllegalArgumentException e) {
            // No JSON, so a plain text.
            return text;
        }
    }

    private int updated() {
        return answer(true, "updated", true, "updated 1 record");
    }

    @Override
    int missing() {
        return answer(false, "updated", false, "");
    }
}
