package io.levee.ingest;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.PartitionBy;
import io.levee.TableSpec;
import io.levee.TimeFormat;
import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What is proposed, and that a proposal takes every record it was made from. */
class InferTest {
    private static final Clock CLOCK = Clock.fixed(Instant.parse("2026-11-21T00:00:00Z"), ZoneOffset.UTC);
    private static final Path DATA = Path.of("..", "..", "shared", "data");

    private static Inference infer(String text) {
        return Infer.infer(new ByteArrayInputStream(text.getBytes(UTF_8)), Format.AUTO, "t", CLOCK);
    }

    private static ColumnType type(String... values) {
        StringBuilder text = new StringBuilder();
        for (String value : values) {
            text.append("{\"ts\":\"2026-01-01T00:00:00Z\",\"v\":").append(value).append("}\n");
        }
        return infer(text.toString()).spec().column("v").type();
    }

    @Test
    void typesLoseNothingOfWhatWasSeen() {
        assertThat(type("1", "-5", "null")).isEqualTo(ColumnType.INTEGER);
        assertThat(type("1", "2.5")).isEqualTo(ColumnType.REAL);
        assertThat(type("9007199254740993", "2.5")).isEqualTo(ColumnType.DECIMAL);
        assertThat(type("0.1234567890123456789")).isEqualTo(ColumnType.DECIMAL);
        assertThat(type("45.19500732421875")).isEqualTo(ColumnType.REAL);
        assertThat(type("1e400", "1")).isEqualTo(ColumnType.DECIMAL);
        assertThat(type("99999999999999999999")).isEqualTo(ColumnType.DECIMAL);
        assertThat(type("true", "false")).isEqualTo(ColumnType.BOOLEAN);
        assertThat(type("true", "1")).isEqualTo(ColumnType.TEXT);
        assertThat(type("\"a\"", "1")).isEqualTo(ColumnType.TEXT);
        assertThat(type("\"007\"")).isEqualTo(ColumnType.TEXT);
        assertThat(type("null", "null")).isEqualTo(ColumnType.TEXT);
        assertThat(type("\"a\"", "[1]")).isEqualTo(ColumnType.JSON);
        assertThat(type("\"2026-01-01T00:00:00+02:00\"")).isEqualTo(ColumnType.TIMESTAMP);
        assertThat(type("\"2026-01-01T00:00:00Z\"", "\"never\"")).isEqualTo(ColumnType.TEXT);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "1700000000 | S",
                "1700000000.25 | S",
                "1700000000123 | MS",
                "1700000000123456 | US",
                "1700000000123456789 | NS",
            })
    void epochsAreToldByTheirMagnitude(String value, TimeFormat.Unit unit) {
        TableSpec spec =
                infer("{\"created_at\":" + value + ",\"n\":1700000000}\n").spec();
        assertThat(spec.time()).containsExactly("created_at");
        assertThat(spec.column("created_at").format()).isEqualTo(TimeFormat.epoch(unit));
        assertThat(spec.column("n").type()).isEqualTo(ColumnType.INTEGER);
    }

    @Test
    void timesOfAccessLogsAndTimesWithoutOffsetAreRead() {
        Inference log = infer("{\"when\":\"17/May/2015:10:05:03 +0200\"}\n");
        assertThat(log.spec().column("when").format()).isEqualTo(TimeFormat.pattern("dd/MMM/yyyy:HH:mm:ss Z", null));
        Inference local = infer("{\"time\":\"2023-12-19 03:06:13.586\"}\n");
        assertThat(local.yaml()).contains("zone: UTC", "no UTC offset");
    }

    @Test
    void theBestTimeIsChosenAndTheReasonSaid() {
        Inference inference = infer("""
                {"author_date":"2026-01-02T00:00:00Z","committer_date":"2026-01-02T00:00:00Z","updated":null}
                {"author_date":"2026-01-01T00:00:00Z","committer_date":"2026-01-03T00:00:00Z","updated":"2026-01-03T00:00:00Z"}
                """);
        assertThat(inference.spec().time()).containsExactly("committer_date");
        assertThat(inference.timeReason()).contains("every record", "2026-01-02T00:00:00Z to 2026-01-03T00:00:00Z");
        assertThat(inference.yaml()).contains("other times that could be it: author_date");
        assertThat(inference.spec().keyed()).isFalse();
        assertThat(inference.spec().columns()).noneMatch(io.levee.Column::required);
        assertThat(inference.spec().unknown()).isEqualTo(TableSpec.Unknown.EXTRA);
    }

    @Test
    void aClockOfItsOwnIsAnErrorWithASpecToEdit() {
        assertThatThrownBy(() ->
                        infer("{\"time\":5611824441,\"job ID\":6251812952}\n{\"time\":5611824442,\"job ID\":1}\n"))
                .isInstanceOfSatisfying(LeveeException.class, e -> {
                    assertThat(e.code()).isEqualTo(ErrorCode.NO_TIME);
                    assertThat(e.hint()).contains("origin");
                    TableSpec draft = SpecFiles.parse(String.valueOf(e.details().get("spec")), "x");
                    assertThat(draft.time()).containsExactly("time");
                });
        assertThatThrownBy(() -> infer("{\"a\":1,\"b\":\"x\"}\n")).hasMessageContaining("NO_TIME");
        assertThatThrownBy(() -> infer("")).hasMessageContaining("no record");
        assertThatThrownBy(() -> infer("{\"a\":\n")).hasMessageContaining("not JSON");
    }

    /** Among a million records the one value that is to blame is not found by hand: it is named with its line and field. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '~',
            value = {
                "at | \"2026-05-01T00:00:00Z\" | \"n/a\" | n/a | no time of the form that others have",
                "at | \"2026-05-01T00:00:00Z\" | 17 | 17 | no time of the form that others have",
                "begin | \"2026-05-01T00:00:00Z\" | \"1970-01-01T00:00:00Z\" | 1970-01-01T00:00:00Z | before 1980",
                "begin | \"2026-05-01T00:00:00Z\" | \"2999-01-01T00:00:00Z\" | 2999-01-01T00:00:00Z | in the future",
                "at | \"20.05.2026\" | \"21.05.2026\" | 20.05.2026 | no time in a form that is known",
                "at | 1778000000 | \"n/a\" | n/a | no time in a form that is known",
                "at | 1778000000 | 0 | 0 | no time since 1980 in the unit that others have",
                "at | 1778000000 | 1778000000000 | 1778000000000 | no time since 1980 in the unit that others have",
            })
    void theValueThatIsNoTimeIsNamed(String field, String good, String bad, String value, String why) {
        long line = bad.contains(value) ? 3 : 1;
        String first = "{\"n\":1,\"" + field + "\":" + good + "}\n";
        String records = first + "\n{\"n\":2,\"" + field + "\":" + bad + "}\n" + first;
        assertThatThrownBy(() -> infer(records)).isInstanceOfSatisfying(LeveeException.class, e -> {
            assertThat(e.code()).isEqualTo(ErrorCode.NO_TIME);
            assertThat(e.what()).endsWith(": '" + field + "' on line " + line + " is '" + value + "', " + why);
            assertThat(e.details())
                    .containsEntry("line", line)
                    .containsEntry("field", field)
                    .containsEntry("value", value);
        });
    }

    @Test
    void aValueThatIsNoTimeIsToldOfAlsoWhereAnotherFieldIsTheTime() {
        Inference inference = infer("""
                {"ts":"2026-01-01T00:00:00Z","finished_at":"2026-01-01T00:00:00Z","time_zone":"UTC"}
                {"ts":"2026-01-01T00:00:00Z","finished_at":"-","time_zone":"UTC"}
                """);
        assertThat(inference.spec().time()).containsExactly("ts");
        assertThat(inference.notes())
                .filteredOn(note -> note.contains("is not taken for a time"))
                .containsExactly(
                        "'finished_at' on line 2 is '-', no time of the form that others have: it is not taken for"
                                + " a time.");
    }

    @Test
    void longValuesBecomeDetails() {
        Inference inference =
                infer("{\"ts\":\"2026-01-01T00:00:00Z\",\"args\":\"" + "x".repeat(3000) + "\",\"short\":\"a\"}\n");
        assertThat(inference.spec().column("args").detail()).isTrue();
        assertThat(inference.spec().column("short").detail()).isFalse();
    }

    @Test
    void namesThatCannotBeColumnsStayInExtra() {
        Inference inference = infer("{\"ts\":\"2026-01-01T00:00:00Z\",\"rowid\":1,\"TS\":2,\"" + "n".repeat(80)
                + "\":3,\"extra\":\"mine\"}\n");
        assertThat(inference.spec().columns()).extracting(io.levee.Column::name).containsExactly("ts", "extra");
        assertThat(inference.notes()).anyMatch(note -> note.contains("rowid"));
    }

    @Test
    void csvCellsAreTypedByTheOneFormThatPrintsThem() {
        TableSpec spec = infer(
                        "time,code,n,x,ok\n2026-01-01 00:00:00,007,1,1.5,true\n2026-01-02 00:00:00,010,,2,false\n")
                .spec();
        assertThat(spec.column("code").type()).isEqualTo(ColumnType.TEXT);
        assertThat(spec.column("n").type()).isEqualTo(ColumnType.INTEGER);
        assertThat(spec.column("x").type()).isEqualTo(ColumnType.REAL);
        assertThat(spec.column("ok").type()).isEqualTo(ColumnType.BOOLEAN);
    }

    @Test
    void partitionsAreAsWideAsTheSpanAsks() {
        String from = "{\"ts\":\"2020-01-01T00:00:00Z\"}\n";
        assertThat(infer(from + "{\"ts\":\"2020-02-01T00:00:00Z\"}\n").spec().partitionBy())
                .isEqualTo(PartitionBy.DAY);
        assertThat(infer(from + "{\"ts\":\"2021-01-01T00:00:00Z\"}\n").spec().partitionBy())
                .isEqualTo(PartitionBy.WEEK);
        assertThat(infer(from + "{\"ts\":\"2024-01-01T00:00:00Z\"}\n").spec().partitionBy())
                .isEqualTo(PartitionBy.MONTH);
        assertThat(infer(from + "{\"ts\":\"2026-01-01T00:00:00Z\"}\n").spec().partitionBy())
                .isEqualTo(PartitionBy.YEAR);
    }

    @Test
    void badRecordsAreLeftAside() {
        Inference inference = infer("{\"ts\":\"2026-01-01T00:00:00Z\"}\nnonsense\n{\"ts\":\"2026-01-02T00:00:00Z\"}\n");
        assertThat(inference.records()).isEqualTo(2);
        assertThat(inference.notes()).anyMatch(note -> note.contains("could not be read"));
    }

    /** The bundled samples always; the whole sets where they are there. */
    @Test
    void realRecordsAreAllTakenByTheirProposal() throws Exception {
        Map<String, String> times = new LinkedHashMap<>();
        times.put("apache_access_2015", "timestamp");
        times.put("clustercockpit_jobs", "start_time");
        times.put("git_ops_tigerbeetle", "committer_date");
        times.put("pegasus_stampede_events", "ts");
        times.put("pgbouncer_2023", "time");
        times.put("azure_llm_requests_2023", "TIMESTAMP");
        times.put("edit_clownschool", "time");
        times.put("lorawan_sainteynard", "_timestamp");
        times.put("metacentrum_wagap_2013", "submit_time");
        times.put("nginx_plus_status_2015", "timestamp");
        times.put("postgres_vacuum_2024", "time");
        times.put("upptime_checks", "committer_date");
        int looked = 0;
        for (Map.Entry<String, String> set : times.entrySet()) {
            String file = set.getKey() + ".ndjson.gz";
            InputStream sample = InferTest.class.getResourceAsStream("/io/levee/testkit/sample/" + file);
            byte[] bytes;
            if (sample != null) {
                bytes = sample.readAllBytes();
            } else if (Files.exists(DATA.resolve(file))) {
                bytes = Files.readAllBytes(DATA.resolve(file));
            } else {
                continue;
            }
            looked++;
            Inference inference =
                    Infer.infer(Compression.open(new ByteArrayInputStream(bytes)), Format.AUTO, set.getKey(), CLOCK);
            assertThat(inference.spec().time()).as(file).containsExactly(set.getValue());
            assertThat(SpecFiles.parse(inference.yaml(), "x")).as(file).isEqualTo(inference.spec());
            long records = 0;
            try (RecordSource source = RecordSource.open(
                    Compression.open(new ByteArrayInputStream(bytes)), Format.AUTO, inference.spec(), 1 << 20)) {
                while (source.advance()) {
                    source.row();
                    records++;
                }
            }
            assertThat(records).as(file).isEqualTo(inference.records());
        }
        assertThat(looked).isGreaterThanOrEqualTo(5);
    }
}
