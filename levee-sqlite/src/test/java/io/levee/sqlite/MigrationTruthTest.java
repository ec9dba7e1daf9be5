package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.levee.Ack;
import io.levee.ColumnType;
import io.levee.IndexSpec;
import io.levee.Levee;
import io.levee.LeveeException;
import io.levee.Lookup;
import io.levee.Migration;
import io.levee.MigrationStatus;
import io.levee.MigrationStatus.State;
import io.levee.MigrationStep;
import io.levee.PartitionBy;
import io.levee.PartitionInfo;
import io.levee.Query;
import io.levee.Result;
import io.levee.Row;
import io.levee.RowBuilder;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.testkit.ChildJvm;
import io.levee.testkit.Requirements;
import io.levee.testkit.fault.SmallDisk;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Whatever goes wrong with a migration, its status says so, and nothing is taken for done that is not (G124–G126, G131, G139, G143, G150). */
class MigrationTruthTest {
    private static final Instant BEGIN = Instant.parse("2026-05-01T00:00:00Z");
    private static final int DAYS = 3;
    private static final int OF_DAY = 300;
    private static final int ROWS = DAYS * OF_DAY;
    private static final Instant NOW = BEGIN.plus(Duration.ofDays(DAYS)).minusSeconds(60);
    private static final Duration SOON = Duration.ofSeconds(30);
    private static final TableSpec SENT = TableSpec.builder("sent")
            .time("at")
            .key("k")
            .partitionBy(PartitionBy.DAY)
            .column("k", ColumnType.INTEGER)
            .column("at", ColumnType.TIMESTAMP)
            .column("v", ColumnType.INTEGER)
            .column("text", ColumnType.TEXT)
            .build();
    private static final TableSpec HEARD = TableSpec.builder("heard")
            .time("at")
            .partitionBy(PartitionBy.DAY)
            .column("k", ColumnType.INTEGER)
            .column("at", ColumnType.TIMESTAMP)
            .column("n", ColumnType.INTEGER)
            .index("k")
            .build();

    @TempDir
    Path directory;

    private static Store open(Path home) {
        return Levee.open(home, o -> o.asOf(NOW));
    }

    private static Instant at(long k) {
        return BEGIN.plus(Duration.ofDays(k / OF_DAY)).plusSeconds(k % OF_DAY * 200);
    }

    private static void fill(Store store, String text) {
        Table<Row> sent = store.createTable(SENT);
        Table<Row> heard = store.createTable(HEARD);
        List<Row> rows = new ArrayList<>();
        List<Row> others = new ArrayList<>();
        for (long k = 0; k < ROWS; k++) {
            rows.add(Row.of(SENT)
                    .set("k", k)
                    .set("at", at(k))
                    .set("v", k)
                    .set("text", text)
                    .build());
            // Each is heard on two days, so that an answer without one of the files is not the right one.
            for (long day = 0; day < 2; day++) {
                others.add(Row.of(HEARD)
                        .set("k", k)
                        .set("at", at((k + day * OF_DAY) % ROWS))
                        .set("n", k + day)
                        .build());
            }
        }
        sent.appendAll(rows, Ack.COMMITTED).join();
        heard.appendAll(others, Ack.COMMITTED).join();
    }

    private static MigrationStatus status(Store store) {
        return store.migrations().get(0);
    }

    private static MigrationStatus ended(Store store) {
        assertThat(store.awaitMigrations(SOON)).as("%s", store.migrations()).isTrue();
        return status(store);
    }

    /** By how much the value of each row is above what was stored, in the order of keys. */
    private static List<Long> added(Store store) {
        List<Long> added = new ArrayList<>();
        try (Result<Row> rows = store.query(Query.builder("sent").oldestFirst().build())) {
            rows.forEach(row -> added.add((Long) row.get("v") - (Long) row.get("k")));
        }
        return added;
    }

    private static Migration bump(UnaryOperator<Row> function) {
        return new Migration("bump", "sent", new MigrationStep.BackfillRows("1", List.of("v"), function));
    }

    private static Row bumped(Row row) {
        RowBuilder changed = Row.of(row.spec());
        row.spec().columns().forEach(column -> changed.set(column.name(), row.get(column.name())));
        return changed.set("v", (Long) row.get("v") + 1).build();
    }

    @Test
    void shouldFailWithTheTextOfAFunctionThatThrowsAndGoOnBehindIt() {
        try (Store store = open(directory)) {
            fill(store, "");
            store.migrate(
                    List.of(bump(row -> {
                        if (row.get("k").equals(450L)) {
                            throw new IllegalStateException("no sense in row 450");
                        }
                        return bumped(row);
                    })),
                    false);
            MigrationStatus failed = ended(store);
            assertThat(failed.state()).as("%s", failed).isEqualTo(State.FAILED);
            assertThat(failed.error()).contains("no sense in row 450");
            assertThat(failed.rowsDone()).isLessThan(ROWS);
            assertThat(store.status().health().toString()).isNotEqualTo("UP");
        }
        try (Store store = open(directory)) {
            assertThat(status(store).state()).isEqualTo(State.FAILED);
            assertThat(status(store).error()).contains("no sense in row 450");
            assertThat(added(store)).contains(0L);
            store.migrate(List.of(bump(MigrationTruthTest::bumped)), false);
            store.resumeMigrations("bump");
            assertThat(ended(store).state()).as("%s", status(store)).isEqualTo(State.DONE);
            assertThat(status(store).error()).isNull();
            assertThat(status(store).rowsDone()).isEqualTo(ROWS);
            assertThat(added(store)).hasSize(ROWS).containsOnly(1L);
        }
    }

