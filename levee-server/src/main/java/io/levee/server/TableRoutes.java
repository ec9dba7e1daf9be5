package io.levee.server;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.Store;
import io.levee.TableSpec;
import io.levee.ingest.SpecFile;
import java.io.IOException;
import java.util.List;
import java.util.Map;

/** Table specs: declared, listed, shown. */
final class TableRoutes {
    private static final int MAX_SPEC_BYTES = 1 << 20;

    private final Store store;

    TableRoutes(Store store) {
        this.store = store;
    }

    void addTo(Router router) {
        router.light("GET", "/v1/tables", this::list)
                .light("GET", "/v1/tables/{t}", this::show)
                .heavy("PUT", "/v1/tables/{t}", this::declare);
    }

    private void list(Exchange exchange) throws IOException {
        exchange.params();
        List<Map<String, Object>> specs =
                store.tables().stream().map(TableSpec::toMap).toList();
        exchange.json(200, Map.of("tables", specs));
    }

    private void show(Exchange exchange) throws IOException {
        exchange.params();
        exchange.json(200, store.table(exchange.variable("t")).spec().toMap());
    }

    private void declare(Exchange exchange) throws IOException {
        exchange.params();
        String name = exchange.variable("t");
        String text = RequestBody.text(exchange, MAX_SPEC_BYTES);
        SpecFile file = SpecFile.parse(text, name);
        TableSpec spec = file.spec();
        if (!spec.name().equals(name)) {
            throw new LeveeException(
                            ErrorCode.BAD_SPEC,
                            "the spec is of the table '" + spec.name() + "', the path of '" + name + "'")
                    .with("table", spec.name())
                    .hint("PUT it to /v1/tables/" + spec.name());
        }
        requireNoNewAdoption(spec);
        boolean known = store.tables().stream().anyMatch(table -> table.name().equals(name));
        exchange.json(known ? 200 : 201, file.declare(store).spec().toMap());
    }

    /** Which files of its machine a server reads is for whoever runs it to say, not for a request. */
    private void requireNoNewAdoption(TableSpec spec) {
        boolean declared = store.tables().stream()
                .anyMatch(known ->
                        known.name().equals(spec.name()) && known.adoptions().containsAll(spec.adoptions()));
        if (!declared && !spec.adoptions().isEmpty()) {
            throw new LeveeException(ErrorCode.NOT_SUPPORTED, "a server adopts nothing by request")
                    .with("table", spec.name())
                    .hint("declare it where the server runs: levee table create " + spec.name() + " --spec FILE");
        }
    }
}
