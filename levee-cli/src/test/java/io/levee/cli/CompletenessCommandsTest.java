package io.levee.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.levee.ColumnType;
import io.levee.Gap;
import io.levee.Levee;
import io.levee.Overflow;
import io.levee.Row;
import io.levee.Store;
import io.levee.Table;
import io.levee.TableSpec;
import io.levee.cli.Place.Way;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code gaps}, {@code verify}, {@code quarantine list} and {@code clock accept}, and what a read-only store knows of them. */
class CompletenessCommandsTest {
    private static final TableSpec SPEC = TableSpec.builder("events")
            .column("i", ColumnType.INTEGER)
            .column("at", ColumnType.TIMESTAMP)
            .time("at")
            .build();
    private static final Instant NOW = Instant.now().minusSeconds(60);

    @TempDir
    private Path dir;

    @ParameterizedTest
    @EnumSource(Way.class)
    void shouldSayThatNothingIsMissing(Way way) throws Exception {
        try (Place place = Place.of(way, dir)) {
            place.create("events", "{time: at, columns: {at: timestamp, i: integer}, partition: day}");
            place.take(
                    "events", "{\"at\":\"2026-01-01T00:00:00Z\",\"i\":1}\n{\"at\":\"2026-01-02T00:00:00Z\",\"i\":2}\n");
            Map<String, Object> nothing = Map.of("complete", true, "gaps", List.of());
            assertThat(place.json(0, "gaps")).isEqualTo(nothing);
            assertThat(place.json(0, "gaps", "events", "--from", "2026-01-01")).isEqualTo(nothing);
            assertThat(place.levee("gaps", "events").out()).startsWith("table");
            assertThat(place.levee("gaps", "none").err()).startsWith("LEVEE-404 UNKNOWN_TABLE");
            assertThat(place.json(0, "quarantine", "list")).isEqualTo(Map.of("quarantine", List.of()));
            assertThat(place.levee("quarantine", "list").out()).startsWith("partition");
            assertThat(place.json(0, "clock", "accept")).isEqualTo(Map.of("accepted", false));
            Map<String, Object> verified = place.json(0, "verify", "events");
            assertThat(verified)
                    .containsOnlyKeys("ok", "damaged", "unchecked", "bytes", "partitions")
                    .containsEntry("damaged", 0L);
            assertThat((Long) verified.get("ok") + (Long) verified.get("unchecked"))
                    .isEqualTo(2);
            assertThat((List<?>) verified.get("partitions")).hasSize(2);
            assertThat(place.levee("verify").out()).contains("events/2026-01-01", " 0 damaged");
            assertThat(place.levee("verify", "none").err()).startsWith("LEVEE-404 UNKNOWN_TABLE");
        }
    }

    /** One bit of a closed partition: status 1, the partition set aside, its period told as a gap, everything else as before (I10). */
    @Test
    void shouldFindADamagedPartition() throws Exception {
        try (Place place = Place.of(Way.DIRECTORY, dir)) {
            place.create("events", "{time: at, columns: {at: timestamp, i: integer}, partition: day}");
            place.take(
                    "events", "{\"at\":\"2026-01-01T00:00:00Z\",\"i\":1}\n{\"at\":\"2026-01-02T00:00:00Z\",\"i\":2}\n");
            await().untilAsserted(() -> assertThat(place.json(0, "verify")).containsEntry("ok", 2L));
            Path file = dir.resolve("history/tables/events/2026-01-01.db");
            byte[] bytes = Files.readAllBytes(file);
            bytes[bytes.length - 10] ^= 1;
            Files.write(file, bytes);
            Map<String, Object> found = place.json(1, "verify");
            assertThat(found).containsEntry("ok", 1L).containsEntry("damaged", 1L);
            assertThat(found.get("partitions").toString()).contains("partition=events/2026-01-01, state=damaged");
            assertThat(place.json(0, "quarantine", "list").get("quarantine").toString())
                    .contains("partition=events/2026-01-01");
            assertThat(place.json(0, "gaps", "events").get("gaps").toString())
                    .contains("from=2026-01-01T00:00:00Z, to=2026-01-01T00:00:00Z, count=1, reason=QUARANTINED");
            assertThat(place.json(0, "query", "events").get("rows").toString()).contains("i=2");
            assertThat(place.json(0, "verify")).containsEntry("damaged", 0L);
        }
    }

