package io.levee.testkit.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.AdoptionReport;
import io.levee.EraseReport;
import io.levee.ErrorCode;
import io.levee.Expr;
import io.levee.PartitionId;
import io.levee.PartitionInfo;
import io.levee.Query;
import io.levee.Row;
import io.levee.SplitStatus;
import io.levee.Store;
import io.levee.Table;
import io.levee.engine.Capability;
import java.time.Duration;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestReporter;

/**
 * A big old table, taken over where it lies (guarantees G54, G64, G65, G116): every answer is the original's, before, during and after its
 * rows move into the table's own partitions, and nobody writes a byte to it. One old table for all tests: each has a store of its own.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
abstract class AdoptedAnswersConformance extends OldTopic {
    private static final int ROWS = 200_000;

    /** Nearly a day of the rows' time. */
    private static final int STEP = 30_000;

    private @Nullable OldDatabase made;
    private @Nullable Object fingerprint;

    AdoptedAnswersConformance(EngineConformance kit) {
        super(kit);
    }

    /** The same for all tests. */
    private @Nullable OldDatabase monitor(TestReporter reporter) {
        if (made == null) {
            OldDatabase old = old(reporter);
            if (old != null) {
                old.monitor(ROWS, true);
                fingerprint = old.fingerprint("invocations");
                made = old;
            }
        }
        return made;
    }

    private void requireUntouched(OldDatabase old) {
        assertThat(old.fingerprint("invocations")).isEqualTo(fingerprint);
    }

    /** G54, G65: at once, by what its indexes tell; asked for again it is the same one. */
    @Test
    void shouldAdoptInMillisecondsAndSayWhatIndexesTell(TestReporter reporter) {
        OldDatabase old = monitor(reporter);
        if (old == null) {
            return;
        }
        Store store = newStore();
        store.createTable(OldTables.invocations().build());
        AdoptionReport report = store.adopt("invocations", OldTables.monitor(old));
        assertThat(report.fresh()).isTrue();
        assertThat(report.partition().toString()).isEqualTo("invocations/adopted");
        assertThat(report.adoption().source()).isEqualTo(OldTables.monitor(old).source());
        if (old.countsExactly()) {
            assertThat(report.rowsEstimate()).isEqualTo(ROWS);
        }
        assertThat(report.rowsEstimate()).isBetween(ROWS * 99L / 100, ROWS * 101L / 100);
        // Two rows have no time: they count as of 1970.
        assertThat(report.minMicros()).isZero();
        assertThat(report.maxMicros()).isEqualTo(OldTables.at(ROWS - 1).toEpochMilli() * 1000);
        assertThat(report.took()).isLessThan(Duration.ofSeconds(1));
        assertThat(report.notes()).anyMatch(n -> n.contains("retries"));
        assertThat(store.adopt("invocations", OldTables.monitor(old)).fresh()).isFalse();
        PartitionInfo partition = store.partitions().get(0);
        assertThat(partition.state()).isEqualTo(PartitionInfo.State.ADOPTED);
        assertThat(partition.bytes()).isZero();
        assertThat(store.status().tables().get(0).rows()).isEqualTo(report.rowsEstimate());
    }

    @Test
    void shouldAnswerEveryKindOfQueryAsTheOriginalDoes(TestReporter reporter) {
        OldDatabase old = monitor(reporter);
        if (old == null) {
            return;
        }
        String address = engine().newStore();
        try (Store store = open(address, false)) {
            store.createTable(OldTables.invocations().build());
            store.adopt("invocations", OldTables.monitor(old));
            OriginalAnswers.compareAll(store, old, ROWS);
            if (store.capabilities().contains(Capability.SECOND_PROCESS)) {
                Store beside = open(address, true);
                Query newest =
                        Query.builder("invocations").newestFirst().limit(50).build();
                assertThat(rows(beside, newest, "task_id")).isEqualTo(rows(store, newest, "task_id"));
                assertThat(count(beside, "invocations")).isEqualTo(ROWS);
                beside.close();
            }
        }
        // It is there again after a restart, in a store that was opened for reading.
        OriginalAnswers.compareAll(open(address, true), old, ROWS);
        requireUntouched(old);
    }

    @Test
    void shouldReadItTogetherWithTheTablesOwnRows(TestReporter reporter) {
        OldDatabase old = monitor(reporter);
        if (old == null) {
            return;
        }
        Store store = newStore();
        Table<Row> table = store.createTable(OldTables.invocations().build());
        // Behind it, and into the middle of what it holds.
        append(
                table,
                OldTables.invocation(table.spec(), "new-1", "app.task1", OldTables.at(ROWS + 10)),
                OldTables.invocation(
                        table.spec(),
                        "new-2",
                        "app.task1",
                        OldTables.at(ROWS - 3).plusMillis(1)));
        store.adopt("invocations", OldTables.monitor(old));
        assertThat(rows(
                        store,
                        Query.builder("invocations").newestFirst().limit(5).build(),
                        "task_id"))
                .extracting(r -> r.get(0))
                .containsExactly("new-1", "task-00199999", "task-00199998", "new-2", "task-00199997");
        assertThat(count(store, "invocations")).isEqualTo(ROWS + 2);
        assertThat(store.count(Query.builder("invocations")
                        .from(OldTables.at(ROWS + 1))
                        .build()))
                .isEqualTo(1);
        // Single records: by the index of its key (G116).
        Row found = table.find("task-00000350").orElseThrow();
        assertThat(found.get("state")).isEqualTo("FAILURE");
        assertThat(found.get("traceback_snippet")).isNull();
        assertThat(table.find("task-00000100").orElseThrow().get("traceback_snippet"))
                .isEqualTo("File x line 100");
        assertThat(found.seq()).isNegative();
        assertThat(table.find("none")).isEmpty();
        // Numbers stay below the own ones, and following begins with those.
        assertThat(table.tail(0).poll(Duration.ofSeconds(5)).entries()).hasSize(2);
        assertThat(refused(
                        ErrorCode.NOT_WRITABLE,
                        () -> table.delete(Ack.COMMITTED, "task-00000350").join()))
                .hasMessageContaining("never written to");
        EraseReport erased = table.erase(Expr.parse("state = 'FAILURE' AND task_name = 'app.task10'", OldTables.BEGIN));
        assertThat(erased.deleted()).isZero();
        assertThat(erased.pending()).anyMatch(p -> p.contains("adopted databases"));
        requireUntouched(old);
    }

    /** Its rows become the table's own while all kinds of questions are asked, and two readers count all the time. */
    @Test
    void shouldAnswerEveryKindOfQueryAsTheOriginalDuringAndAfterASplit(TestReporter reporter) throws Exception {
        OldDatabase old = monitor(reporter);
        if (old == null) {
            return;
        }
        String address = engine().newStore();
        AtomicReference<Store> opened = new AtomicReference<>();
        AtomicInteger moves = new AtomicInteger();
        AtPoint compare = new AtPoint(point -> {
            if (point.equals(splittings().moved()) && moves.incrementAndGet() == 4) {
                OriginalAnswers.compareAll(Objects.requireNonNull(opened.get()), old, ROWS);
            }
        });
        try (Store store = splitting(address, STEP, compare)) {
            opened.set(store);
            store.createTable(OldTables.invocations().build());
            PartitionId id = store.adopt("invocations", OldTables.monitor(old)).partition();
            Map<Long, Long> before = numbers(store, "invocations");
            AtomicBoolean over = new AtomicBoolean();
            Thread reader = new Thread(() -> compare.attempt(() -> countUntil(over, store, address)));
            reader.start();
            store.split(id);
            SplitStatus done = await(store, SplitStatus.State.DONE);
            over.set(true);
            reader.join();
            compare.requireNoFailure();
            assertThat(moves.get()).isGreaterThanOrEqualTo((ROWS + STEP - 1) / STEP);
            assertThat(done.rowsMoved()).isEqualTo(ROWS);
            assertThat(done.timeless()).isEqualTo(2);
            assertThat(done.superseded() + done.expired() + done.keyless() + done.unreadable())
                    .isZero();
            // The same numbers as before: pages that were begun go on, and nobody who follows meets a row again.
            assertThat(numbers(store, "invocations")).isEqualTo(before);
            assertThat(store.table("invocations")
                            .tail(0)
                            .poll(Duration.ofMillis(50))
                            .entries())
                    .isEmpty();
        }
        Store again = open(address, false);
        OriginalAnswers.compareAll(again, old, ROWS);
        assertThat(again.adopted()).isEmpty();
        assertThat(again.partitions()).hasSizeBetween(7, 30).noneMatch(p -> p.state() == PartitionInfo.State.ADOPTED);
        assertThat(again.splits().get(0).state()).isEqualTo(SplitStatus.State.DONE);
        assertThat(old.there("invocations")).isTrue();
        requireUntouched(old);
    }

    private void countUntil(AtomicBoolean over, Store store, String address) {
        try (Store beside = engine().open(address, true, usual(o -> {}))) {
            while (!over.get()) {
                assertThat(count(store, "invocations")).isEqualTo(ROWS);
                assertThat(count(beside, "invocations")).isEqualTo(ROWS);
                LockSupport.parkNanos(200_000_000);
            }
        }
    }
}
