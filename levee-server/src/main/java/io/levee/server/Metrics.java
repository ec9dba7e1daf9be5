package io.levee.server;

import io.levee.Health;
import io.levee.LossReason;
import io.levee.StoreStatus;
import io.levee.StoreStatus.TableStatus;
import io.levee.StoreStatus.TaskStatus;
import java.math.BigDecimal;
import java.util.List;
import java.util.function.ToLongFunction;

/** A status as Prometheus text (exposition format 0.0.4). */
final class Metrics {
    private static final List<String> REFUSALS = List.of("FUTURE", "BEFORE_1980", "TOO_OLD");

    private final StringBuilder out = new StringBuilder(8192);

    private Metrics() {}

    static String text(StoreStatus status, RequestCounters counters, ServerStatus server) {
        Metrics metrics = new Metrics();
        metrics.records(status);
        metrics.completeness(status);
        metrics.queue(status.queue());
        metrics.resources(status);
        metrics.tables(status);
        metrics.tasks(status);
        MigrationMetrics.write(metrics, status.migrations());
        metrics.http(counters, server);
        return metrics.out.toString();
    }

    private void records(StoreStatus status) {
        gauge("levee_info", "Version of Levee and of its engine.");
        labelled("levee_info", 1, "version", status.version(), "engine", status.engine());
        gauge("levee_health", "1 for the present health, 0 for the others.");
        for (Health.State state : Health.State.values()) {
            labelled("levee_health", status.health().state() == state ? 1 : 0, "state", state.name());
        }
        gauge("levee_last_shutdown_clean", "Whether the store was closed cleanly before it was opened.");
        plain("levee_last_shutdown_clean", status.lastShutdown().equals("CLEAN") ? 1 : 0);
        counter("levee_records_accepted_total", "Records accepted since the store was opened.");
        plain("levee_records_accepted_total", status.accepted());
        counter("levee_records_stored_total", "Records stored or updated since the store was opened.");
        plain("levee_records_stored_total", status.stored());
        counter("levee_records_lost_total", "Records accepted and then given up, by reason.");
        for (LossReason reason : LossReason.values()) {
            labelled(
                    "levee_records_lost_total",
                    status.lostByReason().getOrDefault(reason, 0L),
                    "reason",
                    reason.name());
        }
    }

    private void completeness(StoreStatus status) {
        gauge("levee_records_uncertain", "Records whose commit failed without saying whether it took effect.");
        plain("levee_records_uncertain", status.uncertain());
        counter("levee_records_refused_total", "Records that were never accepted because of their event time.");
        for (String reason : REFUSALS) {
            labelled(
                    "levee_records_refused_total", status.refusedByReason().getOrDefault(reason, 0L), "reason", reason);
        }
        gauge("levee_gap_ranges", "Ranges known to be incomplete, those of earlier lives included, by reason.");
        for (LossReason reason : LossReason.values()) {
            labelled("levee_gap_ranges", status.gapRanges().getOrDefault(reason, 0L), "reason", reason.name());
        }
        gauge("levee_quarantined_partitions", "Damaged partitions that are set aside.");
        plain("levee_quarantined_partitions", status.quarantined());
        counter("levee_ledger_failures_total", "How often losses could not be noted in the ledger at once.");
        plain("levee_ledger_failures_total", status.ledgerFailures());
        StoreStatus.Commits commits = status.commits();
        counter("levee_batches_total", "Batches written.");
        plain("levee_batches_total", commits.batches());
        gauge("levee_batch_last_seconds", "How long the last batch took to write, its commit included.");
        seconds("levee_batch_last_seconds", commits.lastMicros());
        gauge("levee_batch_max_seconds", "The longest such time since the store was opened.");
        seconds("levee_batch_max_seconds", commits.maxMicros());
        gauge("levee_batch_limit_records", "Most records of the next batch; lowered while the disk is slow.");
        plain("levee_batch_limit_records", commits.batchLimit());
    }

    private void queue(StoreStatus.Queue queue) {
        gauge("levee_queue_records", "Records waiting to be written.");
        plain("levee_queue_records", queue.records());
        gauge("levee_queue_limit_records", "Most records that may wait.");
        plain("levee_queue_limit_records", queue.limitRecords());
        gauge("levee_queue_bytes", "Bytes of the records waiting to be written.");
        plain("levee_queue_bytes", queue.bytes());
        gauge("levee_queue_limit_bytes", "Most bytes that may wait.");
        plain("levee_queue_limit_bytes", queue.limitBytes());
        gauge("levee_queue_oldest_seconds", "Age of the oldest record that waits.");
        line("levee_queue_oldest_seconds")
                .append(' ')
                .append(queue.oldestMs() / 1000.0)
                .append('\n');
    }

