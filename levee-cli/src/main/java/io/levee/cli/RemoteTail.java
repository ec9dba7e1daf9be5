package io.levee.cli;

import io.levee.LeveeException;
import io.levee.internal.json.Json;
import java.io.IOException;
import java.io.InputStream;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Flow;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** Follows a table through a server: reads its server-sent events, at most {@value #AHEAD} lines ahead of what is printed. */
final class RemoteTail implements Feed, Flow.Subscriber<String> {
    private static final int AHEAD = 1024;

    /** What stands for the end among the lines: no line of an event stream holds a line end. */
    private static final String END = "\n";

    private final Remote remote;
    private final LinkedBlockingQueue<String> lines = new LinkedBlockingQueue<>();
    private final Map<String, String> event = new LinkedHashMap<>();
    private @Nullable CompletableFuture<HttpResponse<InputStream>> answer;
    private volatile Flow.@Nullable Subscription subscription;
    private volatile @Nullable Throwable failure;
    private long position;
    private @Nullable String cursor;
    private @Nullable Object gapUpTo;

    private final String table;

    private RemoteTail(Remote remote, String table) {
        this.remote = remote;
        this.table = table;
    }

    /** Begins to follow. What the server refuses shows at the first poll. */
    static RemoteTail open(Remote remote, String table, Map<String, ? extends @Nullable Object> params) {
        RemoteTail tail = new RemoteTail(remote, table);
        tail.position = params.get("after") instanceof Long after ? after : 0;
        tail.cursor = params.get("cursor") instanceof String name ? name : null;
        tail.answer = remote.follow(Remote.path("v1", "tables", table, "tail"), params, tail)
                .whenComplete((response, error) -> {
                    if (error != null) {
                        tail.failure = error;
                    }
                    tail.lines.add(END);
                });
        return tail;
    }

    @Override
    public void onSubscribe(Flow.Subscription given) {
        subscription = given;
        given.request(AHEAD);
    }

    @Override
    public void onNext(String line) {
        lines.add(line);
    }

    @Override
    public void onError(Throwable error) {
        failure = error;
        lines.add(END);
    }

    @Override
    public void onComplete() {
        lines.add(END);
    }

    @Override
    public Batch poll(Duration timeout) throws InterruptedException {
        List<Line> found = new ArrayList<>();
        String line = lines.poll(timeout.toNanos(), TimeUnit.NANOSECONDS);
        while (line != null) {
            if (line.equals(END)) {
                check();
                return new Batch(found, true);
            }
            Flow.Subscription from = subscription;
            if (from != null) {
                from.request(1);
            }
            take(line, found);
            line = found.size() < AHEAD ? lines.poll() : null;
        }
        return new Batch(found, false);
    }

    /** One line of an event, the empty one being its end. */
    private void take(String line, List<Line> found) {
        int colon = line.indexOf(':');
        if (colon > 0) {
            event.put(line.substring(0, colon), line.substring(colon + 1).stripLeading());
        } else if (line.isEmpty()) {
            String id = event.get("id");
            if (id != null) {
                position = Long.parseLong(id);
            }
            String data = event.get("data");
            if (data != null) {
                dispatch(String.valueOf(event.get("event")), data, found);
            }
            event.clear();
        }
    }

    private void dispatch(String name, String data, List<Line> found) {
        switch (name) {
            case "record" -> found.add(new Line(true, position, data));
            case "gap" -> {
                gapUpTo = Json.object(data).get("upTo");
                found.add(new Line(false, 0, "{\"gap\":" + data + "}"));
            }
            case "live" -> found.add(new Line(false, 0, "{\"live\":" + data + "}"));
            case "problem" -> throw Remote.problem(Json.object(data));
            default -> {
                // Of a newer server: what this command does not know does not concern it.
            }
        }
    }

    /** Why it ended: refused by the server, broken off, or simply over. */
    private void check() {
        CompletableFuture<HttpResponse<InputStream>> asked = answer;
        Throwable broken = failure;
        if (broken != null) {
            Throwable cause = broken.getCause() == null ? broken : broken.getCause();
            throw cause instanceof LeveeException known
                    ? known
                    : remote.unreachable(cause instanceof IOException io ? io : new IOException(broken));
        }
        if (asked != null) {
            // The end was said by the answer or on its way to it, so that this waits for a moment at most.
            Remote.check(asked.join());
        }
    }

    @Override
    public Map<String, @Nullable Object> coverage() throws InterruptedException {
        return remote.get("/v1/gaps", Map.of("table", table));
    }

    @Override
    public void done(long number) throws InterruptedException {
        if (cursor != null) {
            Map<String, @Nullable Object> body = new LinkedHashMap<>();
            body.put("number", number);
            if (gapUpTo != null) {
                body.put("gap", gapUpTo);
            }
            remote.send("PUT", Remote.path("v1", "tables", table, "cursors", cursor), Map.of(), Json.write(body));
            gapUpTo = null;
        }
    }

    @Override
    public long position() {
        return position;
    }

    @Override
    public void close() {
        Flow.Subscription from = subscription;
        if (from != null) {
            from.cancel();
        }
        if (answer != null) {
            answer.cancel(true);
        }
    }
}
