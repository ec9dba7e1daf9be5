package io.levee.sqlite;

import io.levee.Column;
import io.levee.TableSpec;
import io.levee.internal.adopt.SplitRow;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Reads rows of an adopted database as they become rows of ours. Statements only. */
final class SplitRows {
    private SplitRows() {}

    /** The columns of a SELECT that {@link #read} reads. */
    static String select(AdoptedTable table, TableSpec spec) {
        List<String> selected = new ArrayList<>();
        spec.columns().forEach(c -> selected.add(table.column(spec, c)));
        selected.add(table.rowNumber());
        selected.add(table.time(spec));
        selected.add(table.readableTime(spec) + " IS NULL");
        selected.add(table.unreadable(spec));
        selected.add(table.overridden());
        return "SELECT " + String.join(", ", selected) + table.from();
    }

    static SplitRow read(ResultSet rows, TableSpec spec, AdoptedTable table) throws SQLException {
        int width = spec.columns().size();
        @Nullable Object[] all = Stored.row(rows, width + 5);
        @Nullable Object[] values = new Object[width];
        for (int i = 0; i < width; i++) {
            Column column = spec.columns().get(i);
            values[i] = Stored.checked(all[i], column);
        }
        long number = LedgerState.number(all[width]);
        return new SplitRow(
                number,
                table.seq(number),
                LedgerState.number(all[width + 1]),
                LedgerState.number(all[width + 2]) != 0,
                LedgerState.number(all[width + 4]) != 0,
                LedgerState.number(all[width + 3]),
                values);
    }
}
