package io.levee.server;

import io.levee.Store;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.IntSupplier;
import org.jspecify.annotations.Nullable;

/** The store's status with the server's own limits and their present use, as {@code http}. Thread-safe. */
final class ServerStatus {
    private final Store store;
    private final ServerOptions options;
    private final RequestCounters counters;
    private final AnswerStreams answers;
    private volatile IntSupplier streams = () -> 0;
    private volatile IntSupplier tails = () -> 0;

    ServerStatus(Store store, ServerOptions options, RequestCounters counters, AnswerStreams answers) {
        this.store = store;
        this.options = options;
        this.counters = counters;
        this.answers = answers;
    }

    /** Says where the numbers of the clients are that stay: they need this status themselves. */
    void clients(IntSupplier streamClients, IntSupplier tailClients) {
        streams = streamClients;
        tails = tailClients;
    }

    Map<String, @Nullable Object> toMap() {
        Map<String, @Nullable Object> map = new LinkedHashMap<>(store.status().toMap());
        Map<String, Object> http = new LinkedHashMap<>();
        http.put("working", counters.working());
        http.put("limitWorking", options.maxRequests());
        http.put("readers", answers.open());
        http.put("limitReaders", options.maxReaders());
        http.put("chunkBytes", AnswerStreams.CHUNK_BYTES);
        http.put("streams", streams.getAsInt());
        http.put("limitStreams", options.maxStreams());
        http.put("tails", tails.getAsInt());
        http.put("limitTails", options.maxTails());
        map.put("http", http);
        return map;
    }
}
