package io.levee.sqlite;

import io.levee.Column;
import io.levee.TableSpec;
import io.levee.engine.SeqSource;
import io.levee.engine.WriteRow;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Types;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The prepared statements that write and find rows of one open partition, within transactions that {@link PartitionWriter} begins and
 * ends. Owned by the writer thread.
 *
 * <p>New rows go in by JDBC batches of single rows: with SQLite 3.54 they take two thirds of the processor time that lists of
 * 8 or 24 rows in one VALUES take (levee-bench, 2026-11).
 */
final class RowStatements {
    /** Rows of one JDBC batch: the driver keeps their values until it runs. */
    private static final int ROWS_AT_ONCE = 1000;

    private final TableSpec spec;
    private final Connection connection;
    private final FileColumns columns;
    private final boolean separateTime;
    private final int[] hotAt;
    private final int[] detailAt;
    private final @Nullable Object[] defaults;

    /** The columns with expressions: each with the statement that computes it for rows that leave it null. */
    private final List<PreparedStatement> completions = new ArrayList<>();

    private final List<PreparedStatement> statements = new ArrayList<>();
    private final PreparedStatement insert;
    private final @Nullable PreparedStatement insertDetails;
    private final @Nullable PreparedStatement find;
    private @Nullable PreparedStatement update;
    private @Nullable PreparedStatement moveIn;

    RowStatements(TableSpec spec, Connection connection) throws SQLException {
        this.spec = spec;
        this.connection = connection;
        this.columns = FileColumns.of(spec, connection);
        this.separateTime = spec.separateTime();
        this.hotAt = positions(
                spec, PartitionSchema.hot(spec).stream().map(Column::name).toList());
        this.detailAt = positions(
                spec, PartitionSchema.detail(spec).stream().map(Column::name).toList());
        this.defaults = spec.columns().stream()
                .map(column -> column.detail() ? null : column.defaultValue())
                .toArray();
        for (Column column : PartitionSchema.hot(spec)) {
            if (column.expression() != null) {
                completions.add(prepare(completion(column)));
            }
        }
        this.insert = prepare(insertSql());
        this.insertDetails = detailAt.length == 0 ? null : prepare(detailsSql());
        this.find = spec.keyed() ? prepare(findSql()) : null;
    }

    private static int[] positions(TableSpec spec, List<String> columns) {
        return columns.stream().mapToInt(spec::position).toArray();
    }

    private PreparedStatement prepare(String sql) throws SQLException {
        PreparedStatement statement = connection.prepareStatement(sql);
        statements.add(statement);
        return statement;
    }

    private String insertSql() {
        List<String> names = new ArrayList<>(List.of("_seq"));
        if (separateTime) {
            names.add("_time");
        }
        for (int at : hotAt) {
            names.add(name(at));
        }
        return "INSERT INTO " + Sqlite.quote(spec.name()) + "(" + String.join(",", names) + ") VALUES("
                + String.join(",", Collections.nCopies(names.size(), "?")) + ")";
    }

    private String detailsSql() {
        List<String> names = new ArrayList<>(List.of("_seq"));
        for (int at : detailAt) {
            names.add(name(at));
        }
        return "INSERT OR REPLACE INTO " + Sqlite.quote(PartitionSchema.details(spec)) + "(" + String.join(",", names)
                + ") VALUES(" + String.join(",", Collections.nCopies(names.size(), "?")) + ")";
    }

    private String findSql() {
        return "SELECT _seq FROM " + Sqlite.quote(spec.name()) + " WHERE " + keyTest(columns);
    }

    /** The test that finds a key by its index. */
    static String keyTest(FileColumns columns) {
        return String.join(" AND ", columns.key().stream().map(c -> c + "=?").toList());
    }

    /** How the file calls a column, quoted. */
    private String name(int at) {
        return Sqlite.quote(columns.named(spec.columns().get(at).name()));
    }

    /** Inserts new rows in order, each with the next number, which is settled on the row. */
    void insert(List<? extends WriteRow> rows, SeqSource seq) throws SQLException {
        int details = 0;
        int inBatch = 0;
        for (WriteRow row : rows) {
            long number = seq.next();
            row.settle(WriteRow.Outcome.PENDING, number, null);
            int parameter = 1;
            insert.setLong(parameter++, number);
            if (separateTime) {
                insert.setLong(parameter++, row.timeMicros());
            }
            for (int at : hotAt) {
                bind(insert, parameter++, row, at);
            }
            insert.addBatch();
            details += addDetails(row, number) ? 1 : 0;
            if (++inBatch == ROWS_AT_ONCE) {
                execute(details);
                details = 0;
                inBatch = 0;
            }
        }
        if (inBatch > 0) {
            execute(details);
        }
        if (!rows.isEmpty()) {
            complete(rows.get(0).seq(), rows.get(rows.size() - 1).seq());
        }
    }

    private String completion(Column column) {
        String name = Sqlite.quote(columns.named(column.name()));
        return "UPDATE " + Sqlite.quote(spec.name()) + " AS m SET " + name + " = " + columns.otherwise(column)
                + " WHERE m._seq BETWEEN ? AND ? AND m." + name + " IS NULL";
    }

