package io.levee.testkit.drill;

import io.levee.testkit.fault.ChildProcess;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A process of {@link MigrationDrill}: writes at a fixed rate and reads, for a while in peace and then while the column is filled, and prints
 * what came of it.
 */
public final class MigrationChild {
    /** What a reader asks for a second. */
    private static final int READS = 20;

    private final PacketSide side;
    private final Plan plan;
    private final Latencies writes = new Latencies();
    private final Latencies reads = new Latencies();
    private final AtomicLong accepted = new AtomicLong();
    private final AtomicLong failed = new AtomicLong();
    private final List<double[]> batches = new ArrayList<>();
    private volatile boolean over;
    private long start;

    /**
     * What is done.
     *
     * @param rate new records a second
     * @param readers how many threads read
     * @param idleMillis how long it is watched in peace
     * @param boundMillis after so long what does not end is stopped
     */
    private record Plan(int rate, int readers, long idleMillis, long boundMillis) {}

    private MigrationChild(PacketSide side, Plan plan) {
        this.side = side;
        this.plan = plan;
    }

    /** {@code WAY PLACE TRANSMISSIONS OBSERVATIONS RATE READERS IDLE_MILLIS BOUND_MILLIS BATCH}. */
    public static void main(String[] args) throws Exception {
        ChildProcess.endWithParent();
        Packets packets = new Packets(Long.parseLong(args[2]), Long.parseLong(args[3]));
        Plan plan = new Plan(
                Integer.parseInt(args[4]), Integer.parseInt(args[5]), Long.parseLong(args[6]), Long.parseLong(args[7]));
        try (PacketSide side = args[0].equals("LEVEE")
                ? new PacketsLevee(Path.of(args[1]), packets)
                : new PacketsFile(
                        Path.of(args[1]),
                        PacketsFile.Way.valueOf(args[0]),
                        packets,
                        plan.readers,
                        Integer.parseInt(args[8]))) {
            new MigrationChild(side, plan).run();
        }
        System.out.flush();
    }

    private void run() throws Exception {
        start = System.nanoTime();
        List<Thread> load = new ArrayList<>();
        load.add(RetentionChild.started("feed", this::feed));
        for (int i = 0; i < plan.readers; i++) {
            int reader = i;
            load.add(RetentionChild.started("reader " + i, () -> read(reader)));
        }
        long warm = Math.min(RetentionChild.WARM_MILLIS, plan.idleMillis);
        RetentionChild.rest(warm + plan.idleMillis);
        long begun = System.nanoTime();
        boolean terminated = side.migrate(plan.boundMillis, this::batch);
        long ended = System.nanoTime();
        over = true;
        for (Thread one : load) {
            one.join();
        }
        long stored = side.finish();
        long idle = start + TimeUnit.MILLISECONDS.toNanos(warm);
        say("reader", "Idle", reads.within(idle, begun - 1));
        say("reader", "During", reads.within(begun, ended));
        say("writer", "Idle", writes.within(idle, begun - 1));
        say("writer", "During", writes.within(begun, ended));
        RetentionChild.say("begunMs", (begun - start) / 1e6);
        RetentionChild.say("migrationMs", (ended - begun) / 1e6);
        RetentionChild.say("terminated", terminated ? 1 : 0);
        RetentionChild.say("written", accepted.get());
        RetentionChild.say("lost", accepted.get() - stored);
        RetentionChild.say("readsFailed", failed.get());
        RetentionChild.say("wrong", side.wrong());
        sayBatches();
        writes.pieces(
                start, RetentionChild.PIECE_NANOS, (at, longest) -> RetentionChild.say("piece", at + " " + longest));
    }

    private static void say(String who, String when, Latencies.Figures figures) {
        RetentionChild.say(who + "P50" + when, figures.p50());
        RetentionChild.say(who + "P95" + when, figures.p95());
        RetentionChild.say(who + "P99" + when, figures.p99());
        RetentionChild.say(who + "Max" + when, figures.max());
    }

    private synchronized void batch(long rows, long nanos) {
        if (rows > 0) {
            batches.add(new double[] {rows, nanos / 1e6});
        }
    }

    /** Of the first tenth and the last: milliseconds for a thousand rows, since batches are not all of one size. */
    private synchronized void sayBatches() {
        int tenth = Math.max(1, batches.size() / 10);
        RetentionChild.say("batches", batches.size());
        RetentionChild.say(
                "rows", (long) batches.stream().mapToDouble(one -> one[0]).sum());
        RetentionChild.say("firstTenthMs", perThousand(batches.subList(0, Math.min(tenth, batches.size()))));
        RetentionChild.say(
                "lastTenthMs", perThousand(batches.subList(Math.max(0, batches.size() - tenth), batches.size())));
    }

    private static double perThousand(List<double[]> some) {
        double rows = some.stream().mapToDouble(one -> one[0]).sum();
        return rows == 0 ? 0 : some.stream().mapToDouble(one -> one[1]).sum() / rows * 1000;
    }

    private void feed() {
        long each = TimeUnit.SECONDS.toNanos(1) / plan.rate;
        RetentionChild.openLoop(start, plan.rate, () -> over, (n, due) -> {
            accepted.incrementAndGet();
            side.accept(
                    n,
                    Packets.live(n, Packets.LIVE.plus(Duration.ofNanos(n * each))),
                    () -> writes.add(due, System.nanoTime() - due));
        });
    }

    private void read(int reader) {
        // Readers do not begin all at once: each asks in the middle of another's pause.
        long shifted = start + TimeUnit.SECONDS.toNanos(1) / READS * reader / plan.readers;
        RetentionChild.openLoop(shifted, READS, () -> over, (n, due) -> {
            try {
                side.read(reader, n);
                reads.add(due, System.nanoTime() - due);
            } catch (Exception e) {
                if (failed.getAndIncrement() == 0) {
                    System.err.println("a reader's query failed: " + e);
                }
            }
        });
    }
}
