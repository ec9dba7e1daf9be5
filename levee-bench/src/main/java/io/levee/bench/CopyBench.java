package io.levee.bench;

import io.levee.Levee;
import io.levee.PartitionBy;
import io.levee.Store;
import io.levee.Table;
import io.levee.testkit.PostgresServer;
import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import org.postgresql.PGConnection;
import org.postgresql.copy.CopyManager;

/**
 * How many records a second go into PostgreSQL: Levee against a hand-written {@code COPY} into the same partitions, with the same
 * columns and indexes (they are made by Levee), on the same server. The server is an own one without fsync, or that which
 * {@code LEVEE_TEST_POSTGRES} names.
 */
final class CopyBench {
    private static final Instant START = Instant.parse("2026-05-01T00:00:00Z");
    private static final int ROWS_A_COMMIT = 20_000;

    private final Contest contest;

    CopyBench(Contest contest) {
        this.contest = contest;
    }

    /** Over one day, and over ten. */
    void copy() throws Exception {
        PostgresServer server = PostgresServer.shared();
        for (int days : new int[] {1, 10}) {
            Invocation[] rows = Invocation.generate(
                    contest.records(), START, Duration.ofDays(days).toMillis() - 1, 42);
            Map<String, Contest.Contender> contenders = new LinkedHashMap<>();
            contenders.put("levee", fresh -> levee(prepared(server, rows), rows));
            contenders.put("COPY, text", fresh -> peer(server, prepared(server, rows), rows, false));
            contenders.put("COPY, binary", fresh -> peer(server, prepared(server, rows), rows, true));
            contest.compare(
                    contest.records() + " records of ten columns, two indexes, over " + days + " day(s), PostgreSQL",
                    contenders,
                    "COPY, text");
        }
    }

    /** A store with its partitions made: one record a day is there. Takes part in everybody's time alike. */
    private static String prepared(PostgresServer server, Invocation[] rows) {
        String address = server.newStore();
        try (Store store = Levee.open(address, false, o -> {})) {
            Table<Invocation> table = table(store);
            LocalDays.firsts(rows).forEach(table::append);
        }
        return address;
    }

    private static Table<Invocation> table(Store store) {
        return store.table(
                Invocation.class,
                t -> t.partitionBy(PartitionBy.DAY).index("finishedAt").index("taskName", "finishedAt"));
    }

    private static void levee(String address, Invocation[] rows) {
        try (Store store = Levee.open(address, false, o -> {})) {
            AppendBench.feed(store, table(store), rows);
        }
    }

    private static void peer(PostgresServer server, String address, Invocation[] rows, boolean binary)
            throws SQLException, IOException {
        try (Connection connection = server.dataSource().getConnection()) {
            connection.setAutoCommit(false);
            CopyManager copy = connection.unwrap(PGConnection.class).getCopyAPI();
            int from = 0;
            while (from < rows.length) {
                String day = LocalDays.of(rows[from]);
                int to = from;
                while (to < rows.length
                        && to - from < ROWS_A_COMMIT
                        && LocalDays.of(rows[to]).equals(day)) {
                    to++;
                }
                byte[] data = binary ? binary(rows, from, to) : text(rows, from, to);
                copy.copyIn(
                        "COPY \"" + PostgresServer.schema(address) + "\".\"invocation-" + day
                                + "\" (_seq, task_id, task_name, state, received_at, started_at, finished_at, runtime_ms, worker,"
                                + " queue, exception_type) FROM STDIN" + (binary ? " (FORMAT binary)" : ""),
                        new java.io.ByteArrayInputStream(data));
                connection.commit();
                from = to;
            }
        }
    }

    private static byte[] text(Invocation[] rows, int from, int to) {
        StringBuilder text = new StringBuilder((to - from) * 200);
        for (int i = from; i < to; i++) {
            Invocation row = rows[i];
            // No value of these has a character that COPY would want escaped.
            text.append(1_000_000L + i).append('\t');
            text.append(row.taskId()).append('\t');
            text.append(row.taskName()).append('\t');
            text.append(row.state()).append('\t');
            text.append(micros(row.receivedAt())).append('\t');
            text.append(micros(row.startedAt())).append('\t');
            text.append(micros(row.finishedAt())).append('\t');
            text.append(row.runtimeMs()).append('\t');
            text.append(row.worker()).append('\t');
            text.append(row.queue()).append('\t');
            text.append(row.exceptionType()).append('\n');
        }
        return text.toString().getBytes(StandardCharsets.UTF_8);
    }

    private static byte[] binary(Invocation[] rows, int from, int to) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream((to - from) * 220);
        DataOutputStream out = new DataOutputStream(bytes);
        out.writeBytes("PGCOPY\n");
        out.write(0xff);
        out.writeBytes("\r\n\0");
        out.writeInt(0);
        out.writeInt(0);
        for (int i = from; i < to; i++) {
            Invocation row = rows[i];
            out.writeShort(11);
            number(out, 1_000_000L + i);
            text(out, row.taskId());
            text(out, row.taskName());
            text(out, row.state());
            number(out, micros(row.receivedAt()));
            number(out, micros(row.startedAt()));
            number(out, micros(row.finishedAt()));
            number(out, Double.doubleToLongBits(row.runtimeMs()));
            text(out, row.worker());
            text(out, row.queue());
            text(out, row.exceptionType());
        }
        out.writeShort(-1);
        return bytes.toByteArray();
    }

    private static void number(DataOutputStream out, long value) throws IOException {
        out.writeInt(8);
        out.writeLong(value);
    }

    private static void text(DataOutputStream out, String value) throws IOException {
        byte[] bytes = value.getBytes(StandardCharsets.UTF_8);
        out.writeInt(bytes.length);
        out.write(bytes);
    }

    private static long micros(Instant instant) {
        return instant.getEpochSecond() * 1_000_000 + instant.getNano() / 1000;
    }

    /** Which day a record belongs to, as partitions are named. */
    private static final class LocalDays {
        static String of(Invocation row) {
            return row.finishedAt().atOffset(ZoneOffset.UTC).toLocalDate().toString();
        }

        static Iterable<Invocation> firsts(Invocation[] rows) {
            Map<String, Invocation> firsts = new LinkedHashMap<>();
            Arrays.stream(rows).forEach(row -> firsts.putIfAbsent(of(row), row));
            return firsts.values();
        }
    }
}
