package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Bytes;
import io.levee.Health;
import io.levee.Levee;
import io.levee.Store;
import io.levee.StoreStatus;
import io.levee.testkit.ChildJvm;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The one limit that nothing enforces: what the system counts for the whole process. It is measured and shown, health says so when it is
 * past what it should ever be, and stops saying so when it is not (G33–G36). Whoever took the memory: here it is not the store.
 */
class ResidentSetTest {
    private static final int PIECE = 16 << 20;
    private static final long LONGEST_NANOS = Duration.ofSeconds(60).toNanos();

    @TempDir
    Path directory;

    @Test
    void shouldSayThatTheProcessIsTooLargeAndThatItIsNotAnyMore() {
        // The alarm is at 32 MiB of heap, 32 MiB of budget, and the margin.
        List<String> options = List.of("-Xmx32m", "-XX:MaxDirectMemorySize=1g", "-XX:+UseSerialGC");
        try (ChildJvm child = ChildJvm.start(options, ResidentSetTest.class, directory.toString())) {
            List<String> said = child.linesUntil("done");
            assertThat(said)
                    .satisfiesExactly(
                            line -> assertThat(line).isEqualTo("UP below []"),
                            line -> assertThat(line)
                                    .startsWith("DEGRADED above [the process takes ")
                                    .contains(
                                            "more than its largest Java heap, the store's budget of " + Bytes.mebi(32)),
                            line -> assertThat(line).isEqualTo("UP below []"));
            assertThat(child.await(Duration.ofSeconds(30))).isZero();
        }
    }

    /** The child's side: takes memory beside the heap until the status tells, and gives it back. */
    public static void main(String[] args) {
        try (Store store = Levee.open(Path.of(args[0]), o -> o.memory(Bytes.mebi(32)))) {
            System.out.println(said(store.status()));
            List<ByteBuffer> taken = new ArrayList<>();
            long most = store.status().memory().alarmBytes();
            for (long bytes = 0; bytes < most; bytes += PIECE) {
                taken.add(touched());
            }
            System.out.println(said(await(store, Health.State.DEGRADED)));
            if (taken.isEmpty()) {
                throw new IllegalStateException("nothing was taken");
            }
            taken.clear();
            System.out.println(said(await(store, Health.State.UP)));
            System.out.println("done");
        }
    }

    private static ByteBuffer touched() {
        ByteBuffer piece = ByteBuffer.allocateDirect(PIECE);
        for (int at = 0; at < PIECE; at += 1024) {
            piece.put(at, (byte) 1);
        }
        return piece;
    }

    /** The status is measured once a second at most; memory beside the heap goes with the objects that have it. */
    private static StoreStatus await(Store store, Health.State state) {
        long end = System.nanoTime() + LONGEST_NANOS;
        StoreStatus now = store.status();
        while (now.health().state() != state && System.nanoTime() < end) {
            System.gc();
            LockSupport.parkNanos(Duration.ofMillis(50).toNanos());
            now = store.status();
        }
        return now;
    }

    private static String said(StoreStatus status) {
        boolean above = status.memory().rssBytes() > status.memory().alarmBytes();
        return status.health().state()
                + (above ? " above " : " below ")
                + status.health().reasons();
    }
}
