package io.levee.testkit.junit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.levee.Ack;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.ManualClock;
import io.levee.Store;
import io.levee.Table;
import io.levee.Time;
import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** The five lines of README's first page, and that each test has a store of its own. */
@ExtendWith(LeveeExtension.class)
class LeveeExtensionTest {
    private static @Nullable Store last;
    private @Nullable Store before;

    record Login(@Time Instant at, String user) {}

    @BeforeEach
    void keep(Store store) {
        before = store;
    }

    @Test
    void shouldForgetAfterThirtyDays(Store store, ManualClock clock) {
        Table<Login> logins = store.table(Login.class, t -> t.keepFor(Duration.ofDays(30)));
        logins.append(new Login(clock.instant(), "ann"), Ack.COMMITTED).join();
        clock.advance(Duration.ofDays(31));
        store.applyRetention(store.planRetention());
        assertThat(logins.query().count()).isZero();
    }

    @Test
    void shouldKeepForThirtyDays(Store store, ManualClock clock) {
        Table<Login> logins = store.table(Login.class, t -> t.keepFor(Duration.ofDays(30)));
        logins.append(new Login(clock.instant(), "ann"), Ack.COMMITTED).join();
        clock.advance(Duration.ofDays(29));
        store.applyRetention(store.planRetention());
        assertThat(logins.query().count()).isOne();
    }

    @RepeatedTest(2)
    void shouldGiveEachTestAStoreOfItsOwnAndCloseIt(Store store, ManualClock clock) {
        assertThat(store).isSameAs(before);
        assertThat(store.tables()).isEmpty();
        assertThat(clock.instant()).isEqualTo(LeveeExtension.START);
        Store earlier = last;
        if (earlier != null) {
            assertThat(store).isNotSameAs(earlier);
            assertClosed(earlier);
        }
        store.table(Login.class);
        last = store;
    }

    @AfterAll
    static void shouldHaveClosedTheLast() {
        if (last != null) {
            assertClosed(last);
        }
    }

    private static void assertClosed(Store closed) {
        Table<Login> logins = closed.table(Login.class);
        LeveeException e = catchThrowableOfType(
                LeveeException.class, () -> logins.append(new Login(LeveeExtension.START, "late")));
        assertThat(e.code()).isEqualTo(ErrorCode.CLOSED);
    }
}
