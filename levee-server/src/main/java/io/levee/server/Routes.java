package io.levee.server;

import io.levee.Store;

/** All routes of the server, each group made by its own class. */
final class Routes {
    private Routes() {}

    static Router of(
            Store store,
            ServerOptions options,
            StatusStream stream,
            TailRoutes tails,
            AnswerStreams answers,
            ServerStatus status,
            RequestCounters counters,
            ClientWatch watch) {
        Router router = new Router();
        new StatusRoutes(store, status, stream, counters).addTo(router);
        new TableRoutes(store).addTo(router);
        new IngestRoutes(store, options).addTo(router);
        new QueryRoutes(store, watch, answers).addTo(router);
        new GroupRoutes(store, watch, answers).addTo(router);
        new SqlRoutes(store, answers).addTo(router);
        new RecordRoutes(store, watch).addTo(router);
        tails.addTo(router);
        new CursorRoutes(store).addTo(router);
        new OperationRoutes(store).addTo(router);
        new MigrationRoutes(store).addTo(router);
        new BackupRoutes(store).addTo(router);
        new CompletenessRoutes(store).addTo(router);
        new PageRoutes().addTo(router);
        return router;
    }
}
