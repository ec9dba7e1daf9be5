package io.levee.postgres;

import java.sql.Array;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The whole, valid B-tree indexes of a foreign table whose order is that of its columns. */
final class ForeignIndexes {
    private static final String LOOK = "SELECT array_agg(coalesce(a.attname::text, '') ORDER BY k.at),"
            + " i.indisunique AND i.indimmediate AND i.indnkeyatts = 1, i.indisprimary"
            + " FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid"
            + " JOIN pg_catalog.pg_am m ON m.oid = x.relam AND m.amname = 'btree' CROSS JOIN LATERAL"
            + " unnest(i.indkey::int2[], i.indclass::oid[], i.indcollation::oid[], i.indoption::int2[])"
            + " WITH ORDINALITY AS k(attnum, opclass, coll, opt, at)"
            + " LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum AND k.attnum > 0"
            // Another order than the type's own would be none of this column's; nulls lie where a look at either end
            // leaves
            // them.
            + " AND k.coll = a.attcollation AND k.opt IN (0, 3) AND EXISTS (SELECT 1 FROM pg_catalog.pg_opclass o WHERE"
            + " o.oid = k.opclass AND o.opcdefault)"
            + " WHERE i.indrelid = ?::oid AND i.indisvalid AND i.indisready AND i.indpred IS NULL AND k.at <= i.indnkeyatts"
            + " GROUP BY i.indexrelid, i.indisunique, i.indimmediate, i.indnkeyatts, i.indisprimary ORDER BY 3 DESC";

    private final List<Index> all;

    /** The columns in order, an empty name for what is none. */
    private record Index(List<String> columns, boolean unique) {}

    private ForeignIndexes(List<Index> all) {
        this.all = all;
    }

    static ForeignIndexes of(Connection connection, ForeignTable table) throws SQLException {
        List<Index> all = new ArrayList<>();
        try (PreparedStatement statement = connection.prepareStatement(LOOK)) {
            statement.setLong(1, table.oid());
            try (ResultSet rows = statement.executeQuery()) {
                while (rows.next()) {
                    Array columns = rows.getArray(1);
                    all.add(new Index(List.of((String[]) columns.getArray()), rows.getBoolean(2)));
                }
            }
        }
        return new ForeignIndexes(all);
    }

    /** Whether one begins with a column. */
    boolean lead(ForeignColumn column) {
        return all.stream().anyMatch(i -> i.columns.get(0).equals(column.name()));
    }

    /** The column before another one in an index that begins with the two; null where there is none. */
    @Nullable
    String before(ForeignColumn column) {
        return all.stream()
                .filter(i -> i.columns.size() > 1
                        && !i.columns.get(0).isEmpty()
                        && i.columns.get(1).equals(column.name()))
                .map(i -> i.columns.get(0))
                .findFirst()
                .orElse(null);
    }

    /** The columns that are unique alone, that of the primary key first. */
    List<String> uniques() {
        return all.stream().filter(i -> i.unique).map(i -> i.columns.get(0)).toList();
    }
}
