package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.levee.Ack;
import io.levee.ColumnType;
import io.levee.Expr;
import io.levee.Gap;
import io.levee.Levee;
import io.levee.LeveeException;
import io.levee.LossReason;
import io.levee.PartitionBy;
import io.levee.Query;
import io.levee.Result;
import io.levee.Row;
import io.levee.SqlQuery;
import io.levee.SqlResult;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.testkit.ChildJvm;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.Iterator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a quarantine and a rebuild are to another process, to a query that runs, and to an erasure. */
class QuarantineProcessTest {
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

    private static Row row(long i, int day) {
        return Row.of(SPEC)
                .set("i", i)
                .set("at", DAY1.plus(Duration.ofDays(day)).plusMillis(i))
                .build();
    }

    private Store open() {
        return Levee.open(directory, o -> o.asOf(AS_OF));
    }

    private void twoDays() {
        try (Store store = open()) {
            Table<Row> events = store.createTable(SPEC);
            for (int i = 0; i < 2000; i++) {
                events.append(row(i, i % 2));
            }
        }
    }

    private Path file(int day) {
        return directory.resolve("tables/events/2026-05-" + (10 + day) + ".db");
    }

    private static void breakHeader(Path file) throws IOException {
        byte[] all = Files.readAllBytes(file);
        Arrays.fill(all, 0, 100, (byte) 0);
        Files.write(file, all);
    }

    private static Query all() {
        return Query.builder("events").build();
    }

    /** Reads when it is told to, and says what it sees. */
    static final class Reader {
        private Reader() {}

        public static void main(String[] arguments) throws Exception {
            try (Store store = Levee.openReadOnly(Path.of(arguments[0]))) {
                BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
                System.out.println("ready");
                while (in.readLine() != null) {
                    try (Result<Row> rows = store.query(all())) {
                        int count = rows.toList().size();
                        System.out.println(count + " " + rows.coverage().gaps().size());
                    } catch (LeveeException e) {
                        System.out.println(e.code());
                    }
                }
            }
        }
    }

    @Test
    void shouldBeSeenByAProcessThatReads() throws Exception {
        twoDays();
        try (ChildJvm reader = ChildJvm.start(Reader.class, directory.toString())) {
            reader.linesUntil("ready");
            reader.send("");
            assertThat(reader.line()).isEqualTo("2000 0");
            breakHeader(file(0));
            reader.send("");
            assertThat(reader.line()).isEqualTo("CORRUPT");
            try (Store writer = open()) {
                // Met by this query, or by the maintenance that gives closed files their checksums.
                await().ignoreExceptionsInstanceOf(LeveeException.class).until(() -> writer.count(all()) == 1000);
                await().until(() -> writer.quarantined().size() == 1);
                reader.send("");
                assertThat(reader.line()).isEqualTo("1000 1");
                writer.table("events").append(row(5000, 0), Ack.COMMITTED).join();
                reader.send("");
                assertThat(reader.line()).isEqualTo("1001 1");
            }
            // Its catalog goes too, and another process makes a new one: this one reads the old one on, and a new one
            // the new.
            Files.delete(directory.resolve("catalog.db"));
            try (Store writer = open()) {
                assertThat(writer.count(all())).isEqualTo(1001);
                try (Store second = Levee.openReadOnly(directory)) {
                    assertThat(second.count(all())).isEqualTo(1001);
                    assertThat(second.gaps())
                            .extracting(Gap::reason)
                            .contains(LossReason.CATALOG_REBUILT, LossReason.QUARANTINED);
                }
            }
        }
    }

    /** A query that began before reads on: the file keeps its place until it ends. */
    @Test
    void shouldNotHurtAQueryThatRuns() throws Exception {
        twoDays();
        try (Store store = open()) {
            try (SqlResult running = store.sql(SqlQuery.of("SELECT i FROM events"))) {
                Iterator<?> rows = running.iterator();
                rows.next();
                // Nothing of it is damaged but its identity, which is looked at when a file is opened.
                try (var channel = Files.newByteChannel(file(0), StandardOpenOption.WRITE)) {
                    channel.position(68).write(ByteBuffer.wrap(new byte[4]));
                }
                int left = 1;
                while (rows.hasNext()) {
                    rows.next();
                    left++;
                }
                assertThat(left).isEqualTo(2000);
            }
            // Met by this query, whose connection is a new one, or by the verifier that looks at each file once after
            // the opening: which of them comes first is the machine's affair.
            await().ignoreExceptionsInstanceOf(LeveeException.class).until(() -> store.count(all()) == 1000);
            await().until(() -> store.quarantined().size() == 1);
            assertThat(store.quarantined().get(0).reason()).containsAnyOf("application id", "checksum");
        }
    }

    /** An erasure does not throw damaged files away with other records in them: it tells which it could not search. */
    @Test
    void shouldBeReportedByAnErasureUntilTheFileIsDeleted() throws Exception {
        twoDays();
        breakHeader(file(0));
        try (Store store = open()) {
            Table<Row> events = store.table("events");
            await().ignoreExceptionsInstanceOf(LeveeException.class).until(() -> store.count(all()) == 1000);
            await().until(() -> store.quarantined().size() == 1);
            Path kept = directory.resolve("quarantine/events~2026-05-10.db");
            await().until(() -> Files.exists(kept));
            assertThat(events.erase(Expr.eq("i", 1L)).pending())
                    .singleElement()
                    .asString()
                    .contains(kept.toString());
            Files.delete(kept);
            assertThat(events.erase(Expr.eq("i", 3L)).pending()).isEmpty();
            assertThat(store.count(all())).isEqualTo(998);
            assertThat(store.gaps()).hasSize(1);
        }
    }
}
