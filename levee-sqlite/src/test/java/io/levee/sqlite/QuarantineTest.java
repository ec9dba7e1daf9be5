package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Bytes;
import io.levee.Gap;
import io.levee.LossReason;
import io.levee.PartitionId;
import io.levee.engine.Period;
import io.levee.engine.Quarantined;
import io.levee.engine.Slot;
import io.levee.internal.supervisor.Supervisor;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.time.Clock;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Setting one damaged file aside (invariant I10): the mechanism alone, on a real catalog and real files. */
class QuarantineTest {
    private static final Clock WALL = Clock.systemUTC();
    private static final PartitionId ID = new PartitionId("events", "", "2026-05-10", 1);
    private static final Partition.Held HELD = new Partition.Held(100, 900, 7, 3, 41);

    @TempDir
    Path directory;

    private StorePaths paths;
    private Catalog catalog;
    private Manifest manifest;
    private TableMarks marks;
    private Quarantine quarantine;
    private final Supervisor supervisor = new Supervisor();

    @BeforeEach
    void open() throws Exception {
        paths = new StorePaths(directory);
        paths.create();
        Files.createDirectories(paths.directory("events"));
        catalog = Catalog.open(paths.catalog(), Instant.EPOCH);
        catalog.start(supervisor);
        manifest = new Manifest(paths);
        marks = new TableMarks(Map.of(), (table, to) -> {});
        quarantine = quarantine();
        catalog.change(c -> {
            Sqlite.run(c, "INSERT OR IGNORE INTO tables(name, spec, next_seq) VALUES('events', '{}', 1000)");
            return true;
        });
    }

    private Quarantine quarantine() {
        return new Quarantine(paths, catalog, manifest, new ReadHandles(paths, new Suspects(true), 0), WALL, marks);
    }

    @AfterEach
    void close() {
        supervisor.stop();
        catalog.finish(null);
        catalog.close();
    }

    private Partition partition(PartitionId id, Partition.Held held) throws Exception {
        String name = id.period() + (id.n() == 1 ? "" : "." + id.n()) + ".db";
        Partition partition = new Partition(id, "tables/events/" + name, Partition.State.OPEN, held, 0);
        catalog.change(c -> {
            Catalog.insertOpen(c, partition, Instant.EPOCH);
            return true;
        });
        manifest.add(partition);
        for (String suffix : List.of("", "-wal", "-shm")) {
            Files.writeString(directory.resolve(partition.file() + suffix), "bytes" + suffix);
        }
        return partition;
    }

    private static Path in(Path directory, String name) {
        return directory.resolve("quarantine").resolve("events~" + name);
    }

    @Test
    void shouldKeepTheFilesAndTellTheGap() throws Exception {
        Partition damaged = partition(ID, HELD);
        assertThat(quarantine.setAside(damaged, "page 3 is torn")).isTrue();
        for (String suffix : List.of("", "-wal", "-shm")) {
            assertThat(in(directory, "2026-05-10.db" + suffix)).hasContent("bytes" + suffix);
        }
        assertThat(directory.resolve(damaged.file())).doesNotExist();
        assertThat(manifest.get(ID)).isNull();
        Quarantined told = manifest.quarantined().get(0);
        assertThat(told.reason()).isEqualTo("page 3 is torn");
        assertThat(told.rows()).isEqualTo(7);
        assertThat(Quarantine.gaps(List.of(told)))
                .containsExactly(new Gap("events", 100, 900, 7, LossReason.QUARANTINED));
        // Whoever follows the table learns that numbers up to the highest one went.
        assertThat(marks.of("events").droppedSeq()).isEqualTo(41);
        assertThat(quarantine.setAside(damaged, "again")).isFalse();
        assertThat(quarantine.left("events")).hasSize(1);
        assertThat(quarantine.left("others")).isEmpty();
    }

    @Test
    void shouldBoundWhatIsUnknownByThePeriodAndTheNumbersGiven() throws Exception {
        Partition damaged = partition(ID, Partition.Held.UNKNOWN);
        assertThat(quarantine.setAside(damaged, "no database")).isTrue();
        Gap gap = Quarantine.gaps(manifest.quarantined()).get(0);
        assertThat(gap.count()).isEqualTo(Gap.UNKNOWN);
        assertThat(Instant.EPOCH.plusNanos(gap.fromMicros() * 1000)).isEqualTo(Instant.parse("2026-05-10T00:00:00Z"));
        assertThat(Instant.EPOCH.plusNanos(gap.toMicros() * 1000))
                .isEqualTo(Instant.parse("2026-05-10T23:59:59.999999Z"));
        assertThat(marks.of("events").droppedSeq()).isEqualTo(999);
    }

    @Test
    void shouldTellTheSameAfterARestartAndGiveNoNameTwice() throws Exception {
        quarantine.setAside(partition(ID, HELD), "torn");
        quarantine.setAside(partition(new PartitionId("events", "", "2026-05-10", 2), Partition.Held.UNKNOWN), "torn");
        List<Quarantined> before = manifest.quarantined();
        Connection reader = Connections.reader(paths.catalog(), Bytes.mebi(1));
        try {
            Manifest again = new Manifest(paths);
            again.reload(reader);
            assertThat(again.quarantined()).isEqualTo(before).hasSize(2);
            assertThat(again.all()).isEmpty();
            assertThat(Catalog.nextN(reader, "events", Slot.of(Period.parse("2026-05-10"))))
                    .isEqualTo(3);
            // The janitor must not take them for dropped files that a crash left in their place.
            assertThat(Catalog.droppedFiles(reader, List.of(ID, new PartitionId("events", "", "2026-05-10", 2))))
                    .isEmpty();
        } finally {
            Connections.close(paths.catalog(), reader);
        }
    }

    @Test
    void shouldLeaveAPinnedFileInItsPlaceUntilItsReadersEnd() throws Exception {
        Partition damaged = partition(ID, HELD);
        damaged.pin();
        quarantine.setAside(damaged, "torn");
        quarantine.moveReleased();
        assertThat(directory.resolve(damaged.file())).exists();
        assertThat(manifest.get(ID)).isNull();
        damaged.unpin();
        quarantine.moveReleased();
        assertThat(directory.resolve(damaged.file())).doesNotExist();
        assertThat(in(directory, "2026-05-10.db")).exists();
    }

    @Test
    void shouldMoveWhatACrashLeftInItsPlace() throws Exception {
        Partition damaged = partition(ID, HELD);
        damaged.pin();
        quarantine.setAside(damaged, "torn");
        // The next process: nobody pins it any more.
        quarantine = quarantine();
        quarantine.moveReleased();
        assertThat(directory.resolve(damaged.file() + "-wal")).doesNotExist();
        assertThat(in(directory, "2026-05-10.db-wal")).exists();
    }

    @Test
    void shouldLeaveAloneWhatIsLentOrDropped() throws Exception {
        Partition lent = partition(ID, HELD);
        lent.closed(HELD, 1);
        assertThat(lent.lent(() -> {})).isTrue();
        assertThat(quarantine.setAside(lent, "torn")).isFalse();
        lent.givenBack();
        assertThat(lent.dropped()).isTrue();
        assertThat(quarantine.setAside(lent, "torn")).isFalse();
        assertThat(manifest.quarantined()).isEmpty();
    }
}
