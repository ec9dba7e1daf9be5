package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;

import io.levee.Ack;
import io.levee.Bytes;
import io.levee.ColumnType;
import io.levee.Coverage;
import io.levee.ErrorCode;
import io.levee.Gap;
import io.levee.Levee;
import io.levee.LeveeException;
import io.levee.LossReason;
import io.levee.PartitionBy;
import io.levee.PartitionId;
import io.levee.Query;
import io.levee.Result;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.engine.Verification;
import io.levee.internal.time.Micros;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.sql.Connection;
import java.sql.DriverManager;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** T33: whatever happens to one file is found, costs only its own period, and writes go on (I10). */
class DamageTest {
    private static final Instant DAY1 = Instant.parse("2026-05-10T12:00:00Z");
    private static final Instant AS_OF = Instant.parse("2026-05-20T12:00:00Z");
    private static final int PER_DAY = 300;
    private static final int DAYS = 3;
    private static final TableSpec SPEC = TableSpec.builder("events")
            .column("i", ColumnType.INTEGER)
            .column("at", ColumnType.TIMESTAMP)
            .column("text", ColumnType.TEXT)
            .time("at")
            .partitionBy(PartitionBy.DAY)
            .build();

    @TempDir
    static Path made;

    @TempDir
    Path directory;

    private static Row row(long i, int day) {
        return Row.of(SPEC)
                .set("i", i)
                .set("at", DAY1.plus(Duration.ofDays(day)).plusMillis(i))
                .set("text", "text of record " + i)
                .build();
    }

    private Store open() {
        return Levee.open(home(), o -> o.asOf(AS_OF));
    }

    private Path home() {
        return directory.resolve("store");
    }

    private Path file(int day) {
        return home().resolve("tables/events/2026-05-" + (10 + day) + ".db");
    }

    /** A closed store of three days, all with their checksums. */
    @BeforeAll
    static void makeStore() {
        try (Store store = Levee.open(made, o -> o.asOf(AS_OF))) {
            Table<Row> events = store.createTable(SPEC);
            for (int i = 0; i < PER_DAY * DAYS; i++) {
                events.append(row(i, i % DAYS));
            }
        }
        try (Store store = Levee.open(made, o -> o.asOf(AS_OF))) {
            await().until(() -> allWhole(store));
        }
    }

    private static boolean allWhole(Store store) {
        return store.verify("events", each -> {}).stream().allMatch(v -> v.state() == Verification.State.OK);
    }

    private void closedStore() throws Exception {
        try (Stream<Path> files = Files.walk(made)) {
            for (Path file : files.toList()) {
                Files.copy(file, home().resolve(made.relativize(file).toString()));
            }
        }
    }

    private static void write(Path file, long position, byte[] bytes) throws IOException {
        try (var channel = Files.newByteChannel(file, StandardOpenOption.WRITE)) {
            channel.position(position);
            channel.write(java.nio.ByteBuffer.wrap(bytes));
        }
    }

    private static void flip(Path file, long bit) throws IOException {
        byte[] all = Files.readAllBytes(file);
        all[(int) (bit / 8)] ^= (byte) (1 << (bit % 8));
        Files.write(file, all);
    }

