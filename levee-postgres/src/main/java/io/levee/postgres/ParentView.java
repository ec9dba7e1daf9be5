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

/** A table as the server shows it to each statement: its snapshot is what holds partitions. */
final class ParentView implements ReadView {
    private final DataSource source;
    private final Names names;
    private final Damage damage;

    ParentView(DataSource source, Names names, Damage damage) {
        this.source = source;
        this.names = names;
        this.damage = damage;
    }

    @Override
    public List<PartitionInfo> partitions() {
        return List.of();
    }

    @Override
    public void rows(RowQuery query, Execution execution, RowSink sink) {
        try {
            new RowScan(source, names, query, execution).run(sink);
        } catch (LeveeException e) {
            throw damage.named(e);
        }
    }

    @Override
    public List<ScanPart> parts(Grouping grouping) {
        return List.of(new GroupScan(source, names, grouping, damage));
    }

    @Override
    public List<PlanStep> explain(RowQuery query, Execution execution) {
        throw new LeveeException(ErrorCode.NOT_SUPPORTED, "explain is not built yet");
    }

    @Override
    public List<PlanStep> explain(Grouping grouping, Execution execution) {
        throw new LeveeException(ErrorCode.NOT_SUPPORTED, "explain is not built yet");
    }

    @Override
    public void close() {
        // Each statement has its own snapshot.
    }
}
