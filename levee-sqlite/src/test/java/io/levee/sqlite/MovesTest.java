package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.ColumnType;
import io.levee.PartitionBy;
import io.levee.PartitionId;
import io.levee.RetentionRule;
import io.levee.TableSpec;
import io.levee.engine.Period;
import io.levee.engine.ReadView;
import io.levee.engine.Slot;
import io.levee.engine.WriteRow;
import io.levee.engine.WriteRow.Outcome;
import io.levee.internal.time.Micros;
import io.levee.sqlite.PartitionWriter.Point;
import io.levee.testkit.Gen;
import io.levee.testkit.Property;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.sqlite.SQLiteErrorCode;
import org.sqlite.SQLiteException;

/** A row whose class changes goes from one file to another: whatever fails or ends between, it is there once. */
class MovesTest {
    static final TableSpec RUNS = TableSpec.builder("runs")
            .column("k", ColumnType.INTEGER)
            .column("state", ColumnType.TEXT)
            .column("v", ColumnType.INTEGER)
            .column("at", ColumnType.TIMESTAMP)
            .time("at")
            .key("k")
            .partitionBy(PartitionBy.DAY)
            .retention(RetentionRule.builder()
                    .by("state")
                    .keep("A", Duration.ofDays(90))
                    .keep("B", Duration.ofDays(30))
                    .maxAge(Duration.ofDays(7))
                    .build())
            .build();

    private static final PartitionId OLD = new PartitionId("runs", "", "2026-05-10", 1);

    @TempDir
    Path directory;

    private long next = 1;
    private long end = 1;

    private static SQLException broken() {
        return new SQLiteException("disk I/O error", SQLiteErrorCode.SQLITE_IOERR_FSYNC);
    }

    OpenEngine open(Path home) {
        OpenEngine store = new OpenEngine(home);
        store.engine.putTable(RUNS);
        next = end;
        return store;
    }

    static OpenEngine.Handed run(long k, String state, long v, int day) {
        long at = Micros.of(OpenEngine.DAY1) + day * 86_400_000_000L + k;
        OpenEngine.Handed row = new OpenEngine.Handed(new Object[] {k, state, v, at}, at);
        String own = RUNS.retention().classes().containsKey(state) ? state : "";
        row.slot(new Slot(Period.of(PartitionBy.DAY, at), own));
        return row;
    }

    private Outcome append(OpenEngine store, OpenEngine.Handed row) {
        append(store, List.of(row));
        return row.outcome();
    }

    void append(OpenEngine store, List<OpenEngine.Handed> rows) {
        store.engine.append(RUNS, rows, Ack.COMMITTED, () -> {
            if (next == end) {
                next = store.engine.reserveSeq("runs", 10_000);
                end = next + 10_000;
            }
            return next++;
        });
    }

    /** As core does: what could not be written, or is in doubt, comes again before anything else. */
    void untilStored(OpenEngine store, OpenEngine.Handed row) {
        for (int i = 0; i < 20; i++) {
            Outcome outcome = append(store, row);
            if (outcome == Outcome.STORED || outcome == Outcome.UPDATED) {
                return;
            }
            assertThat(outcome).isIn(Outcome.RETRY, Outcome.UNCERTAIN);
        }
        throw new AssertionError("not stored after 20 tries: " + row.error());
    }

    /** Ends as a process does whose connections the kernel closes: nothing is settled, checkpointed or said. */
    static void crash(OpenEngine store) {
        store.engine.partitions().forEach(p -> {
            PartitionWriter writer = store.engine.open().get(p.id());
            if (writer != null) {
                store.engine.open().release(writer);
            }
        });
        store.abandon();
    }

