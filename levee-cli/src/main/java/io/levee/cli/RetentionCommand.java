package io.levee.cli;

import io.levee.Bytes;
import io.levee.ErrorCode;
import io.levee.LeveeException;
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
        description = "What retention would drop now, and dropping it.",
        subcommands = {RetentionCommand.Plan.class, RetentionCommand.Apply.class})
final class RetentionCommand extends Command {
    RetentionCommand(Console console) {
        super(console);
    }

    @Override
    int run() {
        throw usage("a command is missing: plan or apply");
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