    /** Computes the columns with expressions for rows that leave them null: all that this transaction wrote within two numbers. */
    private void complete(long from, long to) throws SQLException {
        for (PreparedStatement statement : completions) {
            statement.setLong(1, from);
            statement.setLong(2, to);
            statement.executeUpdate();
        }
    }

    private void execute(int details) throws SQLException {
        insert.executeBatch();
        if (details > 0 && insertDetails != null) {
            insertDetails.executeBatch();
        }
    }

    private boolean addDetails(WriteRow row, long number) throws SQLException {
        PreparedStatement statement = insertDetails;
        if (statement == null || !hasDetails(row)) {
            return false;
        }
        statement.setLong(1, number);
        for (int i = 0; i < detailAt.length; i++) {
            bind(statement, i + 2, row, detailAt[i]);
        }
        statement.addBatch();
        return true;
    }

    private boolean hasDetails(WriteRow row) {
        for (int at : detailAt) {
            if (at < row.values().length && row.values()[at] != null) {
                return true;
            }
        }
        return false;
    }

    /** The number of the row with this key, or 0. */
    long find(Object[] key) throws SQLException {
        PreparedStatement statement = find;
        if (statement == null) {
            return 0;
        }
        for (int i = 0; i < key.length; i++) {
            bind(statement, i + 1, key[i]);
        }
        try (ResultSet rows = statement.executeQuery()) {
            return rows.next() ? rows.getLong(1) : 0;
        }
    }

    /** Replaces the row of a known key where it lives; its number stays, the change gets one of its own. */
    void update(WriteRow row, long number, long change) throws SQLException {
        if (update == null) {
            List<String> sets = new ArrayList<>(List.of("_chg=?"));
            if (separateTime) {
                sets.add("_time=?");
            }
            for (int at : hotAt) {
                sets.add(name(at) + "=?");
            }
            update =
                    prepare("UPDATE " + Sqlite.quote(spec.name()) + " SET " + String.join(",", sets) + " WHERE _seq=?");
        }
        PreparedStatement statement = update;
        int parameter = 1;
        statement.setLong(parameter++, change);
        if (separateTime) {
            statement.setLong(parameter++, row.timeMicros());
        }
        for (int at : hotAt) {
            bind(statement, parameter++, row, at);
        }
        statement.setLong(parameter, number);
        statement.executeUpdate();
        if (insertDetails != null) {
            if (addDetails(row, number)) {
                insertDetails.executeBatch();
            } else {
                Sqlite.run(
                        connection,
                        "DELETE FROM " + Sqlite.quote(PartitionSchema.details(spec)) + " WHERE _seq=" + number);
            }
        }
        complete(number, number);
        row.settle(WriteRow.Outcome.PENDING, number, null);
    }

    /** Takes in the row of a known key that comes from another partition, with its number; the change gets one of its own. */
    void moveIn(WriteRow row, long number, long change) throws SQLException {
        if (moveIn == null) {
            List<String> names = new ArrayList<>(List.of("_seq", "_chg"));
            if (separateTime) {
                names.add("_time");
            }
            for (int at : hotAt) {
                names.add(name(at));
            }
            moveIn = prepare("INSERT INTO " + Sqlite.quote(spec.name()) + "(" + String.join(",", names) + ") VALUES("
                    + String.join(",", Collections.nCopies(names.size(), "?")) + ")");
        }
        PreparedStatement statement = moveIn;
        int parameter = 1;
        statement.setLong(parameter++, number);
        statement.setLong(parameter++, change);
        if (separateTime) {
            statement.setLong(parameter++, row.timeMicros());
        }
        for (int at : hotAt) {
            bind(statement, parameter++, row, at);
        }
        statement.executeUpdate();
        if (addDetails(row, number) && insertDetails != null) {
            insertDetails.executeBatch();
        }
        complete(number, number);
        row.settle(WriteRow.Outcome.PENDING, number, null);
    }

    /** Columns that the table got after the row was appended are null, which is their default where they have one. */
    private void bind(PreparedStatement statement, int parameter, WriteRow row, int at) throws SQLException {
        Object value = at < row.values().length ? row.values()[at] : null;
        bind(statement, parameter, value == null ? defaults[at] : value);
    }

    static void bind(PreparedStatement statement, int parameter, @Nullable Object value) throws SQLException {
        if (value instanceof String text) {
            statement.setString(parameter, text);
        } else if (value instanceof Long number) {
            statement.setLong(parameter, number);
        } else if (value instanceof Double number) {
            statement.setDouble(parameter, number);
        } else if (value instanceof byte[] bytes) {
            statement.setBytes(parameter, bytes);
        } else {
            statement.setNull(parameter, Types.NULL);
        }
    }

    /** The batch is undone: what was added to statements and not run goes. */
    void forget() throws SQLException {
        insert.clearBatch();
        if (insertDetails != null) {
            insertDetails.clearBatch();
        }
    }

    /** Closes the statements. */
    void close() throws SQLException {
        for (PreparedStatement statement : statements) {
            statement.close();
        }
    }
}
