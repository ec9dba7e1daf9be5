package io.levee.internal.migration;

import io.levee.Column;
import io.levee.Lookup;
import io.levee.MigrationStep;
import io.levee.engine.MigrationRecord;
import java.util.ArrayList;
import java.util.List;

/** Migrations in words. */
final class Words {
    private Words() {}

    /** What one does. */
    static String what(MigrationRecord record) {
        MigrationStep step = record.step();
        String table = record.table();
        if (step instanceof MigrationStep.AddColumn add) {
            Column column = add.column();
            String value = column.expression() != null
                    ? "what " + column.expression() + " gives"
                    : column.defaultValue() != null ? String.valueOf(column.defaultValue()) : "null";
            return "adds the column '" + column.name() + "' (" + column.type().specName() + ") to " + table
                    + "; older rows read as " + value + " at once";
        }
        if (step instanceof MigrationStep.AddIndex add) {
            String where = add.index().where();
            return "builds the index '" + add.index().name() + "' over "
                    + add.index().parts() + (where == null ? "" : " where " + where) + " in every partition of "
                    + table;
        }
        if (step instanceof MigrationStep.DropIndex drop) {
            return "takes the index '" + drop.name() + "' away from every partition of " + table;
        }
        if (step instanceof MigrationStep.DropColumn drop) {
            return "hides the column '" + drop.column() + "' of " + table + " at once, and clears its values";
        }
        if (step instanceof MigrationStep.RenameColumn rename) {
            return "renames the column '" + rename.from() + "' of " + table + " to '" + rename.to() + "' at once";
        }
        if (step instanceof MigrationStep.Backfill fill) {
            List<String> tables = fill.lookups().values().stream()
                    .map(Lookup::table)
                    .distinct()
                    .toList();
            return "sets " + fill.set() + " in the rows of " + table + " that are stored"
                    + (fill.where() == null ? "" : ", where " + fill.where())
                    + (tables.isEmpty() ? "" : ", by figures of " + String.join(", ", tables))
                    + "; rows that are right already are not written";
        }
        if (step instanceof MigrationStep.BackfillRows rows) {
            return "changes " + rows.columns() + " in the rows of " + table
                    + " that are stored by the program's function, version " + rows.version();
        }
        return "runs the program's own work, version " + ((MigrationStep.Custom) step).version();
    }

    /** How its effect is taken back. */
    static String undo(MigrationStep step) {
        if (step instanceof MigrationStep.AddColumn add) {
            return "dropColumn: " + add.column().name();
        }
        if (step instanceof MigrationStep.AddIndex add) {
            return "dropIndex: " + add.index().name();
        }
        if (step instanceof MigrationStep.DropIndex) {
            return "addIndex with the same parts, which builds it anew";
        }
        if (step instanceof MigrationStep.RenameColumn rename) {
            return "renameColumn: {from: " + rename.to() + ", to: " + rename.from()
                    + "}; older releases keep refusing the store";
        }
        List<String> words = new ArrayList<>(List.of("restore a backup that was made before"));
        if (step instanceof MigrationStep.DropColumn) {
            words.add("the values are gone; older releases keep refusing the store");
        } else if (step instanceof MigrationStep.Custom) {
            words.add("what the program's own work did, only the program knows");
        } else {
            words.add("the values before are not kept; a backfill can set others");
        }
        return String.join(": ", words);
    }
}
