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

/** Groups, in one statement, of what only a session tells: which adopted tables are there, and what columns they have. One query thread. */
abstract class SessionGroups implements ScanPart {
    private static final String SETTINGS = GroupScan.SETTINGS + "; " + Postgres.LOCAL_TEXTS;

    private final DataSource source;
    private final Names names;
    private final Grouping grouping;
    private final Damage damage;
    private final Adopted first;

    /**
     * Groups.
     *
     * @param first an adopted table that is read: the one that is named where a right is missing
     */
    SessionGroups(DataSource source, Names names, Grouping grouping, Damage damage, Adopted first) {
        this.source = source;
        this.names = names;
        this.grouping = grouping;
        this.damage = damage;
        this.first = first;
    }

    /** The rows that are grouped, as a session has them; null where there are none of the range. */
    abstract @Nullable Rows rows(ReadSession session, Names names, Grouping grouping) throws SQLException;

    /**
     * Rows of a statement.
     *
     * @param classes the classes whose partitions are read; null for all
     */
    record Rows(SqlBuilder from, @Nullable List<String> classes) {}

    /** Others may write to what is adopted, and nobody tells in time. */
    @Override
    public final @Nullable String version() {
        return null;
    }

    @Override
    public final void run(Execution execution, RowSink sink) {
        try (ReadSession session = ReadSession.open(source, execution, SETTINGS)) {
            GroupScan scan = scan(session);
            if (scan != null) {
                scan.run(session, sink);
            }
        } catch (SQLException e) {
            throw damage.named(Adoptions.unreadable(
                    first, ReadSession.failure("the aggregation of " + name() + " failed", execution, e)));
        }
    }

    private @Nullable GroupScan scan(ReadSession session) throws SQLException {
        Rows rows = rows(session, names, grouping);
        return rows == null ? null : new GroupScan(source, names, grouping, damage, rows.from, rows.classes);
    }

    /**
     * How the planner would read it.
     *
     * @param rows about how many there are
     * @return empty where nothing is read
     */
    final List<PlanStep> explain(Execution execution, long rows) {
        SqlBuilder statement;
        try (ReadSession session = ReadSession.open(source, execution, GroupScan.SETTINGS)) {
            GroupScan scan = scan(session);
            if (scan == null) {
                return List.of();
            }
            statement = scan.statement();
        } catch (SQLException e) {
            throw ReadSession.failure("the query cannot be explained", execution, e);
        }
        return List.of(Planned.of(source, execution, GroupScan.SETTINGS, statement, rows));
    }
}