    private static final Migration LOOKED_UP = new Migration(
            "looked-up",
            "sent",
            new MigrationStep.Backfill(
                    Map.of("v", "found"),
                    Map.of("found", Lookup.of(Lookup.Function.MAX, "heard", "n", "k", "k")),
                    null));

    /** A store with a backup, and a damaged file of the table that is looked up in. */
    private static PartitionInfo damaged(Path home, Path backup) throws Exception {
        PartitionInfo damaged;
        try (Store store = open(home)) {
            fill(store, "");
            store.flush(SOON);
            store.backup(backup);
            damaged = store.partitions().stream()
                    .filter(p -> p.id().table().equals("heard"))
                    .sorted(Comparator.comparing(p -> p.id().period()))
                    .toList()
                    .get(1);
        }
        Path file;
        try (var all = Files.list(home.resolve("tables").resolve("heard"))) {
            file = all.filter(path -> path.toString().contains(damaged.id().period()))
                    .findFirst()
                    .orElseThrow();
        }
        byte[] bytes = Files.readAllBytes(file);
        Arrays.fill(bytes, 0, bytes.length, (byte) 'x');
        Files.write(file, bytes);
        return damaged;
    }

    /** Whoever meets the damage first, the verifier or a lookup: it is in quarantine from here on. */
    private static void awaitAside(Store store, PartitionInfo damaged) {
        store.verify("heard", each -> {});
        await().atMost(SOON).until(() -> store.partitions().stream().noneMatch(p -> p.id().equals(damaged.id())));
    }

    /** Where no backup has the rows that cannot be read, a person may say that it is to be made without them; that stays with it. */
    @Test
    void shouldGoOnWithoutRowsThatALookupCannotReadWhereThatWasSaid() throws Exception {
        Path home = directory.resolve("store");
        PartitionInfo damaged = damaged(home, directory.resolve("backup"));
        try (Store store = open(home)) {
            awaitAside(store, damaged);
            store.migrate(List.of(LOOKED_UP, bump(MigrationTruthTest::bumped)), false);
            assertThat(ended(store).state()).as("%s", status(store)).isEqualTo(State.FAILED);
            assertThat(status(store).error()).contains("--accept-gaps");
            store.resumeMigration("looked-up", false);
            assertThat(ended(store).state()).as("%s", status(store)).isEqualTo(State.FAILED);
            store.resumeMigration("looked-up", true);
            assertThat(ended(store).state()).as("%s", status(store)).isEqualTo(State.DONE);
            assertThat(status(store).note()).contains("without rows", "heard", "QUARANTINED");
            assertThatThrownBy(() -> store.resumeMigration("bump", true)).hasMessageContaining("BAD_VALUE");
            // Each was heard on two days, of which one at most is gone; all were bumped behind it.
            assertThat(added(store))
                    .hasSize(ROWS)
                    .allMatch(a -> a == 1 || a == 2)
                    .contains(1L, 2L);
        }
        try (Store reader = Levee.openReadOnly(home)) {
            assertThat(status(reader).note()).contains("without rows");
        }
    }

    @Test
    void shouldFailWhereALookupCannotReadAFileInsteadOfTakingItForEmpty() throws Exception {
        Path home = directory.resolve("store");
        Path backup = directory.resolve("backup");
        PartitionInfo damaged = damaged(home, backup);
        try (Store store = open(home)) {
            store.migrate(List.of(LOOKED_UP), false);
            MigrationStatus failed = ended(store);
            assertThat(failed.state()).as("%s", failed).isEqualTo(State.FAILED);
            assertThat(failed.error()).contains("heard");
            // What was written is right: 1 where the newest was heard a day later.
            assertThat(added(store)).allMatch(a -> a == 0 || a == 1);
            awaitAside(store, damaged);
            store.restore(damaged.id(), backup);
            store.resumeMigrations("looked-up");
            assertThat(ended(store).state()).as("%s", status(store)).isEqualTo(State.DONE);
            assertThat(added(store)).hasSize(ROWS).containsOnly(1L);
        }
    }

