package io.levee.testkit.drill;

import java.util.Arrays;
import java.util.function.BiConsumer;

/** When each run was due, and how long it took from there to its commit; nanoseconds. Thread-safe. */
final class Latencies {
    private long[] due = new long[1 << 16];
    private long[] took = new long[1 << 16];
    private int count;

    synchronized void add(long dueNanos, long tookNanos) {
        if (count == due.length) {
            due = Arrays.copyOf(due, count * 2);
            took = Arrays.copyOf(took, count * 2);
        }
        due[count] = dueNanos;
        took[count++] = tookNanos;
    }

    synchronized int count() {
        return count;
    }

    /** A span's figures in milliseconds. */
    record Figures(long count, double p50, double p95, double p99, double max) {}

    /** Of those that were due or under way in a span. */
    synchronized Figures within(long fromNanos, long toNanos) {
        long[] found = new long[count];
        int n = 0;
        for (int i = 0; i < count; i++) {
            if (due[i] <= toNanos && due[i] + took[i] >= fromNanos) {
                found[n++] = took[i];
            }
        }
        Arrays.sort(found, 0, n);
        return n == 0
                ? new Figures(0, 0, 0, 0, 0)
                : new Figures(
                        n,
                        millis(found[n / 2]),
                        millis(found[(int) (n * 0.95)]),
                        millis(found[(int) (n * 0.99)]),
                        millis(found[n - 1]));
    }

    /** The longest of each piece of time, by when they were due. */
    synchronized void pieces(long fromNanos, long pieceNanos, BiConsumer<Double, Double> to) {
        long last = 0;
        for (int i = 0; i < count; i++) {
            last = Math.max(last, due[i] - fromNanos);
        }
        long[] longest = new long[(int) (last / pieceNanos) + 1];
        for (int i = 0; i < count; i++) {
            int at = (int) Math.max(0, (due[i] - fromNanos) / pieceNanos);
            longest[at] = Math.max(longest[at], took[i]);
        }
        for (int at = 0; at < longest.length; at++) {
            to.accept(at * (double) pieceNanos / 1e6, millis(longest[at]));
        }
    }

    private static double millis(long nanos) {
        return Math.round(nanos / 1e4) / 100.0;
    }
}
