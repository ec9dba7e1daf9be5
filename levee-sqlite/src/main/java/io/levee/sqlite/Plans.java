package io.levee.sqlite;

import io.levee.Expr;
import io.levee.engine.Execution;
import io.levee.engine.Grouping;
import io.levee.engine.PlanStep;
import io.levee.engine.RowQuery;
import io.levee.sqlite.ReadHandles.ReadHandle;
import java.nio.file.Files;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** How partitions would be read: the statements that the scans would run, in the words of SQLite's planner (G49, G51). */
final class Plans {
    /** The hot rows, or the details that they are joined with. */
    private static final Pattern SCAN = Pattern.compile("^SCAN [md]( |$)");

    private static final Pattern BY_TIME =
            Pattern.compile("SEARCH m USING INDEX .* \\(([^=<>]+)[<>]\\?(?: AND \\1[<>]\\?)?\\)");

    private static final Pattern INDEX = Pattern.compile("USING (?:COVERING )?INDEX (\\w+)|SCAN (\\w+) VIRTUAL TABLE");

    private final StorePaths paths;
    private final ReadHandles handles;
    private final Execution execution;

    Plans(StorePaths paths, ReadHandles handles, Execution execution) {
        this.paths = paths;
        this.handles = handles;
        this.execution = execution;
    }

    @FunctionalInterface
    private interface Text {
        PartitionSql of(Partition partition, ReadHandle handle) throws SQLException;
    }

    /** The steps of a query of rows, in the order in which partitions would be opened; it may end before the last one. */
    List<PlanStep> of(RowQuery query, List<Partition> partitions) {
        RowOrder order = new RowOrder(query);
        // In the order of an index, a limit stops what would else be a scan of everything.
        boolean stops = query.where() == null
                && query.limit() != Long.MAX_VALUE
                && query.perKey().isEmpty();
        return steps(
                partitions,
                (partition, handle) -> {
                    AdoptedWindows windows =
                            query.after() != null || !query.perKey().isEmpty() || !order.byTime()
                                    ? null
                                    : AdoptedWindows.of(
                                            partition, order.newestFirst(), query.fromMicros(), query.toMicros());
                    HeldRange first = windows == null ? null : windows.next(0);
                    HeldRange range = first != null
                            ? first
                            : HeldRange.of(partition, query.fromMicros(), query.toMicros(), handles.live());
                    return query.perKey().isEmpty()
                            ? RowSource.sql(
                                    query,
                                    order,
                                    handle,
                                    range,
                                    order.stages(query.after()).get(0),
                                    null)
                            : NewestPer.sql(query, order, handle, range);
                },
                stops,
                query.where(),
                query.fromMicros(),
                query.toMicros());
    }

    /** The steps of a grouping. */
    List<PlanStep> of(Grouping grouping, List<Partition> partitions) {
        return steps(
                partitions,
                (partition, handle) -> GroupScan.statement(
                        grouping,
                        SeqRange.ALL,
                        handle,
                        HeldRange.of(partition, grouping.fromMicros(), grouping.toMicros(), handles.live())),
                false,
                grouping.where(),
                grouping.fromMicros(),
                grouping.toMicros());
    }

    private List<PlanStep> steps(
            List<Partition> partitions, Text text, boolean stops, @Nullable Expr where, long from, long to) {
        List<PlanStep> steps = new ArrayList<>();
        try {
            for (Partition partition : partitions) {
                execution.check();
                if (!handles.ruledOut(partition, where) && Files.exists(paths.partition(partition))) {
                    Partition.Held held = partition.held();
                    boolean whole = from <= held.minMicros() && held.maxMicros() < to;
                    step(partition, text, stops, whole, steps);
                }
            }
        } catch (SQLException e) {
            throw Sqlite.failure("the plan cannot be told", paths.root(), e);
        }
        return steps;
    }

    private void step(Partition partition, Text text, boolean stops, boolean whole, List<PlanStep> steps)
            throws SQLException {
        ReadHandle handle = handles.takeUnlessGone(partition, execution);
        if (handle == null) {
            return;
        }
        boolean usable = false;
        try {
            PartitionSql sql = text.of(partition, handle);
            if (sql.tableThere()) {
                steps.add(step(partition, sql, handle, stops, whole));
            }
            usable = true;
        } finally {
            handles.giveBack(handle, usable);
        }
    }

    private static PlanStep step(Partition partition, PartitionSql sql, ReadHandle handle, boolean stops, boolean whole)
            throws SQLException {
        List<String> plan = new ArrayList<>();
        Set<String> indexes = new LinkedHashSet<>();
        boolean scans = false;
        boolean sorts = false;
        try (PreparedStatement statement = sql.explain(handle);
                ResultSet rows = statement.executeQuery()) {
            while (rows.next()) {
                String line = rows.getString("detail");
                plan.add(line);
                Matcher index = INDEX.matcher(line);
                if (index.find()) {
                    indexes.add(index.group(1) != null ? index.group(1) : index.group(2));
                }
                sorts |= line.contains("TEMP B-TREE");
                // By the range alone, which leaves no row of it out: a scan by another name.
                boolean all = whole && BY_TIME.matcher(line).matches() && line.contains(sql.timeName());
                scans |= (SCAN.matcher(line).find() || all) && !line.contains("COVERING INDEX");
            }
        }
        boolean full = scans && (sorts || !stops);
        return new PlanStep(
                partition.id().toString(),
                sql.text(),
                plan,
                List.copyOf(indexes),
                full,
                sorts,
                partition.held().rows());
    }
}
