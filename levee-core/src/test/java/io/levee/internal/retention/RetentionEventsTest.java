package io.levee.internal.retention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.levee.RetentionEvent;
import io.levee.engine.StorageEngine;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What retention decided is there once, whoever hands it over or asks for it meanwhile. */
class RetentionEventsTest {
    private static final Duration LONG = Duration.ofSeconds(60);

    private final List<RetentionEvent> kept = Collections.synchronizedList(new ArrayList<>());
    private final CountDownLatch handed = new CountDownLatch(1);
    private final CountDownLatch goOn = new CountDownLatch(1);
    private final RetentionEvents events = new RetentionEvents(engine());

    /** An engine that has committed events for a while before it says so. */
    private StorageEngine engine() {
        return (StorageEngine) Proxy.newProxyInstance(
                StorageEngine.class.getClassLoader(), new Class<?>[] {StorageEngine.class}, (proxy, method, args) -> {
                    if (method.getName().equals("retentionEvents")) {
                        return List.copyOf(kept);
                    }
                    for (Object event : (List<?>) args[0]) {
                        kept.add((RetentionEvent) event);
                    }
                    handed.countDown();
                    assertThat(goOn.await(LONG.toSeconds(), TimeUnit.SECONDS)).isTrue();
                    return null;
                });
    }

    @AfterEach
    void letGo() {
        goOn.countDown();
    }

    private static RetentionEvent event() {
        return new RetentionEvent(
                Instant.EPOCH,
                RetentionEvent.Action.DROPPED,
                RetentionEvent.Rule.AGE,
                "events",
                "events/2026-05-17",
                6,
                4096,
                "it is old");
    }

    @Test
    void shouldTellOnceWhatIsOnItsWay() throws Exception {
        events.note(event());
        Thread handing = new Thread(events::flush);
        handing.start();
        handed.await();
        FutureTask<List<RetentionEvent>> asked = new FutureTask<>(() -> events.newest(null, 100));
        Thread asking = new Thread(asked);
        asking.start();
        await().atMost(LONG).until(() -> asked.isDone() || asking.getState() == Thread.State.BLOCKED);
        goOn.countDown();
        assertThat(asked.get()).containsExactly(event());
        handing.join();
    }

    @Test
    void shouldHandOverOnceWhatTwoHandOver() throws Exception {
        events.note(event());
        Thread handing = new Thread(events::flush);
        handing.start();
        handed.await();
        Thread second = new Thread(events::flush);
        second.start();
        await().atMost(LONG)
                .until(() -> kept.size() > 1
                        || second.getState() == Thread.State.BLOCKED
                        || second.getState() == Thread.State.TERMINATED);
        goOn.countDown();
        handing.join();
        second.join();
        assertThat(kept).containsExactly(event());
        assertThat(events.newest(null, 100)).containsExactly(event());
    }
}
