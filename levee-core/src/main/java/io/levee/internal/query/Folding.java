package io.levee.internal.query;

import io.levee.engine.Execution;
import io.levee.engine.ReadView;
import io.levee.engine.RowSink;
import io.levee.engine.ScanPart;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Runs folds over the partitions of a view. Thread-safe. */
final class Folding {
    private final long roomBytes;

    /**
     * Runs folds.
     *
     * @param roomBytes what the groups of one query may take
     */
    Folding(long roomBytes) {
        this.roomBytes = roomBytes;
    }

    /** The groups of each fold. Query thread. */
    List<GroupTable> run(ReadView view, List<Fold> folds, Execution execution) {
        GroupRoom room = new GroupRoom(roomBytes);
        List<GroupTable> tables = new ArrayList<>();
        for (Fold fold : folds) {
            GroupTable table = new GroupTable(fold, room);
            for (ScanPart part : view.parts(fold.grouping())) {
                execution.check();
                part.run(execution, new Into(table));
            }
            tables.add(table);
        }
        return tables;
    }

    /** Hands rows to a table. */
    record Into(GroupTable table) implements RowSink {
        @Override
        public void columns(List<String> names) {
            // A grouping's columns are known.
        }

        @Override
        public boolean row(@Nullable Object[] values) {
            table.add(values);
            return true;
        }
    }
}
