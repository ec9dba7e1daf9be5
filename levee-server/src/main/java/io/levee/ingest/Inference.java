package io.levee.ingest;

import io.levee.TableSpec;
import java.util.List;
import java.util.Locale;

/**
 * A proposed spec, and why.
 *
 * @param spec the proposal
 * @param timeReason why the time column is what it is
 * @param notes what else should be known before it is used
 * @param records records looked at
 * @param whole whether those were all
 */
public record Inference(TableSpec spec, String timeReason, List<String> notes, long records, boolean whole) {
    /** Copies the list. */
    public Inference {
        notes = List.copyOf(notes);
    }

    /** The proposal as a file to keep and edit: the reasons are comments. */
    public String yaml() {
        StringBuilder out = new StringBuilder();
        out.append(String.format(
                Locale.ROOT,
                "# Proposed by --infer from %,d records (%s).%n",
                records,
                whole ? "all" : "the first ones"));
        out.append("# time: '")
                .append(spec.time().get(0))
                .append("' because it is ")
                .append(timeReason)
                .append(".\n");
        notes.forEach(note -> out.append("# ").append(note).append('\n'));
        return out.append(SpecFiles.yaml(spec)).toString();
    }
}
