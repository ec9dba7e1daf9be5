package io.levee.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.levee.Ack;
import io.levee.ColumnType;
import io.levee.PartitionBy;
import io.levee.PartitionInfo;
import io.levee.StoreOptions;
import io.levee.TableSpec;
import io.levee.engine.EngineSettings;
import io.levee.engine.Period;
import io.levee.engine.SourceMark;
import io.levee.engine.StorageEngine;
import io.levee.engine.WriteRow;
import io.levee.engine.WriteRow.Outcome;
import io.levee.internal.supervisor.Supervisor;
import io.levee.postgres.FaultyCommits.Fault;
import io.levee.testkit.PostgresServer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** A commit that nobody answered: its rows are uncertain until it was looked up, and then there once (G8, design section 5). */
class DoubtTest {
    private static final long START = 1_779_235_200_000_000L;
    private static final TableSpec A = spec("a");
    private static final TableSpec B = spec("b");

    private final PostgresServer server = PostgresServer.shared();
    private final String schema = PostgresServer.schema(server.newStore());
    private final FaultyCommits faults = new FaultyCommits(server.dataSource());
    private final Supervisor supervisor = new Supervisor();
    private final Map<String, long[]> numbers = new HashMap<>();
    private final StorageEngine engine = PostgresEngine.open(
            Connections.of(faults.dataSource(), "postgres:?schema=" + schema),
            new Names(schema),
            new EngineSettings(StoreOptions.builder().build(), false, supervisor));

    private static TableSpec spec(String name) {
        return TableSpec.builder(name)
                .column("at", ColumnType.TIMESTAMP)
                .column("n", ColumnType.INTEGER)
                .time("at")
                .partitionBy(PartitionBy.DAY)
                .build();
    }

    private static final class Pending extends WriteRow {
        Pending(long n, int day) {
            super(new @Nullable Object[] {micros(n, day), n}, micros(n, day));
            period(Period.of(PartitionBy.DAY, micros(n, day)));
        }

        private static long micros(long n, int day) {
            return START + day * 86_400_000_000L + n;
        }
    }

    private static List<Pending> rows(long... numbers) {
        List<Pending> rows = new ArrayList<>();
        for (long n : numbers) {
            rows.add(new Pending(n, (int) (n % 2)));
        }
        return rows;
    }

    private List<Outcome> append(TableSpec spec, List<Pending> rows) {
        engine.append(spec, rows, Ack.COMMITTED, () -> {
            long[] next = numbers.computeIfAbsent(spec.name(), t -> new long[2]);
            if (next[0] == next[1]) {
                next[0] = engine.reserveSeq(spec.name(), 100);
                next[1] = next[0] + 100;
            }
            return next[0]++;
        });
        return rows.stream().map(WriteRow::outcome).distinct().toList();
    }

    private List<Outcome> appendUntilKnown(TableSpec spec, List<Pending> rows) {
        await().until(() -> {
            List<Outcome> now = append(spec, rows);
            return !now.contains(Outcome.UNCERTAIN) && !now.contains(Outcome.RETRY);
        });
        return rows.stream().map(WriteRow::outcome).distinct().toList();
    }

    private List<String> stored(TableSpec spec) {
        return server.texts("SELECT n FROM \"" + schema + "\"." + spec.name() + " ORDER BY n");
    }

    private void declare() {
        engine.putTable(A);
        engine.putTable(B);
        append(A, rows(1, 2));
        append(B, rows(1, 2));
    }

    @AfterEach
    void close() {
        engine.closeWriter();
        engine.close(null);
        supervisor.stop();
    }

    @Test
    void shouldLeaveRowsUncertainUntilTheyWereLookedUp() {
        declare();
        for (Fault fault : List.of(Fault.LOST_BEFORE, Fault.LOST_AFTER)) {
            long n = fault == Fault.LOST_BEFORE ? 10 : 20;
            List<Pending> rows = rows(n, n + 1, n + 2);
            faults.next.set(fault);
            faults.refusals.set(3);
            assertThat(append(A, rows)).as("%s", fault).containsExactly(Outcome.UNCERTAIN);
            assertThat(append(A, rows)).as("while the server is away").containsExactly(Outcome.UNCERTAIN);
            List<Pending> later = rows(n + 5);
            assertThat(append(B, later)).as("rows of nobody's doubt").containsExactly(Outcome.RETRY);
            assertThat(appendUntilKnown(A, rows)).containsExactly(Outcome.STORED);
            assertThat(rows).extracting(WriteRow::seq).doesNotHaveDuplicates().allMatch(seq -> seq > 0);
            appendUntilKnown(B, later);
        }
        assertThat(stored(A)).containsExactly("1", "2", "10", "11", "12", "20", "21", "22");
        assertThat(stored(B)).containsExactly("1", "2", "15", "25");
        assertThat(engine.partitions().stream().mapToLong(PartitionInfo::rows).sum())
                .isEqualTo(12);
    }

