package io.levee.server;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.Migration;
import io.levee.MigrationStatus;
import io.levee.Store;
import io.levee.ask.MigrationForms;
import io.levee.ingest.MigrationFiles;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Online schema changes: how far they are, what they would do, declaring, pausing and taking them up again. Thread-safe. */
final class MigrationRoutes {
    private static final int MAX_BYTES = 1 << 20;

    private final Store store;

    MigrationRoutes(Store store) {
        this.store = store;
    }

    void addTo(Router router) {
        router.light("GET", "/v1/migrations", this::list)
                .light("GET", "/v1/migrations/{id}", this::one)
                .heavy("POST", "/v1/migrations", this::declare)
                .heavy("POST", "/v1/migrations/plan", this::plan)
                .heavy("POST", "/v1/migrations/pause", exchange -> pause(exchange, null))
                .heavy("POST", "/v1/migrations/resume", exchange -> resume(exchange, null))
                .heavy("POST", "/v1/migrations/{id}/pause", exchange -> pause(exchange, exchange.variable("id")))
                .heavy("POST", "/v1/migrations/{id}/resume", exchange -> resume(exchange, exchange.variable("id")));
    }

    /** What cannot be read is an error, never an empty list (guarantee G145). */
    private void list(Exchange exchange) throws IOException {
        exchange.params();
        answer(exchange, status -> true);
    }

    private void one(Exchange exchange) throws IOException {
        exchange.params();
        String id = exchange.variable("id");
        MigrationStatus status = store.migrations().stream()
                .filter(m -> m.id().equals(id))
                .findFirst()
                .orElseThrow(() -> new LeveeException(ErrorCode.NOT_FOUND, "no migration '" + id + "' was declared")
                        .with("migration", id)
                        .hint("GET /v1/migrations lists those that were"));
        exchange.json(200, status.toMap());
    }

    private void declare(Exchange exchange) throws IOException {
        boolean approve = exchange.params("approve").flag("approve");
        List<Migration> migrations = MigrationFiles.parse(RequestBody.text(exchange, MAX_BYTES));
        store.migrate(migrations, approve);
        Set<String> ids = migrations.stream().map(Migration::id).collect(Collectors.toSet());
        answer(exchange, status -> ids.contains(status.id()));
    }

    /** Without a body, of those that were declared and are not done. */
    private void plan(Exchange exchange) throws IOException {
        exchange.params();
        String body = RequestBody.text(exchange, MAX_BYTES);
        List<Migration> migrations = body.isBlank() ? List.of() : MigrationFiles.parse(body);
        Map<String, @Nullable Object> plan = MigrationForms.of(store.planMigrations(migrations), store.migrations());
        exchange.json(200, plan);
    }

    private void pause(Exchange exchange, @Nullable String id) throws IOException {
        exchange.params();
        store.pauseMigrations(id);
        answer(exchange, status -> id == null || id.equals(status.id()));
    }

    private void resume(Exchange exchange, @Nullable String id) throws IOException {
        if (id == null) {
            exchange.params();
            store.resumeMigrations(null);
        } else {
            store.resumeMigration(id, exchange.params("acceptGaps").flag("acceptGaps"));
        }
        answer(exchange, status -> id == null || id.equals(status.id()));
    }

    private void answer(Exchange exchange, Predicate<MigrationStatus> which) throws IOException {
        exchange.json(200, MigrationForms.of(store, which));
    }
}
