package io.levee.postgres;

import io.levee.IndexSpec;
import io.levee.MigrationStep.AddIndex;
import io.levee.engine.MigrationRecord;
import io.levee.engine.MigrationSample;
import io.levee.engine.SliceOrder;
import io.levee.internal.time.MonotonicClock;
import java.sql.Connection;
import java.sql.SQLException;

/** Tries a part of a migration on a copy of some rows, in a transaction that is rolled back: the rows themselves are only read. */
final class MigrationTrial {
    private static final String COPY = "levee-trial";

    private final Connection connection;
    private final Names names;
    private final MigrationRecord record;
    private final Leaf leaf;
    private final SliceOrder order;

    MigrationTrial(Connection connection, Names names, MigrationRecord record, Leaf leaf, SliceOrder order) {
        this.connection = connection;
        this.names = names;
        this.record = record;
        this.leaf = leaf;
        this.order = order;
    }

    MigrationSample run() throws SQLException {
        connection.setAutoCommit(false);
        try {
            String copy = names.in(COPY);
            Postgres.run(
                    connection,
                    "CREATE TABLE " + copy + " AS SELECT * FROM " + names.in(leaf.name()) + " LIMIT " + order.rows());
            Object rows = Postgres.value(connection, "SELECT count(*) FROM " + copy);
            long begin = MonotonicClock.SYSTEM.nanos();
            long bytes = 0;
            if (record.step() instanceof AddIndex add) {
                index(copy, add.index());
                bytes = size("pg_catalog.pg_indexes_size");
            } else {
                // A row that becomes another one is written whole.
                Postgres.run(connection, "UPDATE " + copy + " SET _seq = _seq");
                bytes = size("pg_catalog.pg_table_size") / 2;
            }
            long nanos = MonotonicClock.SYSTEM.nanos() - begin;
            return new MigrationSample(rows instanceof Long number ? number : 0, nanos, bytes);
        } finally {
            connection.rollback();
            connection.setAutoCommit(true);
        }
    }

    private void index(String copy, IndexSpec index) throws SQLException {
        Postgres.run(connection, "CREATE INDEX ON " + copy + " " + NamedIndexes.definition(order.spec(), names, index));
    }

    private long size(String function) throws SQLException {
        Object bytes = Postgres.value(connection, "SELECT " + function + "(pg_catalog.to_regclass(?))", names.in(COPY));
        return bytes instanceof Long number ? number : 0;
    }
}
