package io.levee.internal.write;

import java.util.concurrent.atomic.AtomicLongArray;

/**
 * How long records took from acceptance to commit, as counts by length since the store was opened. One thread notes, any thread reads.
 */
public final class Latency {
    /** Four buckets for each doubling of a microsecond. */
    private static final int PARTS = 4;

    private static final int BUCKETS = 40 * PARTS;

    private final AtomicLongArray counts = new AtomicLongArray(BUCKETS);

    /** Notes one record. Writer thread. */
    public void took(long nanos) {
        int bucket = bucket(nanos);
        // One thread writes: no read-modify-write is needed, nor a fence for those who read a moment later.
        counts.lazySet(bucket, counts.getPlain(bucket) + 1);
    }

    private static int bucket(long nanos) {
        long micros = Math.max(1, nanos / 1000);
        int doubling = 63 - Long.numberOfLeadingZeros(micros);
        long within = doubling < 2 ? 0 : micros >>> (doubling - 2) & (PARTS - 1);
        return (int) Math.min(BUCKETS - 1L, doubling * (long) PARTS + within);
    }

    /** The counts as they are now, for {@link Seen}. */
    public Seen seen() {
        long[] now = new long[BUCKETS];
        for (int i = 0; i < BUCKETS; i++) {
            now[i] = counts.get(i);
        }
        return new Seen(now);
    }

    /** Counts of one moment. Immutable. */
    public static final class Seen {
        private final long[] counts;

        private Seen(long[] counts) {
            this.counts = counts;
        }

        /** How many records were committed since an earlier moment. */
        public long records(Seen before) {
            long records = 0;
            for (int i = 0; i < BUCKETS; i++) {
                records += counts[i] - before.counts[i];
            }
            return records;
        }

        /** The length in nanoseconds that 99 of 100 of the records since an earlier moment stayed below, at most a quarter too high; 0 of none. */
        public long p99(Seen before) {
            long records = records(before);
            long above = records / 100;
            for (int i = BUCKETS - 1; i >= 0 && records > 0; i--) {
                above -= counts[i] - before.counts[i];
                if (above < 0) {
                    return upper(i);
                }
            }
            return 0;
        }

        private static long upper(int bucket) {
            long base = 1L << bucket / PARTS;
            return (base + base * (bucket % PARTS + 1) / PARTS) * 1000;
        }
    }
}
