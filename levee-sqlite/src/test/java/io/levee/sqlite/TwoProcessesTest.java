package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.levee.Ack;
import io.levee.CloseReport;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.Levee;
import io.levee.LeveeException;
import io.levee.PartitionBy;
import io.levee.Query;
import io.levee.Result;
import io.levee.RetentionRule;
import io.levee.Row;
import io.levee.SqlQuery;
import io.levee.SqlResult;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.testkit.ChildJvm;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** One process writes, others read beside it; a second writer is refused by name. */
class TwoProcessesTest {
    private static final Instant DAY1 = Instant.parse("2026-05-10T12:00:00Z");
    private static final Instant AS_OF = Instant.parse("2026-05-20T12:00:00Z");
    private static final TableSpec SPEC = TableSpec.builder("events")
            .column("i", ColumnType.INTEGER)
            .column("at", ColumnType.TIMESTAMP)
            .time("at")
            .partitionBy(PartitionBy.DAY)
            .build();

    @TempDir
    Path directory;

    /** Does what its standard input says, a line at a time. */
    static final class Writer {
        private Writer() {}

        public static void main(String[] arguments) throws Exception {
            Store store = Levee.open(Path.of(arguments[0]), o -> o.asOf(AS_OF));
            Table<Row> table = store.createTable(SPEC);
            Runtime.getRuntime().addShutdownHook(new Thread(() -> {
                CloseReport report = store.close(Duration.ofSeconds(10));
                System.out.println("closed " + report.clean() + " " + report.stored());
                System.out.flush();
            }));
            BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
            System.out.println("ready");
            for (String line = in.readLine(); line != null; line = in.readLine()) {
                String[] words = line.split(" ", -1);
                if (words[0].equals("append")) {
                    table.append(row(Long.parseLong(words[1]), Integer.parseInt(words[2])), Ack.COMMITTED)
                            .join();
                } else if (words[0].equals("queue")) {
                    for (int i = 0; i < Integer.parseInt(words[1]); i++) {
                        table.append(row(i, i % 5));
                    }
                } else if (words[0].equals("drop")) {
                    store.createTable(retained());
                    System.out.println(store.applyRetention(store.planRetention()));
                } else {
                    try (SqlResult result = store.sql(SqlQuery.of("SELECT count(*) FROM events"))) {
                        System.out.println(result.iterator().next());
                    }
                }
                System.out.println("done");
            }
        }

        private static TableSpec retained() {
            return TableSpec.builder("events")
                    .column("i", ColumnType.INTEGER)
                    .column("at", ColumnType.TIMESTAMP)
                    .time("at")
                    .partitionBy(PartitionBy.DAY)
                    .retention(RetentionRule.maxAge(Duration.ofDays(9)))
                    .build();
        }

        private static Row row(long i, int day) {
            return Row.of(SPEC)
                    .set("i", i)
                    .set("at", DAY1.plus(Duration.ofDays(day)))
                    .build();
        }
    }

    private static void tell(ChildJvm child, String line) {
        child.send(line);
        child.linesUntil("done");
    }

    private static long count(Store store) {
        return store.count(Query.builder("events").build());
    }

    private static void readAll(Store store) {
        try (Result<Row> rows = store.query(Query.builder("events").build())) {
            assertThat(rows.toList()).isNotNull();
        }
    }

    @Test
    void shouldReadBesideAWriterAndNotHinderItsDrops() throws Exception {
        try (ChildJvm writer = ChildJvm.start(Writer.class, directory.toString())) {
            writer.linesUntil("ready");
            tell(writer, "append 1 0");
            try (Store reader = Levee.openReadOnly(directory)) {
                assertThat(count(reader)).isEqualTo(1);
                assertThat(reader.status().owner()).containsEntry("pid", writer.pid());
                tell(writer, "append 2 0");
                tell(writer, "append 3 5");
                assertThat(count(reader)).isEqualTo(3);
                readAll(reader);
                assertThat(reader.partitions()).hasSize(2);
                try (SqlResult result = reader.sql(SqlQuery.of("SELECT max(i) FROM events"))) {
                    assertThat(result.iterator().next().get(0)).isEqualTo(3L);
                }

                writer.send("drop");
                assertThat(writer.linesUntil("done")).singleElement().asString().contains("blocked={}");

                assertThat(reader.partitions()).hasSize(1);
                assertThat(count(reader)).isEqualTo(1);
                LeveeException e = catchThrowableOfType(
                        LeveeException.class,
                        () -> reader.table("events")
                                .append(Row.of(SPEC)
                                        .set("i", 1L)
                                        .set("at", DAY1)
                                        .build()));
                assertThat(e.code()).isEqualTo(ErrorCode.NOT_WRITABLE);
            }
        }
    }

    @Test
    void shouldRefuseASecondWriterByPidAndHost() {
        try (ChildJvm writer = ChildJvm.start(Writer.class, directory.toString())) {
            writer.linesUntil("ready");
            LeveeException e = catchThrowableOfType(LeveeException.class, () -> Levee.open(directory));
            assertThat(e.code()).isEqualTo(ErrorCode.STORE_LOCKED);
            assertThat(e.details()).containsEntry("pid", writer.pid()).containsKey("host");
            assertThat(e.getMessage()).contains("pid " + writer.pid());
            // The refused one must not have given the owner's lock away.
            assertThat(catchThrowableOfType(LeveeException.class, () -> Levee.open(directory))
                            .code())
                    .isEqualTo(ErrorCode.STORE_LOCKED);
            tell(writer, "append 1 0");
            writer.kill();
        }
        try (Store store = Levee.open(directory)) {
            assertThat(store.status().lastShutdown()).isEqualTo("UNCLEAN");
            LeveeException e = catchThrowableOfType(LeveeException.class, () -> Levee.open(directory));
            assertThat(e.code()).isEqualTo(ErrorCode.STORE_LOCKED);
            assertThat(e.details()).containsEntry("pid", ProcessHandle.current().pid());
            assertThat(count(store)).isEqualTo(1);
        }
        Levee.open(directory).close();
    }

    @Test
    void shouldLoseNothingOnSigterm() throws Exception {
        try (ChildJvm writer = ChildJvm.start(Writer.class, directory.toString())) {
            writer.linesUntil("ready");
            tell(writer, "queue 20000");
            writer.terminate();
            assertThat(writer.rest()).contains("closed true 20000");
            assertThat(writer.await(Duration.ofSeconds(60))).isEqualTo(143);
        }
        try (Store store = Levee.openReadOnly(directory)) {
            assertThat(store.status().lastShutdown()).isEqualTo("CLEAN");
            assertThat(count(store)).isEqualTo(20000);
        }
        try (var files = Files.walk(directory)) {
            assertThat(files.map(p -> p.getFileName().toString()))
                    .noneMatch(f -> f.startsWith("2026") && (f.endsWith("-wal") || f.endsWith("-shm")));
        }
    }
}