    /** G91: there has to be room before an index is begun, and the refusal has the figures. */
    @Test
    void shouldSayWhatAnIndexNeedsWhereThereIsNoRoomAndBuildItWhenThereIs() throws Exception {
        Path mount = Files.createDirectories(directory.resolve("mount"));
        try (SmallDisk disk = Requirements.needed(() -> SmallDisk.tmpfs(mount, 48 << 20))) {
            Path home = disk.directory().resolve("store");
            Path hog = disk.directory().resolve("hog");
            try (Store store = open(home)) {
                fill(store, "x".repeat(8_000));
                store.flush(SOON);
                long free = Files.getFileStore(mount).getUsableSpace();
                Files.write(hog, new byte[(int) Math.max(0, free - (5 << 20))]);
                store.migrate(
                        List.of(new Migration(
                                "by-text",
                                "sent",
                                new MigrationStep.AddIndex(new IndexSpec("by_text", List.of("text"), null)))),
                        true);
                await().atMost(SOON)
                        .untilAsserted(() -> assertThat(
                                        status(store).note() + status(store).error())
                                .containsPattern("\\d+(\\.\\d+)? ?[KMG]i?B"));
                assertThat(status(store).state()).as("%s", status(store)).isNotEqualTo(State.DONE);
                assertThat(store.table("sent").query().count()).isEqualTo(ROWS);
                Files.delete(hog);
                store.resumeMigrations("by-text");
                await().atMost(SOON).until(() -> status(store).state() == State.DONE);
            }
        }
    }

    @Test
    void shouldBeInterruptedByACloseAndGoOnWhereItWas() throws Exception {
        CountDownLatch inTheMiddle = new CountDownLatch(1);
        CountDownLatch closing = new CountDownLatch(1);
        try (Store store = open(directory)) {
            fill(store, "");
            store.migrate(
                    List.of(bump(row -> {
                        if (row.get("k").equals(450L)) {
                            inTheMiddle.countDown();
                            await().atMost(SOON).until(() -> closing.getCount() == 0);
                        }
                        if (closing.getCount() == 0) {
                            // More work than a close waits for.
                            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(5));
                        }
                        return bumped(row);
                    })),
                    false);
            assertThat(inTheMiddle.await(30, TimeUnit.SECONDS)).isTrue();
            assertThat(status(store).state()).isEqualTo(State.RUNNING);
            closing.countDown();
        }
        try (Store reader = Levee.openReadOnly(directory)) {
            assertThat(status(reader).state()).as("%s", status(reader)).isEqualTo(State.INTERRUPTED);
            assertThat(status(reader).rowsDone()).isLessThan(ROWS);
        }
        try (Store store = open(directory)) {
            assertThat(status(store).state()).as("%s", status(store)).isIn(State.INTERRUPTED, State.PENDING);
            assertThat(status(store).note()).isNotEmpty();
            store.migrate(List.of(bump(MigrationTruthTest::bumped)), false);
            assertThat(ended(store).state()).as("%s", status(store)).isEqualTo(State.DONE);
            assertThat(added(store)).hasSize(ROWS).containsOnly(1L);
        }
    }

    /** Reads the status beside the writer, and tries to migrate. */
    static final class Child {
        private Child() {}

        public static void main(String[] arguments) {
            try (Store store = Levee.openReadOnly(Path.of(arguments[0]))) {
                System.out.println(store.migrations().get(0).toMap());
                try {
                    store.migrate(List.of(LOOKED_UP), false);
                    System.out.println("migrated");
                } catch (LeveeException e) {
                    System.out.println(e.code());
                }
            }
            try (Store store = open(Path.of(arguments[0]))) {
                System.out.println("opened " + store.address());
            } catch (LeveeException e) {
                System.out.println(e.code());
            }
        }
    }

    @Test
    void shouldTellAnotherProcessTheTruthAndLetItChangeNothing() throws Exception {
        CountDownLatch inTheMiddle = new CountDownLatch(1);
        CountDownLatch go = new CountDownLatch(1);
        try (Store store = open(directory)) {
            fill(store, "");
            store.migrate(
                    List.of(bump(row -> {
                        if (row.get("k").equals(450L)) {
                            inTheMiddle.countDown();
                            await().atMost(SOON).until(() -> go.getCount() == 0);
                        }
                        return bumped(row);
                    })),
                    false);
            assertThat(inTheMiddle.await(30, TimeUnit.SECONDS)).isTrue();
            try (ChildJvm child = ChildJvm.start(Child.class, directory.toString())) {
                assertThat(child.line()).contains("id=bump", "status=running", "error=null");
                assertThat(child.line()).isEqualTo("NOT_WRITABLE");
                assertThat(child.line()).isEqualTo("STORE_LOCKED");
            }
            assertThatThrownBy(() -> store.migrate(List.of(new Migration("bump", "sent", LOOKED_UP.step())), false))
                    .as("another step of the same name")
                    .isInstanceOf(LeveeException.class)
                    .hasMessageContaining("SPEC_CONFLICT");
            go.countDown();
            assertThat(ended(store).state()).as("%s", status(store)).isEqualTo(State.DONE);
            assertThat(added(store)).hasSize(ROWS).containsOnly(1L);
        }
    }
}