    /** Another table's commit comes into doubt before the first table's rows come again: both answers are kept. */
    @Test
    void shouldKeepTheAnswerOfOneDoubtThroughTheNext() {
        declare();
        List<Pending> a = rows(10, 11);
        List<Pending> b = rows(10, 11);
        faults.next.set(Fault.LOST_AFTER);
        assertThat(append(A, a)).containsExactly(Outcome.UNCERTAIN);
        faults.next.set(Fault.LOST_AFTER);
        assertThat(append(B, b)).containsExactly(Outcome.UNCERTAIN);
        assertThat(append(A, a)).containsExactly(Outcome.STORED);
        assertThat(append(B, b)).containsExactly(Outcome.STORED);
        assertThat(stored(A)).containsExactly("1", "2", "10", "11");
        assertThat(stored(B)).containsExactly("1", "2", "10", "11");
    }

    /** The batch limit may have become smaller meanwhile. */
    @Test
    void shouldKnowRowsThatComeAgainInSmallerBatches() {
        declare();
        List<Pending> rows = rows(10, 11, 12, 13);
        faults.next.set(Fault.LOST_AFTER);
        append(A, rows);
        for (Pending row : rows) {
            assertThat(append(A, List.of(row))).containsExactly(Outcome.STORED);
        }
        assertThat(stored(A)).hasSize(6);
    }

    /** A partition is made, nobody says so, and the server is away: it is found behind the next connection. */
    @Test
    void shouldFindThePartitionWhoseMakingNobodyAnswered() {
        declare();
        List<Pending> rows = List.of(new Pending(30, 5));
        faults.next.set(Fault.ANY_LOST_AFTER);
        faults.refusals.set(2);
        assertThat(append(A, rows)).containsExactly(Outcome.RETRY);
        assertThat(server.texts("SELECT 1 FROM \"" + schema + "_levee\".partitions WHERE period = '2026-05-25'"))
                .hasSize(1);
        assertThat(appendUntilKnown(A, rows)).containsExactly(Outcome.STORED);
        assertThat(stored(A)).containsExactly("1", "2", "30");
    }

    /** A later half of a bad batch must not overtake a row that waits: its source's position would take that for stored. */
    @Test
    void shouldNotOvertakeARowOfASourceThatWaits() {
        declare();
        server.run("CREATE FUNCTION \"" + schema + "\".trouble() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN"
                + " IF NEW.n = 101 THEN RAISE ''bad'' USING ERRCODE = ''22000''; END IF;"
                + " IF NEW.n = 102 THEN RAISE ''full'' USING ERRCODE = ''53100''; END IF; RETURN NEW; END';"
                + " CREATE TRIGGER trouble BEFORE INSERT ON \"" + schema + "\".\"a-2026-05-20\" FOR EACH ROW EXECUTE"
                + " FUNCTION \"" + schema + "\".trouble()");
        List<Pending> rows = new ArrayList<>();
        for (long n = 101; n <= 104; n++) {
            Pending row = new Pending(n, 0);
            row.source(new SourceMark("log", n));
            rows.add(row);
        }
        append(A, rows);
        assertThat(rows)
                .extracting(WriteRow::outcome)
                .containsExactly(Outcome.FAILED, Outcome.RETRY, Outcome.RETRY, Outcome.RETRY);
        server.run("DROP TRIGGER trouble ON \"" + schema + "\".\"a-2026-05-20\"");
        assertThat(append(A, rows.subList(1, 4))).containsExactly(Outcome.STORED);
        assertThat(stored(A)).containsExactly("1", "2", "102", "103", "104");
    }

    /** Positions follow what was committed, whoever was told of it. */
    @Test
    void shouldKnowWhatASourceBroughtBeforeADoubt() {
        declare();
        for (Fault fault : List.of(Fault.LOST_BEFORE, Fault.LOST_AFTER)) {
            long n = fault == Fault.LOST_BEFORE ? 10 : 20;
            List<Pending> rows = rows(n, n + 1);
            rows.forEach(row -> row.source(new SourceMark("log", (long) row.values()[1])));
            faults.next.set(fault);
            append(A, rows);
            assertThat(appendUntilKnown(A, rows)).containsExactly(Outcome.STORED);
            List<Pending> replay = rows(n, n + 1);
            replay.forEach(row -> row.source(new SourceMark("log", (long) row.values()[1])));
            assertThat(append(A, replay)).containsExactly(Outcome.KNOWN);
        }
        assertThat(stored(A)).containsExactly("1", "2", "10", "11", "20", "21");
    }
}
