package io.levee.server;

import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.LongAdder;

/** What the server did, for {@code /metrics}. Thread-safe; bounded, because there are few status codes. */
final class RequestCounters {
    private final Map<Integer, LongAdder> byStatus = new ConcurrentHashMap<>();
    private final AtomicInteger running = new AtomicInteger();
    private final AtomicInteger working = new AtomicInteger();

    void begin() {
        running.incrementAndGet();
    }

    void end(int status) {
        running.decrementAndGet();
        byStatus.computeIfAbsent(status, s -> new LongAdder()).increment();
    }

    /** A request begins to read or write records. */
    void beginWork() {
        working.incrementAndGet();
    }

    /** It does no more. */
    void endWork() {
        working.decrementAndGet();
    }

    /** How many requests read or write records. */
    int working() {
        return working.get();
    }

    int running() {
        return running.get();
    }

    Map<Integer, Long> byStatus() {
        Map<Integer, Long> sums = new TreeMap<>();
        byStatus.forEach((status, sum) -> sums.put(status, sum.sum()));
        return sums;
    }
}
