package io.levee.postgres;

import io.levee.Ack;
import io.levee.Column;
import io.levee.ErrorCode;
import io.levee.Expr;
import io.levee.LeveeException;
import io.levee.TableSpec;
import io.levee.engine.RowQuery;
import io.levee.engine.StoredRow;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Finds and deletes single rows, between batches. Owned by the writer thread. */
final class RowChanges {
    private final WriterSession session;
    private final Catalog catalog;
    private final Names names;
    private final Manifest manifest;
    private final Adoptions adopted;
    private final KeyLookup keys;
    private final AdoptedOverrides overrides;
    private final ComingRows coming;

    RowChanges(
            WriterSession session,
            Catalog catalog,
            Manifest manifest,
            Adoptions adopted,
            KeyLookup keys,
            AdoptedOverrides overrides,
            ComingRows coming) {
        this.adopted = adopted;
        this.keys = keys;
        this.overrides = overrides;
        this.coming = coming;
        this.session = session;
        this.catalog = catalog;
        this.names = catalog.names();
        this.manifest = manifest;
    }

    /** See {@link io.levee.engine.StorageEngine#find}. */
    @Nullable
    StoredRow find(TableSpec spec, Object[] key) {
        SqlBuilder sql = new SqlBuilder().add("SELECT " + Names.time(spec) + ", _seq");
        spec.columns().forEach(c -> sql.add(", " + Names.column(spec, c.name())));
        sql.add(" FROM " + names.rows(spec) + " WHERE ");
        for (int i = 0; i < key.length; i++) {
            sql.add((i == 0 ? "" : " AND ") + Names.column(spec, spec.key().get(i)) + " = ")
                    .parameter(key[i]);
        }
        Optional<StoredRow> found = session.ask(
                "a row cannot be looked up",
                c -> Optional.ofNullable(coming.read(c, spec, () -> {
                    try (PreparedStatement statement = sql.prepare(c, "");
                            ResultSet rows = statement.executeQuery()) {
                        return rows.next() ? row(spec, rows) : null;
                    }
                })));
        List<Adopted> older = adopted.of(spec.name());
        if (found.isEmpty() && !older.isEmpty()) {
            found = session.ask(
                    "a row cannot be looked up in an adopted table",
                    c -> Optional.ofNullable(new AdoptedKeys(names).find(c, spec, key, older)));
        }
        return found.orElse(null);
    }

    static StoredRow row(TableSpec spec, ResultSet rows) throws SQLException {
        List<Column> columns = spec.columns();
        @Nullable Object[] values = new Object[columns.size()];
        for (int i = 0; i < values.length; i++) {
            values[i] = Stored.read(rows, i + 3, columns.get(i));
        }
        return new StoredRow(values, rows.getLong(1), rows.getLong(2));
    }

    /** See {@link io.levee.engine.StorageEngine#delete(TableSpec, Object[], Ack)}. */
    boolean delete(TableSpec spec, Object[] key, Ack level) {
        StoredRow row = find(spec, key);
        if (row == null) {
            return false;
        }
        List<Item> over = new ArrayList<>();
        // Only what came from an adopted table can have left others of its key there, see AdoptedOverrides.find.
        if (row.seq() < 0 && !adopted.inAdopted(spec.name(), row.seq())) {
            Item item = session.ask("a key cannot be looked up in adopted tables", c -> keys.older(spec, row));
            LeveeException refused = item.refused();
            if (refused != null) {
                throw refused;
            }
            over.add(item);
        }
        return delete(spec, List.of(new RowQuery.Mark(row.timeMicros(), row.seq())), null, level, over) > 0;
    }

    /** See {@link io.levee.engine.StorageEngine#delete}. In one transaction: repeating it does no harm. */
    int delete(TableSpec spec, List<RowQuery.Mark> marks, @Nullable Expr still, Ack level) {
        return delete(spec, marks, still, level, List.of());
    }

    private int delete(TableSpec spec, List<RowQuery.Mark> marks, @Nullable Expr still, Ack level, List<Item> over) {
        if (marks.stream().anyMatch(m -> adopted.inAdopted(spec.name(), m.seq()))) {
            throw new LeveeException(
                            ErrorCode.NOT_WRITABLE, "the record lies in an adopted table, which is never written to")
                    .with("table", spec.name())
                    .hint("delete it there with its own program");
        }
        coming.forget();
        Map<Leaf, Integer> inDoubt = new LinkedHashMap<>();
        Map<Leaf, Integer> deleted = session.ask("rows cannot be deleted", c -> {
            Map<Leaf, Integer> found = new LinkedHashMap<>();
            session.transaction(
                    connection -> {
                        delete(connection, spec, marks, still, level, found);
                        if (!found.isEmpty()) {
                            overrides.put(connection, over);
                        }
                    },
                    () -> inDoubt.putAll(found));
            // Nobody else deletes: what is gone at the second try went with the commit that nobody answered.
            return found.isEmpty() ? inDoubt : found;
        });
        deleted.forEach((leaf, rows) -> leaf.add(Long.MAX_VALUE, Long.MIN_VALUE, -rows, 0));
        return deleted.values().stream().mapToInt(Integer::intValue).sum();
    }

