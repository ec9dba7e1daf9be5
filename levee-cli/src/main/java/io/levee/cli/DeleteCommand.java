package io.levee.cli;

import io.levee.Ack;
import java.util.Map;
import picocli.CommandLine;

/** {@code levee delete}: one record less. */
@CommandLine.Command(
        name = "delete",
        description = "Deletes the record of a key. Status 1 where there was none. For many: levee erase.",
        footerHeading = "%nExamples:%n",
        footer = {"  levee delete invocations 5f0c7a52", "  levee delete jobs alex 4711 --url http://127.0.0.1:7311"})
final class DeleteCommand extends RecordCommand {
    DeleteCommand(Console console) {
        super(console);
    }

    @Override
    int local() throws Exception {
        return write(into -> into.delete(Ack.DURABLE, values())) ? deleted() : missing();
    }

    @Override
    int ask(Remote remote, String path) throws Exception {
        remote.send("DELETE", path, Map.of("ack", "durable"), null);
        return deleted();
    }

    private int deleted() {
        return answer(true, "deleted", 1, "deleted 1 record");
    }

    @Override
    int missing() {
        return answer(false, "deleted", 0, "");
    }
}
