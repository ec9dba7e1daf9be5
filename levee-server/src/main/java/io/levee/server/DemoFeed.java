package io.levee.server;

import io.levee.Ack;
import io.levee.BatchReceipt;
import io.levee.Overflow;
import io.levee.PartitionId;
import io.levee.PartitionInfo;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.internal.time.Micros;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;

/** Feeds a sample to a store in the rhythm of its own times, and keeps an eye on the partitions. Used by one thread. */
final class DemoFeed {
    private static final Duration PATIENCE = Duration.ofSeconds(10);
    private static final int BATCH = 5_000;

    private final Store store;
    private final DemoSample sample;
    private final double speed;
    private final Map<String, Table<Row>> tables = new HashMap<>();
    private final List<CompletableFuture<BatchReceipt>> underWay = new ArrayList<>();
    private final Set<PartitionId> seen = new HashSet<>();
    private Set<PartitionId> live = Set.of();
    private long fed;
    private long newest;

    DemoFeed(Store store, DemoSample sample, Duration replay) {
        this.store = store;
        this.sample = sample;
        this.speed = (double) DemoSample.span().toNanos() / replay.toNanos();
        this.newest = sample.firstMicros();
        for (TableSpec spec : sample.tables()) {
            tables.put(spec.name(), store.createTable(spec));
        }
    }

    /** How many times faster than it happened. */
    double speed() {
        return speed;
    }

    /** Feeds what is due after so much time of the replay; waits for the store where it is slower than that. */
    void advance(long elapsedNanos) {
        settle();
        long due = sample.firstMicros() + (long) (elapsedNanos / 1000.0 * speed);
        Map<String, List<Row>> batches = new HashMap<>();
        int count = 0;
        DemoSample.Event event;
        while (count < BATCH && (event = sample.poll(due)) != null) {
            batches.computeIfAbsent(event.table(), name -> new ArrayList<>()).add(event.row());
            newest = Math.max(newest, event.row().timeMicros());
            count++;
        }
        batches.forEach((name, rows) -> {
            Table<Row> table = tables.get(name);
            if (table != null) {
                underWay.add(table.appendAll(rows, Ack.COMMITTED, Overflow.block(PATIENCE)));
            }
        });
        fed += count;
        look();
    }

    /** Waits for what was fed last. */
    void settle() {
        underWay.forEach(CompletableFuture::join);
        underWay.clear();
    }

    /** Whether the sample is used up. */
    boolean ended() {
        return sample.ended();
    }

    /** Drops all that is past its age by the time of the replay. */
    void retain() {
        store.applyRetention(store.planRetention());
    }

    /** Notes which partitions there are. */
    void look() {
        Set<PartitionId> now = new HashSet<>();
        for (PartitionInfo partition : store.partitions()) {
            now.add(partition.id());
        }
        seen.addAll(now);
        live = now;
    }

    int live() {
        return live.size();
    }

    int dropped() {
        return seen.size() - live.size();
    }

    /** One line for people. */
    String progress() {
        return String.format(
                Locale.ROOT,
                "%s: %,d records fed, %d partitions alive, %d dropped by retention",
                Micros.instant(newest).truncatedTo(ChronoUnit.MINUTES),
                fed,
                live(),
                dropped());
    }
}
