package io.levee.testkit.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;

import io.levee.Ack;
import io.levee.ErrorCode;
import io.levee.Levee;
import io.levee.LeveeException;
import io.levee.ManualClock;
import io.levee.Query;
import io.levee.Store;
import io.levee.Table;
import io.levee.Time;
import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.Test;

/** What only stores in memory do: their addresses (guarantee G32). What every engine does is in the conformance kit. */
class MemoryEngineTest {
    private static final Query ALL = Query.builder("event").build();

    record Event(@Time Instant at, long n) {}

    private static void append(Store store, long n) {
        Table<Event> events = store.table(Event.class);
        events.append(new Event(store.options().clock().instant(), n), Ack.COMMITTED)
                .join();
    }

    @Test
    void shouldBeOneStoreForAllConnections() {
        try (Store writer = Levee.open("memory:shared", false, o -> {})) {
            append(writer, 1);
            LeveeException e =
                    catchThrowableOfType(LeveeException.class, () -> Levee.open("memory:shared", false, o -> {}));
            assertThat(e.code()).isEqualTo(ErrorCode.STORE_LOCKED);
            assertThat(e.details())
                    .containsEntry("pid", ProcessHandle.current().pid())
                    .containsKey("host");
            try (Store reader = Levee.open("memory:shared", true, o -> {})) {
                assertThat(reader.count(ALL)).isEqualTo(1);
                append(writer, 2);
                assertThat(reader.count(ALL)).isEqualTo(2);
                writer.close(Duration.ofSeconds(5));
                assertThat(reader.count(ALL)).isEqualTo(2);
                try (Store next = Levee.open("memory:shared", false, o -> {})) {
                    append(next, 3);
                    assertThat(reader.count(ALL)).isEqualTo(3);
                }
            }
        }
        assertThat(catchThrowableOfType(LeveeException.class, () -> Levee.open("memory:shared", true, o -> {}))
                        .code())
                .isEqualTo(ErrorCode.NOT_SUPPORTED);
    }

    @Test
    void shouldBeAnotherStoreEachTimeWithoutAName() {
        ManualClock clock = new ManualClock(Instant.parse("2026-05-20T00:00:00Z"));
        try (Store one = Levee.inMemory(clock);
                Store other = Levee.inMemory(clock)) {
            append(one, 1);
            assertThat(other.tables()).isEmpty();
        }
    }

    /** The grace goes by the store's clock: here, a test can wait for its end. */
    @Test
    void shouldKeepWhatWasDroppedForTenMinutes() {
        ManualClock clock = new ManualClock(Instant.parse("2026-05-20T00:00:00Z"));
        try (Store store = Levee.open(
                "memory:",
                false,
                o -> o.clock(clock).retentionEvery(Duration.ofMillis(5)).trashGrace(Duration.ofMinutes(10)))) {
            append(store, 1);
            store.table(Event.class, t -> t.keepFor(Duration.ofDays(1)));
            clock.advance(Duration.ofDays(2));
            await().until(() -> store.dropped().size() == 1);
            clock.advance(Duration.ofMinutes(11));
            await().until(() -> store.dropped().isEmpty());
        }
    }
}
