package io.levee.cli;

import io.levee.BackupCheck;
import io.levee.BackupReport;
import io.levee.Bytes;
import io.levee.Levee;
import io.levee.Store;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code levee backup}: a copy of a store that is in use. */
@CommandLine.Command(
        name = "backup",
        description = {
            "Copies a store to a directory, as it is at one moment, beside whoever writes to it.",
            "Partitions that did not change since the backup that is there are not copied again; until the new one is whole",
            "the one before stays so. Status 1 where a partition is damaged and could not be copied: the others are.",
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  levee backup /mnt/backup/history --store history",
            "  levee backup /mnt/backup/history --verify           also reads again what was there before",
            "  levee backup /mnt/backup/history --verify-only      copies nothing, needs no store",
            "  levee backup --list                                 the backups that the store knows of",
            "  levee restore /mnt/backup/history --store history2",
        })
final class BackupCommand extends Command {
    private static final long EVERY_NANOS = TimeUnit.SECONDS.toNanos(3);

    @Parameters(
            paramLabel = "DIR",
            arity = "0..1",
            description = "New, empty, or with an earlier backup of this store.")
    private @Nullable Path directory;

    @Option(names = "--verify", description = "Also reads again what did not change, and copies anew what is damaged.")
    private boolean verify;

    @Option(
            names = "--verify-only",
            description = "Reads the backup that is there and compares every file with its checksum.")
    private boolean verifyOnly;

    @Option(names = "--list", description = "The backups that the store knows of.")
    private boolean list;

    private long saidNanos;
    private int done;

    BackupCommand(Console console) {
        super(console);
    }

    @Override
    int run() throws Exception {
        localOnly();
        if (list) {
            return listed();
        }
        Path to = directory;
        if (to == null) {
            throw usage("the backup's directory is missing");
        }
        return verifyOnly ? verified(to) : made(to);
    }

    private int made(Path to) {
        long began = console.nanos().nanos();
        saidNanos = began;
        BackupReport report;
        try (Store store = target.openToRead(console)) {
            report = store.backup(to, verify, this::progress);
        }
        double seconds = (console.nanos().nanos() - began) / 1e9;
        if (json()) {
            Map<String, @Nullable Object> answer = new LinkedHashMap<>(report.toMap());
            answer.put("seconds", seconds);
            console.json(answer);
        } else {
            console.print(String.format(
                    Locale.ROOT,
                    "%s holds %,d rows in %d partitions as of %s: %d copied (%s), %d unchanged",
                    Printable.line(report.directory().toString()),
                    report.rows(),
                    report.partitions(),
                    report.at(),
                    report.copied(),
                    new Bytes(report.bytesCopied()),
                    report.partitions() - report.copied()));
            report.missing().forEach((id, why) -> console.print("not copied: " + id + ": " + Printable.line(why)));
            report.dropped().forEach((id, why) -> console.print("not in it: " + id + ": " + Printable.line(why)));
            console.flush();
        }
        return report.missing().isEmpty() ? OK : FAILED;
    }

    /** A line every few seconds on standard error. */
    private void progress(String line) {
        done++;
        long now = console.nanos().nanos();
        if (now - saidNanos >= EVERY_NANOS) {
            saidNanos = now;
            console.say(done + " partitions, last " + Printable.line(line));
        }
    }

    private int verified(Path of) {
        BackupCheck check = Levee.verifyBackup(of, line -> console.say("damaged: " + Printable.line(line)));
        if (json()) {
            console.json(check.toMap());
        } else {
            console.print(String.format(
                    Locale.ROOT,
                    "%d files of %d partitions as of %s: %s read, %d damaged",
                    check.files(),
                    check.partitions(),
                    check.at(),
                    new Bytes(check.bytes()),
                    check.damaged().size()));
            check.missing().forEach((id, why) -> console.print("not in it: " + id + ": " + Printable.line(why)));
            console.flush();
        }
        return check.damaged().isEmpty() ? OK : FAILED;
    }

    private int listed() {
        List<Map<String, Object>> backups;
        try (Store store = target.openToRead(console)) {
            backups = store.backups().stream()
                    .map(mark -> {
                        Map<String, Object> map = new LinkedHashMap<>();
                        map.put("directory", mark.directory().toString());
                        map.put("at", mark.at().toString());
                        return map;
                    })
                    .toList();
        }
        if (json()) {
            console.json(Map.of("backups", backups));
        } else {
            backups.forEach(
                    b -> console.print(b.get("at") + "  " + Printable.line(String.valueOf(b.get("directory")))));
            console.flush();
        }
        return OK;
    }
}
