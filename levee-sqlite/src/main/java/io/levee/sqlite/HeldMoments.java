package io.levee.sqlite;

import java.sql.SQLException;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The moments that backups of this process hold of a store: each keeps files of partitions that may be dropped meanwhile, and lets go of
 * those when their space is needed. Thread-safe.
 */
final class HeldMoments {
    private final Set<BackupMoment> held = ConcurrentHashMap.newKeySet();

    /** Begins one, which ends with its close. */
    BackupMoment begin(StorePaths paths) throws SQLException {
        BackupMoment moment = new BackupMoment(paths, held::remove);
        held.add(moment);
        return moment;
    }

    /** Has them let go of what was dropped and has no name any more; returns whether there was any. Never waits for a backup. */
    boolean letGo() {
        boolean any = false;
        for (BackupMoment moment : held) {
            any |= moment.letGo();
        }
        return any;
    }
}
