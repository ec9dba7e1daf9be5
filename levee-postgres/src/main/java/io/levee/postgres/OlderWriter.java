package io.levee.postgres;

import io.levee.Column;
import io.levee.TableSpec;
import io.levee.internal.json.Json;
import java.sql.Connection;
import java.sql.SQLException;
import org.jspecify.annotations.Nullable;

/**
 * Whether a release before migrations has written to a store whose columns have defaults: it writes null where a row leaves such a column out,
 * so that these are read as their defaults from then on. The heartbeat tells whose it is; the catalog keeps it for good. Statements only.
 */
final class OlderWriter {
    /** The entry of heartbeats of writers that know of migrations. */
    static final String MIGRATES = "migrates";

    private static final String NULLS = "nulls_for_defaults";

    private OlderWriter() {}

    /** Looks before this writer's own heartbeat is there, and keeps what it finds; a store that is only read looks alone. */
    static void look(Connection connection, Catalog catalog, boolean keep) throws SQLException {
        boolean known = "true".equals(catalog.get(connection, NULLS));
        boolean found = known || older(catalog.get(connection, "heartbeat")) && defaults(connection, catalog);
        if (found && !known && keep) {
            catalog.put(connection, NULLS, "true");
        }
        catalog.names().nulls().set(found);
    }

    private static boolean older(@Nullable String heartbeat) {
        try {
            return heartbeat != null
                    && !Boolean.TRUE.equals(Json.object(heartbeat).get(MIGRATES));
        } catch (IllegalArgumentException e) {
            return true;
        }
    }

    private static boolean defaults(Connection connection, Catalog catalog) throws SQLException {
        for (TableSpec spec : catalog.tables(connection)) {
            for (Column column : spec.columns()) {
                if (column.defaultValue() != null) {
                    return true;
                }
            }
        }
        return false;
    }
}
