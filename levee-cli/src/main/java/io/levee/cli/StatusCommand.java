package io.levee.cli;

import io.levee.Bytes;
import io.levee.Store;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;

/** {@code levee status}: limits and present use. */
@CommandLine.Command(
        name = "status",
        description =
                "Limits and present use of a store: health, tables, queue, losses, disk, memory, background tasks.",
        footerHeading = "%nExamples:%n",
        footer = {"  levee status --store history", "  levee status --url http://127.0.0.1:7311 --json"})
final class StatusCommand extends Command {
    StatusCommand(Console console) {
        super(console);
    }

    @Override
    int run() throws Exception {
        Map<String, @Nullable Object> status = status();
        if (json()) {
            console.json(status);
        } else {
            print(status);
        }
        return OK;
    }

    private Map<String, @Nullable Object> status() throws Exception {
        Remote remote = target.remote(console);
        if (remote != null) {
            return remote.get("/v1/status", Map.of());
        }
        try (Store store = target.openToRead(console)) {
            return store.status().toMap();
        }
    }

    private void print(Map<String, @Nullable Object> status) {
        line("store", status.get("store") + " (" + status.get("engine") + ", Levee " + status.get("version") + ")");
        Object owner = status.get("owner");
        line("writer", owner instanceof Map<?, ?> map && !map.isEmpty() ? pairs(map) : "none");
        line(
                "health",
                status.get("health") + (status.get("reasons") instanceof List<?> r && !r.isEmpty() ? ": " + r : ""));
        line("records", "accepted " + status.get("accepted") + ", stored " + status.get("stored"));
        line(
                "lost",
                status.get("lost") instanceof Map<?, ?> lost ? lost.get("total") + " " + lost.get("byReason") : "");
        if (status.get("queue") instanceof Map<?, ?> queue) {
            line(
                    "queue",
                    queue.get("records") + " of " + queue.get("limitRecords") + " records, " + size(queue.get("bytes"))
                            + " of " + size(queue.get("limitBytes")));
        }
        if (status.get("disk") instanceof Map<?, ?> disk) {
            boolean limited = disk.get("limitBytes") instanceof Number n && n.longValue() > 0;
            line(
                    "disk",
                    size(disk.get("bytes"))
                            + (limited ? " of " + size(disk.get("limitBytes")) : "")
                            + (disk.get("freeBytes") == null
                                    ? ""
                                    : ", " + size(disk.get("freeBytes")) + " free on the volume"));
            if (disk.get("growth") instanceof Map<?, ?> growth) {
                growth(growth);
            }
        }
        if (status.get("memory") instanceof Map<?, ?> memory) {
            line("memory", "budget " + size(memory.get("budgetBytes")) + ", process " + size(memory.get("rssBytes")));
            if (memory.get("byPart") instanceof Map<?, ?> parts && memory.get("limits") instanceof Map<?, ?> limits) {
                limits.forEach((part, limit) -> line(
                        "  " + part, (parts.containsKey(part) ? size(parts.get(part)) : "0 B") + " of " + size(limit)));
            }
            if (memory.get("temporaryLimitBytes") != null) {
                line(
                        "  sorts on disk",
                        size(memory.get("temporaryBytes")) + " of " + size(memory.get("temporaryLimitBytes")));
            }
        }
        migrations(status);
        line("last stop", String.valueOf(status.get("lastShutdown")));
        tables(status.get("tables"));
        tasks(status.get("tasks"));
    }

    private void growth(Map<?, ?> growth) {
        line(
                "growth",
                size(growth.get("bytesPerDay")) + " a day, " + growth.get("rowsPerSecond") + " records/s over "
                        + growth.get("seconds") + " s"
                        + (growth.get("daysLeft") == null
                                ? ""
                                : "; " + size(growth.get("limitBytes")) + " are reached in " + growth.get("daysLeft")
                                        + " days"));
    }

    private void tables(@Nullable Object tables) {
        if (!(tables instanceof List<?> list) || list.isEmpty()) {
            console.print("no tables");
            return;
        }
        console.print("");
        Grid grid = new Grid(
                console,
                Grid.Format.TABLE,
                List.of("table", "rows", "partitions", "bytes", "oldest", "newest"),
                ZoneId.of("UTC"));
        for (Object entry : list) {
            if (entry instanceof Map<?, ?> t) {
                List<@Nullable Object> row = new ArrayList<>();
                row.add(t.get("name"));
                row.add(t.get("rows"));
                row.add(t.get("partitions"));
                row.add(size(t.get("bytes")));
                row.add(t.get("oldest"));
                row.add(t.get("newest"));
                grid.row(row);
            }
        }
        grid.end();
    }

    /** Those that are not done: whoever wants more asks levee migrate status. */
    private void migrations(Map<String, @Nullable Object> status) {
        if (status.get("migrationsError") != null) {
            line("migrations", "cannot be read: " + status.get("migrationsError"));
        }
        for (Map<?, ?> one : MigrationWait.wanted(status, m -> !"done".equals(m.get("status")))) {
            line(
                    "migration",
                    one.get("id") + " of " + one.get("table") + ": " + one.get("status") + ", "
                            + MigrationText.rows(one)
                            + ("running".equals(one.get("status")) ? MigrationText.left(one) : "")
                            + (one.get("error") == null ? "" : ": " + one.get("error")));
        }
    }

    private void tasks(@Nullable Object tasks) {
        if (tasks instanceof List<?> list) {
            for (Object entry : list) {
                if (entry instanceof Map<?, ?> task && task.get("lastError") != null) {
                    console.print("task " + task.get("name") + " failed: "
                            + Printable.line(String.valueOf(task.get("lastError"))));
                }
            }
        }
    }

    private void line(String name, String value) {
        console.print(String.format("%-10s %s", name, Printable.line(value)));
    }

    private static String pairs(Map<?, ?> map) {
        return String.join(
                ", ",
                map.entrySet().stream()
                        .map(e -> e.getKey() + " " + e.getValue())
                        .toList());
    }

    private static String size(@Nullable Object bytes) {
        return bytes instanceof Number number && number.longValue() >= 0
                ? new Bytes(number.longValue()).toString()
                : "?";
    }
}
