package io.levee.postgres;

import io.levee.Column;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.TableSpec;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/** Partitions that were dropped while a query's reader was behind: their tables are there until the grace of the drop is over. */
final class Dropped {
    private final Names names;
    private final TableSpec spec;

    Dropped(Names names, TableSpec spec) {
        this.names = names;
        this.spec = spec;
    }

    /**
     * What to read so that these partitions are among it, as the session's snapshot shows them.
     *
     * @throws LeveeException {@code NOT_FOUND} where one is gone for good
     */
    String with(ReadSession session, Set<String> held) throws SQLException {
        Set<String> missing = new LinkedHashSet<>(held);
        Set<String> there = new LinkedHashSet<>();
        SqlBuilder sql = new SqlBuilder()
                .add("SELECT c.relname, EXISTS (SELECT 1 FROM pg_catalog.pg_inherits i WHERE i.inhrelid = c.oid AND"
                        + " (i.inhparent = pg_catalog.to_regclass(")
                .parameter(names.parent(spec))
                .add(") OR i.inhparent IN (SELECT inhrelid FROM pg_catalog.pg_inherits WHERE inhparent ="
                        + " pg_catalog.to_regclass(")
                .parameter(names.parent(spec))
                .add(
                        "))) AND NOT i.inhdetachpending) FROM pg_catalog.pg_class c WHERE c.relnamespace = (SELECT oid FROM"
                                + " pg_catalog.pg_namespace WHERE nspname = ")
                .parameter(names.schema())
                .add(") AND c.relname = ANY (")
                .parameter(new SqlBuilder.Listed("text", held.toArray()))
                .add("::name[])");
        try (PreparedStatement statement = sql.prepare(session.connection(), "")) {
            session.interruptibly(statement, () -> {
                try (ResultSet rows = statement.executeQuery()) {
                    while (rows.next()) {
                        missing.remove(rows.getString(1));
                        if (!rows.getBoolean(2)) {
                            there.add(rows.getString(1));
                        }
                    }
                }
            });
        }
        if (!missing.isEmpty()) {
            throw new LeveeException(
                            ErrorCode.NOT_FOUND,
                            "partitions were dropped and freed while the query's reader was behind: " + missing)
                    .hint("ask again, and read faster");
        }
        return there.isEmpty() ? names.rows(spec) : "(" + union(there) + ") held";
    }

    private String union(Set<String> tables) {
        Set<String> columns = new LinkedHashSet<>();
        columns.add("_seq");
        columns.add(Names.time(spec));
        for (Column column : spec.columns()) {
            columns.add(Names.column(spec, column.name()));
        }
        String select = "SELECT " + String.join(", ", columns) + " FROM ";
        List<String> parts = new ArrayList<>();
        parts.add(select + names.rows(spec));
        tables.forEach(table -> parts.add(select + Filled.from(spec, names, names.in(table))));
        return String.join(" UNION ALL ", parts);
    }
}
