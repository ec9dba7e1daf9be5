package io.levee.postgres;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.PartitionInfo;
import io.levee.engine.Execution;
import io.levee.engine.Grouping;
import io.levee.engine.PlanStep;
import io.levee.engine.ReadView;
import io.levee.engine.RowQuery;
import io.levee.engine.RowSink;
import io.levee.engine.ScanPart;
import java.util.List;
import javax.sql.DataSource;

/** One partition by its own name, which it keeps while it is detached and until the grace of its drop is over. */
final class LeafView implements ReadView {
    private final DataSource source;
    private final Names names;
    private final Damage damage;
    private final Leaf leaf;

    LeafView(DataSource source, Names names, Damage damage, Leaf leaf) {
        this.source = source;
        this.names = names;
        this.damage = damage;
        this.leaf = leaf;
    }

    @Override
    public List<PartitionInfo> partitions() {
        return List.of(leaf.info(0));
    }

    @Override
    public List<ScanPart> parts(Grouping grouping) {
        return List.of(new GroupScan(source, names, grouping, damage, this::version, names.in(leaf.name())));
    }

    private String version() {
        Leaf.Held now = leaf.held();
        return leaf.id() + ":" + now.rows() + ":" + now.maxSeq();
    }

    @Override
    public void rows(RowQuery query, Execution execution, RowSink sink) {
        throw notBuilt();
    }

    @Override
    public List<PlanStep> explain(RowQuery query, Execution execution) {
        throw notBuilt();
    }

    @Override
    public List<PlanStep> explain(Grouping grouping, Execution execution) {
        throw notBuilt();
    }

    private LeveeException notBuilt() {
        return new LeveeException(ErrorCode.NOT_SUPPORTED, "only groups are read of a single partition: " + leaf.id());
    }

    @Override
    public void close() {
        // Each statement has its own snapshot.
    }
}
