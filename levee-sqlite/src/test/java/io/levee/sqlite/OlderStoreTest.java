package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.levee.Ack;
import io.levee.Coverage;
import io.levee.Expr;
import io.levee.Levee;
import io.levee.LossReason;
import io.levee.Query;
import io.levee.Result;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.engine.Verification;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Objects;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A store of an older release is opened, read and written (T9, G108). {@code format1-9530f01.zip} was made by the release of
 * 2026-11-21 before there was a quarantine, and its writer was killed: 220 events, 40 states of which number 5 was updated after a
 * restart, two partitions open.
 */
class OlderStoreTest {
    private static final Instant AS_OF = Instant.parse("2026-05-20T12:00:00Z");

    @TempDir
    Path directory;

    @BeforeEach
    void unzip() throws Exception {
        try (InputStream in = OlderStoreTest.class.getResourceAsStream("/stores/format1-9530f01.zip");
                ZipInputStream zip = new ZipInputStream(Objects.requireNonNull(in))) {
            for (ZipEntry entry = zip.getNextEntry(); entry != null; entry = zip.getNextEntry()) {
                Path file = directory.resolve(entry.getName());
                Files.createDirectories(file.getParent());
                Files.copy(zip, file);
            }
        }
    }

    private static void requireRows(Store store) {
        assertThat(store.count(Query.builder("events").build())).isEqualTo(220);
        assertThat(store.count(Query.builder("states").build())).isEqualTo(40);
        assertThat(store.count(
                        Query.builder("states").where(Expr.eq("v", 1000L)).build()))
                .isEqualTo(1);
    }

    @Test
    void shouldReadIt() {
        try (Store store = Levee.openReadOnly(directory)) {
            requireRows(store);
            assertThat(store.quarantined()).isEmpty();
        }
    }

    @Test
    void shouldWriteToItAndLeaveItWhole() {
        try (Store store = Levee.open(directory, o -> o.asOf(AS_OF))) {
            requireRows(store);
            assertThat(store.gaps()).allMatch(g -> g.reason() == LossReason.UNCLEAN_STOP);
            Table<Row> states = store.table("states");
            TableSpec spec = states.spec();
            states.append(
                            Row.of(spec)
                                    .set("k", 5L)
                                    .set("v", 1001L)
                                    .set("at", Instant.parse("2026-05-11T12:00:00Z"))
                                    .build(),
                            Ack.COMMITTED)
                    .join();
            assertThat(store.count(Query.builder("states").build())).isEqualTo(40);
            assertThat(store.count(
                            Query.builder("states").where(Expr.eq("v", 1001L)).build()))
                    .isEqualTo(1);
        }
        try (Store store = Levee.open(directory, o -> o.asOf(AS_OF))) {
            await().until(() ->
                    store.verify(null, each -> {}).stream().allMatch(v -> v.state() == Verification.State.OK));
            assertThat(store.quarantined()).isEmpty();
        }
    }

    @Test
    void shouldRebuildItsCatalog() throws Exception {
        Files.delete(directory.resolve("catalog.db"));
        Files.deleteIfExists(directory.resolve("catalog.db-wal"));
        try (Store store = Levee.open(directory, o -> o.asOf(AS_OF))) {
            requireRows(store);
            try (Result<Row> rows = store.query(Query.builder("events").build())) {
                assertThat(rows.toList()).hasSize(220);
                assertThat(rows.coverage()).isNotEqualTo(Coverage.COMPLETE);
            }
        }
    }
}
