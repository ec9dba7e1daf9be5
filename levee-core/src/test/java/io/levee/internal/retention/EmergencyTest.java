package io.levee.internal.retention;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Bytes;
import io.levee.PartitionId;
import io.levee.PartitionInfo;
import io.levee.StoreStatus;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** G72, G85, G86: what goes when space runs out, and that nothing does where nobody allowed it. */
class EmergencyTest {
    private static final Bytes TEN = new Bytes(10);

    private static PartitionInfo partition(String table, String period, int n, long newest, long rows) {
        return new PartitionInfo(
                new PartitionId(table, "", period, n), PartitionInfo.State.CLOSED, 0, newest, rows, 100);
    }

    private static StoreStatus.Disk disk(long bytes, long free) {
        return new StoreStatus.Disk(bytes, 0, free, Map.of());
    }

    /** G78: without a cap or a floor nothing goes for space. */
    @Test
    void shouldDeleteNothingWhereNobodyAllowedIt() {
        assertThat(Emergency.why(disk(1000, 0), null, null, true, 0)).isNull();
        assertThat(Emergency.why(disk(9, 0), TEN, null, false, 0)).isNull();
        // Before the cap is reached: what a batch needs has to fit below it.
        assertThat(Emergency.why(disk(10, 0), TEN, null, false, 0)).contains("cap");
        assertThat(Emergency.why(new StoreStatus.Disk(20, 0, 0, Map.of("sorts", 11L)), TEN, null, false, 0))
                .as("history does not go for a sort")
                .isNull();
        assertThat(Emergency.why(new StoreStatus.Disk(20, 0, 0, Map.of("unlinked", 11L)), TEN, null, false, 0))
                .as("nor for what is dropped and still read")
                .isNull();
        assertThat(Emergency.why(disk(11, 9), null, TEN, false, 0)).contains("minFreeDisk");
        assertThat(Emergency.why(disk(11, 10), null, TEN, false, 0)).isNull();
        // A server's volume, which nobody here can look at.
        assertThat(Emergency.why(disk(11, -1), null, TEN, false, 0)).isNull();
        assertThat(Emergency.why(disk(1, 100), null, TEN, true, 0)).contains("full");
    }

    /** Queries give way before history does, and only where what they keep is needed. */
    @Test
    void shouldNeedWhatQueriesKeepOfDroppedPartitionsOnlyNearTheCap() {
        Bytes cap = new Bytes(1600);
        for (String part : List.of("unlinked", "dropped")) {
            Map<String, Long> kept = Map.of(part, 500L);
            StoreStatus.Disk near = new StoreStatus.Disk(1501, 0, 1000, kept);
            StoreStatus.Disk below = new StoreStatus.Disk(1500, 0, 1000, kept);
            assertThat(Emergency.why(near, cap, null, false, 0)).as(part).isNull();
            assertThat(Emergency.needsWhatIsKept(near, cap, null, false, false))
                    .as(part)
                    .isTrue();
            assertThat(Emergency.needsWhatIsKept(below, cap, null, false, false))
                    .isFalse();
            assertThat(Emergency.needsWhatIsKept(below, cap, null, true, false)).isTrue();
            assertThat(Emergency.needsWhatIsKept(below, null, new Bytes(1001), false, false))
                    .isTrue();
            assertThat(Emergency.needsWhatIsKept(below, null, new Bytes(1000), false, false))
                    .isFalse();
        }
        assertThat(Emergency.needsWhatIsKept(disk(1600, 0), cap, null, true, true))
                .as("nobody keeps anything")
                .isFalse();
    }

    /** What nobody gives back counts as history: it goes for new rows, unless that is kept as well. */
    @Test
    void shouldLetHistoryGoForWhatIsHeldBackUnlessThatIsKeptToo() {
        Bytes cap = new Bytes(1600);
        StoreStatus.Disk held = new StoreStatus.Disk(1550, 0, 1000, Map.of("unlinked", 500L));
        assertThat(Emergency.why(held, cap, null, false, 350)).isNull();
        assertThat(Emergency.why(held, cap, null, false, 351)).contains("cap", "351 B of it are dropped already");
        StoreStatus.Disk less = new StoreStatus.Disk(1450, 0, 1100, Map.of("unlinked", 500L));
        assertThat(Emergency.relievesNothing(held, less, 100, cap, 500)).isFalse();
        StoreStatus.Disk keptToo = new StoreStatus.Disk(1550, 0, 1000, Map.of("unlinked", 600L));
        assertThat(Emergency.relievesNothing(held, keptToo, 100, cap, 500)).isTrue();
    }

    @Test
    void shouldTakeTheOldestOfAllTablesAndNeverTheNewestOfOne() {
        PartitionInfo a1 = partition("a", "2026-05-01", 1, 10, 1);
        PartitionInfo a2 = partition("a", "2026-05-02", 1, 30, 1);
        PartitionInfo a3 = partition("a", "2026-05-02", 2, 40, 1);
        PartitionInfo b1 = partition("b", "2026-05-01", 1, 20, 1);
        PartitionInfo b2 = partition("b", "2026-05-02", 1, 50, 1);
        PartitionInfo ahead = partition("a", "2026-05-03", 1, Long.MIN_VALUE, 0);
        assertThat(Emergency.oldestFirst(List.of(ahead, b2, a3, a2, b1, a1))).containsExactly(a1, b1, a2);
        assertThat(Emergency.oldestFirst(List.of(ahead, a1))).isEmpty();
    }

    @Test
    void shouldSeeThatDroppingGivesNothingBack() {
        assertThat(Emergency.relievesNothing(disk(20, 5), disk(15, 5), 5, TEN, 0))
                .isFalse();
        assertThat(Emergency.relievesNothing(disk(20, 5), disk(20, 9), 0, TEN, 0))
                .isTrue();
        // Another process takes what is freed, or a reader still has the file.
        assertThat(Emergency.relievesNothing(disk(20, 5), disk(15, 5), 5, null, 0))
                .isTrue();
        assertThat(Emergency.relievesNothing(disk(20, 5), disk(15, 6), 5, null, 0))
                .isFalse();
        // The store itself has written what was freed.
        assertThat(Emergency.relievesNothing(disk(20, 0), disk(20, 0), 5, null, 0))
                .isFalse();
    }
}
