package io.levee.cli;

import io.levee.Bytes;
import io.levee.Levee;
import io.levee.RestoreReport;
import io.levee.Store;
import io.levee.server.BackupRoutes;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code levee restore}: a store from a backup. */
@CommandLine.Command(
        name = "restore",
        description = {
            "Makes a store from a backup, in a directory that is new or empty (--store). Every file is compared with its",
            "checksum. What was stored after the backup is told by levee gaps, as RESTORED. A restoration that was killed is",
            "finished by the same command; until then nobody can open the store.",
            "With --partition it puts one that was dropped or damaged back into the store that the backup is of.",
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  levee restore /mnt/backup/history --store history2",
            "  levee restore /mnt/backup/history --store history --partition invocations/2026-05-20",
        })
final class RestoreCommand extends Command {
    @Parameters(paramLabel = "BACKUP", description = "The backup's directory.")
    @SuppressWarnings("NullAway.Init") // Set by picocli: required.
    private Path backup;

    @Option(names = "--partition", paramLabel = "ID", description = "Only this one, into the store it was of.")
    private @Nullable String partition;

    RestoreCommand(Console console) {
        super(console);
    }

    @Override
    int run() {
        localOnly();
        if (partition != null) {
            return putBack(partition);
        }
        long began = console.nanos().nanos();
        RestoreReport report = Levee.restore(backup, target.newStore(console));
        double seconds = (console.nanos().nanos() - began) / 1e9;
        if (json()) {
            Map<String, @Nullable Object> answer = new LinkedHashMap<>(report.toMap());
            answer.put("seconds", seconds);
            console.json(answer);
        } else {
            console.print(String.format(
                    Locale.ROOT,
                    "%s holds %,d rows in %d partitions as of %s (%s)",
                    Printable.line(report.store()),
                    report.rows(),
                    report.partitions(),
                    report.at(),
                    new Bytes(report.bytes())));
            console.flush();
        }
        return OK;
    }

    private int putBack(String wanted) {
        try (Store store = target.openExisting(console)) {
            store.restore(BackupRoutes.partition(backup, wanted), backup);
        }
        if (json()) {
            console.json(Map.of("restored", wanted));
        } else {
            console.say("restored " + Printable.line(wanted));
        }
        return OK;
    }
}
