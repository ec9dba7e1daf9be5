package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.levee.Adoption;
import io.levee.Bytes;
import io.levee.ErrorCode;
import io.levee.Levee;
import io.levee.LeveeException;
import io.levee.Query;
import io.levee.SplitStatus;
import io.levee.Store;
import io.levee.TableSpec;
import io.levee.internal.spec.SpecCodec;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A database that a spec has adopted and split: by the first start, once, whoever starts again (guarantees G54, G101). */
class DeclaredSplitTest {
    private static final int ROWS = 500;

    @TempDir
    Path directory;

    private TableSpec spec(Path file) {
        Adoption adoption = Adoption.fromMap(Map.of(
                "database", file.toString(), "source", "check_history", "map", Map.of("up", "is_up"), "split", true));
        assertThat(adoption)
                .isEqualTo(Adoption.of(file, "check_history").map("up", "is_up").thenSplit());
        assertThat(Adoption.fromMap(adoption.toMap())).isEqualTo(adoption);
        return LegacyData.checkSpec().adopt(adoption).build();
    }

    private Path file() throws Exception {
        Path file = directory.resolve("old.db");
        LegacyData.checks(file, ROWS);
        return file;
    }

    @Test
    void shouldSplitOnceAtTheFirstStart() throws Exception {
        TableSpec spec = spec(file());
        Path home = directory.resolve("store");
        for (int start = 0; start < 3; start++) {
            try (Store store = Levee.open(home)) {
                store.createTable(spec);
                SplitStatus done = SplitTest.await(store, SplitStatus.State.DONE);
                assertThat(done.rowsMoved()).isEqualTo(ROWS);
                assertThat(store.count(Query.builder("checks").build())).isEqualTo(ROWS);
                // What releases of before read does not have the word.
                assertThat(SpecCodec.toMap(store.table("checks").spec()).toString())
                        .doesNotContain("split");
            }
        }
    }

    @Test
    void shouldStayStoppedWhereSomebodyStoppedIt() throws Exception {
        TableSpec spec = spec(file());
        Path home = directory.resolve("store");
        CountDownLatch stopped = new CountDownLatch(1);
        try (Store store = SplitTest.open(
                home,
                point -> {
                    try {
                        stopped.await();
                    } catch (InterruptedException e) {
                        Thread.currentThread().interrupt();
                    }
                },
                100,
                o -> {})) {
            store.createTable(spec);
            store.stopSplit(AdoptedCatalog.id("checks", 1));
            stopped.countDown();
            store.createTable(spec);
            assertThat(store.splits()).extracting(SplitStatus::state).containsExactly(SplitStatus.State.STOPPED);
        }
        try (Store store = Levee.open(home)) {
            store.createTable(spec);
            assertThat(store.splits()).extracting(SplitStatus::state).containsExactly(SplitStatus.State.STOPPED);
            assertThat(store.count(Query.builder("checks").build())).isEqualTo(ROWS);
        }
    }

    /** A start does not fail for want of room; a call says so. */
    @Test
    void shouldOpenWhereThereIsTooLittleRoomToSplit() throws Exception {
        Path file = file();
        TableSpec spec = spec(file);
        Path home = directory.resolve("store");
        try (Store store = Levee.open(home, o -> o.minFreeDisk(Bytes.gibi(1L << 30)))) {
            store.createTable(spec);
            assertThat(store.splits()).isEmpty();
            assertThat(store.count(Query.builder("checks").build())).isEqualTo(ROWS);
            assertThatThrownBy(() -> store.adopt("checks", spec.adoptions().get(0)))
                    .isInstanceOfSatisfying(
                            LeveeException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.DISK_FULL));
        }
        try (Store store = Levee.open(home)) {
            store.createTable(spec);
            SplitTest.await(store, SplitStatus.State.DONE);
        }
        assertThat(List.of(file)).allMatch(java.nio.file.Files::exists);
    }
}
