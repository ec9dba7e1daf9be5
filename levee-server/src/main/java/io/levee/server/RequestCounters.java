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

    void begin() {
        running.incrementAndGet();
    }

    void end(int status) {
        running.decrementAndGet();
        byStatus.computeIfAbsent(status, s -> new LongAdder()).increment();
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
