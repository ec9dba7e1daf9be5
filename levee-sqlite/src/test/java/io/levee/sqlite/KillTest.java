package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.testkit.fault.KillLoop;
import io.levee.testkit.fault.Oracle;
import io.levee.testkit.fault.Verdict;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.io.TempDirFactory;

/**
 * What a receipt said is committed is there after SIGKILL, exactly once, time after time on one store, with retention and queries beside
 * (I1, I2, I6, I7, I9, I12); what a close reported is there too (I11, T16). CI kills a hundred times in a section of its own, {@code
 * -Dlevee.long=true} a thousand times; {@code -Dlevee.seed=N} repeats a run.
 */
class KillTest {
    private static final boolean LONG = Boolean.getBoolean("levee.long");
    private static final int LONG_MINUTES = 90;
    private static final int KILLS = Integer.getInteger("levee.kills", LONG ? 1000 : 12);
    private static final int ENDINGS = LONG ? 500 : 8;
    private static final long BYTES = LONG ? 200_000 : 30_000;

    /** On a disk: a kill is to hit a process that waits for a sync, too. */
    @TempDir(factory = TempDirFactory.Standard.class)
    Path directory;

    @Test
    @Timeout(value = LONG_MINUTES, unit = TimeUnit.MINUTES)
    void shouldKeepWhatWasReceiptedThroughKills() {
        Verdict verdict = new Verdict(Long.getLong("levee.seed", System.nanoTime()));
        try (Oracle oracle = Oracle.start(directory.resolve("receipts.log"))) {
            KillLoop loop = loop(oracle, verdict);
            for (int i = 0; i < KILLS && verdict.violations().isEmpty(); i++) {
                loop.cycle();
            }
            verdict.violations().addAll(loop.judge(true));
        }
        System.out.println(verdict);
        assertThat(verdict.violations()).as(verdict.toString()).isEmpty();
        assertThat(verdict.cycles()).isEqualTo(KILLS);
        assertThat(verdict.acknowledged()).isGreaterThan(KILLS);
    }

    @Test
    @Timeout(value = LONG_MINUTES, unit = TimeUnit.MINUTES)
    void shouldFindWhatTheCloseReported() {
        Verdict verdict = new Verdict(Long.getLong("levee.seed", System.nanoTime()));
        try (Oracle oracle = Oracle.start(directory.resolve("receipts.log"))) {
            KillLoop loop = loop(oracle, verdict);
            List<KillLoop.Ending> endings = List.of(KillLoop.Ending.values());
            for (int i = 0; i < ENDINGS && verdict.violations().isEmpty(); i++) {
                loop.end(endings.get(i % endings.size()));
            }
        }
        System.out.println(verdict);
        assertThat(verdict.violations()).as(verdict.toString()).isEmpty();
        assertThat(verdict.acknowledged()).isGreaterThan(ENDINGS);
    }

    private KillLoop loop(Oracle oracle, Verdict verdict) {
        return new KillLoop(directory.resolve("store"), oracle, verdict, BYTES)
                .prepare(child -> child.options("-Dorg.sqlite.tmpdir=" + directory));
    }
}
