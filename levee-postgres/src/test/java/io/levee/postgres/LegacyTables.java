package io.levee.postgres;

import io.levee.Adoption;
import io.levee.ErrorCode;
import io.levee.TableSpec;
import io.levee.testkit.PostgresServer;
import io.levee.testkit.conformance.OldDatabase;
import io.levee.testkit.conformance.OldTable;
import io.levee.testkit.conformance.OldTable.Kind;
import io.levee.testkit.conformance.OldTables;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.postgresql.PGConnection;
import org.postgresql.copy.CopyIn;

/** Old tables ({@link OldTables} and others) in a schema of their own, beside the stores that adopt them. */
final class LegacyTables extends OldDatabase {
    static final Instant BEGIN = OldTables.BEGIN;

    static final long STEP_MILLIS = OldTables.STEP_MILLIS;

    /** How much is sent to the server at once. */
    private static final int CHUNK = 1 << 16;

    private final PostgresServer server;
    private final String schema;

    /** Tables in a schema of their own, which is made, and goes with those of the test's stores. */
    LegacyTables(PostgresServer server) {
        this.server = server;
        this.schema = PostgresServer.schema(server.newStore());
        server.run("CREATE SCHEMA " + schema);
    }

    String name(String table) {
        return schema + "." + table;
    }

    /** In a session whose zone is another than the store's. */
    @Override
    public void run(String... statements) {
        for (String sql : statements) {
            server.run("SET search_path = " + schema + ", public; SET timezone = 'Asia/Kolkata'; " + sql);
        }
    }

    void checks(int rows) {
        create(OldTables.checks(rows));
    }

    static TableSpec.Builder invocations() {
        return OldTables.invocations();
    }

    static TableSpec.Builder checkSpec() {
        return OldTables.checks();
    }

    @Override
    public Connection open() throws SQLException {
        Connection connection = server.dataSource().getConnection();
        try (Statement s = connection.createStatement()) {
            s.execute("SET search_path = " + schema + ", public; SET timezone = 'UTC'");
        }
        return connection;
    }

    @Override
    public String type(Kind kind) {
        return switch (kind) {
            case NUMBER -> "bigserial PRIMARY KEY";
            case KEY -> "text PRIMARY KEY";
            case TEXT, MIXED -> "text";
            case WORD -> "varchar(20)";
            case WHOLE -> "bigint";
            case REAL -> "double precision";
            case TRUTH -> "boolean";
            case TIME -> "timestamptz";
            case TIME_TEXT -> "text DEFAULT now()::text";
        };
    }

    /** All as its text: this is copied. */
    @Override
    protected @Nullable Object stored(Kind kind, @Nullable Object value) {
        return value == null ? null : value.toString();
    }

    @Override
    protected void fill(OldTable table) throws SQLException {
        String copy = "COPY " + table.name() + "(" + String.join(", ", table.written()) + ") FROM STDIN";
        try (Connection connection = open()) {
            CopyIn in = connection.unwrap(PGConnection.class).getCopyAPI().copyIn(copy);
            StringBuilder text = new StringBuilder();
            for (int i = 0; i < table.size(); i++) {
                @Nullable Object[] row = values(table, i);
                if (row != null) {
                    for (int column = 0; column < row.length; column++) {
                        Object value = row[column];
                        text.append(column == 0 ? "" : "\t")
                                .append(value == null ? "\\N" : value.toString().replace("\\", "\\\\"));
                    }
                    text.append('\n');
                }
                if (text.length() > CHUNK) {
                    send(in, text);
                }
            }
            send(in, text);
            in.endCopy();
        }
    }

    private static void send(CopyIn in, StringBuilder text) throws SQLException {
        byte[] bytes = text.toString().getBytes(StandardCharsets.UTF_8);
        in.writeToCopy(bytes, 0, bytes.length);
        text.setLength(0);
    }

    /** By name: else it locks what all tests have left on the server, more than it has locks for. */
    @Override
    protected void made(OldTable table) {
        run("ANALYZE " + table.name());
    }

    @Override
    public Adoption adoption(String table) {
        return Adoption.ofTable(name(table));
    }

    @Override
    public String time(Instant at) {
        return "'" + at + "'";
    }

    @Override
    public String seconds(String column) {
        return "extract(epoch FROM " + column + ")::float8";
    }

    @Override
    public boolean there(String table) {
        return "t"
                .equals(server.texts("SELECT to_regclass('" + name(table) + "') IS NOT NULL")
                        .get(0));
    }

    @Override
    public String lock(String table) {
        return "BEGIN; LOCK TABLE " + table + " IN ACCESS EXCLUSIVE MODE";
    }

    @Override
    public void hide(String table) {
        run("ALTER TABLE " + table + " RENAME TO " + table + "_elsewhere");
    }

    @Override
    public void bringBack(String table) {
        run("ALTER TABLE " + table + "_elsewhere RENAME TO " + table);
    }

    /** Rows' own versions, the table's file and its definition. */
    @Override
    public String fingerprint(String table) {
        return ask("SELECT (SELECT concat_ws(' ', count(*), min(xmin::text::bigint), max(xmin::text::bigint), max(xmax::text::bigint),"
                        + " bit_xor(hashtext(t::text)), max(ctid)) FROM " + table
                        + " t), relfilenode, relnatts, relchecks, relhasindex FROM pg_class WHERE oid = '" + name(table)
                        + "'::regclass")
                .toString();
    }

    @Override
    public String known(String table) {
        return name(table);
    }

    @Override
    public boolean countsExactly() {
        return false;
    }

    @Override
    public boolean keepsNumbers() {
        return false;
    }

    @Override
    public ErrorCode noSuchTable() {
        return ErrorCode.NOT_FOUND;
    }

    /** Doubles of seconds keep milliseconds exactly enough. */
    @Override
    public List<TimeType> timeTypes() {
        List<TimeType> types = new ArrayList<>();
        List<String> none = List.of("NULL", "'infinity'", "'-infinity'");
        types.add(new TimeType("timestamptz", null, 1, none));
        types.add(new TimeType("timestamp", null, 1, none));
        List<String> nothing = List.of("NULL");
        types.add(new TimeType("integer", "s", 1_000_000, nothing));
        types.add(new TimeType("bigint", "ms", 1_000, nothing));
        types.add(new TimeType("bigint", "us", 1, nothing));
        types.add(new TimeType("bigint", "ns", 1, nothing));
        List<String> number = List.of("NULL", "'NaN'");
        types.add(new TimeType("numeric", "s", 1, number));
        types.add(new TimeType("numeric", "ns", 1, number));
        types.add(new TimeType("double precision", "s", 1_000, number));
        types.add(new TimeType("double precision", "ms", 1_000, number));
        List<String> text = List.of("NULL", "''", "'n/a'", "'-'");
        types.add(new TimeType("text", "text", 1, text));
        types.add(new TimeType("varchar(60)", "text", 1, text));
        return types;
    }
}
