package io.levee.postgres;

import io.levee.engine.Execution;
import io.levee.engine.Grouping;
import io.levee.engine.PlanStep;
import io.levee.engine.RowSink;
import io.levee.engine.ScanPart;
import java.sql.SQLException;
import java.util.List;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/** Groups of one adopted table's rows, in one statement. One query thread. */
final class AdoptedGroups implements ScanPart {
    private final DataSource source;
    private final Names names;
    private final Grouping grouping;
    private final Damage damage;
    private final Adopted adopted;

    AdoptedGroups(DataSource source, Names names, Grouping grouping, Damage damage, Adopted adopted) {
        this.source = source;
        this.names = names;
        this.grouping = grouping;
        this.damage = damage;
        this.adopted = adopted;
    }

    @Override
    public String name() {
        return adopted.id().toString();
    }

    /** Others may write to it, and nobody tells in time. */
    @Override
    public @Nullable String version() {
        return null;
    }

    @Override
    public void run(Execution execution, RowSink sink) {
        try (ReadSession session = ReadSession.open(source, execution, GroupScan.SETTINGS)) {
            GroupScan scan = scan(session);
            if (scan != null) {
                scan.run(session, sink);
            }
        } catch (SQLException e) {
            throw damage.named(Adoptions.unreadable(
                    adopted, ReadSession.failure("the aggregation of " + adopted.id() + " failed", execution, e)));
        }
    }

    /** The grouping of its rows; null where there are none of the range. */
    private @Nullable GroupScan scan(ReadSession session) throws SQLException {
        AdoptedRead read = AdoptedRead.of(
                session, names, grouping.spec(), List.of(adopted), grouping.fromMicros(), grouping.toMicros());
        if (read.isEmpty()) {
            return null;
        }
        SqlBuilder from = new SqlBuilder()
                .add("(")
                .add(read.tables().get(0).select(grouping.fromMicros(), grouping.toMicros(), grouping.where()))
                .add(") adopted");
        return new GroupScan(source, names, grouping, damage, from);
    }

    /** How the planner would read it; null where it is left out. */
    @Nullable
    PlanStep explain(Execution execution) {
        SqlBuilder statement;
        try (ReadSession session = ReadSession.open(source, execution, GroupScan.SETTINGS)) {
            GroupScan scan = scan(session);
            if (scan == null) {
                return null;
            }
            statement = scan.statement();
        } catch (SQLException e) {
            throw ReadSession.failure("the query cannot be explained", execution, e);
        }
        return Planned.of(
                source,
                execution,
                GroupScan.SETTINGS,
                statement,
                adopted.facts().rowsEstimate());
    }
}
