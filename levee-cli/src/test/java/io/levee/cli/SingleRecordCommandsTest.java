package io.levee.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.cli.Place.Way;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** {@code get}, {@code update}, {@code delete}, {@code erase} and {@code trash}, wherever the store is. */
class SingleRecordCommandsTest {
    private static final String SPEC = """
            time: at
            key: [n, id]
            columns:
              n: integer
              id: text
              at: timestamp
              "exit code": integer
              note: {type: text, detail: true}
              j: json
            """;

    @TempDir
    private Path dir;

    private Place place(Way way) throws Exception {
        Place place = Place.of(way, dir);
        place.create("jobs", SPEC);
        StringBuilder lines = new StringBuilder();
        for (int i = -1; i <= 9; i++) {
            lines.append("{\"n\":" + i + ",\"id\":\"a/b " + i + "%\",\"at\":\"2026-01-0" + Math.max(1, i)
                    + "T00:00:00Z\",\"exit code\":" + i % 3 + ",\"note\":\"note " + i + "\",\"j\":{\"x\":[" + i
                    + "]}}\n");
        }
        place.take("jobs", lines.toString());
        return place;
    }

    @ParameterizedTest
    @EnumSource(Way.class)
    void shouldGetARecordWhole(Way way) throws Exception {
        try (Place place = place(way)) {
            Map<String, Object> answer = place.json(0, "get", "jobs", "3", "a/b 3%");
            assertThat(answer).containsOnlyKeys("found", "record").containsEntry("found", true);
            assertThat(((Map<?, ?>) answer.get("record")).toString())
                    .matches("\\{_seq=\\d+, n=3, id=a/b 3%, at=2026-01-03T00:00:00Z, exit code=0, note=note 3,"
                            + " j=\\{x=\\[3]}}");
            assertThat(place.json(0, "get", "jobs", "--", "-1", "a/b -1%")).containsEntry("found", true);
            Run plain = place.levee("get", "jobs", "3", "a/b 3%");
            assertThat(plain.out())
                    .contains(
                            "id         a/b 3%\n", "exit code  0\n", "note       note 3\n", "j          {\"x\":[3]}\n");
            assertThat(place.json(1, "get", "jobs", "3", "none")).isEqualTo(Map.of("found", false));
            Run missing = place.levee("get", "jobs", "3", "none");
            assertThat(missing.status()).isEqualTo(1);
            assertThat(missing.out()).isEmpty();
            assertThat(missing.err()).contains("jobs has no record of the key [3, none]");
        }
    }

    @ParameterizedTest
    @EnumSource(Way.class)
    void shouldUpdateSomeColumns(Way way) throws Exception {
        try (Place place = place(way)) {
            Object[] update = {
                "update", "jobs", "2", "a/b 2%", "--set", "exit code=77", "--set", "note", "--set", "j={\"y\":1.50}"
            };
            assertThat(place.json(0, update)).isEqualTo(Map.of("updated", true));
            String record =
                    place.json(0, "get", "jobs", "2", "a/b 2%").get("record").toString();
            assertThat(record).contains("exit code=77", "note=null", "j={y=1.50}", "at=2026-01-02T00:00:00Z");
            assertThat(place.json(1, "update", "jobs", "2", "none", "--set", "note=x"))
                    .isEqualTo(Map.of("updated", false));
            for (String refused : List.of("nope=1", "n=5", "exit code=many")) {
                Run run = place.levee("update", "jobs", "2", "a/b 2%", "--set", refused);
                assertThat(run.status()).as(refused).isEqualTo(1);
                assertThat(run.err()).startsWith("LEVEE-400 ").contains(refused.substring(0, refused.indexOf('=')));
            }
            assertThat(place.json(0, "get", "jobs", "2", "a/b 2%").get("record"))
                    .hasToString(record);
        }
    }

    @ParameterizedTest
    @EnumSource(Way.class)
    void shouldDeleteARecordOnce(Way way) throws Exception {
        try (Place place = place(way)) {
            assertThat(place.json(0, "delete", "jobs", "4", "a/b 4%")).isEqualTo(Map.of("deleted", 1L));
            assertThat(place.json(1, "delete", "jobs", "4", "a/b 4%")).isEqualTo(Map.of("deleted", 0L));
            assertThat(place.json(1, "get", "jobs", "4", "a/b 4%")).containsEntry("found", false);
            assertThat(place.json(0, "get", "jobs", "5", "a/b 5%")).containsEntry("found", true);
        }
    }

    @ParameterizedTest
    @EnumSource(Way.class)
    void shouldEraseWhatAFilterFindsAfterAskingForIt(Way way) throws Exception {
        try (Place place = place(way)) {
            Object[] erase = {"erase", "jobs", "--where", "\"exit code\" = 1 OR note LIKE '%9'"};
            Run unasked = place.levee(erase);
            assertThat(unasked.status()).isEqualTo(2);
            assertThat(unasked.err()).contains("4 records of jobs match", "--yes");
            Run refused = Run.onTerminal("no\n", place.with(erase));
            assertThat(refused.status()).isEqualTo(1);
            assertThat(refused.err()).contains("4 records of jobs match", "nothing was deleted");
            assertThat(place.json(1, "get", "jobs", "9", "none")).containsEntry("found", false);
            assertThat(place.json(0, "get", "jobs", "9", "a/b 9%")).containsEntry("found", true);
            Run agreed = Run.onTerminal("yes\n", place.with(erase));
            assertThat(agreed.status()).as(agreed.err()).isZero();
            assertThat(agreed.err()).contains("deleted 4 records");
            assertThat(place.json(1, "get", "jobs", "9", "a/b 9%")).containsEntry("found", false);
            assertThat(place.json(0, "erase", "jobs", "--yes", "--where", "n > 4"))
                    .isEqualTo(Map.of("deleted", 3L, "pending", List.of()));
        }
    }

