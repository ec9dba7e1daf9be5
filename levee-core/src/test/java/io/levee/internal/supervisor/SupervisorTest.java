package io.levee.internal.supervisor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.levee.StoreStatus.TaskStatus;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** Ends of tasks (G24): a store's close, and with it each command, waits for none that only waits itself. */
class SupervisorTest {
    @Test
    void shouldEndTasksThatWaitForWorkWithoutWaitingForThem() {
        Supervisor supervisor = new Supervisor();
        BlockingQueue<Runnable> work = new LinkedBlockingQueue<>();
        for (int i = 0; i < 3; i++) {
            supervisor.start("waits-" + i, task -> {
                // Whichever of them takes one ends: there are enough for all.
                task.alarm(() -> work.addAll(List.of(() -> {}, () -> {}, () -> {})));
                while (!task.stopping()) {
                    Runnable next = work.poll(1, TimeUnit.HOURS);
                    if (next != null) {
                        next.run();
                        task.ran("");
                    }
                }
            });
            // It waits: what it took before is done.
            work.add(() -> {});
            int taken = i + 1;
            await().until(() ->
                    supervisor.statuses().stream().mapToLong(TaskStatus::runs).sum() == taken);
        }
        supervisor.stop();
        assertThat(supervisor.statuses()).extracting(TaskStatus::state).containsOnly("ended");
    }
}
