package io.levee.internal.retention;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Bytes;
import io.levee.ColumnType;
import io.levee.PartitionId;
import io.levee.PartitionInfo;
import io.levee.RetentionEvent;
import io.levee.RetentionPlan.Drop;
import io.levee.RetentionRule;
import io.levee.TableSpec;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

class RetentionPolicyTest {
    private static final long HOUR = 3_600_000_000L;

    private static PartitionInfo partition(String period, long min, long max, long bytes) {
        return new PartitionInfo(new PartitionId("t", "", period, 1), PartitionInfo.State.CLOSED, min, max, 1, bytes);
    }

    private static List<String> dropped(RetentionRule rule, long reference, PartitionInfo... partitions) {
        return RetentionPolicy.plan(rule, List.of(partitions), reference, (micros, gone) -> Long.MAX_VALUE).stream()
                .map(Drop::partition)
                .map(p -> p.id().period())
                .toList();
    }

    @Test
    void shouldDropOnlyWhatIsWhollyPastItsAgeOldestFirst() {
        RetentionRule rule = RetentionRule.maxAge(Duration.ofHours(10));
        PartitionInfo old = partition("2026-01-02", 0, 10 * HOUR - 1, 5);
        PartitionInfo older = partition("2026-01-01", 0, 5 * HOUR, 5);
        PartitionInfo edge = partition("2026-01-03", 0, 10 * HOUR, 5);
        PartitionInfo unknown = partition("2026-01-04", Long.MIN_VALUE, Long.MAX_VALUE, 5);
        assertThat(dropped(rule, 20 * HOUR, edge, old, unknown, older)).containsExactly("2026-01-01", "2026-01-02");
        assertThat(dropped(rule, 10 * HOUR, edge, old, unknown, older)).isEmpty();
        assertThat(dropped(RetentionRule.KEEP_ALL, Long.MAX_VALUE, old, older)).isEmpty();
    }

    @Test
    void shouldDropTheOldestForSizeButNeverTheNewest() {
        RetentionRule rule = new RetentionRule(null, new Bytes(10));
        PartitionInfo a = partition("2026-01-01", 0, HOUR, 6);
        PartitionInfo b = partition("2026-01-02", HOUR, 2 * HOUR, 6);
        PartitionInfo c = partition("2026-01-03", 2 * HOUR, 3 * HOUR, 60);
        assertThat(dropped(rule, 0, b, a)).containsExactly("2026-01-01");
        assertThat(dropped(rule, 0, c, b, a)).containsExactly("2026-01-01", "2026-01-02");
        assertThat(dropped(rule, 0, c)).isEmpty();
        assertThat(dropped(new RetentionRule(Duration.ofHours(1), new Bytes(66)), 2 * HOUR + 1, c, b, a))
                .as("what goes by age counts for size")
                .containsExactly("2026-01-01");
    }

    /** The next period's partition is made before its first row comes. */
    @Test
    void shouldKeepWhatWasMadeAhead() {
        long day = 24 * HOUR;
        PartitionInfo first = partition("1970-01-01", 0, HOUR, 6);
        PartitionInfo ahead = new PartitionInfo(
                new PartitionId("t", "", "1970-01-02", 1),
                PartitionInfo.State.OPEN,
                Long.MAX_VALUE,
                Long.MIN_VALUE,
                0,
                6);
        RetentionRule age = RetentionRule.maxAge(Duration.ofHours(10));
        assertThat(dropped(age, day, ahead, first)).containsExactly("1970-01-01");
        assertThat(dropped(age, 2 * day, ahead)).isEmpty();
        assertThat(dropped(age, 2 * day + 10 * HOUR, ahead)).containsExactly("1970-01-02");
        assertThat(dropped(new RetentionRule(null, new Bytes(1)), day, ahead, first))
                .as("the newest partition that holds rows stays")
                .isEmpty();
    }

    private static PartitionInfo day(int day, long rows) {
        long from = (day - 1) * 24 * HOUR;
        return new PartitionInfo(
                new PartitionId("t", "", "1970-01-0" + day, 1),
                PartitionInfo.State.CLOSED,
                from,
                from + 23 * HOUR,
                rows,
                5);
    }

