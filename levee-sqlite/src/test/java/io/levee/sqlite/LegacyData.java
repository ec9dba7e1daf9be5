package io.levee.sqlite;

import io.levee.TableSpec;
import io.levee.testkit.conformance.OldTables;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The old databases of the conformance kit ({@link OldTables}) in files that a test names. */
final class LegacyData {
    static final Instant BEGIN = OldTables.BEGIN;

    static final long STEP_MILLIS = OldTables.STEP_MILLIS;

    private LegacyData() {}

    /** The monitor's single pair of tables. */
    static void monitor(Path file, int rows, boolean withDetails) {
        new OldFile(file).monitor(rows, withDetails);
    }

    static TableSpec.Builder invocations() {
        return OldTables.invocations();
    }

    /** The uptime monitor's checks. */
    static void checks(Path file, int rows) {
        new OldFile(file).create(OldTables.checks(rows));
    }

    static TableSpec.Builder checkSpec() {
        return OldTables.checks();
    }

    static Connection open(Path file) throws SQLException {
        return new OldFile(file).open();
    }

    /** What the original says, by hand-written SQL; whole numbers as {@link Long}. */
    static List<List<@Nullable Object>> ask(Path file, String sql) {
        return new OldFile(file).ask(sql);
    }

    static void run(Path file, String... statements) {
        new OldFile(file).run(statements);
    }
}
