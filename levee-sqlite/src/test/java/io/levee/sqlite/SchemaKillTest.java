package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.Column;
import io.levee.ColumnType;
import io.levee.IndexSpec;
import io.levee.Levee;
import io.levee.Lookup;
import io.levee.Migration;
import io.levee.MigrationStatus;
import io.levee.MigrationStep;
import io.levee.PartitionBy;
import io.levee.Query;
import io.levee.Result;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.testkit.ChildJvm;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Migrations that are killed go on: every backfill reaches each row exactly once, an index is whole or not there, whenever the process dies
 * (G106, G111, G127, G129). In full: {@code -Dlevee.kills=100}.
 */
class SchemaKillTest {
    private static final int KILLS = Integer.getInteger("levee.kills", Boolean.getBoolean("levee.long") ? 100 : 4);
    private static final int DAYS = 12;
    private static final int ROWS = 6_000;
    private static final int KINDS = 5;
    private static final Instant BEGIN = Instant.parse("2026-05-01T00:00:00Z");
    private static final Instant NOW = BEGIN.plus(Duration.ofDays(DAYS)).minusSeconds(60);
    private static final TableSpec SENT = TableSpec.builder("sent")
            .time("at")
            .key("k")
            .partitionBy(PartitionBy.DAY)
            .column("k", ColumnType.INTEGER)
            .column("at", ColumnType.TIMESTAMP)
            .column("name", ColumnType.TEXT)
            .column("v", ColumnType.INTEGER)
            .column("newest", ColumnType.TIMESTAMP)
            .build();
    private static final TableSpec HEARD = TableSpec.builder("heard")
            .time("at")
            .partitionBy(PartitionBy.DAY)
            .column("k", ColumnType.INTEGER)
            .column("at", ColumnType.TIMESTAMP)
            .index("k")
            .build();

    @TempDir
    Path directory;

    private static Store open(Path home) {
        return Levee.open(home, o -> o.asOf(NOW));
    }

    private static Instant at(long k) {
        return BEGIN.plusMillis(Duration.ofDays(DAYS).toMillis() / ROWS * k);
    }

    private static Row sent(TableSpec spec, long k, Instant at) {
        return Row.of(spec)
                .set("k", k)
                .set("at", at)
                .set("name", "name-" + k % 7)
                .set("v", 0L)
                .build();
    }

    /** Two of three were heard, the second time half an hour later: for some of them in the next day's file. */
    private static List<Row> heard(TableSpec spec, long k) {
        return k % 3 == 0
                ? List.of()
                : List.of(
                        Row.of(spec).set("k", k).set("at", at(k)).build(),
                        Row.of(spec).set("k", k).set("at", later(k)).build());
    }

    private static Instant later(long k) {
        return at(k).plus(Duration.ofMinutes(30));
    }

    /** The nth migration: they go on for as long as somebody lives. */
    private static Migration migration(int n) {
        return new Migration(
                "m-" + n,
                "sent",
                switch (n % KINDS) {
                    case 0 -> new MigrationStep.AddColumn(Column.of("c" + n, ColumnType.INTEGER), (long) n, null);
                    case 1 -> MigrationStep.Backfill.of("v", "v + 1");
                    case 2 -> new MigrationStep.AddIndex(new IndexSpec("ix" + n, List.of("name", "v"), null));
                    case 3 ->
                        new MigrationStep.Backfill(
                                Map.of("newest", "found"),
                                Map.of("found", Lookup.of(Lookup.Function.MAX, "heard", "at", "k", "k")),
                                null);
                    default -> new MigrationStep.DropIndex("ix" + (n - 2));
                });
    }

    /** Declares one migration after the other, and appends beside them. */
    static final class Child {
        private Child() {}

        public static void main(String[] arguments) {
            try (Store store = open(Path.of(arguments[0]))) {
                Table<Row> sent = store.table("sent");
                long k = Long.parseLong(arguments[1]);
                System.out.println("ready");
                while (true) {
                    List<MigrationStatus> all = store.migrations();
                    if (all.stream().noneMatch(MigrationStatus::open)) {
                        store.migrate(List.of(migration(all.size() + 1)), true);
                    }
                    for (MigrationStatus one : all) {
                        if (one.state() == MigrationStatus.State.FAILED) {
                            System.out.println("failed: " + one);
                        }
                    }
                    sent.append(sent(sent.spec(), k, NOW), Ack.COMMITTED).join();
                    System.out.println("stored " + k++);
                }
            }
        }
    }

    @Test
    void shouldReachEachRowExactlyOnceWheneverItIsKilled() throws Exception {
        long seed = Long.getLong("levee.seed", System.nanoTime());
        System.out.println("seed " + seed);
        SplittableRandom random = new SplittableRandom(seed);
        Path home = directory.resolve("store");
        fill(home);
        Set<Long> stored = new HashSet<>();
        long next = ROWS;
        for (int kill = 0; kill < KILLS; kill++) {
            try (ChildJvm child = ChildJvm.start(Child.class, home.toString(), Long.toString(next))) {
                assertThat(child.line()).isEqualTo("ready");
                TimeUnit.MILLISECONDS.sleep(random.nextInt(1_000));
                child.kill();
                for (String line : child.rest()) {
                    assertThat(line).as("seed %d, kill %d", seed, kill).startsWith("stored ");
                    stored.add(Long.valueOf(line.substring("stored ".length())));
                }
            }
            // The one after the last that was acknowledged may be there too.
            next = stored.stream().mapToLong(Long::longValue).max().orElse(next) + 2;
            if (kill % 10 == 9) {
                check(home, stored, "seed " + seed + ", kill " + kill);
            }
        }
        check(home, stored, "seed " + seed + ", at the end");
    }

