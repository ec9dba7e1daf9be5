package io.levee.sqlite;

import io.levee.Ack;
import io.levee.CloseReport;
import io.levee.ColumnType;
import io.levee.PartitionBy;
import io.levee.StoreOptions;
import io.levee.TableSpec;
import io.levee.engine.EngineSettings;
import io.levee.engine.Period;
import io.levee.engine.SourceMark;
import io.levee.engine.WriteRow;
import io.levee.internal.supervisor.Supervisor;
import io.levee.internal.time.Micros;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.Statement;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** The embedded engine without core above it: the test is the writer thread, and sees what becomes of each row. */
final class OpenEngine implements AutoCloseable {
    static final Instant DAY1 = Instant.parse("2026-05-10T00:00:00Z");
    static final TableSpec EVENTS = TableSpec.builder("events")
            .column("i", ColumnType.INTEGER)
            .column("at", ColumnType.TIMESTAMP)
            .column("text", ColumnType.TEXT)
            .time("at")
            .partitionBy(PartitionBy.DAY)
            .build();

    private final Path directory;
    private final Supervisor supervisor = new Supervisor();
    final SqliteEngine engine;
    private boolean closed;
    private long next = 1;
    private long end = 1;

    OpenEngine(Path directory, Consumer<StoreOptions.Builder> settings) {
        StoreOptions.Builder options = StoreOptions.builder();
        settings.accept(options);
        this.directory = directory;
        this.engine =
                SqliteEngine.open(new StorePaths(directory), new EngineSettings(options.build(), false, supervisor));
        engine.putTable(EVENTS);
    }

    OpenEngine(Path directory) {
        this(directory, o -> {});
    }

    /** A row as core would hand it in. */
    static final class Handed extends WriteRow {
        Handed(@Nullable Object[] values, long timeMicros) {
            super(values, timeMicros);
        }
    }

    static Handed row(long i, int day, String text) {
        long at = Micros.of(DAY1) + day * 86_400_000_000L + i;
        Handed row = new Handed(new Object[] {i, at, text}, at);
        row.period(Period.of(PartitionBy.DAY, at));
        return row;
    }

    static Handed row(long i, int day) {
        return row(i, day, "event " + i);
    }

    static Handed sourced(long i, int day, String source, long position) {
        Handed row = row(i, day);
        row.source(new SourceMark(source, position));
        return row;
    }

    void append(List<? extends WriteRow> rows, Ack level) {
        engine.append(EVENTS, rows, level, this::seq);
    }

    void append(TableSpec table, List<? extends WriteRow> rows) {
        engine.append(table, rows, Ack.COMMITTED, this::seq);
    }

    /** Hands rows in, and says what became of each. */
    List<WriteRow.Outcome> append(WriteRow... rows) {
        append(List.of(rows), Ack.COMMITTED);
        return outcomes(List.of(rows));
    }

    static List<WriteRow.Outcome> outcomes(List<? extends WriteRow> rows) {
        return rows.stream().map(WriteRow::outcome).toList();
    }

    private long seq() {
        if (next == end) {
            next = engine.reserveSeq("events", 10_000);
            end = next + 10_000;
        }
        return next++;
    }

    /** The values of a column in all partitions' files, by a connection of the test's own; while the engine is closed. */
    static List<Object> stored(Path directory, String column) throws Exception {
        return stored(directory, EVENTS, column);
    }

    static List<Object> stored(Path directory, TableSpec table, String column) throws Exception {
        List<Object> values = new ArrayList<>();
        try (var files = java.nio.file.Files.list(directory.resolve("tables/" + table.name()))) {
            for (Path file :
                    files.filter(f -> f.toString().endsWith(".db")).sorted().toList()) {
                try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + file);
                        Statement statement = connection.createStatement();
                        ResultSet rows = statement.executeQuery(
                                "SELECT " + column + " FROM " + table.name() + " ORDER BY _seq")) {
                    while (rows.next()) {
                        values.add(rows.getObject(1));
                    }
                }
            }
        }
        return values;
    }

    /** Ends as after a crash of the process: nothing is checkpointed or closed for good, and the lock is given back. */
    void abandon() {
        if (!closed) {
            closed = true;
            supervisor.stop();
            engine.close(null);
        }
    }

    @Override
    public void close() {
        if (!closed) {
            closed = true;
            engine.closeWriter();
            supervisor.stop();
            engine.close(new CloseReport(true, 0, 0, 0, 0, List.of(), ""));
        }
    }

    /** The connection that takes the new rows of day 0. */
    PartitionWriter writer() {
        return engine.open().forNewRows(EVENTS, row(0, 0).slot());
    }

    Path directory() {
        return directory;
    }
}
