package io.levee.postgres;

import io.levee.Migration;
import io.levee.MigrationStatus.State;
import io.levee.engine.MigrationRecord;
import java.util.LinkedHashMap;
import java.util.Map;

/** Records of migrations as the core would make them. */
final class Records {
    private Records() {}

    static MigrationRecord of(Migration migration, long number, State state) {
        Map<String, Object> map =
                new LinkedHashMap<>(MigrationRecord.planned(migration).toMap());
        map.put("number", number);
        map.put("state", state.name());
        map.put("applied", true);
        return MigrationRecord.fromMap(map);
    }
}