    private static void sql(Path database, String sql) throws Exception {
        try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + database)) {
            Sqlite.run(connection, sql);
        }
    }

    /** Damages the second day's file, which nobody has open. */
    private void damage(String kind) throws Exception {
        Path file = file(1);
        Path wal = file.resolveSibling(file.getFileName() + "-wal");
        switch (kind) {
            case "bit" -> flip(file, 8 * (Files.size(file) / 2) + 3);
            case "page" -> write(file, 8 * 4096, new byte[4096]);
            case "header" -> write(file, 0, new byte[100]);
            case "truncated" -> {
                try (var channel = Files.newByteChannel(file, StandardOpenOption.WRITE)) {
                    channel.truncate(Files.size(file) - 4096);
                }
            }
            case "odd" -> {
                try (var channel = Files.newByteChannel(file, StandardOpenOption.WRITE)) {
                    channel.truncate(Files.size(file) - 1000);
                }
            }
            case "garbage" -> Files.write(file, new byte[777], StandardOpenOption.APPEND);
            case "empty" -> Files.write(file, new byte[0]);
            case "deleted" -> Files.delete(file);
            case "application" -> sql(file, "PRAGMA application_id=77");
            case "foreign change" -> sql(file, "UPDATE events SET text = 'forged' WHERE _seq % 7 = 0");
            case "older copy" -> {
                Path older = directory.resolve("older.db");
                Files.copy(file, older);
                sql(older, "DELETE FROM events WHERE _seq > 500");
                sql(older, "UPDATE levee_stats SET rows = 166, max_seq = 500");
                Files.move(older, file, StandardCopyOption.REPLACE_EXISTING);
            }
            case "foreign wal" -> {
                Path other = directory.resolve("other.db");
                Files.copy(file, other);
                try (Connection c = DriverManager.getConnection("jdbc:sqlite:" + other)) {
                    Sqlite.value(c, "PRAGMA journal_mode=WAL");
                    Sqlite.run(c, "UPDATE events SET text = 'foreign'");
                    Files.copy(other.resolveSibling("other.db-wal"), wal);
                }
            }
            default -> throw new IllegalArgumentException(kind);
        }
    }

    private static Query day(int day) {
        Instant midnight = DAY1.plus(Duration.ofDays(day)).minus(Duration.ofHours(12));
        return Query.builder("events")
                .from(midnight)
                .to(midnight.plus(Duration.ofDays(1)))
                .build();
    }

    private static Coverage readAll(Store store, int expected) {
        try (Result<Row> rows = store.query(Query.builder("events").build())) {
            assertThat(rows.toList()).hasSize(expected);
            return rows.coverage();
        }
    }

    private void requireOnlyItsPeriodLost(Store store) {
        assertThat(store.quarantined()).singleElement().satisfies(q -> {
            assertThat(q.id()).isEqualTo(new PartitionId("events", "", "2026-05-11", 1));
            assertThat(q.rows()).isEqualTo(PER_DAY);
        });
        Coverage coverage = readAll(store, PER_DAY * 2);
        assertThat(coverage.gaps()).singleElement().satisfies(gap -> {
            assertThat(gap.reason()).isEqualTo(LossReason.QUARANTINED);
            assertThat(gap.count()).isEqualTo(PER_DAY);
        });
        try (Result<Row> rows = store.query(day(2))) {
            assertThat(rows.toList()).hasSize(PER_DAY);
            assertThat(rows.coverage()).isEqualTo(Coverage.COMPLETE);
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "bit",
                "page",
                "header",
                "truncated",
                "odd",
                "garbage",
                "empty",
                "deleted",
                "application",
                "foreign change",
                "older copy",
                "foreign wal"
            })
    void shouldFindItAndLoseOnlyItsPeriod(String kind) throws Exception {
        closedStore();
        damage(kind);
        try (Store store = open()) {
            assertThat(store.verify("events", each -> {}))
                    .filteredOn(v -> v.state() == Verification.State.DAMAGED)
                    .extracting(v -> v.id().period())
                    .containsExactly("2026-05-11");
            requireOnlyItsPeriodLost(store);
            // Rows of that period go to a sibling.
            store.createTable(SPEC).append(row(9999, 1), Ack.COMMITTED).join();
            assertThat(store.count(day(1))).isEqualTo(1);
            assertThat(file(1).resolveSibling("2026-05-11.2.db")).exists();
        }
        if (!kind.equals("deleted")) {
            assertThat(home().resolve("quarantine/events~2026-05-11.db")).exists();
        }
        try (Store store = open()) {
            assertThat(store.gaps()).extracting(Gap::reason).containsExactly(LossReason.QUARANTINED);
            assertThat(store.count(day(1))).isEqualTo(1);
        }
    }

    /** Without anybody's asking: a query meets it, fails by name, and the next ones answer with the gap; under load. */
    @ParameterizedTest
    @ValueSource(strings = {"header", "truncated", "empty", "deleted", "application", "older copy", "foreign wal"})
    void shouldSetAsideWhatAQueryMeets(String kind) throws Exception {
        closedStore();
        try (Store store = open()) {
            Table<Row> events = store.createTable(SPEC);
            AtomicBoolean stop = new AtomicBoolean();
            Thread load = new Thread(() -> {
                for (int i = 0; !stop.get(); i++) {
                    events.append(row(10_000 + i, 5), Ack.COMMITTED).join();
                }
            });
            load.start();
            damage(kind);
            LeveeException e = catchThrowableOfType(LeveeException.class, () -> {
                try (Result<Row> rows = store.query(day(1))) {
                    rows.toList();
                }
            });
            assertThat(e).isNotNull();
            assertThat(e.code()).isEqualTo(ErrorCode.CORRUPT);
            assertThat(e.details()).containsEntry("partition", "events/2026-05-11");
            await().until(() -> !store.quarantined().isEmpty());
            stop.set(true);
            load.join();
            try (Result<Row> rows = store.query(day(1))) {
                assertThat(rows.toList()).isEmpty();
                assertThat(rows.coverage().gaps()).hasSize(1);
            }
            assertThat(store.count(day(5))).isPositive();
            assertThat(store.status().lost()).isZero();
        }
    }

    @Test
    void shouldFindSwappedFilesByWhatTheySay() throws Exception {
        closedStore();
        Path spare = directory.resolve("spare");
        Files.move(file(0), spare);
        Files.move(file(1), file(0));
        Files.move(spare, file(1));
        try (Store store = open()) {
            for (int day = 0; day < 2; day++) {
                Query query = day(day);
                assertThat(catchThrowableOfType(LeveeException.class, () -> store.count(query)))
                        .hasMessageContaining("it says that it is events/2026-05-1" + (1 - day));
            }
            await().until(() -> store.quarantined().size() == 2);
            assertThat(readAll(store, PER_DAY).gaps()).hasSize(2);
        }
    }

    /** Every single flipped bit, of which SQLite's own check finds few; the background's path and {@code verify}'s are one. */
    @Test
    void shouldFindEveryFlippedBit() throws Exception {
        closedStore();
        Path file = file(1);
        byte[] whole = Files.readAllBytes(file);
        String checksum = Checksums.of(file, Checksums.Pace.NONE).orElseThrow();
        StorePaths paths = new StorePaths(home());
        PartitionId id = new PartitionId("events", "", "2026-05-11", 1);
        Partition partition = new Partition(
                id, "tables/events/2026-05-11.db", Partition.State.CLOSED, Partition.Held.UNKNOWN, whole.length);
        PartitionCheck check =
                new PartitionCheck(paths, new ReadHandles(paths, new Suspects(true), 0), one -> Optional.of(checksum));
        SplittableRandom random = new SplittableRandom(42);
        int byChecksum = 0;
        int bySqlite = 0;
        int flips = 60;
        for (int i = 0; i < flips; i++) {
            flip(file, random.nextLong(8L * whole.length));
            byChecksum += check.bytes(partition, Checksums.Pace.NONE).state() == Verification.State.DAMAGED ? 1 : 0;
            bySqlite += check.structure(partition, true) != null ? 1 : 0;
            Files.write(file, whole);
        }
        System.out.println(
                "flipped bits found: by checksum " + byChecksum + ", by SQLite " + bySqlite + " of " + flips);
        assertThat(byChecksum).isEqualTo(flips);
        assertThat(bySqlite).isLessThan(flips);
        assertThat(check.bytes(partition, Checksums.Pace.NONE).state()).isEqualTo(Verification.State.OK);
    }

    /** The closed file is checked again a day later, without anybody's asking; a restart goes on with the oldest. */
    @Test
    void shouldVerifyInTheBackground() throws Exception {
        closedStore();
        damage("bit");
        sql(home().resolve("catalog.db"), "UPDATE partitions SET verified = verified - 900000000000");
        try (Store store = open()) {
            await().until(() -> !store.quarantined().isEmpty());
            requireOnlyItsPeriodLost(store);
            // The others were compared too, and that is kept.
            Connection catalog = Connections.reader(home().resolve("catalog.db"), Bytes.mebi(1));
            try {
                await().until(() -> CatalogChecks.due(
                                catalog, Micros.of(Instant.now().plusSeconds(60)), Verifier.AGAIN, 10)
                        .isEmpty());
            } finally {
                Connections.close(home().resolve("catalog.db"), catalog);
            }
        }
    }

    /** Where the file is whole and the catalog's figures are not, the figures are put right, and no row is lost. */
    @Test
    void shouldCorrectACatalogThatIsWrongAboutAWholeFile() throws Exception {
        closedStore();
        sql(
                home().resolve("catalog.db"),
                "UPDATE partitions SET row_count = row_count + 32 WHERE period = '2026-05-11'");
        try (Store store = open()) {
            assertThat(catchThrowableOfType(LeveeException.class, () -> store.count(day(1)))
                            .code())
                    .isEqualTo(ErrorCode.CORRUPT);
            await().ignoreExceptions().until(() -> store.count(day(1)) == PER_DAY);
            assertThat(store.quarantined()).isEmpty();
        }
        try (Store store = open()) {
            assertThat(readAll(store, PER_DAY * DAYS)).isEqualTo(Coverage.COMPLETE);
        }
    }

    /** An unsealed file differs from its old checksum, and that is no damage. */
    @Test
    void shouldNotJudgeWhatWasOpenedAgain() throws Exception {
        closedStore();
        String before = Checksums.of(file(1), Checksums.Pace.NONE).orElseThrow();
        try (Store store = open()) {
            store.createTable(SPEC).append(row(9999, 1), Ack.COMMITTED).join();
            assertThat(store.verify("events", each -> {}))
                    .filteredOn(v -> v.id().period().equals("2026-05-11"))
                    .singleElement()
                    .satisfies(v -> assertThat(v.state()).isEqualTo(Verification.State.UNCHECKED));
        }
        assertThat(Checksums.of(file(1), Checksums.Pace.NONE).orElseThrow()).isNotEqualTo(before);
        try (Store store = open()) {
            await().until(() -> allWhole(store));
            assertThat(store.quarantined()).isEmpty();
            assertThat(readAll(store, PER_DAY * DAYS + 1)).isEqualTo(Coverage.COMPLETE);
        }
    }

    /** What SQLite and the identity find in an open file; the writer gives it up and goes on with a sibling. */
    @Test
    void shouldSetAsideAnOpenFile() throws Exception {
        try (Store store = open()) {
            Table<Row> events = store.createTable(SPEC);
            for (int i = 0; i < 2000; i++) {
                events.append(row(i, 1));
            }
            events.append(row(2000, 0), Ack.COMMITTED).join();
            await().until(() -> store.count(day(1)) == 2000);
            // What is in the WAL hides the database: only pages that were moved into it are read from it.
            sql(file(1), "PRAGMA wal_checkpoint(PASSIVE)");
            byte[] damage = new byte[4096 * 10];
            Arrays.fill(damage, (byte) 0x5A);
            write(file(1), 4096, damage);
            LeveeException e = catchThrowableOfType(LeveeException.class, () -> {
                try (Result<Row> rows = store.query(day(1))) {
                    rows.toList();
                }
            });
            assertThat(e).isNotNull();
            assertThat(e.code()).isEqualTo(ErrorCode.CORRUPT);
            await().until(() -> !store.quarantined().isEmpty());
            events.append(row(3000, 1), Ack.COMMITTED).join();
            assertThat(store.count(day(1))).isEqualTo(1);
            assertThat(store.count(day(0))).isEqualTo(1);
            assertThat(store.gaps())
                    .singleElement()
                    .satisfies(gap -> assertThat(gap.count()).isEqualTo(2000));
        }
        assertThat(home().resolve("quarantine/events~2026-05-11.db")).exists();
    }

    /** A key that may be in a damaged partition waits until that is set aside, and is then a new one; no record is lost. */
    @ParameterizedTest
    @ValueSource(strings = {"header", "application"})
    void shouldWriteKeysOfADamagedPartitionAnew(String kind) throws Exception {
        TableSpec states = TableSpec.builder("states")
                .column("k", ColumnType.INTEGER)
                .column("v", ColumnType.INTEGER)
                .column("at", ColumnType.TIMESTAMP)
                .time("at")
                .key("k")
                .partitionBy(PartitionBy.DAY)
                .build();
        try (Store store = open()) {
            Table<Row> table = store.createTable(states);
            for (int i = 0; i < 100; i++) {
                table.append(state(states, i, 0));
            }
        }
        Path file = home().resolve("tables/states/2026-05-10.db");
        switch (kind) {
            case "header" -> write(file, 0, new byte[100]);
            default -> sql(file, "PRAGMA application_id=77");
        }
        try (Store store = open()) {
            Table<Row> table = store.createTable(states);
            assertThat(table.append(state(states, 7, 1), Ack.COMMITTED).join().seq())
                    .isPositive();
            assertThat(store.quarantined()).hasSize(1);
            assertThat(store.count(Query.builder("states").build())).isEqualTo(1);
            assertThat(store.status().lost()).isZero();
        }
    }

    private static Row state(TableSpec spec, long key, long version) {
        return Row.of(spec).set("k", key).set("v", version).set("at", DAY1).build();
    }

    /** A process that only reads tells and changes nothing; one that reads beside a quarantine goes on with the gap. */
    @Test
    void shouldOnlyTellWhereItOnlyReads() throws Exception {
        closedStore();
        damage("header");
        try (Store store = Levee.openReadOnly(home())) {
            assertThat(catchThrowableOfType(LeveeException.class, () -> store.count(day(1)))
                            .code())
                    .isEqualTo(ErrorCode.CORRUPT);
            assertThat(store.verify("events", each -> {}))
                    .filteredOn(v -> v.state() == Verification.State.DAMAGED)
                    .hasSize(1);
            assertThat(store.quarantined()).isEmpty();
            try (Store writer = open()) {
                writer.verify("events", each -> {});
                assertThat(store.count(day(1))).isZero();
                assertThat(store.gaps()).extracting(Gap::reason).containsExactly(LossReason.QUARANTINED);
            }
        }
    }
}