    private static void fill(Path home) {
        try (Store store = open(home)) {
            Table<Row> sent = store.createTable(SENT);
            Table<Row> heard = store.createTable(HEARD);
            List<Row> rows = new ArrayList<>();
            List<Row> others = new ArrayList<>();
            for (long k = 0; k < ROWS; k++) {
                rows.add(sent(sent.spec(), k, at(k)));
                others.addAll(heard(heard.spec(), k));
            }
            sent.appendAll(rows, Ack.COMMITTED).join();
            heard.appendAll(others, Ack.COMMITTED).join();
        }
    }

    /** Lets what was begun come to its end, and compares all rows with what they must be. */
    private static void check(Path home, Set<Long> stored, String when) throws Exception {
        Set<String> indexes = new HashSet<>();
        try (Store store = open(home)) {
            assertThat(store.awaitMigrations(Duration.ofSeconds(60))).as(when).isTrue();
            List<MigrationStatus> all = store.migrations();
            assertThat(all)
                    .as(when)
                    .allSatisfy(one ->
                            assertThat(one.state()).as("%s: %s", when, one).isEqualTo(MigrationStatus.State.DONE));
            long bumps = 0;
            boolean looked = false;
            for (int n = 1; n <= all.size(); n++) {
                bumps += n % KINDS == 1 ? 1 : 0;
                looked |= n % KINDS == 3;
                if (n % KINDS == 2) {
                    indexes.add("ix" + n);
                } else if (n % KINDS == 4) {
                    indexes.remove("ix" + (n - 2));
                }
            }
            assertThat(store.quarantined()).as(when).isEmpty();
            rows(store, stored, all.size(), bumps, looked, when);
            assertThat(store.table("sent").spec().namedIndexes())
                    .extracting(IndexSpec::name)
                    .as(when)
                    .containsExactlyInAnyOrderElementsOf(indexes);
        }
        files(home.resolve("tables").resolve("sent"), indexes, when);
    }

    private static void rows(Store store, Set<Long> stored, int migrations, long bumps, boolean looked, String when) {
        Map<Long, Row> found = new HashMap<>();
        try (Result<Row> rows = store.query(Query.builder("sent").build())) {
            rows.forEach(row -> assertThat(found.put((Long) row.get("k"), row))
                    .as("%s: twice", when)
                    .isNull());
        }
        assertThat(found.keySet()).as(when).containsAll(stored);
        for (long k = 0; k < ROWS; k++) {
            Row row = found.get(k);
            assertThat(row).as("%s: %d", when, k).isNotNull();
            assertThat(row.get("v")).as("%s: %s", when, row).isEqualTo(bumps);
            assertThat(row.get("newest")).as("%s: %s", when, row).isEqualTo(looked && k % 3 != 0 ? later(k) : null);
            for (long n = KINDS; n <= migrations; n += KINDS) {
                assertThat(row.get("c" + n)).as("%s: %s", when, row).isEqualTo(n);
            }
        }
        // Those that came meanwhile: a backfill takes those that were there when it came to their file.
        found.values().forEach(row -> assertThat((Long) row.get("v")).as(when).isBetween(0L, bumps));
    }

    /** Each file is whole, and has those indexes and no others of ours. */
    private static void files(Path table, Set<String> indexes, String when) throws Exception {
        List<Path> files;
        try (Stream<Path> all = Files.list(table)) {
            files = all.filter(path -> path.toString().endsWith(".db")).toList();
        }
        assertThat(files).as(when).hasSizeGreaterThanOrEqualTo(DAYS);
        for (Path file : files) {
            try (Connection connection = DriverManager.getConnection("jdbc:sqlite:" + file);
                    Statement statement = connection.createStatement()) {
                List<String> names = new ArrayList<>();
                try (ResultSet rows = statement.executeQuery("SELECT name FROM sqlite_master WHERE type = 'index'")) {
                    while (rows.next()) {
                        names.add(rows.getString(1));
                    }
                }
                for (String index : indexes) {
                    assertThat(names).as("%s: %s of %s", when, index, file).anyMatch(name -> name.contains(index));
                }
                assertThat(names.stream()
                                .filter(name -> name.matches(".*ix\\d+.*"))
                                .count())
                        .as("%s: %s in %s", when, names, file)
                        .isEqualTo(indexes.size());
                try (ResultSet rows = statement.executeQuery("PRAGMA integrity_check")) {
                    rows.next();
                    assertThat(rows.getString(1)).as("%s: %s", when, file).isEqualTo("ok");
                }
            }
        }
    }
}