    @ParameterizedTest
    @EnumSource(Way.class)
    void shouldNameTheEngineInWhatFails(Way way) throws Exception {
        try (Place place = place(way)) {
            String engine = place.json(0, "partitions").get("engine").toString();
            assertThat(engine)
                    .startsWith(
                            switch (way) {
                                case DIRECTORY -> "sqlite ";
                                case POSTGRES -> "postgres";
                                case SERVER -> "memory";
                            });
            assertThat(place.json(0, "status")).containsEntry("engine", engine);
            for (Object[] fails : new Object[][] {
                {"get", "none", "1"},
                {"get", "jobs", "1"},
                {"update", "jobs", "x", "y", "--set", "note=z"},
                {"delete", "jobs", "x", "y"},
                {"erase", "jobs", "--where", "nope = 1", "--yes"},
                {"query", "none"}
            }) {
                Run run = place.levee(fails);
                assertThat(run.status()).as(run.err()).isEqualTo(1);
                assertThat(run.err()).startsWith("LEVEE-40").contains("(" + engine + ")");
                Map<?, ?> error = (Map<?, ?>) place.json(1, fails).get("error");
                assertThat(error.toString()).contains("engine=" + engine);
            }
        }
    }

    @ParameterizedTest
    @EnumSource(Way.class)
    void shouldListTheTrash(Way way) throws Exception {
        try (Place place = place(way)) {
            assertThat(place.json(0, "trash", "list")).isEqualTo(Map.of("trash", List.of()));
            assertThat(place.levee("trash", "list").out()).startsWith("partition");
            Run restore = place.levee("trash", "restore", "jobs/2026-01-01");
            assertThat(restore.status()).isEqualTo(1);
            assertThat(restore.err()).startsWith("LEVEE-404 NOT_FOUND").contains("jobs/2026-01-01");
        }
    }

    @ParameterizedTest
    @EnumSource(Way.class)
    void shouldBringADroppedPartitionBack(Way way) throws Exception {
        try (Place place = place(way)) {
            place.create("brief", "{time: at, columns: {at: timestamp, n: integer}, partition: day}");
            String old = "{\"at\":\"2026-01-01T00:00:00Z\",\"n\":1}\n{\"at\":\"2026-01-02T00:00:00Z\",\"n\":2}\n";
            place.take("brief", old + "{\"at\":\"2026-02-01T00:00:00Z\",\"n\":3}\n");
            place.create(
                    "brief",
                    "{time: at, columns: {at: timestamp, n: integer}, partition: day, retention: {maxAge: 7d}}");
            assertThat(place.json(0, "retention", "apply").get("dropped").toString())
                    .contains("brief/2026-01-01");
            List<?> trash = (List<?>) place.json(0, "trash", "list").get("trash");
            assertThat(trash.toString()).contains("partition=brief/2026-01-01,");
            String shown = place.levee("trash", "list").out();
            if (way == Way.POSTGRES) {
                // The process that writes counts it, and this one reads.
                assertThat(trash.toString()).contains("graceLeftMs=null");
                assertThat(shown).contains("grace left").contains("unknown");
            } else {
                assertThat(trash)
                        .allSatisfy(one -> assertThat(((Number) ((Map<?, ?>) one).get("graceLeftMs")).longValue())
                                .as("an hour, less what has gone of it")
                                .isBetween(1L, 3_600_000L));
                assertThat(shown).contains("grace left").doesNotContain("unknown");
            }
            assertThat(place.json(0, "trash", "restore", "brief/2026-01-01"))
                    .isEqualTo(Map.of("restored", "brief/2026-01-01"));
            assertThat(place.json(0, "query", "brief", "--order", "oldest", "--limit", 1)
                            .get("rows")
                            .toString())
                    .contains("n=1}");
        }
    }

    @Test
    void shouldMakeNoStoreWhereThereIsNone() {
        Path none = dir.resolve("none");
        for (Object[] args : new Object[][] {
            {"get", "t", "k"},
            {"update", "t", "k", "--set", "a=1"},
            {"delete", "t", "k"},
            {"erase", "t", "--where", "a = 1", "--yes"},
            {"tail", "t"},
            {"trash", "restore", "x"},
            {"retention", "apply"},
            {"doctor"}
        }) {
            Object[] line = java.util.Arrays.copyOf(args, args.length + 2);
            line[args.length] = "--store";
            line[args.length + 1] = none;
            Run run = Run.levee(line);
            assertThat(run.status()).as(run.err()).isEqualTo(1);
            assertThat(run.err()).startsWith("LEVEE-404 NOT_FOUND");
            assertThat(none).doesNotExist();
        }
    }
}
