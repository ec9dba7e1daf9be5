package io.levee.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.cli.Place.Way;
import io.levee.testkit.PostgresServer;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.Statement;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** {@code adopt}: an old database, and what every command says of its rows. */
class AdoptCommandTest {
    private static final String SPEC = """
            time: at
            key: id
            columns:
              id: integer
              monitor: text
              at: timestamp
              note: {type: text, detail: true}
            retention: {unbounded: true}
            """;

    @TempDir
    private Path dir;

    private Path old;

    @BeforeEach
    void make() throws Exception {
        old = dir.resolve("old.db");
        try (Connection c = DriverManager.getConnection("jdbc:sqlite:" + old);
                Statement s = c.createStatement()) {
            s.executeUpdate("CREATE TABLE checks(id INTEGER PRIMARY KEY, site TEXT, checked_at INTEGER)");
            s.executeUpdate("CREATE INDEX checks_at ON checks(checked_at)");
            s.executeUpdate("CREATE TABLE notes(id INTEGER PRIMARY KEY, note TEXT)");
            s.executeUpdate(
                    "INSERT INTO checks VALUES(1, 'a', 1775001600000), (2, 'b', 1775001600500), (3, NULL, 1775001601000)");
            s.executeUpdate("INSERT INTO notes VALUES(2, 'slow')");
        }
    }

    private Object[] adopt(String... more) {
        List<Object> args = new java.util.ArrayList<>(List.of(
                "adopt",
                old,
                "--table",
                "jobs",
                "--source",
                "checks",
                "--time",
                "checked_at",
                "--map",
                "monitor=site",
                "--details",
                "notes",
                "--details-key",
                "id"));
        args.addAll(List.of(more));
        return args.toArray();
    }

    @Test
    void shouldAdoptAndReadWithEveryCommand() throws Exception {
        try (Place place = Place.of(Way.DIRECTORY, dir)) {
            place.create("jobs", SPEC);
            Map<String, Object> report = place.json(0, adopt());
            assertThat(report)
                    .containsEntry("partition", "jobs/adopted")
                    .containsEntry("timeUnit", "ms")
                    .containsEntry("from", "2026-04-01T00:00:00Z")
                    .containsEntry("to", "2026-04-01T00:00:01Z")
                    .containsKeys("rowsEstimate", "seconds");
            assertThat(place.json(0, "count", "jobs").toString()).contains("count=3");
            assertThat(place.json(0, "query", "jobs", "--where", "note = 'slow'", "--details")
                            .toString())
                    .contains("monitor=b", "2026-04-01T00:00:00.5");
            assertThat(place.json(0, "get", "jobs", "3").toString()).contains("monitor=null");
            assertThat(place.json(0, "sql", "SELECT max(monitor) FROM jobs").toString())
                    .contains("rows=[[b]]");
            assertThat(place.levee("partitions").out()).contains("adopted");
            assertThat(place.json(0, adopt())).containsEntry("fresh", false);
            assertThat(place.levee(adopt("--time-unit", "fortnights")).status()).isNotZero();
        }
    }

    @Test
    void shouldMoveItsRowsIntoPartitionsAndSayHowFar() throws Exception {
        try (Place place = Place.of(Way.DIRECTORY, dir)) {
            place.create("jobs", SPEC);
            assertThat(place.levee(adopt("--stop-split")).err()).contains("not begun");
            assertThat(place.json(0, adopt("--split")))
                    .containsEntry("partition", "jobs/adopted")
                    .containsEntry("state", "DONE")
                    .containsEntry("rowsMoved", 3L);
            assertThat(place.json(0, "count", "jobs").toString()).contains("count=3");
            assertThat(place.levee("partitions").out()).contains("2026-04-01").doesNotContain("adopted");
            assertThat(place.levee(adopt("--split")).out()).contains("3 of 3 rows");
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = Way.class,
            names = {"POSTGRES", "SERVER"})
    void shouldRefuseByNameWhereItIsNot(Way way) throws Exception {
        try (Place place = Place.of(way, dir)) {
            place.create("jobs", SPEC);
            Run run = place.levee(adopt());
            assertThat(run.status()).isEqualTo(1);
            assertThat(run.err()).contains("NOT_SUPPORTED");
        }
    }

    @Test
    void shouldAdoptATableOfTheStoresOwnPostgresDatabase() throws Exception {
        try (Place place = Place.of(Way.POSTGRES, dir)) {
            PostgresServer server = PostgresServer.shared();
            String schema = PostgresServer.schema(server.newStore());
            server.run("CREATE SCHEMA " + schema);
            server.run("CREATE TABLE " + schema + ".checks(id bigint PRIMARY KEY, site text, checked_at bigint)");
            server.run("CREATE INDEX ON " + schema + ".checks(checked_at)");
            server.run("CREATE TABLE " + schema + ".notes(id bigint PRIMARY KEY, note text)");
            server.run("INSERT INTO " + schema
                    + ".checks VALUES (1, 'a', 1775001600000), (2, 'b', 1775001600500), (3, NULL," + " 1775001601000)");
            server.run("INSERT INTO " + schema + ".notes VALUES (2, 'slow')");
            place.create("jobs", SPEC);
            Object[] adopt = {
                "adopt",
                "--table",
                "jobs",
                "--source",
                schema + ".checks",
                "--time",
                "checked_at",
                "--map",
                "monitor=site",
                "--details",
                "notes",
                "--details-key",
                "id"
            };
            assertThat(place.json(0, adopt))
                    .containsEntry("partition", "jobs/adopted")
                    .containsEntry("source", schema + ".checks")
                    .containsEntry("timeUnit", "ms")
                    .containsEntry("from", "2026-04-01T00:00:00Z")
                    .containsEntry("to", "2026-04-01T00:00:01Z")
                    .containsKeys("rowsEstimate", "seconds");
            assertThat(place.json(0, "count", "jobs").toString()).contains("count=3");
            assertThat(place.json(0, "query", "jobs", "--where", "note = 'slow'", "--details")
                            .toString())
                    .contains("monitor=b", "2026-04-01T00:00:00.5");
            assertThat(place.json(0, "get", "jobs", "3").toString()).contains("monitor=null");
            assertThat(place.json(0, "sql", "SELECT max(monitor) FROM jobs").toString())
                    .contains("rows=[[b]]");
            assertThat(place.levee("partitions").out()).contains("adopted");
            assertThat(place.levee(adopt).out()).contains(schema + ".checks was adopted before");
        }
    }
}
