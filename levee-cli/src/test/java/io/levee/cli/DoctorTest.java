package io.levee.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.cli.Place.Way;
import io.levee.testkit.PostgresServer;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code doctor}, and which store a command opens: addresses, and passwords in them. */
class DoctorTest {
    @TempDir
    private Path dir;

    @ParameterizedTest
    @EnumSource(Way.class)
    void shouldTellTheEngineAndWhatItFound(Way way) throws Exception {
        try (Place place = Place.of(way, dir)) {
            place.create("t", "{time: at, columns: {at: timestamp}}");
            Run run = place.levee("doctor", "--json");
            Map<String, Object> answer = run.json();
            assertThat(answer).containsOnlyKeys("engine", "findings");
            List<?> findings = (List<?>) answer.get("findings");
            assertThat(findings).isNotEmpty().allSatisfy(finding -> {
                Map<?, ?> map = (Map<?, ?>) finding;
                assertThat(map.keySet().toString()).isEqualTo("[level, what, hint]");
                assertThat(map.get("level")).isIn("OK", "WARNING", "PROBLEM");
                assertThat(map.get("hint").toString().isEmpty())
                        .as(map.toString())
                        .isEqualTo(map.get("level").equals("OK"));
            });
            boolean problem = findings.toString().contains("level=PROBLEM");
            assertThat(run.status()).isEqualTo(problem ? 1 : 0);
            Run plain = place.levee("doctor");
            assertThat(plain.out())
                    .startsWith("engine   " + answer.get("engine"))
                    .containsPattern("\n(OK|WARNING|PROBLEM) ");
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "postgres://levee:hunter2@db.example/app",
                "postgresql://levee:hunter2@db.example:5432/app?schema=x",
                "jdbc:postgresql://db.example/app?user=levee&password=hunter2",
                "postgres://levee@db.example/app?pass%77ord=hunter2",
                "postgres://levee@db.example/app?sslpassword=hunter2",
                "postgres://levee:hunter2?@db.example/app",
            })
    void shouldRefuseAPasswordOnTheCommandLineWithoutRepeatingIt(String address) {
        for (Object[] args : new Object[][] {
            {"status", "--store", address, "--json"},
            {"ingest", "t", "-", "--infer", "--store", address, "--json"},
            {"serve", "--store", address, "--listen", "127.0.0.1:0", "--json"}
        }) {
            Run run = Run.levee(args);
            assertThat(run.status()).as(run.err()).isEqualTo(2);
            assertThat(run.err()).contains("PGPASSWORD").doesNotContain("hunter2");
            assertThat(run.out()).contains("WRONG_USAGE").doesNotContain("hunter2");
        }
    }

    @Test
    void shouldNotRepeatAPasswordThatStandsInTheWrongPlace() {
        for (String stray : List.of("postgres://u:hunter2@h/db", "jdbc:postgresql://h/db?user=u&password=hunter2")) {
            Run run = Run.levee("status", stray, "--json");
            assertThat(run.status()).isEqualTo(2);
            assertThat(run.err() + run.out()).doesNotContain("hunter2");
        }
    }

    @Test
    void shouldTakeAPasswordFromTheEnvironmentAndNeverPrintIt() {
        String address = PostgresServer.shared().newStore();
        String secret = address.replaceFirst("://([^@]*)@", "://$1:hunter2@");
        assertThat(secret).contains("hunter2");
        Map<String, String> env = Map.of("LEVEE_STORE", secret);
        Path spec = dir.resolve("t.yaml");
        write(spec, "{time: at, columns: {at: timestamp}}");
        Run create = Run.withEnv(env, "table", "create", "t", "--spec", spec);
        assertThat(create.status()).as(create.err()).isZero();
        for (String command :
                List.of("status", "status --json", "doctor", "partitions", "query none", "query none --json")) {
            Run run = Run.withEnv(env, (Object[]) command.split(" "));
            assertThat(run.err() + run.out()).contains("postgres").doesNotContain("hunter2");
        }
        Map<String, String> nowhere = Map.of("LEVEE_STORE", "postgres://levee:hunter2@127.0.0.1:1/app");
        Run run = Run.withEnv(nowhere, "status", "--json");
        assertThat(run.status()).isEqualTo(1);
        assertThat(run.err()).contains("LEVEE-503 SERVER_UNAVAILABLE").doesNotContain("hunter2");
        assertThat(run.out()).doesNotContain("hunter2");
    }

    @Test
    void shouldSayWhichAddressesThereAre() {
        Run run = Run.levee("status", "--store", "mysql://root@db/app");
        assertThat(run.status()).isEqualTo(1);
        assertThat(run.err()).contains("LEVEE-501 NOT_SUPPORTED", "postgres://").doesNotContain("root");
    }

    private static void write(Path file, String text) {
        try {
            java.nio.file.Files.writeString(file, text);
        } catch (java.io.IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }
}
