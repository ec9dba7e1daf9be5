package io.levee.postgres;

import io.levee.ErrorCode;
import io.levee.Expr;
import io.levee.LeveeException;
import io.levee.engine.Grouping;
import io.levee.internal.adopt.SplitState;
import java.sql.SQLException;
import java.util.List;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/** Groups of one adopted table's rows, in one statement. One query thread. */
final class AdoptedGroups extends SessionGroups {
    private final Adopted adopted;

    AdoptedGroups(DataSource source, Names names, Grouping grouping, Damage damage, Adopted adopted) {
        super(source, names, grouping, damage, adopted);
        this.adopted = adopted;
    }

    @Override
    public String name() {
        return adopted.id().toString();
    }

    @Override
    @Nullable
    Rows rows(ReadSession session, Names names, Grouping grouping) throws SQLException {
        long from = grouping.fromMicros();
        long to = grouping.toMicros();
        AdoptedRead read = AdoptedRead.of(session, names, grouping.spec(), List.of(adopted), from, to);
        if (read.isEmpty()) {
            requireThere(session, names);
            return null;
        }
        AdoptedTable table = read.tables().get(0);
        Expr where = grouping.where();
        return new Rows(
                new SqlBuilder()
                        .add("(")
                        .add(adopted.split() ? table.select(from, to, where) : table.whole(from, to, where))
                        .add(") adopted"),
                null);
    }

    /** One that was split and dropped since the query began would be missed in silence: the own rows leave out what it had. */
    private void requireThere(ReadSession session, Names names) throws SQLException {
        SplitState split = adopted.missing() && adopted.splittable() && !adopted.split()
                ? SplitCatalog.of(session.connection(), names, adopted.id())
                : null;
        if (split != null) {
            throw new LeveeException(
                            ErrorCode.PARTITION_BUSY,
                            "the adopted table " + adopted.adoption().source() + " was split and dropped just now")
                    .hint("ask again");
        }
    }
}
