package io.levee.testkit.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.Bytes;
import io.levee.ErrorCode;
import io.levee.Expr;
import io.levee.LeveeException;
import io.levee.PartitionId;
import io.levee.PartitionInfo;
import io.levee.Query;
import io.levee.Row;
import io.levee.SplitStatus;
import io.levee.Store;
import io.levee.Table;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;

/**
 * Adopted databases whose rows move into the store's own partitions: stopped and gone on with, written to by others and by the store
 * meanwhile, without room, taken (guarantees G54, G64, G84, G90).
 */
abstract class SplitConformance extends OldTopic {
    private static final Instant BEGIN = OldTables.BEGIN;

    SplitConformance(EngineConformance kit) {
        super(kit);
    }

    private Store checks(OldDatabase old, String address, int rows, Consumer<String> at) {
        Store store = splitting(address, rows, at);
        store.createTable(OldTables.checks().build());
        store.adopt("checks", OldTables.checks(old));
        return store;
    }

    /** Which numbers of rows that are counted from 0 have site 3, from one on. */
    private static long third(long from) {
        return LongStream.range(from, 5000).filter(i -> i % 20 == 2).count();
    }

    @Test
    void shouldStopAndGoOnAndReachWhatHasMovedInBetween(TestReporter reporter) {
        OldDatabase old = old(reporter);
        if (old == null) {
            return;
        }
        old.create(OldTables.checks(5000));
        AtomicReference<Store> opened = new AtomicReference<>();
        AtomicBoolean stopped = new AtomicBoolean();
        AtPoint stop = new AtPoint(point -> {
            if (point.equals(splittings().moved()) && stopped.compareAndSet(false, true)) {
                Objects.requireNonNull(opened.get()).stopSplit(adopted(Objects.requireNonNull(opened.get())));
            }
        });
        String address = engine().newStore();
        long moved;
        try (Store store = checks(old, address, 1000, stop)) {
            opened.set(store);
            store.split(adopted(store));
            long done = await(store, SplitStatus.State.STOPPED).rowsDone();
            moved = done;
            stop.requireNoFailure();
            assertThat(done).isBetween(1L, 1000L);
            assertThat(numbers(store, "checks")).hasSize(5000);
            // From the highest number to the lowest.
            assertThat(store.partitions())
                    .filteredOn(p -> p.state() == PartitionInfo.State.ADOPTED)
                    .singleElement()
                    .satisfies(p -> assertThat(p.rows()).isLessThanOrEqualTo(5000 - done));
        }
        Store store = open(address, false);
        assertThat(numbers(store, "checks")).hasSize(5000);
        Table<Row> table = store.table("checks");
        Expr third = Expr.parse("site_id = 3", BEGIN);
        // What has moved can be erased, what has not is told.
        long erased = third(5000 - moved);
        assertThat(table.erase(third).deleted()).isEqualTo(erased);
        assertThat(table.erase(third).pending())
                .anyMatch(p -> p.startsWith(250 - erased + " records in adopted databases"));
        assertThat(count(store, "checks")).isEqualTo(5000 - erased);
        assertThat(store.split(adopted(store)).state()).isEqualTo(SplitStatus.State.RUNNING);
        await(store, SplitStatus.State.DONE);
        assertThat(count(store, "checks")).isEqualTo(5000 - erased);
        assertThat(table.erase(third).deleted()).isEqualTo(250 - erased);
        assertThat(count(store, "checks")).isEqualTo(4750);
    }

    @Test
    void shouldMoveWhatAForeignWriterAdds(TestReporter reporter) {
        OldDatabase old = old(reporter);
        if (old == null) {
            return;
        }
        old.create(OldTables.checks(3000));
        AtPoint add =
                once(() -> old.run("INSERT INTO check_history(site_id, checked_at) VALUES(99, '2026-04-01 00:00:00')"));
        Store store = checks(old, engine().newStore(), 1000, add);
        store.split(adopted(store));
        assertThat(await(store, SplitStatus.State.DONE).rowsMoved()).isEqualTo(3001);
        add.requireNoFailure();
        assertThat(store.count(Query.builder("checks")
                        .where(Expr.parse("site_id = 99", BEGIN))
                        .build()))
                .isEqualTo(1);
    }

    /** What was moved is no longer what is there: it is kept, and said to be. */
    @Test
    void shouldKeepWhatAForeignWriterChanges(TestReporter reporter) {
        OldDatabase old = old(reporter);
        if (old == null) {
            return;
        }
        old.create(OldTables.checks(3000));
        AtPoint change = once(() -> old.run("UPDATE check_history SET latency_ns = -7 WHERE id = 3000"));
        Store store = checks(old, engine().newStore(), 1000, change);
        store.split(adopted(store));
        SplitStatus blocked = await(store, SplitStatus.State.BLOCKED);
        change.requireNoFailure();
        assertThat(blocked.note()).contains("changed after its rows were moved");
        assertThat(store.adopted()).hasSize(1);
        assertThat(count(store, "checks")).isEqualTo(3000);
        assertThat(old.there("check_history")).isTrue();
    }

