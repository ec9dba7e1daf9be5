package io.levee.cli;

import io.levee.Bytes;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.RetentionEvent;
import io.levee.RetentionPlan;
import io.levee.Store;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Option;

/** {@code levee retention}: what would go and why, and doing it. */
@CommandLine.Command(
        name = "retention",
        description = "What retention would drop now, dropping it, and what it decided before.",
        subcommands = {RetentionCommand.Plan.class, RetentionCommand.Apply.class, RetentionCommand.Events.class})
final class RetentionCommand extends Command {
    RetentionCommand(Console console) {
        super(console);
    }

    @Override
    int run() {
        throw usage("a command is missing: plan, apply or events");
    }

    /** {@code levee retention plan}. */
    @CommandLine.Command(
            name = "plan",
            description = "What would go now, why, and how many bytes that frees. Changes nothing.",
            footerHeading = "%nExample:%n",
            footer = "  levee retention plan --store history")
    static final class Plan extends Command {
        Plan(Console console) {
            super(console);
        }

        @Override
        int run() throws Exception {
            Map<String, @Nullable Object> plan = plan();
            plan.put("bytesFreed", 0L);
            if (json()) {
                console.json(plan);
            } else {
                print(console, plan);
            }
            return OK;
        }

        private Map<String, @Nullable Object> plan() throws Exception {
            Remote remote = target.remote(console);
            if (remote != null) {
                return remote.get("/v1/retention/plan", Map.of());
            }
            try (Store store = target.openToRead(console)) {
                return new LinkedHashMap<>(store.planRetention().toMap());
            }
        }
    }

    /** {@code levee retention apply}. */
    @CommandLine.Command(
            name = "apply",
            description = "Does what the plan says.",
            footerHeading = "%nExample:%n",
            footer = "  levee retention apply --plan ID")
    static final class Apply extends Command {
        @Option(names = "--plan", paramLabel = "ID", description = "Only if the present plan is still this one.")
        private @Nullable String plan;

        Apply(Console console) {
            super(console);
        }

        @Override
        int run() throws Exception {
            Map<String, ? extends @Nullable Object> report = apply();
            if (json()) {
                console.json(report);
            } else {
                print(console, report);
            }
            boolean blocked = report.get("blocked") instanceof Map<?, ?> map && !map.isEmpty();
            return blocked ? FAILED : OK;
        }

        private Map<String, ? extends @Nullable Object> apply() throws Exception {
            Remote remote = target.remote(console);
            if (remote != null) {
                Map<String, @Nullable Object> params = new LinkedHashMap<>();
                params.put("plan", plan);
                return remote.send("POST", "/v1/retention/apply", params, null);
            }
            try (Store store = target.openExisting(console)) {
                RetentionPlan present = store.planRetention();
                if (plan != null && !plan.equals(present.id())) {
                    throw new LeveeException(
                                    ErrorCode.NOT_FOUND, "the plan '" + plan + "' is not the present one any more")
                            .with("plan", present.id())
                            .hint("look at levee retention plan again");
                }
                return store.applyRetention(present).toMap();
            }
        }
    }

    /** {@code levee retention events}. */
    @CommandLine.Command(
            name = "events",
            description =
                    "What retention decided and why, the newest first: what went, what had to stay, what came back.",
            footerHeading = "%nExample:%n",
            footer = "  levee retention events --table invocations --limit 20")
    static final class Events extends Command {
        private static final List<String> COLUMNS =
                List.of("at", "action", "rule", "table", "partition", "rows", "bytes", "reason");

        @Option(names = "--table", paramLabel = "TABLE", description = "Of this table only.")
        private @Nullable String table;

        @Option(
                names = "--limit",
                paramLabel = "N",
                description = "Most events; the store keeps the newest 10,000. Default: ${DEFAULT-VALUE}.")
        private int limit = 100;

        Events(Console console) {
            super(console);
        }

        @Override
        int run() throws Exception {
            if (limit < 1 || limit > RetentionEvent.MAX_EVENTS) {
                throw usage("--limit must be from 1 to " + RetentionEvent.MAX_EVENTS + " (got " + limit + ")");
            }
            List<?> events = events();
            if (json()) {
                console.json(Map.of("events", events));
                return OK;
            }
            Grid grid = new Grid(console, Grid.Format.TABLE, COLUMNS, ZoneId.of("UTC"));
            for (Object event : events) {
                if (event instanceof Map<?, ?> map) {
                    List<@Nullable Object> row = new ArrayList<>();
                    COLUMNS.forEach(name -> row.add(map.get(name)));
                    grid.row(row);
                }
            }
            grid.end();
            return OK;
        }

        private List<?> events() throws Exception {
            Remote remote = target.remote(console);
            if (remote != null) {
                Map<String, @Nullable Object> params = new LinkedHashMap<>();
                params.put("table", table);
                params.put("limit", limit);
                return remote.get("/v1/retention/events", params).get("events") instanceof List<?> list
                        ? list
                        : List.of();
            }
            try (Store store = target.openToRead(console)) {
                return store.retentionEvents(table, limit).stream()
                        .map(RetentionEvent::toMap)
                        .toList();
            }
        }
    }

    private static void print(Console console, Map<String, ? extends @Nullable Object> plan) {
        console.print("plan " + plan.get("plan") + ", ages measured against " + plan.get("reference"));
        List<?> drops = plan.get("drop") instanceof List<?> list ? list : List.of();
        if (!drops.isEmpty()) {
            Grid grid = new Grid(
                    console,
                    Grid.Format.TABLE,
                    List.of("drop", "from", "to", "rows", "bytes", "why"),
                    ZoneId.of("UTC"));
            for (Object drop : drops) {
                if (drop instanceof Map<?, ?> d) {
                    List<@Nullable Object> row = new ArrayList<>();
                    for (String name : List.of("partition", "from", "to", "rows", "bytes", "reason")) {
                        row.add(d.get(name));
                    }
                    grid.row(row);
                }
            }
            grid.end();
        }
        if (plan.get("delete") instanceof List<?> trims) {
            for (Object trim : trims) {
                if (trim instanceof Map<?, ?> t) {
                    console.print("delete " + t.get("rows") + " rows of " + t.get("table") + ": "
                            + Printable.line(String.valueOf(t.get("reason"))));
                }
            }
        }
        if (plan.get("keepReason") instanceof Map<?, ?> kept) {
            kept.forEach((table, why) -> console.print("keep " + table + ": " + Printable.line(String.valueOf(why))));
        }
        if (plan.get("blocked") instanceof Map<?, ?> blocked) {
            blocked.forEach(
                    (what, why) -> console.print("blocked " + what + ": " + Printable.line(String.valueOf(why))));
        }
        if (plan.get("dropped") instanceof List<?> dropped) {
            console.print("dropped " + dropped.size() + " partitions, freed " + size(plan.get("bytesFreed")));
        } else {
            console.print(drops.size() + " partitions would go, " + size(plan.get("bytes")));
        }
    }

    private static String size(@Nullable Object bytes) {
        return bytes instanceof Number number ? new Bytes(Math.max(0, number.longValue())).toString() : "?";
    }
}
