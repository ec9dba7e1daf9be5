package io.levee.cli;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** How a query would be run, for a person. */
final class ExplanationText {
    private final Console console;

    ExplanationText(Console console) {
        this.console = console;
    }

    /** Prints an explanation in its JSON form. */
    void print(Map<String, @Nullable Object> explanation) {
        line("query  " + explanation.get("query"));
        long all = number(explanation.get("partitions"));
        long touched = number(explanation.get("touched"));
        line("reads  " + touched + " of " + all + (all == 1 ? " partition" : " partitions"));
        if (explanation.get("steps") instanceof List<?> steps) {
            steps.forEach(step -> {
                if (step instanceof Map<?, ?> map) {
                    step(map);
                }
            });
        }
        if (explanation.get("notes") instanceof List<?> notes && !notes.isEmpty()) {
            line("");
            notes.forEach(note -> line("note: " + note));
        }
        console.flush();
    }

    private void step(Map<?, ?> step) {
        long partitions = number(step.get("partitions"));
        Object partition = step.get("partition");
        String where = partition == null || partition.equals("")
                ? "one statement over " + count(partitions)
                : partitions > 1 ? count(partitions) + ", such as " + partition : String.valueOf(partition);
        Object rows = step.get("rows");
        line("");
        line(where + (rows == null ? "" : " (" + String.format(java.util.Locale.ROOT, "%,d", number(rows)) + " rows)"));
        if (Boolean.TRUE.equals(step.get("fullScan"))) {
            line("  FULL SCAN: reads every row");
        }
        List<String> indexes = AskCommand.texts(step.get("indexes"));
        if (!indexes.isEmpty()) {
            line((indexes.size() == 1 ? "  index " : "  indexes ") + String.join(", ", indexes));
        }
        if (Boolean.TRUE.equals(step.get("sorts"))) {
            line("  sorts the rows it finds: no index has this order");
        }
        AskCommand.texts(step.get("plan")).forEach(plan -> line("  plan  " + plan));
        line("  statement  " + step.get("statement"));
    }

    private static String count(long partitions) {
        return partitions + (partitions == 1 ? " partition" : " partitions");
    }

    private static long number(@Nullable Object value) {
        return value instanceof Number number ? number.longValue() : 0;
    }

    private void line(String text) {
        console.print(Printable.line(text));
    }
}
