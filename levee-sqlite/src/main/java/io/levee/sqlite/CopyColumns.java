package io.levee.sqlite;

import io.levee.Column;
import io.levee.MigrationStep;
import io.levee.TableSpec;
import io.levee.engine.MigrationRecord;
import io.levee.internal.time.Micros;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Instant;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What a copy from a backup calls its columns, where their names mean others now: a name that was renamed away or dropped is free again
 * once every partition was reached, and a copy that was made before was not. Its values must not read as those of the new column
 * (guarantee G17). Used by one thread, on a copy that nobody else has open.
 */
final class CopyColumns {
    private final Connection connection;
    private final TableSpec spec;

    private CopyColumns(Connection connection, TableSpec spec) {
        this.connection = connection;
        this.spec = spec;
    }

    /**
     * Tells in the copy what its columns are called now.
     *
     * @param records the store's migrations
     * @return whether the copy was changed
     */
    static boolean adapt(Path copy, TableSpec spec, List<MigrationRecord> records) throws SQLException {
        List<MigrationRecord> own = records.stream()
                .filter(record -> record.table().equals(spec.name()) && record.applied())
                .filter(record -> usedAgain(spec, freed(record.step())))
                .sorted(Comparator.comparingLong(MigrationRecord::number))
                .toList();
        if (own.isEmpty()) {
            return false;
        }
        Connection connection = Connections.exclusive(copy);
        try {
            return Sqlite.transaction(connection, () -> new CopyColumns(connection, spec).run(own));
        } finally {
            Connections.close(copy, connection);
        }
    }

    private boolean run(List<MigrationRecord> own) throws SQLException {
        long asOf = Math.max(described("created"), described(PartitionSchema.SPEC_AT));
        Set<String> settled = new HashSet<>();
        boolean changed = false;
        for (MigrationRecord record : own) {
            String freed = freed(record.step());
            // The first that took the name from what the copy has.
            boolean before = asOf < Math.max(record.declaredMicros(), record.startedMicros());
            if (freed != null && before && settled.add(freed)) {
                changed |= tell(freed, ours(record.step()), false);
                changed |= tell(freed, ours(record.step()), true);
            }
        }
        return changed;
    }

    private long described(String key) throws SQLException {
        Object value = Sqlite.value(connection, "SELECT value FROM levee_partition WHERE key = " + Sqlite.literal(key));
        return value == null ? Long.MIN_VALUE : Micros.of(Instant.parse(value.toString()));
    }

    private static boolean usedAgain(TableSpec spec, @Nullable String name) {
        return name != null && spec.position(name) >= 0;
    }

    /** The name that a step takes from a column. */
    private static @Nullable String freed(MigrationStep step) {
        return step instanceof MigrationStep.RenameColumn rename
                ? rename.from()
                : step instanceof MigrationStep.DropColumn drop ? drop.column() : null;
    }

    /** What the column is called now; empty where it was dropped, by the step or since. */
    private String ours(MigrationStep step) {
        Column now =
                step instanceof MigrationStep.RenameColumn rename ? MigrationReach.current(spec, rename.to()) : null;
        return now == null ? "" : now.name();
    }

    private boolean tell(String theirs, String ours, boolean detail) throws SQLException {
        String table = detail ? PartitionSchema.details(spec) : spec.name();
        FileColumns columns = FileColumns.of(spec, connection);
        if (!PartitionSchema.columns(connection, table).contains(theirs) || columns.told(detail, theirs)) {
            return false;
        }
        if (ours.isEmpty()) {
            // As its migration would have done it.
            Sqlite.run(connection, "UPDATE " + Sqlite.quote(table) + " SET " + Sqlite.quote(theirs) + " = NULL");
        }
        PartitionSchema.called(connection, columns, detail, theirs, ours);
        return true;
    }
}