    private void resources(StoreStatus status) {
        gauge("levee_disk_bytes", "Allocated bytes of all of the store's files.");
        plain("levee_disk_bytes", status.disk().bytes());
        gauge("levee_disk_limit_bytes", "The store's disk limit, 0 for none.");
        plain("levee_disk_limit_bytes", status.disk().limitBytes());
        if (status.disk().freeBytes() >= 0) {
            gauge("levee_disk_free_bytes", "Free bytes of the volume.");
            plain("levee_disk_free_bytes", status.disk().freeBytes());
        }
        gauge("levee_disk_part_bytes", "Allocated bytes by part.");
        status.disk().byPart().forEach((part, bytes) -> labelled("levee_disk_part_bytes", bytes, "part", part));
        gauge("levee_memory_budget_bytes", "The store's memory budget.");
        plain("levee_memory_budget_bytes", status.memory().budgetBytes());
        gauge("levee_memory_rss_bytes", "Resident memory of the whole process, 0 where unknown.");
        plain("levee_memory_rss_bytes", status.memory().rssBytes());
        gauge("levee_memory_part_bytes", "Budgeted memory in use by part.");
        status.memory().byPart().forEach((part, bytes) -> labelled("levee_memory_part_bytes", bytes, "part", part));
        gauge("levee_memory_part_limit_bytes", "What each part of the budget may take.");
        status.memory()
                .limits()
                .forEach((part, bytes) -> labelled("levee_memory_part_limit_bytes", bytes, "part", part));
        gauge("levee_temporary_bytes", "What sorts keep in temporary files on disk.");
        plain("levee_temporary_bytes", status.memory().temporaryBytes());
    }

    private void tables(StoreStatus status) {
        perTable(status, "levee_table_rows", "Rows of a table.", TableStatus::rows);
        perTable(status, "levee_table_bytes", "Bytes of a table's partitions.", TableStatus::bytes);
        perTable(status, "levee_table_partitions", "Live partitions of a table.", TableStatus::partitions);
    }

    private void perTable(StoreStatus status, String name, String help, ToLongFunction<TableStatus> value) {
        gauge(name, help);
        for (TableStatus table : status.tables()) {
            labelled(name, value.applyAsLong(table), "table", table.name());
        }
    }

    private void tasks(StoreStatus status) {
        counter("levee_task_runs_total", "Runs of a background task.");
        for (TaskStatus task : status.tasks()) {
            labelled("levee_task_runs_total", task.runs(), "task", task.name());
        }
        counter("levee_task_failures_total", "Failures of a background task.");
        for (TaskStatus task : status.tasks()) {
            labelled("levee_task_failures_total", task.failures(), "task", task.name());
        }
    }

    private void http(RequestCounters counters, ServerStatus server) {
        counter("levee_http_requests_total", "HTTP requests answered, by status.");
        counters.byStatus()
                .forEach((status, count) ->
                        labelled("levee_http_requests_total", count, "status", String.valueOf(status)));
        gauge("levee_http_requests_running", "HTTP requests being answered, status streams among them.");
        plain("levee_http_requests_running", counters.running());
        gauge("levee_http_status_streams", "Clients of the status stream.");
        plain("levee_http_status_streams", server.streams());
        gauge("levee_http_tails", "Clients that follow a table.");
        plain("levee_http_tails", server.tails());
        gauge("levee_http_requests_working", "Requests that read or write records.");
        plain("levee_http_requests_working", server.working());
        gauge("levee_http_readers", "Answers of more than a chunk that are being read.");
        plain("levee_http_readers", server.readers());
    }

    void gauge(String name, String help) {
        head(name, help, "gauge");
    }

    private void counter(String name, String help) {
        head(name, help, "counter");
    }

    private void head(String name, String help, String type) {
        out.append("# HELP ").append(name).append(' ').append(help).append('\n');
        out.append("# TYPE ").append(name).append(' ').append(type).append('\n');
    }

    private StringBuilder line(String name) {
        return out.append(name);
    }

    void plain(String name, long value) {
        out.append(name).append(' ').append(value).append('\n');
    }

    private void seconds(String name, long micros) {
        out.append(name)
                .append(' ')
                .append(BigDecimal.valueOf(micros, 6).toPlainString())
                .append('\n');
    }

    void labelled(String name, long value, String... namesAndValues) {
        out.append(name);
        char before = '{';
        for (int i = 0; i < namesAndValues.length; i += 2) {
            out.append(before).append(namesAndValues[i]).append("=\"");
            escape(namesAndValues[i + 1]);
            out.append('"');
            before = ',';
        }
        out.append("} ").append(value).append('\n');
    }

    private void escape(String value) {
        for (int i = 0; i < value.length(); i++) {
            char c = value.charAt(i);
            switch (c) {
                case '\\' -> out.append("\\\\");
                case '"' -> out.append("\\\"");
                case '\n' -> out.append("\\n");
                default -> out.append(c);
            }
        }
    }
}
