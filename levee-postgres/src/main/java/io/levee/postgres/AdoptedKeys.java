package io.levee.postgres;

import io.levee.Column;
import io.levee.Expr;
import io.levee.TableSpec;
import io.levee.engine.StoredRow;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Finds the row of a key in adopted tables, where they have an index of it. Statements only; the caller's connection. */
final class AdoptedKeys {
    private final Names names;

    AdoptedKeys(Names names) {
        this.names = names;
    }

    /** The row of a key that none of our own partitions has, or null: of several tables, that of the last adopted. */
    @Nullable
    StoredRow find(Connection connection, TableSpec spec, Object[] key, List<Adopted> all) throws SQLException {
        for (int i = all.size() - 1; i >= 0; i--) {
            Adopted adopted = all.get(i);
            ForeignTable.Name details = adopted.details();
            Map<Integer, ForeignTable> found = ForeignTable.look(
                    connection, List.of(adopted.source(), details == null ? adopted.source() : details));
            AdoptedTable table = AdoptedRead.table(adopted, spec, names, found, 0);
            StoredRow row =
                    table == null || !indexed(connection, spec, table) ? null : find(connection, spec, key, table);
            if (row != null) {
                return row;
            }
        }
        return null;
    }

    /** Whether an index begins with a column of the key, and every column of it is there. */
    static boolean indexed(Connection connection, TableSpec spec, AdoptedTable table) throws SQLException {
        ForeignIndexes indexes = ForeignIndexes.of(connection, table.source());
        boolean some = false;
        for (String name : spec.key()) {
            Column column = spec.column(name);
            ForeignColumn theirs = table.plain(column);
            if (theirs == null) {
                return false;
            }
            some |= AdoptedHints.sayable(column, theirs) && indexes.lead(theirs);
        }
        return some;
    }

    private @Nullable StoredRow find(Connection connection, TableSpec spec, Object[] key, AdoptedTable table)
            throws SQLException {
        List<Expr> tests = new ArrayList<>();
        for (int i = 0; i < key.length; i++) {
            tests.add(Expr.eq(spec.key().get(i), key[i]));
        }
        Expr where = new Expr.And(tests);
        SqlBuilder sql = new SqlBuilder().add("SELECT " + Names.time(spec) + ", _seq");
        spec.columns().forEach(c -> sql.add(", " + Names.column(spec, c.name())));
        sql.add(" FROM (")
                .add(table.select(Long.MIN_VALUE, Long.MAX_VALUE, where))
                .add(") adopted");
        FilterSql.where(spec, names, Long.MIN_VALUE, Long.MAX_VALUE, where, sql);
        sql.add(" ORDER BY 1 DESC, 2 DESC LIMIT 1");
        try (PreparedStatement statement = sql.prepare(connection, "");
                ResultSet rows = statement.executeQuery()) {
            return rows.next() ? RowChanges.row(spec, rows) : null;
        }
    }
}