    private void delete(
            Connection c,
            TableSpec spec,
            List<RowQuery.Mark> marks,
            @Nullable Expr still,
            Ack level,
            Map<Leaf, Integer> deleted)
            throws SQLException {
        if (level == Ack.DURABLE) {
            Postgres.run(c, "SET LOCAL synchronous_commit = on");
        }
        Postgres.run(c, KeyLookup.BY_INDEX);
        Map<Leaf, List<RowQuery.Mark>> byLeaf = new LinkedHashMap<>();
        for (RowQuery.Mark mark : marks) {
            // Nobody says of which class it is: its number is in one of them.
            for (Leaf leaf : manifest.at(spec.name(), mark.timeMicros())) {
                if (leaf.state() == Leaf.State.DROPPING) {
                    throw new LeveeException(
                            ErrorCode.PARTITION_BUSY, "the partition " + leaf.id() + " is being dropped");
                }
                byLeaf.computeIfAbsent(leaf, l -> new ArrayList<>()).add(mark);
            }
        }
        int sum = 0;
        for (Map.Entry<Leaf, List<RowQuery.Mark>> entry : byLeaf.entrySet()) {
            sum += delete(c, spec, entry.getKey(), entry.getValue(), still, deleted);
        }
        if (sum < marks.size() && spec.keyed() && still != null) {
            deleteMoved(c, spec, marks, still, deleted);
        }
        for (Map.Entry<Leaf, Integer> entry : deleted.entrySet()) {
            catalog.subtract(c, entry.getKey().id(), entry.getValue());
        }
    }

    private int delete(
            Connection c,
            TableSpec spec,
            Leaf leaf,
            List<RowQuery.Mark> marks,
            @Nullable Expr still,
            Map<Leaf, Integer> deleted)
            throws SQLException {
        SqlBuilder sql = new SqlBuilder()
                .add("DELETE FROM " + names.in(leaf.name()) + " WHERE (" + Names.time(spec)
                        + ", _seq) IN (SELECT * FROM unnest(")
                .parameter(new SqlBuilder.Listed(
                        "bigint", marks.stream().map(RowQuery.Mark::timeMicros).toArray()))
                .add(", ")
                .parameter(new SqlBuilder.Listed(
                        "bigint", marks.stream().map(RowQuery.Mark::seq).toArray()))
                .add("))");
        and(spec, still, sql);
        try (PreparedStatement statement = sql.prepare(c, "")) {
            int rows = statement.executeUpdate();
            if (rows > 0) {
                deleted.merge(leaf, rows, Integer::sum);
            }
            return rows;
        }
    }

    /** Rows that an update has moved to another time since they were told are found by their number alone. */
    private void deleteMoved(
            Connection c, TableSpec spec, List<RowQuery.Mark> marks, Expr still, Map<Leaf, Integer> deleted)
            throws SQLException {
        SqlBuilder sql = new SqlBuilder()
                .add("DELETE FROM " + names.parent(spec) + " WHERE _seq = ANY (")
                .parameter(new SqlBuilder.Listed(
                        "bigint", marks.stream().map(RowQuery.Mark::seq).toArray()))
                .add(")");
        and(spec, still, sql);
        sql.add(" RETURNING " + Names.time(spec) + (Names.branched(spec) ? ", " + Schema.CLASS : ", ''"));
        try (PreparedStatement statement = sql.prepare(c, "");
                ResultSet rows = statement.executeQuery()) {
            while (rows.next()) {
                Leaf leaf = manifest.at(spec.name(), rows.getString(2), rows.getLong(1));
                if (leaf != null) {
                    deleted.merge(leaf, 1, Integer::sum);
                }
            }
        }
    }

    private void and(TableSpec spec, @Nullable Expr still, SqlBuilder sql) {
        if (still != null) {
            sql.add(" AND (");
            FilterSql.append(spec, catalog.names(), still, sql);
            sql.add(")");
        }
    }
}