    /** G90: refused with figures before anything is moved. */
    @Test
    void shouldRefuseWithFiguresWhatHasNoRoomBelowTheCap(TestReporter reporter) {
        OldDatabase old = old(reporter);
        if (old == null) {
            return;
        }
        old.create(OldTables.checks(5000));
        Store store = splitting(engine().newStore(), 1000, point -> {}, o -> o.disk(Bytes.mebi(40)));
        store.createTable(OldTables.checks().build());
        PartitionId id = store.adopt("checks", OldTables.checks(old)).partition();
        LeveeException full = refused(ErrorCode.DISK_FULL, () -> store.split(id));
        assertThat((Long) full.details().get("needed")).isGreaterThan(64L << 20);
        assertThat((Long) full.details().get("free")).isLessThan(40L << 20);
        assertThat(store.splits()).isEmpty();
        assertThat(refused(ErrorCode.NOT_FOUND, () -> store.stopSplit(id))).hasMessageContaining("not begun");
        refused(ErrorCode.NOT_FOUND, () -> store.split(new PartitionId("checks", "", "adopted", 7)));
    }

    /** G66, G84: what was taken goes, once all of it was moved and compared. */
    @Test
    void shouldDeleteWhatWasTakenOnlyWhenAllOfItIsElsewhere(TestReporter reporter) {
        OldDatabase old = old(reporter);
        if (old == null) {
            return;
        }
        old.create(OldTables.checks(2000));
        AtPoint there = new AtPoint(
                point -> assertThat(old.there("check_history")).as(point).isTrue());
        Store store = splitting(engine().newStore(), 700, there, o -> o.retentionEvery(Duration.ofMillis(100)));
        store.createTable(OldTables.checks().build());
        store.split(store.adopt("checks", OldTables.checks(old).taken()).partition());
        await(store, SplitStatus.State.DONE);
        there.requireNoFailure();
        await("it is deleted", () -> !old.there("check_history"));
        assertThat(count(store, "checks")).isEqualTo(2000);
    }

    /** A key that was written again before or during it is one row, with its new values, and none once it is deleted. */
    @Test
    void shouldKeepToTheNewestVersionOfAKey(TestReporter reporter) {
        OldDatabase old = old(reporter);
        if (old == null) {
            return;
        }
        old.monitor(3000, false);
        AtomicReference<Store> opened = new AtomicReference<>();
        AtomicInteger times = new AtomicInteger();
        AtPoint write = new AtPoint(point -> {
            int n = times.get();
            // Between reading a piece and moving it: a key of that piece, one that has moved, one that has not.
            if (point.equals(splittings().read()) && n < 3) {
                times.incrementAndGet();
                again(Objects.requireNonNull(opened.get()), 2990 - 200 * n);
                again(Objects.requireNonNull(opened.get()), 5 + n);
                opened.get()
                        .table("invocations")
                        .delete(Ack.COMMITTED, OldTables.key(2990 - 200 * n))
                        .join();
            }
        });
        Store store = splitting(engine().newStore(), 200, write);
        opened.set(store);
        store.createTable(OldTables.invocations().build());
        PartitionId id = store.adopt("invocations", old.adoption("invocations").time("finished_at"))
                .partition();
        again(store, 100);
        store.split(id);
        SplitStatus done = await(store, SplitStatus.State.DONE);
        write.requireNoFailure();
        // The two below that the writer may have found among what had moved are no earlier versions any more.
        assertThat(done.superseded()).isBetween(5L, 7L);
        Map<Object, Object> names = new HashMap<>();
        rows(store, Query.builder("invocations").build(), "task_id", "task_name")
                .forEach(row -> assertThat(names.put(String.valueOf(row.get(0)), String.valueOf(row.get(1))))
                        .isNull());
        assertThat(names).hasSize(2997);
        assertThat(names.values().stream().filter("again"::equals)).hasSize(4);
        assertThat(names).containsEntry(OldTables.key(100), "again").containsEntry(OldTables.key(7), "again");
        // What moved is updated where it is.
        again(store, 50);
        assertThat(count(store, "invocations")).isEqualTo(2997);
        assertThat(store.table("invocations")
                        .find(OldTables.key(50))
                        .orElseThrow()
                        .seq())
                .isNegative();
    }

    private static void again(Store store, int row) {
        Table<Row> table = store.table("invocations");
        table.append(
                        OldTables.invocation(
                                table.spec(), OldTables.key(row), "again", BEGIN.plus(Duration.ofHours(1))),
                        Ack.COMMITTED)
                .join();
    }
}
