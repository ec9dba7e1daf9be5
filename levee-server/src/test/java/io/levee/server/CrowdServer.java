package io.levee.server;

import io.levee.Ack;
import io.levee.Bytes;
import io.levee.ColumnType;
import io.levee.Levee;
import io.levee.Order;
import io.levee.PartitionBy;
import io.levee.Query;
import io.levee.Result;
import io.levee.RetentionRule;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;

/** The process of {@link CrowdTest}: a server with a store that is written to all the time, told what to do line by line. */
final class CrowdServer {
    private static final Instant BEGIN = Instant.parse("2026-05-10T00:00:00Z");
    private static final int DAYS = 5;
    private static final int BATCH = 5000;
    private static final TableSpec SPEC = TableSpec.builder("runs")
            .column("i", ColumnType.INTEGER)
            .column("at", ColumnType.TIMESTAMP)
            .column("text", ColumnType.TEXT)
            .time("at")
            .partitionBy(PartitionBy.DAY)
            .retention(RetentionRule.UNBOUNDED)
            .build();

    private CrowdServer() {}

    /** {@code DIRECTORY ROWS MEBIBYTES}. */
    public static void main(String[] args) throws Exception {
        int rows = Integer.parseInt(args[1]);
        Bytes memory = Bytes.mebi(Integer.parseInt(args[2]));
        try (Store store = Levee.open(
                        Path.of(args[0]),
                        o -> o.memory(memory).queryThreads(3).asOf(BEGIN.plus(Duration.ofDays(DAYS))));
                LeveeServer server = LeveeServer.start(store, ServerOptions.of("127.0.0.1", 0))) {
            Table<Row> runs = store.createTable(SPEC);
            fill(runs, rows);
            Writing writing = new Writing(runs);
            Thread writer = new Thread(writing, "load");
            writer.start();
            System.out.println(server.url());
            BufferedReader orders = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
            for (String order = orders.readLine(); order != null; order = orders.readLine()) {
                System.out.println(order.equals("sort") ? sorted(store) : writing.told());
            }
            writing.over.set(true);
            writer.join();
        }
    }

    private static Row row(int i, Instant at) {
        return Row.of(SPEC)
                .set("i", i)
                .set("at", at)
                .set("text", Long.toHexString(i * 0x9E3779B97F4A7C15L) + "-".repeat(40))
                .build();
    }

    private static void fill(Table<Row> runs, int rows) {
        for (int begin = 0; begin < rows; begin += BATCH) {
            List<Row> batch = new ArrayList<>();
            for (int i = begin; i < Math.min(rows, begin + BATCH); i++) {
                long micros = Duration.ofDays(DAYS).toNanos() / 1000 / rows * i;
                batch.add(row(i, BEGIN.plusNanos(micros * 1000)));
            }
            runs.appendAll(batch, Ack.COMMITTED).join();
        }
    }

    /** Every row by a column without an index, to the last one. */
    private static String sorted(Store store) {
        long began = System.nanoTime();
        long count = 0;
        long wrong = 0;
        String before = "";
        try (Result<Row> rows = store.query(Query.builder("runs")
                .orderBy(Order.asc("text"))
                .deadline(Duration.ofHours(1))
                .build())) {
            for (Row row : rows) {
                String text = String.valueOf(row.get("text"));
                wrong += before.compareTo(text) > 0 ? 1 : 0;
                before = text;
                count += row.get("i") instanceof Long i && i >= 0 ? 1 : 0;
            }
        }
        return count + " " + wrong + " "
                + Duration.ofNanos(System.nanoTime() - began).toMillis();
    }

    /** A record after the other, each waited for. */
    private static final class Writing implements Runnable {
        private final Table<Row> runs;
        private final AtomicBoolean over = new AtomicBoolean();
        private long written;
        private long longestNanos;

        Writing(Table<Row> runs) {
            this.runs = runs;
        }

        /** How many since the last time, and the longest wait in milliseconds. */
        synchronized String told() {
            String told = written + " " + Duration.ofNanos(longestNanos).toMillis();
            written = 0;
            longestNanos = 0;
            return told;
        }

        private synchronized void took(long nanos) {
            written++;
            longestNanos = Math.max(longestNanos, nanos);
        }

        @Override
        public void run() {
            Instant last = BEGIN.plus(Duration.ofDays(DAYS)).minusSeconds(1);
            while (!over.get()) {
                long began = System.nanoTime();
                runs.append(row(-1, last), Ack.COMMITTED).join();
                took(System.nanoTime() - began);
                LockSupport.parkNanos(Duration.ofMillis(2).toNanos());
            }
        }
    }
}
