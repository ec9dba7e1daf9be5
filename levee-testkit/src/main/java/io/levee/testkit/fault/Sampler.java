package io.levee.testkit.fault;

import io.levee.PartitionInfo;
import io.levee.Store;
import io.levee.StoreStatus;
import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/**
 * Looks at an open store once a second, beside its load: the invariants that hold at every moment (I3, I4, I8). I5, the writer's waits, is
 * measured by the benchmarks: a status does not show it. One thread for each sampler, which ends with its process or with {@link #close}.
 */
public final class Sampler implements AutoCloseable {
    /** What a small JVM and SQLite take beside the store's budget. */
    private static final long ROOM = 512L << 20;

    private final Store store;
    private final Consumer<Violation> found;
    private final Set<String> gone = new HashSet<>();
    private Set<String> live = Set.of();
    private volatile boolean closed;

    private Sampler(Store store, Consumer<Violation> found) {
        this.store = store;
        this.found = found;
    }

    /**
     * Starts to look.
     *
     * @param found told about each violation, on the sampler's thread
     */
    public static Sampler start(Store store, Consumer<Violation> found) {
        Sampler sampler = new Sampler(store, found);
        Thread thread = new Thread(sampler::run, "sampler");
        thread.setDaemon(true);
        thread.start();
        return sampler;
    }

    private void run() {
        while (!closed) {
            LockSupport.parkNanos(TimeUnit.SECONDS.toNanos(1));
            if (!closed) {
                sample();
            }
        }
    }

    /** Looks once. */
    public void sample() {
        StoreStatus status = store.status();
        StoreStatus.Disk disk = status.disk();
        if (disk.limitBytes() > 0 && disk.bytes() > disk.limitBytes()) {
            violated(Invariant.I3, disk.bytes() + " bytes on disk, the cap is " + disk.limitBytes());
        }
        StoreStatus.Queue queue = status.queue();
        if (queue.records() > queue.limitRecords() || queue.bytes() > queue.limitBytes()) {
            violated(Invariant.I4, "the queue holds " + queue);
        }
        StoreStatus.Memory memory = status.memory();
        long most = memory.budgetBytes() + Runtime.getRuntime().maxMemory() + ROOM;
        if (memory.rssBytes() > most) {
            violated(Invariant.I4, "the process takes " + memory.rssBytes() + " bytes, more than " + most);
        }
        floors();
    }

    /** I8: a partition that retention dropped never comes back. */
    private void floors() {
        Set<String> now = store.partitions().stream()
                .map(PartitionInfo::id)
                .map(Object::toString)
                .collect(Collectors.toSet());
        live.stream().filter(id -> !now.contains(id)).forEach(gone::add);
        now.stream()
                .filter(gone::contains)
                .forEach(id -> violated(Invariant.I8, "the partition " + id + " was dropped and is there again"));
        live = now;
    }

    private void violated(Invariant invariant, String what) {
        found.accept(invariant.violated(what, "sampled"));
    }

    /** Looks no more. */
    @Override
    public void close() {
        closed = true;
    }
}
