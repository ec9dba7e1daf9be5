package io.levee.sqlite;

import io.levee.LeveeException;
import io.levee.TableSpec;
import io.levee.engine.MigrationRecord;
import io.levee.internal.migration.BrokenRow;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Finds the row that a migration's expression ends with an error for. The caller's transaction, which is rolled back then. */
final class BadRow {
    private final MigrationRecord record;
    private final TableSpec spec;
    private final Connection connection;
    private final FileColumns columns;

    BadRow(MigrationRecord record, TableSpec spec, Connection connection, FileColumns columns) {
        this.record = record;
        this.spec = spec;
        this.connection = connection;
        this.columns = columns;
    }

    /** Does to some rows what failed: those behind one number, up to another. */
    @FunctionalInterface
    interface Work {
        void run(long after, long upTo) throws SQLException;
    }

    /**
     * Finds it by doing the work to one row after another.
     *
     * @return what was met, where it is no row's fault
     * @throws LeveeException with the row
     */
    SQLException find(String table, long after, long upTo, Work work, SQLException met) throws SQLException {
        if (!Sqlite.refused(met) || fails(work, upTo, upTo) != null) {
            return met;
        }
        List<Long> numbers = new ArrayList<>();
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery("SELECT _seq FROM " + Sqlite.quote(table) + " WHERE _seq > "
                        + after + " AND _seq <= " + upTo + " ORDER BY _seq")) {
            while (rows.next()) {
                numbers.add(rows.getLong(1));
            }
        }
        for (long seq : numbers) {
            SQLException one = fails(work, seq - 1, seq);
            if (one != null) {
                return at(seq, one);
            }
        }
        return met;
    }

    private static @Nullable SQLException fails(Work work, long after, long upTo) {
        try {
            work.run(after, upTo);
            return null;
        } catch (SQLException e) {
            return e;
        }
    }

    /**
     * It is known.
     *
     * @return what was met, where it is no row's fault
     * @throws LeveeException with the row
     */
    SQLException at(long seq, SQLException met) throws SQLException {
        if (!Sqlite.refused(met)) {
            return met;
        }
        List<@Nullable Object> values = new ArrayList<>();
        for (String name : BrokenRow.columns(spec)) {
            values.add(Sqlite.value(
                    connection,
                    "SELECT " + columns.alone(spec.column(name)) + " FROM " + Sqlite.quote(spec.name())
                            + " m WHERE m._seq = " + seq));
        }
        throw BrokenRow.of(record, spec, values, seq, met);
    }
}
