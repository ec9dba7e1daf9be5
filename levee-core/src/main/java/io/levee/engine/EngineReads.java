package io.levee.engine;

import io.levee.Expr;
import io.levee.LeveeException;
import io.levee.PartitionId;
import io.levee.SqlQuery;
import io.levee.TableSpec;
import org.jspecify.annotations.Nullable;

/** What is read of an engine: the part of {@link StorageEngine} that queries use. Threads as there. */
public interface EngineReads {
    /** What the partitions that may hold rows of a range are now, held until the view is closed. Query thread. */
    ReadView view(TableSpec spec, long fromMicros, long toMicros);

    /**
     * The same without partitions that hold no row of the classes which a filter lets through ({@link Classes#wanted}). The filter is
     * not applied: it is that of what is asked of the view. Query thread.
     *
     * @param where the filter over exact names and stored values, or null
     */
    default ReadView view(TableSpec spec, long fromMicros, long toMicros, @Nullable Expr where) {
        return view(spec, fromMicros, toMicros);
    }

    /**
     * One partition of a table for its groups ({@link ReadView#parts}), held until the view is closed; dropped meanwhile or just now, it is
     * read all the same where the engine still has it. Query thread.
     *
     * @throws LeveeException {@code NOT_FOUND} where nothing of it is left
     */
    ReadView view(TableSpec spec, PartitionId id);

    /** Sends the rows of a query to the sink, in order. Query thread. */
    default void rows(RowQuery query, Execution execution, RowSink sink) {
        try (ReadView view = view(query.spec(), query.fromMicros(), query.toMicros())) {
            view.rows(query, execution, sink);
        }
    }

    /**
     * Sends the rows whose numbers are above a cursor to the sink, in the order of their numbers: first asks every partition for
     * its highest number, then delivers up to the highest of these, so that no commit is skipped. A row's number is that of its
     * last change. Query thread.
     */
    void tail(TailQuery query, Execution execution, RowSink sink);

    /** The highest number that any row has; 0 in an empty table. Query thread. */
    long highestSeq(TableSpec spec, Execution execution);

    /** Sends the rows of a read-only SQL query to the sink, after the names of its columns. Query thread. */
    void sql(SqlQuery query, Execution execution, RowSink sink);
}
