package io.levee.postgres;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.engine.Execution;
import io.levee.engine.PlanStep;
import io.levee.internal.json.Json;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/** What the server's planner says of a statement, asked as the cursor that the query would open; nothing is read. One query thread. */
final class Planned {
    /** Longest plan: of 400 partitions' lines the first ones say it all. */
    private static final int MOST_LINES = 100;

    private static final List<String> CONDITIONS =
            List.of("Index Cond", "Recheck Cond", "Filter", "Sort Key", "Presorted Key", "Group Key");

    private final List<String> lines = new ArrayList<>();
    private final Set<String> indexes = new LinkedHashSet<>();
    private boolean fullScan;
    private boolean sorts;
    private int more;

    private Planned() {}

    /**
     * Asks the planner.
     *
     * @param settings of the transaction, as the query has them
     * @param rows how many rows the partitions of the query's range hold; -1 where unknown
     */
    static PlanStep of(DataSource source, Execution execution, String settings, SqlBuilder statement, long rows) {
        StringBuilder json = new StringBuilder();
        try (ReadSession session = ReadSession.open(source, execution, settings);
                PreparedStatement explain = statement.prepare(
                        session.connection(),
                        "EXPLAIN (FORMAT JSON) DECLARE " + ReadSession.CURSOR + " NO SCROLL CURSOR FOR ")) {
            session.interruptibly(explain, () -> {
                try (ResultSet result = explain.executeQuery()) {
                    while (result.next()) {
                        json.append(result.getString(1)).append('\n');
                    }
                }
            });
        } catch (SQLException e) {
            throw ReadSession.failure("the query cannot be explained", execution, e);
        }
        Planned planned = new Planned();
        planned.read(json.toString());
        if (planned.more > 0) {
            planned.lines.add("… and " + planned.more + " more lines");
        }
        return new PlanStep(
                "",
                statement.text(),
                planned.lines,
                List.copyOf(planned.indexes),
                planned.fullScan,
                planned.sorts,
                rows);
    }

    private void read(String json) {
        try {
            if (Json.parse(json) instanceof List<?> list
                    && !list.isEmpty()
                    && list.get(0) instanceof Map<?, ?> top
                    && top.get("Plan") instanceof Map<?, ?> plan) {
                node(plan, 0);
            }
        } catch (IllegalArgumentException e) {
            throw new LeveeException(ErrorCode.INTERNAL, "the server's plan cannot be read: " + e.getMessage(), e);
        }
    }

    private void node(Map<?, ?> node, int depth) {
        String type = text(node, "Node Type");
        String index = text(node, "Index Name");
        String relation = text(node, "Relation Name");
        StringBuilder line = new StringBuilder("  ".repeat(depth)).append(type);
        line.append("Backward".equals(text(node, "Scan Direction")) ? " backward" : "");
        line.append(index.isEmpty() ? "" : " using " + index);
        line.append(relation.isEmpty() ? "" : " on " + relation);
        line.append(" (").append(text(node, "Plan Rows")).append(" rows)");
        CONDITIONS.forEach(c -> line.append(node.containsKey(c) ? " " + c + ": " + text(node, c) : ""));
        String removed = text(node, "Subplans Removed");
        line.append(removed.isEmpty() || removed.equals("0") ? "" : " partitions left out at the start: " + removed);
        if (lines.size() < MOST_LINES) {
            lines.add(line.toString());
        } else {
            more++;
        }
        // Through an index from end to end with a filter is a full scan too, in a worse order.
        boolean through = type.startsWith("Index") && !node.containsKey("Index Cond") && node.containsKey("Filter");
        fullScan |= type.equals("Seq Scan") || through;
        // An incremental sort sorts rows of equal values only, a few at a time.
        sorts |= type.equals("Sort");
        if (!index.isEmpty()) {
            indexes.add(index);
        }
        if (node.get("Plans") instanceof List<?> below) {
            for (Object one : below) {
                if (one instanceof Map<?, ?> plan) {
                    node(plan, depth + 1);
                }
            }
        }
    }

    private static String text(Map<?, ?> node, String entry) {
        @Nullable Object value = node.get(entry);
        return value == null ? "" : String.valueOf(value);
    }
}
