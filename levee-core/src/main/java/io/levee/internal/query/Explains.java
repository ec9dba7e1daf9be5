package io.levee.internal.query;

import io.levee.Explanation;
import io.levee.engine.PlanStep;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** What engines tell of their plans, for people (guarantees G49, G51). */
final class Explains {
    private Explains() {}

    /** What two steps have in common that are run alike. */
    private record Alike(String statement, List<String> plan, List<String> indexes, boolean fullScan, boolean sorts) {
        static Alike of(PlanStep step) {
            return new Alike(step.statement(), step.plan(), step.indexes(), step.fullScan(), step.sorts());
        }
    }

    /**
     * The explanation.
     *
     * @param query what is asked, in words
     * @param partitions how many the table has
     * @param viewed how many its range leaves
     * @param steps of all partitions that are read
     * @param filter the filter in words; empty for none
     * @param cached how many of the parts are answered from what was kept, and read nothing
     */
    static Explanation of(String query, int partitions, int viewed, List<PlanStep> steps, String filter, long cached) {
        Map<Alike, List<PlanStep>> alike = new LinkedHashMap<>();
        Set<String> named = new LinkedHashSet<>();
        boolean one = false;
        for (PlanStep step : steps) {
            alike.computeIfAbsent(Alike.of(step), k -> new ArrayList<>()).add(step);
            named.add(step.partition());
            one |= step.partition().isEmpty();
        }
        int touched = one ? viewed : named.size();
        List<Explanation.Step> told = new ArrayList<>();
        List<String> notes = new ArrayList<>();
        alike.values().forEach(same -> {
            PlanStep first = same.get(0);
            long in = same.stream().map(PlanStep::partition).distinct().count();
            told.add(new Explanation.Step(first, first.partition().isEmpty() ? Math.max(1, viewed) : (int) in));
        });
        note(notes, steps.stream().filter(PlanStep::fullScan).toList(), true, viewed, filter);
        note(notes, steps.stream().filter(PlanStep::sorts).toList(), false, viewed, filter);
        if (steps.isEmpty()) {
            notes.add(
                    viewed == 0
                            ? "no partition holds rows of the range"
                            : "no partition is read: nothing in them can match");
        } else if (touched < partitions) {
            notes.add((partitions - touched) + " of " + partitions
                    + " partitions are left out by their range or their statistics");
        }
        if (cached > 0) {
            notes.add("groups of " + cached + (cached == 1 ? " part are" : " parts are")
                    + " kept from before: as long as they are, their partitions are not read");
        }
        return new Explanation(query, partitions, touched, told, notes);
    }

    private static void note(List<String> notes, List<PlanStep> steps, boolean scan, int viewed, String filter) {
        if (steps.isEmpty()) {
            return;
        }
        long rows = steps.stream().mapToLong(PlanStep::rows).filter(n -> n > 0).sum();
        boolean one = steps.stream().anyMatch(s -> s.partition().isEmpty());
        long in = one
                ? viewed
                : steps.stream().map(PlanStep::partition).distinct().count();
        String where =
                (rows > 0 ? rows + " rows" : "all rows") + " in " + in + (in == 1 ? " partition" : " partitions");
        if (scan) {
            notes.add("full scan of " + where + ": "
                    + (filter.isEmpty() ? "the query has no filter" : "no index serves the filter " + filter));
        } else {
            notes.add("sort of up to " + where + ": no index has this order");
        }
    }
}
