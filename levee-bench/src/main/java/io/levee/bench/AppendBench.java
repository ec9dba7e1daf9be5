package io.levee.bench;

import io.levee.Ack;
import io.levee.BatchReceipt;
import io.levee.Bytes;
import io.levee.CloseReport;
import io.levee.ColumnType;
import io.levee.Levee;
import io.levee.Overflow;
import io.levee.PartitionBy;
import io.levee.Row;
import io.levee.Store;
import io.levee.StoreStatus;
import io.levee.Table;
import io.levee.TableSpec;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;

/**
 * How many records a second go in: Levee against plain JDBC, alternating in one run, medians and ratios.
 *
 * <p>Every contender is timed from its first record to the point where all are committed and its file is closed. Levee has its
 * queue, partitions, statistics and a receipt for each batch of 1,000; closing a store checkpoints and closes each partition.
 */
final class AppendBench {
    private static final Instant START = Instant.parse("2026-05-01T00:00:00Z");
    private static final int BATCH = 1000;

    private final Contest contest;
    private final int records;

    AppendBench(Contest contest) {
        this.contest = contest;
        this.records = contest.records();
    }

    /** Levee against {@code addBatch} and {@code executeUpdate}, over one day and over sixty. */
    void append() throws Exception {
        for (int days : new int[] {1, 60}) {
            Invocation[] rows =
                    Invocation.generate(records, START, Duration.ofDays(days).toMillis() - 1, 42);
            Map<String, Contest.Contender> contenders = new LinkedHashMap<>();
            contenders.put("levee", fresh -> levee(fresh, rows));
            contenders.put("addBatch", fresh -> Peers.addBatch(fresh.resolve("peer.db"), rows));
            contenders.put("executeUpdate", fresh -> Peers.executeUpdate(fresh.resolve("peer.db"), rows));
            contest.compare(
                    records + " records of ten columns, two indexes, over " + days + " day(s)", contenders, "addBatch");
        }
    }

    /** Upserts of new keys over sixty partitions against plain appends of the same records. */
    void upsert() throws Exception {
        Invocation[] rows =
                Invocation.generate(records, START, Duration.ofDays(60).toMillis() - 1, 42);
        Map<String, Contest.Contender> contenders = new LinkedHashMap<>();
        contenders.put(
                "upsert", fresh -> levee(fresh, rows, spec().key("task_id").build()));
        contenders.put("append", fresh -> levee(fresh, rows, spec().build()));
        contenders.put(
                "append, task_id indexed",
                fresh -> levee(fresh, rows, spec().index("task_id").build()));
        contest.compare(records + " new keys over 60 partitions", contenders, "append");
    }

    private static void levee(Path fresh, Invocation[] rows) throws Exception {
        try (Store store = open(fresh)) {
            Table<Invocation> table = store.table(
                    Invocation.class,
                    t -> t.partitionBy(PartitionBy.DAY).index("finishedAt").index("taskName", "finishedAt"));
            feed(store, table, rows);
        }
    }

    /** Hands records over in batches, each with its receipt, and closes the store. */
    static void feed(Store store, Table<Invocation> table, Invocation[] rows) {
        Deque<CompletableFuture<BatchReceipt>> flying = new ArrayDeque<>();
        for (int i = 0; i < rows.length; i += BATCH) {
            flying.add(table.appendAll(
                    Arrays.asList(rows).subList(i, Math.min(rows.length, i + BATCH)),
                    Ack.COMMITTED,
                    Overflow.block(Duration.ofMinutes(1))));
            while (flying.size() > 64) {
                flying.remove().join();
            }
        }
        finish(store, flying, rows.length);
    }

    private static TableSpec.Builder spec() {
        return TableSpec.builder("invocation")
                .column("task_id", ColumnType.TEXT)
                .column("task_name", ColumnType.TEXT)
                .column("state", ColumnType.TEXT)
                .column("received_at", ColumnType.TIMESTAMP)
                .column("started_at", ColumnType.TIMESTAMP)
                .column("finished_at", ColumnType.TIMESTAMP)
                .column("runtime_ms", ColumnType.REAL)
                .column("worker", ColumnType.TEXT)
                .column("queue", ColumnType.TEXT)
                .column("exception_type", ColumnType.TEXT)
                .time("finished_at")
                .partitionBy(PartitionBy.DAY)
                .index("finished_at")
                .index("task_name", "finished_at");
    }

    private static void levee(Path fresh, Invocation[] rows, TableSpec spec) throws Exception {
        try (Store store = open(fresh)) {
            Table<Row> table = store.createTable(spec);
            Deque<CompletableFuture<BatchReceipt>> flying = new ArrayDeque<>();
            List<Row> batch = new ArrayList<>();
            for (int i = 0; i < rows.length; i++) {
                batch.add(row(spec, rows[i]));
                if (batch.size() == BATCH || i + 1 == rows.length) {
                    flying.add(table.appendAll(batch, Ack.COMMITTED, Overflow.block(Duration.ofMinutes(1))));
                    batch = new ArrayList<>();
                }
                while (flying.size() > 64) {
                    flying.remove().join();
                }
            }
            finish(store, flying, rows.length);
        }
    }

    private static Row row(TableSpec spec, Invocation run) {
        return Row.of(spec)
                .set("task_id", run.taskId())
                .set("task_name", run.taskName())
                .set("state", run.state())
                .set("received_at", run.receivedAt())
                .set("started_at", run.startedAt())
                .set("finished_at", run.finishedAt())
                .set("runtime_ms", run.runtimeMs())
                .set("worker", run.worker())
                .set("queue", run.queue())
                .set("exception_type", run.exceptionType())
                .build();
    }

    private static Store open(Path fresh) {
        return Levee.open(fresh.resolve("history"), o -> o.memory(Bytes.mebi(256)));
    }

    private static void finish(Store store, Deque<CompletableFuture<BatchReceipt>> flying, int expected) {
        flying.forEach(CompletableFuture::join);
        StoreStatus status = store.status();
        CloseReport report = store.close(Duration.ofMinutes(1));
        if (report.stored() != expected || !report.clean()) {
            throw new IllegalStateException("stored " + report.stored() + " of " + expected + ": " + report + status);
        }
    }
}
