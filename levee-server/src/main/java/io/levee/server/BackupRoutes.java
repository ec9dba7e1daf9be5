package io.levee.server;

import io.levee.BackupReport;
import io.levee.ErrorCode;
import io.levee.Levee;
import io.levee.LeveeException;
import io.levee.PartitionId;
import io.levee.Store;
import io.levee.internal.time.MonotonicClock;
import java.io.IOException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Backups of a store that is served, on the server's own disks, and what is put back from them. Thread-safe. */
public final class BackupRoutes {
    private static final int MAX_BODY_BYTES = 64 << 10;
    private static final String EXAMPLE = "{\"directory\": \"/mnt/backup/history\"}";
    private static final String RESTORE_EXAMPLE =
            "{\"directory\": \"/mnt/backup/history\", \"partition\": \"invocations/2026-05-20\"}";

    private final Store store;
    private final MonotonicClock clock = MonotonicClock.SYSTEM;

    BackupRoutes(Store store) {
        this.store = store;
    }

    void addTo(Router router) {
        router.heavy("GET", "/v1/backups", this::backups)
                .heavy("POST", "/v1/backup", this::backup)
                .heavy("POST", "/v1/backup/restore", this::restore);
    }

    private void backups(Exchange exchange) throws IOException {
        exchange.params();
        exchange.json(
                200,
                Map.of(
                        "backups",
                        store.backups().stream()
                                .map(mark -> {
                                    Map<String, Object> map = new LinkedHashMap<>();
                                    map.put("directory", mark.directory().toString());
                                    map.put("at", mark.at().toString());
                                    return map;
                                })
                                .toList()));
    }

    /** It takes as long as copying does, and goes on when the client leaves: what was begun is wanted. */
    private void backup(Exchange exchange) throws IOException {
        boolean verify = exchange.params("verify").flag("verify");
        Map<String, @Nullable Object> body =
                RequestBody.object(RequestBody.text(exchange, MAX_BODY_BYTES), EXAMPLE, "directory");
        Path directory = directory(body, EXAMPLE);
        exchange.request().addIdleTimeoutListener(timeout -> false);
        long began = clock.nanos();
        BackupReport report = store.backup(directory, verify, line -> {});
        Map<String, @Nullable Object> answer = new LinkedHashMap<>(report.toMap());
        answer.put("seconds", (clock.nanos() - began) / 1e9);
        exchange.json(200, answer);
    }

    private void restore(Exchange exchange) throws IOException {
        exchange.params();
        Map<String, @Nullable Object> body = RequestBody.object(
                RequestBody.text(exchange, MAX_BODY_BYTES), RESTORE_EXAMPLE, "directory", "partition");
        Path directory = directory(body, RESTORE_EXAMPLE);
        String wanted = RequestBody.text(body, "partition");
        if (wanted == null || wanted.isBlank()) {
            throw HttpProblem.badRequest("the body has no \"partition\"", "send " + RESTORE_EXAMPLE);
        }
        PartitionId id = partition(directory, wanted);
        exchange.request().addIdleTimeoutListener(timeout -> false);
        store.restore(id, directory);
        exchange.json(200, Map.of("restored", id.toString()));
    }

    /** Where a server was started is nothing that its clients know: so the path is a whole one. */
    private static Path directory(Map<String, @Nullable Object> body, String example) {
        String text = RequestBody.text(body, "directory");
        try {
            if (text != null && Path.of(text).isAbsolute()) {
                return Path.of(text);
            }
        } catch (InvalidPathException e) {
            throw HttpProblem.badRequest("\"directory\" is no path: " + e.getReason(), "send " + example);
        }
        throw HttpProblem.badRequest(
                "\"directory\" must be an absolute path on the server's machine", "send " + example);
    }

    /**
     * The partition of a name such as {@code invocations/2026-05-20} in a backup.
     *
     * @throws LeveeException {@link ErrorCode#NOT_FOUND} where there is no whole backup, or none of that name in it
     */
    public static PartitionId partition(Path backup, String name) {
        return Levee.backupContent(backup).partitions().stream()
                .filter(one -> one.toString().equals(name))
                .findFirst()
                .orElseThrow(() -> new LeveeException(ErrorCode.NOT_FOUND, "the backup has no partition '" + name + "'")
                        .hint("levee partitions and levee quarantine list show how partitions are named"));
    }
}
