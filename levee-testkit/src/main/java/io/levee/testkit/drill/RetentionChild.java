package io.levee.testkit.drill;

import io.levee.testkit.fault.ChildProcess;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;

/** A process of {@link RetentionDrill}: writes at a fixed rate to one side while that gives up its oldest day, and prints what came of it. */
public final class RetentionChild {
    /** What waits is given so long at the end: as long as Levee's close waits by itself. */
    static final long CLOSE_MILLIS = 10_000;

    /** First writes are those of a cold JVM: they are no side's own. */
    static final long WARM_MILLIS = 3000;

    private static final long TICK_NANOS = TimeUnit.MILLISECONDS.toNanos(2);
    private static final long SAMPLE_NANOS = TimeUnit.MILLISECONDS.toNanos(20);
    static final long PIECE_NANOS = TimeUnit.MILLISECONDS.toNanos(100);

    private final HistorySide side;
    private final int perSecond;
    private final Latencies latencies = new Latencies();
    private final AtomicLong accepted = new AtomicLong();
    private final AtomicLong committed = new AtomicLong();
    private volatile boolean over;
    private volatile boolean during;
    private long queuePeak;
    private long walPeak;
    private long start;

    private RetentionChild(HistorySide side, int perSecond) {
        this.side = side;
        this.perSecond = perSecond;
    }

    /** {@code WAY PLACE RATE MILLIS LONGEST_MILLIS}. */
    public static void main(String[] args) throws Exception {
        ChildProcess.endWithParent();
        try (HistorySide side = side(args[0], args[1])) {
            new RetentionChild(side, Integer.parseInt(args[2])).run(Long.parseLong(args[3]), Long.parseLong(args[4]));
        }
        System.out.flush();
    }

    private static HistorySide side(String way, String place) throws Exception {
        return switch (way) {
            case "LEVEE", "PG_LEVEE" -> new LeveeSide(place);
            case "PG_DELETE", "PG_PARTMAN" -> new OneServer(place, OneServer.Way.valueOf(way));
            default -> new OneFile(Path.of(place), OneFile.Way.valueOf(way));
        };
    }

    static void say(String what, Object value) {
        System.out.println(what + " " + value);
    }

    private void run(long millis, long longestMillis) throws Exception {
        start = System.nanoTime();
        Thread feed = started("feed", this::feed);
        Thread sampler = started("sampler", this::sample);
        long warm = Math.min(WARM_MILLIS, millis);
        rest(warm + millis);
        Map<String, Long> before = side.files();
        long begun = System.nanoTime();
        during = true;
        Thread retire = started("retire", () -> {
            try {
                side.retire();
            } catch (Exception e) {
                System.err.println("giving up the oldest day failed: " + e);
            }
        });
        retire.join(longestMillis);
        boolean done = !retire.isAlive();
        long ended = System.nanoTime();
        rest(millis - TimeUnit.NANOSECONDS.toMillis(ended - begun));
        long until = System.nanoTime();
        during = false;
        over = true;
        feed.join();
        sampler.join();
        long stored = side.finish();
        Map<String, Long> after = side.files();
        Latencies.Figures calm = latencies.within(start + TimeUnit.MILLISECONDS.toNanos(warm), begun - 1);
        // Who was due before and waits because of it counts; what nobody committed at all is among the lost.
        Latencies.Figures meanwhile = latencies.within(begun, until);
        say("p50Before", calm.p50());
        say("p99Before", calm.p99());
        say("maxBefore", calm.max());
        say("p50During", meanwhile.p50());
        say("p99During", meanwhile.p99());
        say("maxDuring", meanwhile.max());
        say("dropMs", (ended - begun) / 1e6);
        say("finished", done ? 1 : 0);
        say("written", accepted.get());
        say("lost", accepted.get() - stored);
        say("queuePeak", queuePeak);
        say("walPeak", walPeak);
        say("bytesBefore", sum(before));
        say("bytesAfter", sum(after));
        say("bytesFreed", Blocks.freed(before, after));
        say("begunMs", (begun - start) / 1e6);
        latencies.pieces(start, PIECE_NANOS, (at, longest) -> say("piece", at + " " + longest));
    }

    private static long sum(Map<String, Long> files) {
        return files.values().stream().mapToLong(Long::longValue).sum();
    }

    static Thread started(String name, Runnable body) {
        Thread thread = new Thread(body, name);
        thread.setDaemon(true);
        thread.start();
        return thread;
    }

    static void rest(long millis) {
        long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis);
        for (long left = end - System.nanoTime(); left > 0; left = end - System.nanoTime()) {
            LockSupport.parkNanos(left);
        }
    }

    private void feed() {
        long each = TimeUnit.SECONDS.toNanos(1) / perSecond;
        openLoop(start, perSecond, () -> over, (n, due) -> {
            // Numbers far above those of the days before: no run comes twice.
            Object[] values = Invocations.run((1L << 40) + n, Invocations.LIVE.plus(Duration.ofNanos(n * each)));
            accepted.incrementAndGet();
            side.accept(values, () -> {
                committed.incrementAndGet();
                latencies.add(due, System.nanoTime() - due);
            });
        });
    }

    /** What is due: its number, and when. */
    interface Due {
        void at(long number, long nanos);
    }

    /** An open loop: the next is due at its time, whether or not the ones before are done. */
    static void openLoop(long start, int perSecond, BooleanSupplier over, Due due) {
        long each = TimeUnit.SECONDS.toNanos(1) / perSecond;
        for (long n = 0; !over.getAsBoolean(); n++) {
            long at = start + n * each;
            for (long left = at - System.nanoTime(); left > 0; left = at - System.nanoTime()) {
                LockSupport.parkNanos(Math.max(left, TICK_NANOS));
            }
            due.at(n, at);
        }
    }

    private void sample() {
        while (!over) {
            if (during) {
                queuePeak = Math.max(queuePeak, accepted.get() - committed.get());
                try {
                    walPeak = Math.max(walPeak, side.wal());
                } catch (Exception e) {
                    System.err.println("the log's size cannot be read: " + e);
                }
            }
            LockSupport.parkNanos(SAMPLE_NANOS);
        }
    }
}
