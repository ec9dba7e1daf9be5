package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.ColumnType;
import io.levee.Levee;
import io.levee.PartitionBy;
import io.levee.Query;
import io.levee.Receipt;
import io.levee.Result;
import io.levee.Row;
import io.levee.SqlQuery;
import io.levee.SqlResult;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.testkit.ChildJvm;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.Semaphore;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a receipt said is committed is there after SIGKILL, exactly once, time after time on one store. */
class KillTest {
    private static final int KILLS = 50;
    private static final int KEYS = 300;
    private static final Instant START = Instant.parse("2026-05-10T00:00:00Z");

    private static final TableSpec EVENTS = TableSpec.builder("events")
            .column("round", ColumnType.INTEGER)
            .column("i", ColumnType.INTEGER)
            .column("at", ColumnType.TIMESTAMP)
            .column("text", ColumnType.TEXT)
            .time("at")
            .index("round")
            .partitionBy(PartitionBy.DAY)
            .build();
    private static final TableSpec STATES = TableSpec.builder("states")
            .column("k", ColumnType.INTEGER)
            .column("version", ColumnType.INTEGER)
            .column("at", ColumnType.TIMESTAMP)
            .time("at")
            .key("k")
            .partitionBy(PartitionBy.DAY)
            .build();

    @TempDir
    Path directory;

    /** The victim: appends and says which receipts it got, until it is killed. */
    static final class Appender {
        private Appender() {}

        public static void main(String[] arguments) throws InterruptedException {
            PrintStream out = new PrintStream(
                    new java.io.FileOutputStream(java.io.FileDescriptor.out), true, StandardCharsets.UTF_8);
            long round = Long.parseLong(arguments[1]);
            Store store = Levee.open(Path.of(arguments[0]));
            Table<Row> events = store.createTable(EVENTS);
            Table<Row> states = store.createTable(STATES);
            Semaphore inFlight = new Semaphore(500);
            for (long i = 0; ; i++) {
                long n = i;
                Instant at = START.plusSeconds(n % 7 * 86_400 + n % 1000);
                inFlight.acquire(2);
                Row event = Row.of(EVENTS)
                        .set("round", round)
                        .set("i", n)
                        .set("at", at)
                        .set("text", "event " + n)
                        .build();
                var unusedEvent = events.append(event, Ack.COMMITTED)
                        .thenAccept(receipt -> said(out, inFlight, "e " + n, receipt));
                long version = round * 1_000_000_000 + n;
                Row state = Row.of(STATES)
                        .set("k", n % KEYS)
                        .set("version", version)
                        .set("at", at)
                        .build();
                var unusedState = states.append(state, Ack.COMMITTED)
                        .thenAccept(receipt -> said(out, inFlight, "s " + n % KEYS + " " + version, receipt));
            }
        }

        private static void said(PrintStream out, Semaphore inFlight, String what, Receipt receipt) {
            out.println(what + " " + receipt.seq());
            inFlight.release();
        }
    }

    @Test
    void shouldKeepWhatWasReceiptedThroughFiftyKills() {
        SplittableRandom random = new SplittableRandom();
        Map<Long, Long> newestVersion = new HashMap<>();
        Map<Long, Long> seqOfKey = new HashMap<>();
        long receipted = 0;
        for (int round = 1; round <= KILLS; round++) {
            Map<Long, Long> events = new HashMap<>();
            for (String line : killedAfter(round, random.nextInt(1, 1500))) {
                String[] words = line.split(" ", -1);
                if (words[0].equals("e")) {
                    assertThat(events.put(Long.valueOf(words[1]), Long.valueOf(words[2])))
                            .isNull();
                } else {
                    newestVersion.merge(Long.valueOf(words[1]), Long.valueOf(words[2]), Math::max);
                    Long seq = seqOfKey.put(Long.valueOf(words[1]), Long.valueOf(words[3]));
                    assertThat(seq == null || seq.equals(Long.valueOf(words[3])))
                            .as("a key keeps its number")
                            .isTrue();
                }
            }
            receipted += events.size();
            checkRound(round, events, newestVersion);
        }
        assertThat(receipted).isGreaterThan(KILLS);
        try (Store store = Levee.openReadOnly(directory)) {
            assertThat(store.status().lastShutdown()).isEqualTo("CLEAN");
            assertThat(first(store, "SELECT count(*) - count(DISTINCT _seq) FROM events"))
                    .isEqualTo(0L);
            assertThat(first(store, "SELECT count(*) - count(DISTINCT round || ' ' || i) FROM events"))
                    .isEqualTo(0L);
            assertThat((Long) first(store, "SELECT count(*) FROM events")).isGreaterThanOrEqualTo(receipted);
        }
    }

    private List<String> killedAfter(int round, int receipts) {
        try (ChildJvm child = ChildJvm.start(
                List.of(
                        "-Xmx128m",
                        "-XX:TieredStopAtLevel=1",
                        "-XX:+UseSerialGC",
                        "-Xshare:auto",
                        "-Dorg.sqlite.tmpdir=" + directory.getParent()),
                Appender.class,
                directory.toString(),
                Integer.toString(round))) {
            List<String> lines = new ArrayList<>();
            for (int i = 0; i < receipts; i++) {
                String line = child.line();
                assertThat(line).as("the child lives until it is killed").isNotNull();
                lines.add(line);
            }
            child.kill();
            List<String> rest = child.rest();
            if (!rest.isEmpty()) {
                // The last line may have been cut off by the kill.
                lines.addAll(rest.subList(0, rest.size() - 1));
            }
            return lines;
        }
    }

    private void checkRound(int round, Map<Long, Long> receipted, Map<Long, Long> newestVersion) {
        try (Store store = Levee.open(directory)) {
            assertThat(store.status().lastShutdown()).isEqualTo("UNCLEAN");
            Map<Long, Long> found = new HashMap<>();
            Query ofRound = Query.builder("events")
                    .where(io.levee.Expr.eq("round", (long) round))
                    .columns(List.of("i"))
                    .build();
            try (Result<Row> rows = store.query(ofRound)) {
                for (Row row : rows) {
                    assertThat(found.put((Long) row.get("i"), row.seq()))
                            .as("event %s is there once", row)
                            .isNull();
                }
            }
            assertThat(found).containsAllEntriesOf(receipted);
            Map<Long, Long> versions = new HashMap<>();
            try (Result<Row> rows = store.query(Query.builder("states").build())) {
                for (Row row : rows) {
                    assertThat(versions.put((Long) row.get("k"), (Long) row.get("version")))
                            .as("key %s is there once", row.get("k"))
                            .isNull();
                }
            }
            newestVersion.forEach((key, version) ->
                    assertThat(versions.get(key)).as("version of key %s", key).isGreaterThanOrEqualTo(version));
        }
    }

    private static Object first(Store store, String sql) {
        try (SqlResult result = store.sql(SqlQuery.of(sql))) {
            return result.iterator().next().get(0);
        }
    }
}
