package io.levee.cli;

import io.levee.Migration;
import io.levee.Store;
import io.levee.ask.MigrationForms;
import io.levee.json.JsonOut;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The migrations of a store, opened here or asked of its server: the same answers. Used by one thread. */
interface Migrations extends AutoCloseable {
    /** What they would do; of no migrations, what those would that were declared and are not done. */
    Map<String, @Nullable Object> plan(List<Migration> migrations) throws InterruptedException;

    /** Declares them. */
    void apply(List<Migration> migrations, boolean approve) throws InterruptedException;

    /** How far all of them are. */
    Map<String, @Nullable Object> status() throws InterruptedException;

    /** Pauses one, or all work where there is no id. */
    void pause(@Nullable String id) throws InterruptedException;

    /** Takes one up again, or all work where there is no id. */
    void resume(@Nullable String id, boolean acceptGaps) throws InterruptedException;

    /** Whether this process does the work, so that it stops when it ends. */
    boolean here();

    @Override
    void close();

    /** Those of a store that is open here. */
    static Migrations of(Store store) {
        return new Migrations() {
            @Override
            public Map<String, @Nullable Object> plan(List<Migration> migrations) {
                return MigrationForms.of(store.planMigrations(migrations), store.migrations());
            }

            @Override
            public void apply(List<Migration> migrations, boolean approve) {
                store.migrate(migrations, approve);
            }

            @Override
            public Map<String, @Nullable Object> status() {
                return MigrationForms.of(store, status -> true);
            }

            @Override
            public void pause(@Nullable String id) {
                store.pauseMigrations(id);
            }

            @Override
            public void resume(@Nullable String id, boolean acceptGaps) {
                if (id == null) {
                    store.resumeMigrations(null);
                } else {
                    store.resumeMigration(id, acceptGaps);
                }
            }

            @Override
            public boolean here() {
                return !store.readOnly();
            }

            @Override
            public void close() {
                store.close();
            }
        };
    }

    /** Those of a server's store. */
    static Migrations of(Remote server) {
        return new Migrations() {
            @Override
            public Map<String, @Nullable Object> plan(List<Migration> migrations) throws InterruptedException {
                String body = migrations.isEmpty() ? "" : JsonOut.text(MigrationForms.body(migrations));
                return server.send("POST", "/v1/migrations/plan", Map.of(), body);
            }

            @Override
            public void apply(List<Migration> migrations, boolean approve) throws InterruptedException {
                String body = JsonOut.text(MigrationForms.body(migrations));
                server.send("POST", "/v1/migrations", Map.of("approve", approve), body);
            }

            @Override
            public Map<String, @Nullable Object> status() throws InterruptedException {
                return new LinkedHashMap<>(server.get("/v1/migrations", Map.of()));
            }

            @Override
            public void pause(@Nullable String id) throws InterruptedException {
                server.send("POST", path(id, "pause"), Map.of(), null);
            }

            @Override
            public void resume(@Nullable String id, boolean acceptGaps) throws InterruptedException {
                server.send("POST", path(id, "resume"), acceptGaps ? Map.of("acceptGaps", true) : Map.of(), null);
            }

            private String path(@Nullable String id, String what) {
                return id == null ? Remote.path("v1", "migrations", what) : Remote.path("v1", "migrations", id, what);
            }

            @Override
            public boolean here() {
                return false;
            }

            @Override
            public void close() {
                // A connection is not kept.
            }
        };
    }
}
