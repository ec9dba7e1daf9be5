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
    private final Gate gate;
    private final AnswerStreams answers;
    private volatile IntSupplier streams = () -> 0;
    private volatile IntSupplier tails = () -> 0;

    ServerStatus(Store store, ServerOptions options, Gate gate, AnswerStreams answers) {
        this.store = store;
        this.options = options;
        this.gate = gate;
        this.answers = answers;
    }

    /** Says where the numbers of the clients are that stay: they need this status themselves. */
    void clients(IntSupplier streamClients, IntSupplier tailClients) {
        streams = streamClients;
        tails = tailClients;
    }

    int streams() {
        return streams.getAsInt();
    }

    int tails() {
        return tails.getAsInt();
    }

    int working() {
        return gate.working();
    }

    int readers() {
        return answers.open();
    }

    Map<String, @Nullable Object> toMap() {
        Map<String, @Nullable Object> map = new LinkedHashMap<>(store.status().toMap());
        Map<String, Object> http = new LinkedHashMap<>();
        http.put("working", working());
        http.put("limitWorking", options.maxRequests());
        http.put("waiting", gate.waiting());
        http.put("limitWaiting", options.maxReaders());
        http.put("readers", readers());
        http.put("limitReaders", options.maxReaders());
        http.put("chunkBytes", AnswerStreams.CHUNK_BYTES);
        http.put("streams", streams());
        http.put("limitStreams", options.maxStreams());
        http.put("tails", tails());
        http.put("limitTails", options.maxTails());
        map.put("http", http);
        return map;
    }
}
