package io.levee.sqlite;

import io.levee.Bytes;
import io.levee.ManualClock;
import io.levee.StoreOptions;
import io.levee.engine.EngineSettings;
import io.levee.internal.supervisor.Supervisor;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.CompletableFuture;

/** Has the small partitions of a store that is not open merged at once, as maintenance would do in its time. */
final class MergeHelp {
    private static final MergePlan AT_ONCE = new MergePlan(Bytes.mebi(64), Bytes.mebi(256), Bytes.mebi(64), 2);

    private MergeHelp() {}

    /** Merges all that may be; returns how many partitions were made. */
    static int merge(Path store, Instant now) {
        Supervisor supervisor = new Supervisor();
        StoreOptions options =
                StoreOptions.builder().clock(new ManualClock(now)).build();
        SqliteEngine engine = SqliteEngine.open(new StorePaths(store), new EngineSettings(options, false, supervisor));
        try {
            serve(engine, CompletableFuture.runAsync(engine::learnRanges));
            int made = 0;
            for (int nothing = 0; nothing < 2; ) {
                int more = serve(
                        engine,
                        CompletableFuture.supplyAsync(() -> engine.merging().run(AT_ONCE, Duration.ZERO)));
                nothing = more == 0 ? nothing + 1 : 0;
                made += more;
            }
            return made;
        } finally {
            engine.closeWriter();
            supervisor.stop();
            engine.close(null);
        }
    }

    /** Is the writer until something is done. */
    private static <T> T serve(SqliteEngine engine, CompletableFuture<T> until) {
        while (!until.isDone()) {
            engine.afterBatch();
            Thread.onSpinWait();
        }
        return until.join();
    }
}