    private static List<String> byNumber(RetentionRule rule, PartitionInfo... partitions) {
        List<PartitionInfo> all = List.of(partitions);
        return RetentionPolicy.plan(
                        rule,
                        all,
                        100 * 24 * HOUR,
                        (after, gone) -> all.stream()
                                .filter(p -> p.minMicros() > after)
                                .mapToLong(PartitionInfo::rows)
                                .sum())
                .stream()
                .peek(d -> assertThat(d.rule()).isEqualTo(RetentionEvent.Rule.NUMBER))
                .map(d -> d.partition().id().period())
                .toList();
    }

    /** G70. */
    @Test
    void shouldDropWhatHasEnoughRowsAfterIt() {
        PartitionInfo[] days = {day(4, 10), day(1, 10), day(3, 10), day(2, 10)};
        RetentionRule ten = RetentionRule.builder().keepNewest(10).build();
        assertThat(byNumber(ten, days)).containsExactly("1970-01-01", "1970-01-02", "1970-01-03");
        assertThat(byNumber(ten.toBuilder().keepNewest(11).build(), days)).containsExactly("1970-01-01", "1970-01-02");
        assertThat(byNumber(ten.toBuilder().keepNewest(20).build(), days)).containsExactly("1970-01-01", "1970-01-02");
        assertThat(byNumber(ten.toBuilder().keepNewest(31).build(), days)).isEmpty();
        assertThat(byNumber(ten, day(1, 500))).isEmpty();
    }

    @Test
    void shouldDropOnlyWhatIsEmptyWhereEachKeyKeepsItsOwn() {
        RetentionRule each = RetentionRule.builder().keepNewest(1, "monitor").build();
        assertThat(byNumber(each, day(1, 0), day(2, 0), day(3, 1), day(4, 0), day(5, 9)))
                .as("from the oldest on, since what is below is refused from then on")
                .containsExactly("1970-01-01", "1970-01-02");
        assertThat(byNumber(each, day(1, 0))).as("the newest stays").isEmpty();
    }

    /** Pain 24: a short promise never drops the rows of a long one. */
    @Test
    void shouldKeepEachClassForItsOwnAge() {
        RetentionRule rule = RetentionRule.builder()
                .by("state")
                .keep("FAILURE", Duration.ofHours(100))
                .maxAge(Duration.ofHours(10))
                .build();
        PartitionInfo plain = new PartitionInfo(
                new PartitionId("t", "", "2026-01-01", 1),
                PartitionInfo.State.CLOSED,
                0,
                HOUR,
                1,
                5,
                Set.of("FAILURE"));
        // Made before the class was named: it may hold rows of it.
        PartitionInfo mixed = partition("2026-01-01", 0, HOUR, 5);
        PartitionInfo failed = new PartitionInfo(
                new PartitionId("t", "FAILURE", "2026-01-01", 1), PartitionInfo.State.CLOSED, 0, HOUR, 1, 5);
        assertThat(RetentionPolicy.plan(rule, List.of(plain, mixed, failed), 50 * HOUR, (after, gone) -> 0))
                .extracting(Drop::partition)
                .containsExactly(plain);
        assertThat(RetentionPolicy.plan(rule, List.of(plain, mixed, failed), 102 * HOUR, (after, gone) -> 0))
                .hasSize(3);
    }

    /** Pain 8. */
    @Test
    void shouldTellWhatIsOverdue() {
        TableSpec spec = TableSpec.builder("t")
                .column("at", ColumnType.TIMESTAMP)
                .time("at")
                .retention(RetentionRule.maxAge(Duration.ofHours(10)))
                .build();
        List<PartitionInfo> partitions = List.of(partition("2026-01-01", 0, HOUR, 5));
        Duration grace = Duration.ofMinutes(30);
        assertThat(Overdue.of(List.of(spec), partitions, s -> 11 * HOUR + HOUR / 2, grace))
                .isEmpty();
        assertThat(Overdue.of(List.of(spec), partitions, s -> 12 * HOUR, grace))
                .containsEntry("t", Duration.ofHours(1));
    }
}
