package io.levee.sqlite;

import io.levee.MigrationStep;
import io.levee.PartitionId;
import io.levee.TableSpec;
import io.levee.engine.MigrationRecord;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What plans ask of a store, also of one that another process writes to: nothing is changed. Any thread. */
final class MigrationLook {
    private MigrationLook() {}

    /** The partitions that a migration has still to reach, in a store that is opened for reading. */
    static List<PartitionId> parts(MigrationRecord record, Connection catalog, MigrationReach reach)
            throws SQLException {
        if (record.step() instanceof MigrationStep.Custom) {
            return List.of();
        }
        boolean bounded = record.number() > 0 && record.applied();
        long bound = bounded ? MigrationCatalog.bound(catalog, record.id()) : Long.MAX_VALUE;
        TableSpec spec = CatalogTables.table(catalog, record.table());
        return reach.left(record, spec, bound).stream().map(Partition::id).toList();
    }

    /** Bytes that have to be free while a partition is worked on. */
    static long room(MigrationRecord record, StorePaths paths, @Nullable Partition partition) {
        MigrationStep step = record.step();
        boolean copies = step instanceof MigrationStep.AddIndex || step instanceof MigrationStep.DropIndex;
        return copies && partition != null ? IndexBuild.room(paths, partition) : 0;
    }
}
