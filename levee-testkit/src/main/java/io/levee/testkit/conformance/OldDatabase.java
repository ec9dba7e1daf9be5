package io.levee.testkit.conformance;

import io.levee.Adoption;
import io.levee.ErrorCode;
import io.levee.testkit.conformance.OldTable.Kind;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * An older database that stores of an engine can adopt: a file, or a schema beside them. Made from descriptions ({@link OldTable}) with the
 * engine's own types, written to as its program would, and asked by hand-written SQL. Where engines must differ, it says how its own does.
 * Thread-safe: each call has a connection of its own.
 */
public abstract class OldDatabase {
    private static final DateTimeFormatter TEXT =
            DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm:ss", Locale.ROOT).withZone(ZoneOffset.UTC);

    private static final int AT_ONCE = 1_000;

    /** For subclasses. */
    protected OldDatabase() {}

    /** A connection as its own program has one; the caller closes it. */
    public abstract Connection open() throws SQLException;

    /** The type of a column with what else belongs to its definition. */
    public abstract String type(Kind kind);

    /** A value as it is handed to the driver. Texts of times are made already. */
    protected abstract @Nullable Object stored(Kind kind, @Nullable Object value);

    /** How one of its tables is named in an adoption. */
    public abstract Adoption adoption(String table);

    /** A time in SQL, to be compared with a column of {@link Kind#TIME}. */
    public abstract String time(Instant at);

    /** A column of {@link Kind#TIME} as seconds since 1970, in SQL. */
    public abstract String seconds(String column);

    /** Whether what was adopted is still there: the file, or the table. */
    public abstract boolean there(String table);

    /** Makes what was adopted missing: its volume is not mounted, or somebody has renamed the table. */
    public abstract void hide(String table);

    /** Undoes {@link #hide}. */
    public abstract void bringBack(String table);

    /** SQL that begins a transaction which keeps everybody from reading a table until its connection is closed. */
    public abstract String lock(String table);

    /** What changes when anybody writes to it, vacuums it, or makes it anew. */
    public abstract Object fingerprint(String table);

    /** What the engine's warning of a foreign writer has: the name by which its owner knows the database. */
    public abstract String known(String table);

    /** Whether it tells how many rows it has to the row; else about, by the server's statistics. */
    public abstract boolean countsExactly();

    /** Whether a record that is written again keeps the number ({@code _seq}) of the row that it takes the place of. */
    public abstract boolean keepsNumbers();

    /**
     * What a table is refused with that is not in a database that is there: a file without the table is somebody's mistake; a server's
     * database is always there, so that the table alone says whether there is anything to adopt yet.
     */
    public abstract ErrorCode noSuchTable();

    /** Types for times, and the units that they are of, in any of which the same rows have to answer alike. */
    public abstract List<TimeType> timeTypes();

    /**
     * A type of a column of times.
     *
     * @param type in SQL
     * @param unit as {@link Adoption.TimeUnit#specName}; null where the type itself says it
     * @param least what it cannot tell apart, in microseconds: one at the least
     * @param garbage values in SQL that it holds and that are no time
     */
    public record TimeType(String type, @Nullable String unit, long least, List<String> garbage) {}

    /** After a table was made and filled. */
    protected void made(OldTable table) {}

    /** Makes a table with all its rows. */
    public void create(OldTable table) {
        run(table.create(this));
        try {
            fill(table);
        } catch (SQLException e) {
            throw new IllegalStateException("cannot fill " + table.name() + ": " + e.getMessage(), e);
        }
        run(table.createIndexes().toArray(new String[0]));
        made(table);
    }

    /** Makes the monitor's tables. */
    public final void monitor(int rows, boolean withDetails) {
        create(OldTables.invocations(rows));
        if (withDetails) {
            create(OldTables.details(rows));
        }
    }

    /** Writes the rows of a table that was made. */
    protected void fill(OldTable table) throws SQLException {
        List<String> columns = table.written();
        String sql = "INSERT INTO " + table.name() + "(" + String.join(", ", columns) + ") VALUES (?"
                + ", ?".repeat(columns.size() - 1) + ")";
        try (Connection connection = open()) {
            connection.setAutoCommit(false);
            try (PreparedStatement insert = connection.prepareStatement(sql)) {
                int batch = 0;
                for (int i = 0; i < table.size(); i++) {
                    @Nullable Object[] row = values(table, i);
                    if (row == null) {
                        continue;
                    }
                    for (int column = 0; column < row.length; column++) {
                        insert.setObject(column + 1, row[column]);
                    }
                    insert.addBatch();
                    if (++batch % AT_ONCE == 0) {
                        insert.executeBatch();
                    }
                }
                insert.executeBatch();
            }
            connection.commit();
        }
    }

    /** The values of a row as they are handed to the driver; null where there is none. */
    protected final @Nullable Object @Nullable [] values(OldTable table, int i) {
        @Nullable Object[] row = table.rows().apply(i);
        if (row == null) {
            return null;
        }
        List<Kind> kinds = table.writtenKinds();
        @Nullable Object[] values = new @Nullable Object[row.length];
        for (int column = 0; column < row.length; column++) {
            Kind kind = kinds.get(column);
            Object value = row[column];
            values[column] =
                    stored(kind, kind == Kind.TIME_TEXT && value instanceof Instant at ? TEXT.format(at) : value);
        }
        return values;
    }

    /** Runs statements as its own program would. */
    public void run(String... statements) {
        for (String sql : statements) {
            try (Connection connection = open();
                    Statement statement = connection.createStatement()) {
                statement.execute(sql);
            } catch (SQLException e) {
                throw new IllegalStateException("cannot run " + sql + ": " + e.getMessage(), e);
            }
        }
    }

    /** What it says itself; whole numbers as {@link Long}. */
    public final List<List<@Nullable Object>> ask(String sql) {
        List<List<@Nullable Object>> answer = new ArrayList<>();
        try (Connection connection = open();
                Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(sql)) {
            int width = rows.getMetaData().getColumnCount();
            while (rows.next()) {
                List<@Nullable Object> row = new ArrayList<>();
                for (int i = 1; i <= width; i++) {
                    Object value = rows.getObject(i);
                    row.add(value instanceof Integer whole ? (Object) whole.longValue() : value);
                }
                answer.add(row);
            }
        } catch (SQLException e) {
            throw new IllegalStateException("cannot ask " + sql + ": " + e.getMessage(), e);
        }
        return answer;
    }

    /** The condition that a column of {@link Kind#TIME} is in a range. */
    final String within(String column, Instant from, Instant to) {
        return column + " >= " + time(from) + " AND " + column + " < " + time(to);
    }
}
