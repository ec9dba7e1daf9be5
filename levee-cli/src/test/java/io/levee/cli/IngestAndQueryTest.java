package io.levee.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Records in and answers out, on the real engine. */
class IngestAndQueryTest {
    private static final Path SPECS = Path.of("..", "examples", "specs");

    @TempDir
    private Path dir;

    private Path store;

    @BeforeEach
    void nameTheStore() {
        store = dir.resolve("history");
    }

    private Path sample(String name) throws IOException {
        Path file = dir.resolve(name + ".ndjson.gz");
        try (InputStream in =
                IngestAndQueryTest.class.getResourceAsStream("/io/levee/testkit/sample/" + name + ".ndjson.gz")) {
            Files.copy(in, file);
        }
        return file;
    }

    private Run ingest(Object... args) {
        Object[] all = Arrays.copyOf(args, args.length + 4);
        System.arraycopy(new Object[] {"--store", store, "--json", "--ack=committed"}, 0, all, args.length, 4);
        Object[] line = new Object[all.length + 1];
        line[0] = "ingest";
        System.arraycopy(all, 0, line, 1, all.length);
        return Run.levee(line);
    }

    private Map<String, Object> ask(Object... args) {
        Object[] all = Arrays.copyOf(args, args.length + 3);
        System.arraycopy(new Object[] {"--store", store, "--json"}, 0, all, args.length, 3);
        Run run = Run.levee(all);
        assertThat(run.status()).as(run.err()).isZero();
        return run.json();
    }

    private static List<Object> rows(Map<String, Object> answer) {
        return List.copyOf((List<?>) answer.get("rows"));
    }

    @Test
    void realRecordsAreStoredAndAnswered() throws IOException {
        Run run = ingest(
                "borg_task_events", sample("borg_task_events"), "--spec", SPECS.resolve("borg_task_events.yaml"));
        assertThat(run.status()).as(run.err()).isZero();
        Map<String, Object> report = run.json();
        assertThat(report)
                .containsEntry("rejected", 0L)
                .containsEntry("lost", 0L)
                .containsEntry("updated", 0L);
        long read = (Long) report.get("read");
        assertThat(report).containsEntry("stored", read).containsKeys("seconds", "partitions");

        Map<String, Object> page = ask("query", "borg_task_events", "--limit", 10);
        List<Object> first = rows(page);
        assertThat(first).hasSize(10);
        assertThat(first.get(0).toString()).startsWith("{_seq=").contains("time=", "job ID=");
        assertThat(page.get("next")).isNotNull();
        Map<String, Object> second = ask("query", "borg_task_events", "--limit", 10, "--after", page.get("next"));
        assertThat(rows(second)).hasSize(10).doesNotContainAnyElementsOf(first);

        Map<String, Object> count = ask("sql", "SELECT count(*) AS n FROM borg_task_events");
        assertThat(count.get("rows")).isEqualTo(List.of(List.of(read)));
        Map<String, Object> groups = ask("aggregate", "borg_task_events", "--by", "\"event type\"");
        long sum = ((List<?>) groups.get("groups"))
                .stream()
                        .mapToLong(group -> (Long) ((Map<?, ?>) group).get("count"))
                        .sum();
        assertThat(sum).isEqualTo(read);

        Map<String, Object> status = ask("status");
        assertThat(status).containsEntry("health", "UP").containsEntry("lastShutdown", "CLEAN");
        assertThat(ask("retention", "plan")).containsKeys("drop", "keepReason", "bytesFreed");
        assertThat((List<?>) ask("partitions").get("partitions")).isNotEmpty();
        assertThat(ask("table", "show", "borg_task_events")).containsEntry("table", "borg_task_events");
    }

    @Test
    void aTableIsProposedFromTheData() throws IOException {
        Run run = ingest("web", sample("apache_access_2015"), "--infer");
        assertThat(run.status()).as(run.err()).isZero();
        assertThat(run.err()).contains("# time: 'timestamp' because", "format: dd/MMM/yyyy:HH:mm:ss Z");
        assertThat(run.json().get("stored")).isEqualTo(run.json().get("read"));
        Run again = ingest("web", dir.resolve("apache_access_2015.ndjson.gz"), "--infer");
        assertThat(again.err()).contains("there already");
        assertThat(again.status()).isZero();
    }

