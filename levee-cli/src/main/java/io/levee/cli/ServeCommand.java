package io.levee.cli;

import io.levee.CloseReport;
import io.levee.Migration;
import io.levee.Store;
import io.levee.ingest.MigrationFiles;
import io.levee.server.LeveeServer;
import io.levee.server.ServerOptions;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code levee serve}: the server. */
@CommandLine.Command(
        name = "serve",
        description = "Serves a store over HTTP until it is told to end (SIGTERM, Ctrl-C).",
        footerHeading = "%nExamples:%n",
        footer = {
            "  levee serve --store history",
            "  levee serve --store history --listen 127.0.0.1:0",
            "  PGPASSWORD=… levee serve --store 'postgres://levee@db.example/app?schema=history'",
        })
final class ServeCommand extends Command {
    @Option(
            names = "--listen",
            paramLabel = "HOST:PORT",
            description = "Where to listen; port 0 is any free one. Default: $LEVEE_LISTEN, else "
                    + ServerOptions.DEFAULT_HOST + ":" + ServerOptions.DEFAULT_PORT + ".")
    private @Nullable String listen;

    @Option(
            names = "--migrations",
            paramLabel = "FILE",
            description =
                    "Declares the migrations of a file at the start; they are made in the background, and large ones wait for"
                            + " levee migrate apply --approve. Once declared, they go on without it. Default: $LEVEE_MIGRATIONS.")
    private @Nullable Path migrations;

    @Mixin
    private final DiskOptions disk = new DiskOptions();

    ServeCommand(Console console) {
        super(console);
    }

    @Override
    int run() throws Exception {
        localOnly();
        ServerOptions options = address(listen != null ? listen : console.env("LEVEE_LISTEN"));
        options.requireLoopback();
        List<Migration> declared = declared();
        CountDownLatch stop = new CountDownLatch(1);
        Store store = target.openToWrite(console, disk::apply);
        String url;
        CloseReport report;
        try {
            if (!declared.isEmpty()) {
                store.migrate(declared, false);
            }
            try (LeveeServer server = LeveeServer.start(store, options)) {
                url = server.url();
                Shutdown.onSignal(stop::countDown);
                console.say("Levee serves " + store.address() + " (" + store.engine() + ") at " + url);
                stop.await();
                console.say("stopping");
            }
        } finally {
            report = store.close(store.options().closeTimeout());
        }
        console.say((report.clean() ? "closed cleanly: " : "closed: " + report.reason() + ": ") + "accepted "
                + report.accepted() + ", stored " + report.stored() + ", lost " + report.lost());
        if (json()) {
            Map<String, @Nullable Object> answer = new LinkedHashMap<>();
            answer.put("url", url);
            answer.putAll(report.toMap());
            console.json(answer);
        }
        return report.clean() ? OK : FAILED;
    }

    private List<Migration> declared() {
        String fromEnv = console.env("LEVEE_MIGRATIONS");
        Path file = migrations != null || fromEnv == null ? migrations : Path.of(fromEnv);
        return file == null ? List.of() : MigrationFiles.read(file);
    }

    private ServerOptions address(@Nullable String text) {
        if (text == null) {
            return ServerOptions.defaults();
        }
        int colon = text.lastIndexOf(':');
        String port = text.substring(colon + 1);
        String host = colon < 0 ? "" : text.substring(0, colon);
        if (host.startsWith("[") && host.endsWith("]")) {
            host = host.substring(1, host.length() - 1);
        }
        if (!port.matches("\\d{1,5}")) {
            throw usage("--listen must be HOST:PORT, such as 127.0.0.1:7311 (got '" + text + "')");
        }
        if (Integer.parseInt(port) > 65_535) {
            throw usage("a port is a number up to 65535 (got " + port + ")");
        }
        return ServerOptions.of(host.isEmpty() ? ServerOptions.DEFAULT_HOST : host, Integer.parseInt(port));
    }
}
