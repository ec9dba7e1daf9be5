package io.levee.postgres;

import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.TableSpec;
import io.levee.engine.StoredRow;
import io.levee.engine.WriteRow;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Finds where the rows of a batch's keys are, in one statement: no unique index over all partitions can hold a key alone. */
final class KeyLookup {
    /** Few keys beside the rows: the planner must not read whole partitions for them, whatever it believes. */
    static final String BY_INDEX =
            "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL enable_seqscan = off;"
                    + " SET LOCAL jit = off";

    /** Few rows beside the keys, such as at the start of an import: to read them once is less than to look for each key. */
    private static final String BY_SCAN = "SET LOCAL enable_nestloop = off; SET LOCAL jit = off";

    private final WriterSession session;
    private final Names names;
    private final Manifest manifest;
    private final AdoptedOverrides overrides;

    KeyLookup(WriterSession session, Names names, Manifest manifest, AdoptedOverrides overrides) {
        this.overrides = overrides;
        this.session = session;
        this.names = names;
        this.manifest = manifest;
    }

    /** A key's values; equal by value. */
    private static final class Key {
        private final Object[] values;

        Key(TableSpec spec, WriteRow row) {
            this(values(spec, row));
        }

        Key(Object[] given) {
            values = given.clone();
            for (int i = 0; i < values.length; i++) {
                // The server takes the two zeros for one.
                values[i] = values[i] instanceof Double number ? (Object) (number + 0.0) : values[i];
            }
        }

        private static Object[] values(TableSpec spec, WriteRow row) {
            Object[] values = new Object[spec.key().size()];
            for (int i = 0; i < values.length; i++) {
                Object value = row.values()[spec.position(spec.key().get(i))];
                if (value == null) {
                    throw new LeveeException(
                            ErrorCode.NO_KEY, "the key column '" + spec.key().get(i) + "' is null");
                }
                values[i] = value;
            }
            return values;
        }

        @Override
        public boolean equals(@Nullable Object other) {
            return other instanceof Key key && Arrays.deepEquals(values, key.values);
        }

        @Override
        public int hashCode() {
            return Arrays.deepHashCode(values);
        }
    }

    /** One item for each key, in the order of their first rows, knowing where its row is. */
    List<Item> items(TableSpec spec, List<? extends WriteRow> rows) throws SQLException {
        Map<Key, Item> byKey = new LinkedHashMap<>();
        for (WriteRow row : rows) {
            Item known = byKey.putIfAbsent(new Key(spec, row), new Item(row));
            if (known != null) {
                known.replaceBy(row);
            }
        }
        List<Item> items = new ArrayList<>(byKey.values());
        List<Leaf> leaves = manifest.leaves(spec.name());
        long stored = leaves.stream().mapToLong(leaf -> leaf.held().rows()).sum();
        // Rows that were split off an adopted table have no number above zero.
        if (leaves.stream()
                .anyMatch(leaf -> leaf.held().maxSeq() > 0 || leaf.held().rows() > 0)) {
            // Each key is looked for in each partition: nobody knows where it may be.
            String how = stored < (long) items.size() * leaves.size() ? BY_SCAN : BY_INDEX;
            session.transaction(
                    c -> {
                        Postgres.run(c, how);
                        // A plan that the server keeps would be used whatever is set later: each way has a text of its
                        // own.
                        find(c, how.equals(BY_SCAN) ? "/* by scan */ " : "", spec, byKey.keySet(), items);
                    },
                    () -> {});
        }
        if (overrides.any(spec)) {
            older(spec, items);
        }
        return items;
    }

    /** What adopted tables have of the key of a row that came from one of them. */
    Item older(TableSpec spec, StoredRow row) throws SQLException {
        Item item = new Item(new WriteRow(row.values(), row.timeMicros()) {});
        older(spec, List.of(item));
        return item;
    }

    /** What adopted tables have of these keys. One that cannot be read is in no answer either, and keeps nothing from being stored. */
    private void older(TableSpec spec, List<Item> items) throws SQLException {
        try {
            session.transaction(
                    c -> {
                        Postgres.run(c, BY_INDEX);
                        overrides.find(c, spec, items);
                    },
                    () -> {});
        } catch (SQLException e) {
            if (Postgres.gone(e)
                    || Postgres.failure("keys cannot be looked up", e).retryable()) {
                throw e;
            }
            System.getLogger("io.levee.postgres")
                    .log(System.Logger.Level.WARNING, "adopted tables cannot be asked for keys", e);
        }
    }

    /** A key that is equal to another one where the server takes them for the same. */
    static Object comparable(Object[] key) {
        return new Key(key);
    }

    /** Some rows, none without a key, each with where its key is in own partitions. In the caller's transaction. */
    List<Item> known(Connection connection, TableSpec spec, List<? extends WriteRow> rows) throws SQLException {
        List<Item> items = new ArrayList<>();
        List<Key> keys = new ArrayList<>();
        for (WriteRow row : rows) {
            items.add(new Item(row));
            keys.add(new Key(spec, row));
        }
        if (!keys.isEmpty()) {
            find(connection, "", spec, keys, items);
        }
        return items;
    }

    private void find(Connection connection, String way, TableSpec spec, Collection<Key> keys, List<Item> items)
            throws SQLException {
        List<String> arrays = new ArrayList<>();
        List<String> columns = new ArrayList<>();
        List<String> tests = new ArrayList<>();
        for (int i = 0; i < spec.key().size(); i++) {
            arrays.add("?::" + arrayType(spec, i) + "[]");
            columns.add("k" + i);
            tests.add("p." + Names.column(spec, spec.key().get(i)) + " = k.k" + i);
        }
        String sql = way + "SELECT k.at, p." + Names.time(spec) + ", p._seq"
                + (Names.branched(spec) ? ", p." + Schema.CLASS : ", ''") + " FROM unnest(" + String.join(", ", arrays)
                + ") WITH ORDINALITY AS k(" + String.join(", ", columns) + ", at) JOIN " + names.parent(spec)
                + " p ON " + String.join(" AND ", tests);
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            for (int i = 0; i < spec.key().size(); i++) {
                int at = i;
                Object[] values = keys.stream().map(k -> k.values[at]).toArray();
                statement.setArray(i + 1, SqlBuilder.array(connection, arrayType(spec, i), values));
            }
            try (ResultSet rows = statement.executeQuery()) {
                while (rows.next()) {
                    long micros = rows.getLong(2);
                    Leaf leaf = manifest.at(spec.name(), rows.getString(4), micros);
                    if (leaf != null) {
                        items.get((int) rows.getLong(1) - 1).found(leaf, micros, rows.getLong(3));
                    }
                }
            }
        }
    }

    /** The type of a key's column as an element of an array. */
    static String arrayType(TableSpec spec, int at) {
        ColumnType type = spec.column(spec.key().get(at)).type();
        return switch (type) {
            case TEXT, DECIMAL, UUID, JSON -> "text";
            case INTEGER, TIMESTAMP, DURATION, BOOLEAN -> "bigint";
            case REAL -> "float8";
            case BLOB -> "bytea";
        };
    }
}
