package io.levee.testkit.conformance;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Adoption;
import io.levee.Bytes;
import io.levee.ErrorCode;
import io.levee.SplitStatus;
import io.levee.Store;
import io.levee.TableSpec;
import io.levee.internal.spec.SpecCodec;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;

/** A database that a spec has adopted and split: by the first start, once, whoever starts again (guarantees G54, G101). */
abstract class DeclaredSplitConformance extends OldTopic {
    private static final int ROWS = 500;

    DeclaredSplitConformance(EngineConformance kit) {
        super(kit);
    }

    private static TableSpec spec(OldDatabase old) {
        old.create(OldTables.checks(ROWS));
        Adoption adoption = OldTables.checks(old).thenSplit();
        assertThat(adoption.toMap()).containsEntry("split", true);
        assertThat(Adoption.fromMap(adoption.toMap())).isEqualTo(adoption);
        return OldTables.checks().adopt(adoption).build();
    }

    @Test
    void shouldSplitOnceAtTheFirstStart(TestReporter reporter) {
        OldDatabase old = old(reporter);
        if (old == null) {
            return;
        }
        TableSpec spec = spec(old);
        String address = engine().newStore();
        for (int start = 0; start < 3; start++) {
            try (Store store = open(address, false)) {
                store.createTable(spec);
                SplitStatus done = await(store, SplitStatus.State.DONE);
                assertThat(done.rowsMoved()).isEqualTo(ROWS);
                assertThat(count(store, "checks")).isEqualTo(ROWS);
                // What releases of before read does not have the word.
                assertThat(SpecCodec.toMap(store.table("checks").spec()).toString())
                        .doesNotContain("split");
            }
        }
    }

    @Test
    void shouldStayStoppedWhereSomebodyStoppedIt(TestReporter reporter) {
        OldDatabase old = old(reporter);
        if (old == null) {
            return;
        }
        TableSpec spec = spec(old);
        String address = engine().newStore();
        CountDownLatch stopped = new CountDownLatch(1);
        try (Store store = splitting(address, 100, point -> waitFor(stopped))) {
            store.createTable(spec);
            store.stopSplit(adopted(store));
            stopped.countDown();
            store.createTable(spec);
            assertThat(store.splits()).extracting(SplitStatus::state).containsExactly(SplitStatus.State.STOPPED);
        }
        Store store = open(address, false);
        store.createTable(spec);
        assertThat(store.splits()).extracting(SplitStatus::state).containsExactly(SplitStatus.State.STOPPED);
        assertThat(count(store, "checks")).isEqualTo(ROWS);
    }

    private static void waitFor(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** A start does not fail for want of room; a call says so. */
    @Test
    void shouldOpenWhereThereIsTooLittleRoomToSplit(TestReporter reporter) {
        OldDatabase old = old(reporter);
        if (old == null) {
            return;
        }
        TableSpec spec = spec(old);
        String address = engine().newStore();
        try (Store store = open(address, false, o -> o.disk(Bytes.mebi(40)))) {
            store.createTable(spec);
            assertThat(store.splits()).isEmpty();
            assertThat(count(store, "checks")).isEqualTo(ROWS);
            refused(
                    ErrorCode.DISK_FULL,
                    () -> store.adopt("checks", spec.adoptions().get(0)));
        }
        Store store = open(address, false);
        store.createTable(spec);
        await(store, SplitStatus.State.DONE);
        assertThat(old.there("check_history")).isTrue();
    }
}
