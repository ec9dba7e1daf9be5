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
import java.util.function.Function;
import javax.sql.DataSource;

/** One partition by its own name, which it keeps while it is detached and until the grace of its drop is over; or one adopted table. */
final class LeafView implements ReadView {
    private final PartitionInfo info;
    private final Function<Grouping, ScanPart> part;

    private LeafView(PartitionInfo info, Function<Grouping, ScanPart> part) {
        this.info = info;
        this.part = part;
    }

    /**
     * Of a partition.
     *
     * @param moved what splittings have done to its table so far: a row that moves and one that is deleted leave its figures as they were
     */
    static LeafView of(DataSource source, Names names, Damage damage, Leaf leaf, String moved) {
        return new LeafView(
                leaf.info(0),
                grouping -> new GroupScan(
                        source,
                        names,
                        grouping,
                        damage,
                        () -> version(leaf) + moved,
                        Filled.from(grouping.spec(), names, names.in(leaf.name()))));
    }

    static LeafView of(DataSource source, Names names, Damage damage, Adopted adopted) {
        return new LeafView(adopted.info(), grouping -> new AdoptedGroups(source, names, grouping, damage, adopted));
    }

    private static String version(Leaf leaf) {
        Leaf.Held now = leaf.held();
        return leaf.id() + ":" + now.rows() + ":" + now.maxSeq() + ":" + leaf.migrated();
    }

    @Override
    public List<PartitionInfo> partitions() {
        return List.of(info);
    }

    @Override
    public List<ScanPart> parts(Grouping grouping) {
        return List.of(part.apply(grouping));
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
        return new LeveeException(ErrorCode.NOT_SUPPORTED, "only groups are read of a single partition: " + info.id());
    }

    @Override
    public void close() {
        // Each statement has its own snapshot.
    }
}
