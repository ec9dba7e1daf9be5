package io.levee.sqlite;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Ack;
import io.levee.Aggregation;
import io.levee.Bytes;
import io.levee.ColumnType;
import io.levee.Levee;
import io.levee.Measure;
import io.levee.Order;
import io.levee.PartitionBy;
import io.levee.Query;
import io.levee.Result;
import io.levee.Row;
import io.levee.Store;
import io.levee.TableSpec;
import java.io.File;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** T23: a query of many partitions needs few files at once, and little cache together. */
class FewFilesTest {
    private static final Instant DAY1 = Instant.parse("2026-01-01T00:00:00Z");
    private static final int PARTITIONS = 100;
    private static final int EACH = 20;
    private static final TableSpec SPEC = TableSpec.builder("events")
            .column("i", ColumnType.INTEGER)
            .column("at", ColumnType.TIMESTAMP)
            .column("host", ColumnType.TEXT)
            .time("at")
            .partitionBy(PartitionBy.DAY)
            .build();

    @TempDir
    static Path directory;

    @BeforeAll
    static void fill() {
        try (Store store = Levee.open(directory, o -> o.asOf(DAY1.plus(Duration.ofDays(PARTITIONS))))) {
            List<Row> rows = new ArrayList<>();
            for (int i = 0; i < PARTITIONS * EACH; i++) {
                rows.add(Row.of(SPEC)
                        .set("i", i)
                        .set("at", DAY1.plus(Duration.ofDays(i / EACH)).plusSeconds(i))
                        .set("host", "h" + i % 7)
                        .build());
            }
            store.createTable(SPEC).appendAll(rows, Ack.COMMITTED).join();
        }
    }

    /** Reads all partitions in each way that there is. */
    static final class Reads {
        private Reads() {}

        public static void main(String[] arguments) {
            System.out.println("descriptors " + Descriptors.limit());
            try (Store store = Levee.openReadOnly(Path.of(arguments[0]))) {
                Query all = Query.builder("events").build();
                System.out.println("count " + store.count(all));
                System.out.println("groups "
                        + store.aggregate(new Aggregation(
                                        all, List.of("host"), List.of(Measure.count(), Measure.sum("i"))))
                                .groups()
                                .size());
                for (Query query : List.of(
                        all,
                        Query.builder("events")
                                .orderBy(Order.asc("host"))
                                .limit(150)
                                .build(),
                        Query.builder("events").oldestFirst().build())) {
                    try (Result<Row> rows = store.query(query)) {
                        System.out.println("rows " + rows.toList().size());
                    }
                }
            }
        }
    }

    @Test
    void shouldAnswerWith64Descriptors(@TempDir Path other) throws Exception {
        List<String> command = new ArrayList<>(List.of("sh", "-c", "ulimit -n 64 && exec \"$@\"", "sh"));
        command.addAll(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx128m",
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "-cp",
                classPath(),
                Reads.class.getName(),
                directory.toString()));
        Path out = other.resolve("out");
        Process process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(out.toFile())
                .start();
        try {
            assertThat(process.waitFor(3, TimeUnit.MINUTES)).isTrue();
        } finally {
            process.destroyForcibly();
        }
        assertThat(Files.readString(out, StandardCharsets.UTF_8).lines())
                .contains("descriptors 64", "count " + PARTITIONS * EACH, "groups 7", "rows 150")
                .filteredOn(line -> line.equals("rows " + PARTITIONS * EACH))
                .hasSize(2);
    }

    /** Only what the child needs: each jar that a class is looked for in takes a descriptor too. */
    private static String classPath() {
        return Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator, -1))
                .filter(p -> Files.isDirectory(Path.of(p))
                        || p.matches(
                                ".*[/\\\\](levee|sqlite-jdbc|slf4j-api|hash4j|sketches-java|jspecify)[^/\\\\]*\\.jar"))
                .collect(Collectors.joining(File.pathSeparator));
    }

    @Test
    void shouldKeepTheCachesOfOneQueryTogetherWithin16Mebibytes() {
        for (Bytes memory : List.of(Bytes.mebi(64), Bytes.mebi(512), Bytes.gibi(2))) {
            try (Store store = Levee.open(
                    directory,
                    o -> o.asOf(DAY1.plus(Duration.ofDays(PARTITIONS)))
                            .memory(memory)
                            .queryThreads(2))) {
                store.createTable(SPEC);
                long most = 0;
                try (Result<Row> rows = store.query(
                        Query.builder("events").orderBy(Order.asc("host")).build())) {
                    for (Iterator<Row> each = rows.iterator(); each.hasNext(); each.next()) {
                        most = Math.max(most, store.status().memory().byPart().get("readerCache"));
                    }
                }
                most = Math.max(most, store.status().memory().byPart().get("readerCache"));
                // Two of them are hot, of which each has a quarter where memory allows it.
                long least = memory.value() < Bytes.mebi(512).value()
                        ? 1
                        : Bytes.mebi(8).value();
                assertThat(most)
                        .as("%s", memory)
                        .isBetween(least, Bytes.mebi(16).value());
            }
        }
    }
}
