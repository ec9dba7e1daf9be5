package io.levee.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Levee;
import io.levee.Store;
import io.levee.server.LeveeServer;
import io.levee.server.ServerOptions;
import io.levee.testkit.PostgresServer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/** A store as a command reaches it: a directory, a schema in PostgreSQL, or a server. */
final class Place implements AutoCloseable {
    /** The ways to reach one. */
    enum Way {
        DIRECTORY,
        POSTGRES,
        SERVER
    }

    private final Path dir;
    private final List<Object> target;
    private final Store served;
    private final LeveeServer server;

    private Place(Path dir, List<Object> target, Store served, LeveeServer server) {
        this.dir = dir;
        this.target = target;
        this.served = served;
        this.server = server;
    }

    static Place of(Way way, Path dir) {
        return switch (way) {
            case DIRECTORY -> new Place(dir, List.of("--store", dir.resolve("history")), null, null);
            case POSTGRES ->
                new Place(dir, List.of("--store", PostgresServer.shared().newStore()), null, null);
            case SERVER -> {
                Store store = Levee.open("memory:", false, options -> {});
                LeveeServer server = LeveeServer.start(store, ServerOptions.of("127.0.0.1", 0));
                yield new Place(dir, List.of("--url", server.url()), store, server);
            }
        };
    }

    /** The arguments, followed by those that say where. */
    Object[] with(Object... args) {
        List<Object> all = new ArrayList<>(Arrays.asList(args));
        int end = all.indexOf("--");
        all.addAll(end < 0 ? all.size() : end, target);
        return all.toArray();
    }

    /** Runs a command there. */
    Run levee(Object... args) {
        return Run.levee(with(args));
    }

    /** Runs a command that has to end with this status, and answers its JSON. */
    Map<String, Object> json(int status, Object... args) {
        List<Object> all = new ArrayList<>(Arrays.asList(args));
        int end = all.indexOf("--");
        all.add(end < 0 ? all.size() : end, "--json");
        Run run = levee(all.toArray());
        assertThat(run.status()).as(run.err()).isEqualTo(status);
        return run.json();
    }

    void create(String table, String spec) throws IOException {
        Path file = Files.writeString(dir.resolve(table + ".yaml"), spec);
        Run run = levee("table", "create", table, "--spec", file);
        assertThat(run.status()).as(run.err()).isZero();
    }

    /** Takes records: a server through its own store, which is the way there is. */
    void take(String table, String lines) throws Exception {
        if (server != null) {
            var answer = java.net.http.HttpClient.newHttpClient()
                    .send(
                            java.net.http.HttpRequest.newBuilder(
                                            java.net.URI.create(server.url() + "/v1/tables/" + table + "/records"))
                                    .POST(java.net.http.HttpRequest.BodyPublishers.ofString(lines))
                                    .build(),
                            java.net.http.HttpResponse.BodyHandlers.ofString());
            assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
            assertThat(answer.body()).contains("\"rejected\":0");
            return;
        }
        Run run = Run.withInput(lines, with("ingest", table, "-", "--json"));
        assertThat(run.status()).as(run.err()).isZero();
        assertThat(run.json()).containsEntry("rejected", 0L);
    }

    @Override
    public void close() {
        if (server != null) {
            server.close();
            served.close();
        }
    }
}
