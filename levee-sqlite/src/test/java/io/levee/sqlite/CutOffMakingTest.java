package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.ErrorCode;
import io.levee.Levee;
import io.levee.LeveeException;
import io.levee.Query;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.testkit.Requirements;
import io.levee.testkit.fault.SmallDisk;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A store whose making was cut off by a full disk says so to readers, and is finished by who opens it for writing (G90, G110). */
class CutOffMakingTest {
    private static final Instant AT = Instant.parse("2026-05-20T12:00:00Z");
    private static final TableSpec SPEC = TableSpec.builder("events")
            .time("at")
            .column("at", io.levee.ColumnType.TIMESTAMP)
            .build();

    @TempDir
    Path directory;

    private static @Nullable LeveeException opened(Path home, boolean readOnly) {
        try {
            Levee.open(home.toString(), readOnly, o -> {}).close();
            return null;
        } catch (LeveeException e) {
            return e;
        }
    }

    private static void requireTruth(@Nullable LeveeException told, boolean full) {
        if (told == null || full && told.code() == ErrorCode.DISK_FULL) {
            return;
        }
        assertThat(told.code()).as(told.getMessage()).isEqualTo(ErrorCode.NOT_FOUND);
        if (!told.what().contains("there is no store in")) {
            assertThat(told).hasMessageContaining("was interrupted").hasMessageContaining("open it for writing again");
        }
    }

    @Test
    void shouldSayThatItWasInterruptedAndBeFinishedByTheNextOpening() throws IOException {
        int interrupted = 0;
        boolean made = false;
        try (SmallDisk disk = Requirements.needed(() -> SmallDisk.tmpfs(directory, 2 << 20))) {
            // Each time with more room, until it is enough: every step of the making is cut off once.
            for (int kib = 0; !made; kib += 8) {
                Path home = disk.directory().resolve("store");
                Path ballast = disk.fill((long) kib << 10);
                LeveeException writing = opened(home, false);
                made = writing == null;
                if (writing != null) {
                    assertThat(writing.code()).as(writing.getMessage()).isEqualTo(ErrorCode.DISK_FULL);
                    requireTruth(opened(home, true), true);
                }
                Files.delete(ballast);
                LeveeException reading = opened(home, true);
                requireTruth(reading, false);
                interrupted += reading != null && reading.what().contains("was interrupted") ? 1 : 0;
                try (Store store = Levee.open(home, o -> o.asOf(AT))) {
                    Table<Row> events = store.createTable(SPEC);
                    events.append(Row.of(SPEC).set("at", AT).build(), Ack.COMMITTED)
                            .join();
                }
                try (Store store = Levee.openReadOnly(home)) {
                    assertThat(store.count(Query.builder("events").build())).isEqualTo(1);
                }
                for (Path file : Tree.files(home)) {
                    Files.delete(file);
                }
            }
        }
        assertThat(interrupted).as("cut off after its catalog was begun").isPositive();
    }
}