    @Test
    void everyBadLineIsNamedAndTheRestIsStored() throws IOException {
        Path spec = Files.writeString(dir.resolve("t.yaml"), "{time: at, columns: {at: timestamp, n: integer}}");
        Path file = Files.writeString(dir.resolve("t.ndjson"), """
                {"at":"2026-01-01T00:00:00Z","n":1}
                {"at":"2026-01-01T00:00:00Z","n":"x"}
                {"at":

                {"at":"2026-01-02T00:00:00Z","n":2}""");
        Path errors = dir.resolve("errors.ndjson");
        Run run = ingest("t", file, "--spec", spec, "--errors", errors);
        assertThat(run.status()).as(run.err()).isZero();
        assertThat(run.json())
                .containsEntry("read", 4L)
                .containsEntry("stored", 2L)
                .containsEntry("rejected", 2L);
        assertThat(run.err())
                .contains("t.ndjson:2: LEVEE-400 BAD_VALUE: column 'n'", "t.ndjson:3: LEVEE-400 BAD_LINE: not JSON");
        assertThat(Files.readAllLines(errors)).hasSize(2);

        Run strict = ingest("t", file, "--max-errors", 0);
        assertThat(strict.status()).isEqualTo(1);
        assertThat(strict.err()).contains("more than 0 bad records");
    }

    @Test
    void standardInputAndCsvAreRead() {
        Run run = Run.withInput(
                "at,name\n2026-01-01 00:00:00,\"a, b\"\n2026-01-02 00:00:00,\n",
                "ingest",
                "c",
                "-",
                "--infer",
                "--store",
                store);
        assertThat(run.status()).as(run.err()).isZero();
        assertThat(run.out()).isEmpty();
        Run table = Run.levee("query", "c", "--store", store, "--order", "oldest", "--columns", "at,name");
        assertThat(table.out()).isEqualTo("""
                        _seq  at                    name
                           1  2026-01-01T00:00:00Z  a, b
                           2  2026-01-02T00:00:00Z
                        """);
        Run csv = Run.levee(
                "query",
                "c",
                "--store",
                store,
                "--format",
                "csv",
                "--columns",
                "name",
                "--limit",
                "1",
                "--order",
                "oldest");
        assertThat(csv.out()).isEqualTo("_seq,name\n1,\"a, b\"\n");
        assertThat(csv.err()).contains("next page: --after ");
    }

    @Test
    void anInputThatBreaksOffFailsTheCommandAndKeepsWhatCameBefore() throws IOException {
        byte[] whole = Files.readAllBytes(sample("pgbouncer_2023"));
        Path cut = Files.write(dir.resolve("cut.gz"), Arrays.copyOf(whole, whole.length / 2));
        Run run = ingest("pgbouncer_2023", cut, dir.resolve("none"), "--spec", SPECS.resolve("pgbouncer_2023.yaml"));
        assertThat(run.status()).isEqualTo(1);
        assertThat(run.err()).contains("breaks off in line", "there is no file");
        assertThat((Long) run.json().get("stored")).isPositive();
        assertThat(run.json()).containsEntry("rejected", 1L);
    }

    @Test
    void whatIsNotThereIsAFailureThatMakesNothing() throws IOException {
        Run none = ingest("t", "f");
        assertThat(none.status()).isEqualTo(1);
        assertThat(none.err()).contains("NOT_FOUND", "--infer");
        assertThat(store).doesNotExist();
        Path relative = Files.writeString(dir.resolve("own.ndjson"), "{\"time\":12345,\"n\":1}\n");
        Run clock = ingest("t", relative, "--infer");
        assertThat(clock.status()).isEqualTo(1);
        assertThat(clock.err()).contains("NO_TIME", "origin", "time: {type: timestamp, format: epoch-us");
        assertThat(store).doesNotExist();
    }

    @Test
    void unknownTablesAndColumnsAreNamed() throws IOException {
        Path spec = Files.writeString(dir.resolve("t.yaml"), "{time: at, columns: {at: timestamp, n: integer}}");
        assertThat(ask("table", "create", "t", "--spec", spec)).containsEntry("table", "t");
        assertThat(Run.levee("query", "u", "--store", store).err()).contains("UNKNOWN_TABLE", "[t]");
        Run column = Run.levee("query", "t", "--store", store, "--where", "m = 1", "--json");
        assertThat(column.status()).isEqualTo(1);
        assertThat(column.json()).containsOnlyKeys("error");
        Run changed = Run.levee(
                "table",
                "create",
                "t",
                "--store",
                store,
                "--spec",
                Files.writeString(dir.resolve("u.yaml"), "{time: at, columns: {at: timestamp, n: text}}"));
        assertThat(changed.status()).isEqualTo(1);
        assertThat(changed.err()).contains("SPEC_CONFLICT");
    }
}
