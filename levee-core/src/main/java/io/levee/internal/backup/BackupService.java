package io.levee.internal.backup;

import io.levee.BackupReport;
import io.levee.Bytes;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.PartitionId;
import io.levee.engine.BackupHelp;
import io.levee.engine.StorageEngine;
import io.levee.internal.supervisor.Waits;
import io.levee.internal.write.WriteService;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Runs backups of a store, one at a time, on the threads of those who ask for them. Thread-safe. */
public final class BackupService {
    /** Bytes a second: a disk that serves a service has other things to do. */
    private static final long RATE = 128L << 20;

    private static final Duration WRITER_PATIENCE = Duration.ofSeconds(30);

    private final StorageEngine engine;
    private final @Nullable WriteService writes;
    private final ReentrantLock running = new ReentrantLock();
    private volatile boolean stopped;

    /** Wires the parts. */
    public BackupService(StorageEngine engine, @Nullable WriteService writes) {
        this.engine = engine;
        this.writes = writes;
    }

    /** See {@link io.levee.Store#backup(Path, boolean, Consumer)}. */
    public BackupReport backup(Path directory, boolean again, Consumer<String> progress) {
        if (!running.tryLock()) {
            throw new LeveeException(ErrorCode.STORE_LOCKED, "this store makes another backup now")
                    .hint("wait for it to end");
        }
        try {
            return engine.backup(directory, again, new Help(progress));
        } finally {
            running.unlock();
        }
    }

    /** Ends what runs, and waits for it: it has partitions open. Later ones are refused. */
    public void stop() {
        stopped = true;
        running.lock();
        try {
            // Whoever had it is out.
        } finally {
            running.unlock();
        }
    }

    private final class Help implements BackupHelp {
        private final Consumer<String> progress;

        Help(Consumer<String> progress) {
            this.progress = progress;
        }

        @Override
        public void still(Runnable body) {
            requireOpen();
            if (writes == null) {
                body.run();
                return;
            }
            AtomicBoolean taken = new AtomicBoolean();
            Future<Boolean> ran = writes.onWriter(() -> {
                boolean wanted = taken.compareAndSet(false, true);
                if (wanted) {
                    body.run();
                }
                return wanted;
            });
            try {
                await(ran, taken);
            } catch (InterruptedException e) {
                throw Waits.interrupted("the backup was interrupted", e);
            } catch (ExecutionException e) {
                throw Waits.failed("the backup failed", e);
            }
        }

        /** Nothing is held by the writer for somebody who gave up: either it has begun, and is waited for, or it never will. */
        private void await(Future<Boolean> ran, AtomicBoolean taken) throws InterruptedException, ExecutionException {
            try {
                ran.get(WRITER_PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
            } catch (TimeoutException e) {
                if (taken.compareAndSet(false, true)) {
                    throw new LeveeException(
                                    ErrorCode.DEADLINE,
                                    "the writer was busy for " + WRITER_PATIENCE + "; no backup was made",
                                    e)
                            .hint("see status for what keeps the writer, and repeat it");
                }
                ran.get();
            }
        }

        private void requireOpen() {
            if (stopped) {
                throw new LeveeException(ErrorCode.CLOSED, "the store closes; no backup was made");
            }
        }

        @Override
        public boolean pace(long bytes) {
            if (stopped) {
                return false;
            }
            try {
                TimeUnit.NANOSECONDS.sleep(bytes * 1_000_000_000L / RATE);
                return true;
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return false;
            }
        }

        @Override
        public void done(PartitionId id, boolean copied, long bytes) {
            progress.accept(id + (copied ? ": " + new Bytes(bytes) : ": unchanged"));
        }
    }
}
