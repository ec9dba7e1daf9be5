package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;

import io.levee.Ack;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.Expr;
import io.levee.Levee;
import io.levee.LeveeException;
import io.levee.PartitionBy;
import io.levee.Query;
import io.levee.Result;
import io.levee.RetentionRule;
import io.levee.Row;
import io.levee.RunningQuery;
import io.levee.SqlQuery;
import io.levee.SqlResult;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.testkit.Requirements;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Queries end when they have to, harm nobody, and only read. */
class QueryControlTest {
    private static final Instant DAY1 = Instant.parse("2026-05-10T00:00:00Z");
    private static final int DAYS = 4;
    private static final int ROWS = 20_000;
    private static final String ENDLESS =
            "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c";

    @TempDir
    Path directory;

    private Store store;
    private TableSpec spec;

    @BeforeEach
    void open() {
        store = Levee.open(directory, o -> o.queryThreads(1).asOf(DAY1.plus(Duration.ofDays(DAYS))));
        spec = TableSpec.builder("events")
                .column("i", ColumnType.INTEGER)
                .column("at", ColumnType.TIMESTAMP)
                .column("text", ColumnType.TEXT)
                .time("at")
                .partitionBy(PartitionBy.DAY)
                .retention(RetentionRule.maxAge(Duration.ofDays(DAYS)))
                .build();
        Table<Row> events = store.createTable(spec);
        List<Row> batch = new ArrayList<>();
        for (int i = 0; i < ROWS; i++) {
            Instant at = DAY1.plus(Duration.ofDays(i % DAYS)).plusSeconds(i);
            batch.add(Row.of(spec)
                    .set("i", i)
                    .set("at", at)
                    .set("text", "text " + i)
                    .build());
        }
        assertThat(events.appendAll(batch, Ack.COMMITTED).join().stored()).isEqualTo(ROWS);
    }

    @AfterEach
    void close() {
        store.close();
    }

    private static Query.Builder all() {
        return Query.builder("events");
    }

    private static SqlQuery sql(String text, Duration deadline) {
        return new SqlQuery(text, Long.MIN_VALUE, Long.MAX_VALUE, deadline);
    }

    private static ErrorCode end(Iterator<?> rows) {
        return catchThrowableOfType(LeveeException.class, () -> rows.forEachRemaining(r -> {}))
                .code();
    }

    private void nextQueryWorks() {
        for (int i = 0; i < 3; i++) {
            assertThat(store.count(all().build())).isEqualTo(ROWS);
            try (Result<Row> rows = store.query(all().limit(10).build())) {
                assertThat(rows.toList()).hasSize(10);
            }
            try (SqlResult rows = store.sql(SqlQuery.of("SELECT count(*) FROM events"))) {
                assertThat(rows.iterator().next()).isEqualTo(List.of((long) ROWS));
            }
        }
    }

    @Test
    void shouldEndAtItsDeadlineWhileRunning() {
        try (SqlResult rows = store.sql(sql(ENDLESS, Duration.ofMillis(150)))) {
            assertThat(end(rows.iterator())).isEqualTo(ErrorCode.DEADLINE);
        }
        nextQueryWorks();
    }

    @Test
    void shouldEndAtItsDeadlineWhileWaitingForAThread() {
        try (SqlResult busy = store.sql(sql(ENDLESS, Duration.ofMinutes(5)));
                Result<Row> waiting =
                        store.query(all().deadline(Duration.ofMillis(150)).build())) {
            assertThat(end(waiting.iterator())).isEqualTo(ErrorCode.DEADLINE);
            await().until(() -> store.queries().size() == 1);
            assertThat(busy.coverage().complete()).isTrue();
        }
        nextQueryWorks();
    }

    @Test
    void shouldEndAtItsDeadlineWhileTheReaderIsSlow() {
        // As long as this machine needs today for a first row.
        for (Duration deadline = Duration.ofMillis(300); !endsAfterItsFirstRow(deadline); ) {
            deadline = deadline.multipliedBy(3);
            assertThat(deadline).as("a first row comes").isLessThan(Duration.ofMinutes(1));
        }
        nextQueryWorks();
    }

    private boolean endsAfterItsFirstRow(Duration deadline) {
        try (Result<Row> rows = store.query(all().deadline(deadline).build())) {
            Iterator<Row> iterator = rows.iterator();
            try {
                assertThat(iterator.next()).isNotNull();
            } catch (LeveeException e) {
                assertThat(e.code()).isEqualTo(ErrorCode.DEADLINE);
                return false;
            }
            await().until(() -> store.queries().isEmpty());
            assertThat(end(iterator)).isEqualTo(ErrorCode.DEADLINE);
            return true;
        }
    }

    @Test
    void shouldBeCancelledByItsNumber() {
        try (SqlResult rows = store.sql(SqlQuery.of(ENDLESS))) {
            await().until(() -> store.queries().stream().anyMatch(q -> q.state().equals("running")));
            RunningQuery running = store.queries().get(0);
            assertThat(running.what()).contains("RECURSIVE");
            assertThat(store.cancelQuery(running.id())).isTrue();
            assertThat(end(rows.iterator())).isEqualTo(ErrorCode.CANCELLED);
        }
        assertThat(store.cancelQuery(4711)).isFalse();
        nextQueryWorks();
    }

