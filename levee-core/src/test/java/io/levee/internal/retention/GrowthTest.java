package io.levee.internal.retention;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Bytes;
import io.levee.StoreStatus;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

/** G93: growth a day, projected against the disk. */
class GrowthTest {
    private static final long GIB = 1L << 30;

    private final AtomicLong nanos = new AtomicLong();

    private StoreStatus.Growth seen(Growth growth, Duration at, long bytes, long cap, long free, long stored) {
        nanos.set(at.toNanos());
        return growth.seen(new StoreStatus.Disk(bytes, cap, free, Map.of()), stored);
    }

    @Test
    void shouldProjectThePeersLogAgainstTheDisk() {
        // The incident: 11.15 rows a second, 0.72 GB a day.
        Growth growth = new Growth(nanos::get, null);
        assertThat(seen(growth, Duration.ZERO, GIB, 0, 10 * GIB, 0)).isNull();
        assertThat(seen(growth, Duration.ofSeconds(9), GIB, 0, 10 * GIB, 100)).isNull();
        StoreStatus.Growth day =
                seen(growth, Duration.ofDays(1), GIB + 720_000_000, 0, 10 * GIB - 720_000_000, 963_360);
        assertThat(day.rowsPerSecond()).isEqualTo(11.15);
        assertThat(day.bytesPerDay()).isEqualTo(720_000_000);
        assertThat(day.limitBytes()).isEqualTo(11 * GIB);
        assertThat(day.daysLeft()).isBetween(13.9, 14.0);
    }

    @Test
    void shouldTakeWhatWasDroppedForGrown() {
        Growth growth = new Growth(nanos::get, null);
        seen(growth, Duration.ZERO, 5 * GIB, 6 * GIB, 100 * GIB, 0);
        growth.dropped(2 * GIB);
        StoreStatus.Growth day = seen(growth, Duration.ofDays(1), 5 * GIB, 6 * GIB, 100 * GIB, 0);
        assertThat(day.bytesPerDay()).isEqualTo(2 * GIB);
        assertThat(day.netBytesPerDay()).isZero();
        assertThat(day.limitBytes()).isEqualTo(6 * GIB);
        assertThat(day.daysLeft()).isNull();
    }

    @Test
    void shouldLeaveOutWhatHasToStayFree() {
        Growth growth = new Growth(nanos::get, new Bytes(4 * GIB));
        seen(growth, Duration.ZERO, GIB, 0, 10 * GIB, 0);
        StoreStatus.Growth day = seen(growth, Duration.ofDays(1), 2 * GIB, 0, 9 * GIB, 0);
        assertThat(day.limitBytes()).isEqualTo(7 * GIB);
        assertThat(day.daysLeft()).isEqualTo(5);
        // A server's volume, which nobody here can look at.
        assertThat(seen(growth, Duration.ofDays(1), 2 * GIB, 0, -1, 0).daysLeft())
                .isNull();
    }

    @Test
    void shouldForgetWhatIsOlderThanADay() {
        Growth growth = new Growth(nanos::get, null);
        StoreStatus.Growth last = null;
        for (int minute = 0; minute <= 5 * 1440; minute++) {
            // A burst on the first day only.
            long bytes = Math.min(minute, 1440) * 1_000_000L;
            last = seen(growth, Duration.ofMinutes(minute), bytes, 0, 10 * GIB, 0);
        }
        assertThat(last).isNotNull();
        assertThat(last.seconds()).isBetween(86_000L, 2 * 86_400L);
        assertThat(last.bytesPerDay()).isZero();
    }
}
