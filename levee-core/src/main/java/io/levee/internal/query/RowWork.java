package io.levee.internal.query;

import io.levee.engine.Execution;
import io.levee.engine.ReadView;
import io.levee.engine.RowQuery;
import io.levee.engine.RowSink;
import io.levee.engine.StorageEngine;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The rows of a query: stops where its reader is behind, holding nothing but its pinned partitions, and goes on behind the last row. So a
 * slow reader holds neither a thread nor a snapshot.
 */
final class RowWork implements Work {
    private final StorageEngine engine;
    private final RowQuery query;
    private volatile @Nullable ReadView view;
    private RowQuery.@Nullable Place last;
    private long sent;

    RowWork(StorageEngine engine, RowQuery query) {
        this.engine = engine;
        this.query = query;
    }

    @Override
    public boolean run(Execution execution, RowSink sink) {
        ReadView open = view();
        int partitions = open.size();
        execution.planned(partitions + (partitions == 1 ? " partition" : " partitions") + " in the range");
        Taker taker = new Taker(sink);
        open.rows(rest(), execution, taker);
        return !taker.stopped || sent >= query.limit();
    }

    /**
     * Not for the newest of each key: a key that is written again between two runs would be missing, being newer than the place by
     * then.
     */
    @Override
    public boolean resumable() {
        return query.perKey().isEmpty();
    }

    private ReadView view() {
        ReadView open = view;
        if (open == null) {
            open = engine.view(query.spec(), query.fromMicros(), query.toMicros(), query.where());
            view = open;
        }
        return open;
    }

    private RowQuery rest() {
        RowQuery.Place place = last;
        return place == null
                ? query
                : query.from(place, query.limit() == Long.MAX_VALUE ? Long.MAX_VALUE : query.limit() - sent);
    }

    private RowQuery.Place place(@Nullable Object[] row) {
        int wanted = query.columns().size();
        long time = row[wanted] instanceof Long number ? number : 0;
        long seq = row[wanted + 1] instanceof Long number ? number : 0;
        return query.sorts().isEmpty()
                ? RowQuery.Place.of(time, seq)
                : new RowQuery.Place(Arrays.asList(row).subList(wanted + 2, row.length), seq);
    }

    /** Counts the rows, and notes where it was stopped. */
    private final class Taker implements RowSink {
        private final RowSink sink;
        private boolean stopped;

        Taker(RowSink sink) {
            this.sink = sink;
        }

        @Override
        public void columns(List<String> names) {
            sink.columns(names);
        }

        @Override
        public boolean row(@Nullable Object[] values) {
            boolean on = sink.row(values);
            sent++;
            if (!on) {
                last = place(values);
                stopped = true;
            }
            return on;
        }
    }

    @Override
    public boolean wanted() {
        ReadView open = view;
        return open != null && open.wanted();
    }

    @Override
    public void close() {
        ReadView open = view;
        if (open != null) {
            open.close();
        }
    }
}