    /** A catalog that is gone: reading says what to do, and the next command that writes rebuilds it, with or without a spec. */
    @Test
    void shouldRebuildALostCatalogWithWhateverWritesNext() throws Exception {
        try (Place place = Place.of(Way.DIRECTORY, dir)) {
            place.create("events", "{time: at, columns: {at: timestamp, i: integer}, partition: day}");
            place.take("events", "{\"at\":\"2026-01-01T00:00:00Z\",\"i\":1}\n");
            for (List<String> writing : List.of(List.of("verify"), List.of("ingest", "events", "more.ndjson"))) {
                try (Stream<Path> files = Files.list(dir.resolve("history"))) {
                    for (Path file : files.filter(
                                    f -> String.valueOf(f.getFileName()).startsWith("catalog.db"))
                            .toList()) {
                        Files.delete(file);
                    }
                }
                assertThat(place.levee("query", "events").err())
                        .startsWith("LEVEE-500 CORRUPT")
                        .contains("Do: open");
                Files.writeString(dir.resolve("more.ndjson"), "{\"at\":\"2026-01-01T00:00:00Z\",\"i\":2}\n");
                List<String> words = writing.stream()
                        .map(w -> w.equals("more.ndjson") ? dir.resolve(w).toString() : w)
                        .toList();
                assertThat(place.levee(words.toArray()).status()).isZero();
                assertThat(place.json(0, "gaps").get("gaps").toString()).contains("CATALOG_REBUILT");
            }
            assertThat(place.json(0, "query", "events").get("rows").toString())
                    .contains("i=1")
                    .contains("i=2");
        }
    }

    /** G7, G8, G13: what was shed is in the ledger; after the restart, and in a store that only reads, every answer knows of it. */
    @Test
    void shouldTellLossesOfAnEarlierLife() {
        long lost;
        try (Store store =
                Levee.open(dir.resolve("history"), o -> o.queueRecords(1).overflow(Overflow.dropNewest()))) {
            Table<Row> table = store.createTable(SPEC);
            for (int i = 0; i < 2_000; i++) {
                table.append(Row.of(SPEC).set("i", i).set("at", NOW).build());
            }
            lost = store.close(Duration.ofSeconds(20)).lost();
            assertThat(lost).isPositive();
        }
        Object[] on = {"--store", dir.resolve("history"), "--json"};
        String gap = "table=events, from=" + NOW.truncatedTo(java.time.temporal.ChronoUnit.MICROS) + ", to="
                + NOW.truncatedTo(java.time.temporal.ChronoUnit.MICROS) + ", count=" + lost + ", reason=OVERFLOW";
        for (List<Object> command : List.<List<Object>>of(
                List.of("gaps"),
                List.of("gaps", "events"),
                List.of("query", "events", "--limit", 1),
                List.of("query", "events"),
                List.of("aggregate", "events"),
                List.of("sql", "SELECT count(*) FROM events"))) {
            Run run = Run.levee(join(command, on));
            assertThat(run.status()).as(run.err()).isZero();
            assertThat(run.json().toString()).as(command.toString()).contains(gap);
        }
        assertThat(Run.levee(join(List.of("query", "events", "--to", "2026-01-01"), on))
                        .json()
                        .get("coverage")
                        .toString())
                .contains("complete=true");
        Run tail = Run.levee("tail", "events", "--after", "0", "--for", "100ms", "--store", dir.resolve("history"));
        assertThat(tail.status()).as(tail.err()).isZero();
        assertThat(tail.err()).contains("incomplete: 1 gap", lost + " records, OVERFLOW");
        try (Store store = Levee.open(dir.resolve("history"))) {
            assertThat(store.gaps().stream().mapToLong(Gap::count).sum()).isEqualTo(lost);
            assertThat(store.status().lost()).as("of this life").isZero();
            assertThat(store.status().lastClose()).isNotNull().matches(r -> r.lost() == lost);
        }
    }

    private static Object[] join(List<Object> command, Object[] on) {
        return java.util.stream.Stream.concat(command.stream(), java.util.Arrays.stream(on))
                .toArray();
    }

    /** Each level of receipt is taken, and what is counted as stored is there. What each level means is tested over HTTP and in the kit. */
    @ParameterizedTest
    @ValueSource(strings = {"accepted", "committed", "durable"})
    void shouldTakeRecordsAtEachLevel(String level) throws Exception {
        try (Place place = Place.of(Way.DIRECTORY, dir)) {
            place.create("events", "{time: at, columns: {at: timestamp, i: integer}}");
            StringBuilder lines = new StringBuilder();
            for (int i = 0; i < 3_000; i++) {
                lines.append("{\"at\":\"2026-01-01T00:00:00Z\",\"i\":")
                        .append(i)
                        .append("}\n");
            }
            Run run = Run.withInput(lines.toString(), place.with("ingest", "events", "-", "--ack", level, "--json"));
            assertThat(run.status()).as(run.err()).isZero();
            assertThat(run.json()).containsEntry("stored", 3_000L).containsEntry("lost", 0L);
            assertThat(place.json(0, "aggregate", "events").get("groups").toString())
                    .contains("3000");
            assertThat(Run.withInput("", place.with("ingest", "events", "-", "--ack", "perhaps"))
                            .status())
                    .isEqualTo(2);
        }
    }
}