    @Test
    void shouldGiveItsThreadBackWhenAHalfReadResultIsClosed() {
        for (int i = 0; i < 20; i++) {
            try (Result<Row> rows = store.query(all().build())) {
                assertThat(rows.iterator().next()).isNotNull();
            }
        }
        nextQueryWorks();
    }

    /** An interrupt is sticky in SQLite while a statement of the connection is open: it must not meet the next query. */
    @Test
    void shouldNotLetACancelReachTheNextQuery() {
        for (int i = 0; i < 50; i++) {
            Query slow = all().where(Expr.like("text", "%nothing like it%")).build();
            try (Result<Row> rows = store.query(slow)) {
                store.queries().forEach(q -> store.cancelQuery(q.id()));
                assertThat(rows.next()).isNull();
            }
            assertThat(store.count(all().build())).isEqualTo(ROWS);
        }
    }

    @Test
    void shouldReadOnWhenItsPartitionIsDropped() throws IOException {
        try (Result<Row> rows = store.query(all().oldestFirst().build())) {
            Iterator<Row> iterator = rows.iterator();
            assertThat(iterator.next()).isNotNull();
            store.createTable(TableSpec.fromMap(withAge(spec, "2d")));
            assertThat(store.applyRetention(store.planRetention()).dropped()).isNotEmpty();
            int read = 1;
            while (iterator.hasNext()) {
                iterator.next();
                read++;
            }
            assertThat(read).isEqualTo(ROWS);
            // What the query had open is dropped once it has ended.
            await().until(() ->
                    store.applyRetention(store.planRetention()).blocked().isEmpty());
        }
        assertThat(store.count(all().build())).isLessThan(ROWS);
        // A dropped name is never used again: what of its period is past the floor goes into a new file.
        store.createTable(spec);
        Table<Row> events = store.createTable(TableSpec.fromMap(withAge(spec, "9d")));
        Instant late = DAY1.plus(Duration.ofHours(36));
        events.append(Row.of(spec).set("i", 1).set("at", late).build(), Ack.COMMITTED)
                .join();
        assertThat(store.partitions()).anyMatch(p -> p.id().period().equals("2026-05-11") && p.id().n() == 2);
        assertThat(Files.exists(directory.resolve("tables/events/2026-05-11.2.db")))
                .isTrue();
    }

    private static java.util.Map<String, Object> withAge(TableSpec spec, String age) {
        java.util.Map<String, Object> map = new java.util.LinkedHashMap<>(spec.toMap());
        map.put("retention", java.util.Map.of("maxAge", age));
        return map;
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "INSERT INTO events(i) VALUES(1)",
                "DELETE FROM events",
                "DROP VIEW events",
                "ATTACH 'x.db' AS x",
                "PRAGMA query_only=0",
                "VACUUM INTO 'x.db'",
                "SELECT 1; DELETE FROM events",
                "SELECT 1; SELECT 2",
                "WITH x AS (SELECT 1) DELETE FROM events",
                "WITH x AS (SELECT 1) INSERT INTO p0.events(i) SELECT * FROM x",
                "SELECT load_extension('/tmp/x.so')",
                "/* SELECT */ UPDATE events SET i = 1",
                "-- SELECT 1\nDELETE FROM events",
                "CREATE TEMP TABLE t(a)",
                "BEGIN",
                "SELECT writefile('x', 'y')",
                "SELECT no_such_column FROM events",
                "SELECT 'unclosed",
                "",
            })
    void shouldRefuseSqlThatDoesMoreThanRead(String text) {
        LeveeException e = catchThrowableOfType(LeveeException.class, () -> {
            try (SqlResult rows = store.sql(SqlQuery.of(text))) {
                rows.iterator().forEachRemaining(r -> {});
            }
        });
        assertThat(e).as(text).isNotNull();
        assertThat(e.code()).isEqualTo(ErrorCode.BAD_QUERY);
        nextQueryWorks();
    }

    @Test
    void shouldLeavePlainFilesThatTheShellFindsSound() throws Exception {
        store.close();
        Path shell = Requirements.tool("sqlite3");
        try (var files = Files.list(directory.resolve("tables/events"))) {
            List<Path> partitions = files.sorted().toList();
            assertThat(partitions).hasSize(DAYS).allMatch(p -> p.toString().endsWith(".db"));
            long rows = 0;
            for (Path file : partitions) {
                Process process = new ProcessBuilder(
                                shell.toString(),
                                file.toString(),
                                "PRAGMA integrity_check; PRAGMA journal_mode; SELECT count(*) FROM events")
                        .start();
                String[] lines =
                        new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).split("\n", -1);
                assertThat(lines).startsWith("ok", "delete");
                rows += Long.parseLong(lines[2]);
            }
            assertThat(rows).isEqualTo(ROWS);
        }
    }

    @Test
    void shouldOpenACopyMadeAtRest(@TempDir Path other) throws IOException {
        store.close();
        Path copy = other.resolve("copy");
        try (var files = Files.walk(directory)) {
            for (Path file : files.toList()) {
                Files.copy(file, copy.resolve(directory.relativize(file).toString()));
            }
        }
        try (Store copied = Levee.open(copy)) {
            assertThat(copied.count(all().build())).isEqualTo(ROWS);
            assertThat(copied.status().lastShutdown()).isEqualTo("CLEAN");
        }
    }
}