    /** Key, class of the file, and value of each row in any file; while the engine is closed. */
    static List<String> stored(Path home) throws Exception {
        List<String> rows = new ArrayList<>();
        try (Stream<Path> files = Files.list(home.resolve("tables/runs"))) {
            for (Path file :
                    files.filter(f -> f.toString().endsWith(".db")).sorted().toList()) {
                try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + file);
                        Statement statement = connection.createStatement();
                        ResultSet found = statement.executeQuery(
                                "SELECT k, (SELECT value FROM levee_partition WHERE key = 'class'), state, v FROM runs")) {
                    while (found.next()) {
                        rows.add(found.getLong(1) + " " + found.getString(2) + " " + found.getString(3) + " "
                                + found.getLong(4));
                    }
                }
            }
        }
        return rows;
    }

    /**
     * The partition that a row went to is unlinked for space while a query still needs the copy that the row left behind, and then the
     * process dies: with the file goes the note that says which of both counts, and the older version came back.
     */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void shouldNotBringAnOlderVersionBackWhereTheNewerOneWentForSpace(boolean read) throws Exception {
        PartitionId classed = new PartitionId("runs", "A", "2026-05-10", 1);
        try (OpenEngine store = open(directory)) {
            append(store, run(1, "new", 1, 0));
            append(store, run(2, "new", 1, 0));
            ReadView reading = read ? store.engine.view(RUNS, Long.MIN_VALUE, Long.MAX_VALUE) : null;
            assertThat(append(store, run(1, "A", 2, 0))).isEqualTo(Outcome.UPDATED);
            append(store, run(3, "new", 1, 0));
            assertThat(store.engine.letGo(classed)).isEmpty();
            assertThat(store.engine.dropForSpace(classed, "a test").blockedBy()).isEmpty();
            if (reading != null) {
                reading.close();
            }
            crash(store);
        }
        try (OpenEngine store = open(directory)) {
            assertThat(store.engine.find(RUNS, new Object[] {1L})).isNull();
        }
        assertThat(stored(directory)).containsExactlyInAnyOrder("2  new 1", "3  new 1");
    }

    @Test
    void shouldMoveBetweenFiles() throws Exception {
        try (OpenEngine store = open(directory)) {
            append(store, run(1, "new", 1, 0));
            assertThat(append(store, run(1, "A", 2, 0))).isEqualTo(Outcome.UPDATED);
            assertThat(append(store, run(2, "new", 1, 0))).isEqualTo(Outcome.STORED);
        }
        assertThat(directory.resolve("tables/runs/2026-05-10.A.db")).exists();
        assertThat(stored(directory)).containsExactlyInAnyOrder("1 A A 2", "2  new 1");
    }

    /** The row is durable in its new file and the old one cannot let it go: the next write deletes it there. */
    @ParameterizedTest
    @EnumSource(Point.class)
    void shouldDeleteTheOlderCopyBeforeTheNextWrite(Point point) throws Exception {
        try (OpenEngine store = open(directory)) {
            append(store, run(1, "new", 1, 0));
            store.engine.open().get(OLD).failAt(point, broken());
            untilStored(store, run(1, "A", 2, 0));
            untilStored(store, run(2, "new", 1, 0));
            untilStored(store, run(1, "A", 3, 0));
        }
        assertThat(stored(directory)).containsExactlyInAnyOrder("1 A A 3", "2  new 1");
    }

    /** The same where the process ends between both commits: the note in the new file says where the older copy is. */
    @Test
    void shouldDeleteTheOlderCopyAfterACrash() throws Exception {
        OpenEngine crashed = open(directory);
        append(crashed, run(1, "new", 1, 0));
        crashed.engine.open().get(OLD).failAt(Point.COMMITTING, broken());
        assertThat(append(crashed, run(1, "A", 2, 0))).isEqualTo(Outcome.UPDATED);
        crash(crashed);
        assertThat(stored(directory)).containsExactlyInAnyOrder("1  new 1", "1 A A 2");
        try (OpenEngine store = open(directory)) {
            untilStored(store, run(2, "new", 1, 0));
        }
        assertThat(stored(directory)).containsExactlyInAnyOrder("1 A A 2", "2  new 1");
    }

    /** Nothing is written after the crash: closing the new file, as maintenance does, is enough. */
    @Test
    void shouldDeleteTheOlderCopyWhenTheNewFileIsClosed() throws Exception {
        OpenEngine crashed = open(directory);
        append(crashed, run(1, "new", 1, 0));
        crashed.engine.open().get(OLD).failAt(Point.COMMITTING, broken());
        append(crashed, run(1, "A", 2, 0));
        crash(crashed);
        try (OpenEngine store = open(directory)) {
            assertThat(store.engine.closePartition(OLD)).isEmpty();
            assertThat(store.engine.closePartition(new PartitionId("runs", "A", "2026-05-10", 1)))
                    .isEmpty();
            assertThat(store.engine.closePartition(OLD)).isEmpty();
        }
        assertThat(stored(directory)).containsExactly("1 A A 2");
    }

    @ParameterizedTest
    @EnumSource(Point.class)
    void shouldKeepARowWhoseArrivalIsInDoubt(Point point) throws Exception {
        try (OpenEngine store = open(directory)) {
            append(store, run(1, "new", 1, 0));
            append(store, run(2, "A", 1, 0));
            store.engine
                    .open()
                    .get(new PartitionId("runs", "A", "2026-05-10", 1))
                    .failAt(point, broken());
            untilStored(store, run(1, "A", 2, 0));
            untilStored(store, run(3, "A", 1, 0));
        }
        assertThat(stored(directory)).containsExactlyInAnyOrder("1 A A 2", "2 A A 1", "3 A A 1");
    }

    /** Any changes of class, any failing commits, any crashes: each key is there once, with its last value, in a file of its class. */
    @Test
    void shouldHaveEachRowOnce() {
        int[] trial = {0};
        Property.check("each row is there once", 3, gen -> {
            Path home = Files.createDirectory(directory.resolve("p" + trial[0]++));
            Map<Long, String> model = new TreeMap<>();
            OpenEngine store = open(home);
            try {
                for (int i = 0; i < gen.size(); i++) {
                    fail(gen, store);
                    long k = gen.between(1, 5);
                    String state = gen.of("A", "B", "new");
                    untilStored(store, run(k, state, i, 0));
                    model.put(k, k + " " + (state.equals("new") ? "" : state) + " " + state + " " + i);
                    if (gen.oneIn(6)) {
                        crash(store);
                        store = open(home);
                    }
                }
            } finally {
                store.close();
            }
            assertThat(stored(home)).containsExactlyInAnyOrderElementsOf(model.values());
        });
    }

    private static void fail(Gen gen, OpenEngine store) {
        if (!gen.oneIn(3)) {
            return;
        }
        Map<String, PartitionWriter> open = new HashMap<>();
        store.engine.partitions().forEach(p -> {
            PartitionWriter writer = store.engine.open().get(p.id());
            if (writer != null && p.id().table().equals("runs")) {
                open.put(p.id().toString(), writer);
            }
        });
        if (!open.isEmpty()) {
            gen.of(List.copyOf(new TreeMap<>(open).values())).failAt(gen.of(Point.values()), broken());
        }
    }

    /** Names of files tell the class, and so does a catalog that is made from them anew; a class's floor is in the ledger. */
    @Test
    void shouldRebuildALostCatalogWithClasses() throws Exception {
        List<PartitionId> before;
        try (OpenEngine store = open(directory)) {
            append(store, run(1, "A", 1, 0));
            append(store, run(2, "new", 1, 0));
            append(store, run(3, "B", 1, 1));
            store.engine.raiseFloor("runs", "B", 17);
            store.engine.raiseFloor("runs", "", 19);
            before = store.engine.partitions().stream().map(p -> p.id()).toList();
        }
        for (String suffix : new String[] {"", "-wal", "-shm"}) {
            Files.deleteIfExists(directory.resolve("catalog.db" + suffix));
        }
        next = end;
        try (OpenEngine store = open(directory)) {
            assertThat(store.engine.partitions()).extracting(p -> p.id()).containsExactlyElementsOf(before);
            assertThat(store.engine.floorMicros("runs", "B")).isEqualTo(17);
            assertThat(store.engine.floorMicros("runs", "A")).isEqualTo(Long.MIN_VALUE);
            assertThat(store.engine.floorMicros("runs", "")).isEqualTo(19);
            assertThat(store.engine.floorMicros("runs")).isEqualTo(19);
            assertThat(append(store, run(3, "A", 2, 1))).isEqualTo(Outcome.UPDATED);
        }
        assertThat(stored(directory)).containsExactlyInAnyOrder("1 A A 1", "2  new 1", "3 A A 2");
    }

    /** Of a source's rows, those of one class say nothing of another's: none is taken for written that is not. */
    @Test
    void shouldAskOnlyTheOwnClassForASourcesPosition() {
        TableSpec plain = TableSpec.builder("lines")
                .column("state", ColumnType.TEXT)
                .column("at", ColumnType.TIMESTAMP)
                .time("at")
                .partitionBy(PartitionBy.DAY)
                .retention(RUNS.retention())
                .build();
        try (OpenEngine store = open(directory)) {
            store.engine.putTable(plain);
            List<Outcome> outcomes = new ArrayList<>();
            long[] seq = {store.engine.reserveSeq("lines", 100)};
            for (int position : new int[] {2, 1, 2, 1}) {
                String state = position == 2 ? "A" : "new";
                long at = Micros.of(OpenEngine.DAY1);
                OpenEngine.Handed row = new OpenEngine.Handed(new Object[] {state, at}, at);
                row.slot(new Slot(Period.of(PartitionBy.DAY, at), position == 2 ? "A" : ""));
                row.source(new io.levee.engine.SourceMark("file", position));
                store.engine.append(plain, List.<WriteRow>of(row), Ack.COMMITTED, () -> seq[0]++);
                outcomes.add(row.outcome());
            }
            assertThat(outcomes).containsExactly(Outcome.STORED, Outcome.STORED, Outcome.KNOWN, Outcome.KNOWN);
        }
    }
}
