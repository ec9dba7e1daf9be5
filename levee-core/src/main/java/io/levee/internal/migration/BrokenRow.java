package io.levee.internal.migration;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.MigrationStep;
import io.levee.TableSpec;
import io.levee.engine.MigrationRecord;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A row that what a migration computes ends with an error for: told by its key and the expression, the same on every engine, and never as a
 * fault of the disk.
 */
public final class BrokenRow {
    private static final int LONGEST = 200;

    private BrokenRow() {}

    /** The columns that tell people which row it is: its key, else its time. */
    public static List<String> columns(TableSpec spec) {
        return spec.keyed() ? spec.key() : spec.time();
    }

    /**
     * The error.
     *
     * @param values of {@link #columns}, as text
     * @param seq the row's number
     */
    public static LeveeException of(
            MigrationRecord record, TableSpec spec, List<? extends @Nullable Object> values, long seq, Throwable met) {
        List<String> key = new ArrayList<>();
        List<String> names = columns(spec);
        for (int i = 0; i < names.size(); i++) {
            key.add(names.get(i) + " = " + shortened(String.valueOf(values.get(i))));
        }
        String row = String.join(", ", key) + " (number " + seq + ")";
        return told(record, "the row " + row + " of " + spec.name() + " breaks", met)
                .with("row", row);
    }

    /** The same where it is not known which row it was. */
    public static LeveeException of(MigrationRecord record, Throwable met) {
        return told(record, "a row of " + record.table() + " breaks", met);
    }

    private static LeveeException told(MigrationRecord record, String what, Throwable met) {
        String computed = shortened(computed(record.step()));
        return new LeveeException(ErrorCode.BAD_VALUE, what + " " + computed + ": " + met.getMessage(), met)
                .with("migration", record.id())
                .with("expression", computed)
                .hint(
                        record.step() instanceof MigrationStep.Backfill
                                ? "mend the row and resume the migration, or declare one under another id that says what such rows"
                                        + " get (CASE WHEN … END)"
                                : "mend the row and resume the migration, or take it back: dropColumn, dropIndex");
    }

    /** What a step computes of each row, as it was declared. */
    private static String computed(MigrationStep step) {
        if (step instanceof MigrationStep.Backfill fill) {
            List<String> sets = new ArrayList<>();
            for (Map.Entry<String, String> one : fill.set().entrySet()) {
                sets.add(one.getKey() + " = " + one.getValue());
            }
            return String.join(", ", sets) + (fill.where() == null ? "" : " where " + fill.where());
        }
        if (step instanceof MigrationStep.AddColumn add) {
            return add.column().name() + " = " + add.column().expression();
        }
        return step instanceof MigrationStep.AddIndex add
                ? "the index on " + String.join(", ", add.index().parts())
                        + (add.index().where() == null
                                ? ""
                                : " where " + add.index().where())
                : step.kind();
    }

    private static String shortened(String text) {
        return text.length() <= LONGEST ? text : text.substring(0, LONGEST) + "…";
    }
}
