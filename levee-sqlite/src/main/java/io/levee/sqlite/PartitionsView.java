package io.levee.sqlite;

import io.levee.PartitionInfo;
import io.levee.engine.Execution;
import io.levee.engine.Grouping;
import io.levee.engine.PlanStep;
import io.levee.engine.ReadView;
import io.levee.engine.RowQuery;
import io.levee.engine.RowSink;
import io.levee.engine.ScanPart;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;

/** The partitions that one query reads, pinned: their files stay where they are until it is closed. */
final class PartitionsView implements ReadView {
    private final StorePaths paths;
    private final ReadHandles handles;
    private final List<Partition> pinned;
    private final Consumer<Partition> missing;
    private final Sight sight;
    private final AtomicBoolean closed = new AtomicBoolean();

    /**
     * A view.
     *
     * @param pinned unpinned by {@link #close}
     * @param missing told of each partition whose file or tables are not there
     * @param sight of before {@code pinned} was asked for; closed by {@link #close}
     */
    PartitionsView(
            StorePaths paths, ReadHandles handles, List<Partition> pinned, Consumer<Partition> missing, Sight sight) {
        this.sight = sight;
        this.paths = paths;
        this.handles = handles;
        this.pinned = pinned;
        this.missing = missing;
    }

    @Override
    public List<PartitionInfo> partitions() {
        return pinned.stream().map(p -> p.info(paths)).toList();
    }

    @Override
    public int size() {
        return pinned.size();
    }

    @Override
    public void rows(RowQuery query, Execution execution, RowSink sink) {
        new RowScan(paths, handles, query, execution, missing, sight).run(pinned, sink);
    }

    @Override
    public List<ScanPart> parts(Grouping grouping) {
        return pinned.stream()
                .<ScanPart>map(p -> new GroupScan(paths, handles, p, grouping, SeqRange.ALL, missing, sight))
                .toList();
    }

    @Override
    public List<ScanPart> shortParts(Grouping grouping) {
        return pinned.stream()
                .<ScanPart>flatMap(p -> SeqRange.of(p, paths, grouping).stream()
                        .map(range -> new GroupScan(paths, handles, p, grouping, range, missing, sight)))
                .toList();
    }

    @Override
    public List<PlanStep> explain(RowQuery query, Execution execution) {
        List<Partition> asRead = new ArrayList<>(pinned);
        if (new RowOrder(query).newestFirst() || !query.perKey().isEmpty()) {
            Collections.reverse(asRead);
        }
        return new Plans(paths, handles, execution).of(query, asRead);
    }

    @Override
    public List<PlanStep> explain(Grouping grouping, Execution execution) {
        return new Plans(paths, handles, execution).of(grouping, pinned);
    }

    @Override
    public boolean wanted() {
        return !closed.get() && pinned.stream().anyMatch(p -> p.state() == Partition.State.DROPPED);
    }

    @Override
    public void close() {
        if (closed.compareAndSet(false, true)) {
            pinned.forEach(Partition::unpin);
            sight.close();
        }
    }
}
