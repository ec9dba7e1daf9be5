import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.WebSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Looks at the status page with a real browser: {@code java .ci/BrowserSmoke.java URL FOLDER [PID]}.
 *
 * <p>Waits until the page shows live figures, checks what it shows, that nothing was reported as an error (scripts, content
 * security policy), that it fits 360 px, and leaves pictures in FOLDER. With the server's PID it then ends that process, and the page has to
 * say that it lost the server. Speaks the DevTools protocol by itself, so that it
 * needs nothing but a JDK and chromium.
 */
public final class BrowserSmoke implements WebSocket.Listener {
    private static final Duration PATIENCE = Duration.ofSeconds(45);
    private static final Pattern ID = Pattern.compile("^\\{\"id\":(\\d+)[,}]");

    private final HttpClient http = HttpClient.newHttpClient();
    private final AtomicInteger ids = new AtomicInteger();
    private final Map<Integer, CompletableFuture<String>> answers = new ConcurrentHashMap<>();
    private final List<String> errors = new ArrayList<>();
    private final StringBuilder text = new StringBuilder();
    private WebSocket socket;

    public static void main(String[] arguments) throws Exception {
        String url = arguments[0];
        Path folder = Files.createDirectories(Path.of(arguments[1]));
        Path profile = Files.createTempDirectory("levee-browser-");
        Process browser = new ProcessBuilder(
                        "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                        "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
                        "--remote-debugging-port=0", "--user-data-dir=" + profile, "about:blank")
                .redirectErrorStream(true)
                .redirectOutput(profile.resolve("chromium.log").toFile())
                .start();
        try {
            new BrowserSmoke().look(url, folder, profile, arguments.length > 2 ? Long.parseLong(arguments[2]) : 0);
        } finally {
            browser.destroy();
            if (!browser.waitFor(10, TimeUnit.SECONDS)) {
                browser.destroyForcibly().waitFor();
            }
            delete(profile);
        }
    }

    private void look(String url, Path folder, Path profile, long pid) throws Exception {
        attach(profile);
        call("Runtime.enable", "");
        call("Log.enable", "");
        call("Page.enable", "");
        screen(1200, 900, false);
        call("Page.navigate", "\"url\":\"" + url + "/\"");
        await("the page is live", "document.getElementById('connection')?.dataset.state === 'live'");
        await("health is up", "document.getElementById('health').dataset.state === 'UP'");
        await("records are stored", "Number(document.getElementById('stored').textContent.replaceAll(',', '')) > 0");
        await("a rate is shown", "document.querySelector('#spark .line') !== null");
        await("partitions appear", "document.querySelectorAll('#strips rect.open, #strips rect.closed').length >= 3");
        await("tables are listed", "document.querySelectorAll('#tables tr th').length >= 2");
        await("limits are shown", "document.querySelectorAll('#limits [role=meter]').length >= 4");
        await("nothing was lost", "document.getElementById('lost').textContent === '0'");
        await("queries are told", "document.querySelector('#queries td.empty')?.textContent === 'No query runs.'"
                + " || document.querySelectorAll('#queries th').length > 0");
        await("slow queries are told", "document.getElementById('slow-summary').textContent.startsWith('Slow queries: ')");
        call("Runtime.evaluate", "\"expression\":\"document.querySelectorAll('details').forEach(d => d.open = true)\"");
        await("memory by part is shown", "document.querySelectorAll('#memory-parts tr th').length >= 1");
        picture(folder.resolve("wide-light.png"));
        screen(1200, 900, true);
        picture(folder.resolve("wide-dark.png"));
        screen(360, 780, false);
        await("it fits 360 px", "document.documentElement.scrollWidth <= 360");
        picture(folder.resolve("narrow-light.png"));
        schemaChanges(url, folder);
        if (!errors.isEmpty()) {
            throw new IllegalStateException("the browser reported: " + errors);
        }
        if (pid > 0) {
            ProcessHandle.of(pid).ifPresent(ProcessHandle::destroy);
            await("the lost server is told", "!document.getElementById('lost-stream').hidden"
                    + " && document.getElementById('connection').textContent === 'not connected'");
            picture(folder.resolve("narrow-lost.png"));
        }
        System.out.println("the page shows live figures; pictures are in " + folder);
    }

    /** One that is done and one that fails are the server's own; then each state there is, as {@code schema-changes.js} has them. */
    private void schemaChanges(String url, Path folder) throws Exception {
        String declared = "[{id: add-region, table: job_events, addColumn: {name: region, type: text, default: eu}},"
                + " {id: bad, table: task_events, backfill: {set: {user: \"json_extract(\\\"user\\\", '$.x')\"}}}]";
        HttpRequest request = HttpRequest.newBuilder(URI.create(url + "/v1/migrations"))
                .POST(HttpRequest.BodyPublishers.ofString(declared))
                .build();
        HttpResponse<String> answer = http.send(request, HttpResponse.BodyHandlers.ofString());
        if (answer.statusCode() != 200) {
            throw new IllegalStateException("the migrations are refused: " + answer.body());
        }
        await("a schema change is done", shows("add-region", "done"));
        await("a schema change has failed", shows("bad", "failed") + " && " + shows("bad", "malformed JSON"));
        await("health says so", "document.getElementById('health').dataset.state === 'DEGRADED'"
                + " && document.getElementById('reasons').textContent.includes('bad')");
        String all = Files.readString(Path.of(".ci/schema-changes.js"));
        call("Page.addScriptToEvaluateOnNewDocument", "\"source\":\"" + escaped(all) + "\"");
        screen(1200, 900, false);
        call("Page.navigate", "\"url\":\"" + url + "/\"");
        await("every state is shown", "new Set([...document.querySelectorAll('#migrations tr td:nth-child(2)')].map(td => td.dataset.state)).size === 6");
        await("one that fails comes with its error, as text", shows("a-name", "malformed JSON") + " && " + shows("a-name", "<b>in row"));
        await("a full disk is told", shows("on-a-full-disk", "the volume is full"));
        await("a rate and the time left", shows("last-seen", "8,123 rows/s") + " && " + shows("last-seen", "4 s"));
        await("what nobody knows is no figure", "!/NaN|-1|undefined|null/.test(document.getElementById('migrations-section').innerText)");
        await("the change is said beside the health", "document.getElementById('migrating').textContent.includes('reading and writing go on')");
        picture(folder.resolve("schema-wide-light.png"));
        screen(1200, 900, true);
        picture(folder.resolve("schema-wide-dark.png"));
        screen(360, 780, false);
        await("it fits 360 px with them", "document.documentElement.scrollWidth <= 360");
        await("what failed is in sight there", "[...document.querySelectorAll('#migrations .wrap')]"
                + ".every(td => td.getBoundingClientRect().right <= 360)");
        picture(folder.resolve("schema-narrow-light.png"));
        screen(360, 780, true);
        picture(folder.resolve("schema-narrow-dark.png"));
    }

    private static String shows(String id, String text) {
        return "[...document.querySelectorAll('#migrations tr')].some(tr => tr.textContent.startsWith('" + id + "') && tr.textContent.includes('"
                + text + "'))";
    }

    private static String escaped(String script) {
        return script.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n");
    }

    /** Connects to the tab that chromium opened. */
    private void attach(Path profile) throws Exception {
        Path port = profile.resolve("DevToolsActivePort");
        Instant end = Instant.now().plus(PATIENCE);
        while (!Files.exists(port) || Files.readAllLines(port).isEmpty()) {
            if (Instant.now().isAfter(end)) {
                throw new IllegalStateException("chromium did not start:\n" + Files.readString(profile.resolve("chromium.log")));
            }
            TimeUnit.MILLISECONDS.sleep(50);
        }
        String list = "http://127.0.0.1:" + Files.readAllLines(port).get(0) + "/json/list";
        Pattern address = Pattern.compile("\"type\": *\"page\".*?\"webSocketDebuggerUrl\": *\"([^\"]+)\"", Pattern.DOTALL);
        Matcher found = address.matcher("");
        while (!found.find()) {
            String body = http.send(HttpRequest.newBuilder(URI.create(list)).build(), HttpResponse.BodyHandlers.ofString()).body();
            found = address.matcher(body);
            if (Instant.now().isAfter(end)) {
                throw new IllegalStateException("chromium has no page: " + body);
            }
            if (found.find()) {
                found.reset();
            }
        }
        socket = http.newWebSocketBuilder().buildAsync(URI.create(found.group(1)), this).get(20, TimeUnit.SECONDS);
    }

    private void screen(int width, int height, boolean dark) throws Exception {
        call("Emulation.setDeviceMetricsOverride",
                "\"width\":" + width + ",\"height\":" + height + ",\"deviceScaleFactor\":1,\"mobile\":" + (width < 500));
        call("Emulation.setEmulatedMedia",
                "\"features\":[{\"name\":\"prefers-color-scheme\",\"value\":\"" + (dark ? "dark" : "light") + "\"}]");
    }

    private void picture(Path file) throws Exception {
        String answer = call("Page.captureScreenshot", "\"format\":\"png\",\"captureBeyondViewport\":true");
        Matcher data = Pattern.compile("\"data\":\"([^\"]+)\"").matcher(answer);
        if (!data.find()) {
            throw new IllegalStateException("no picture: " + answer);
        }
        Files.write(file, Base64.getDecoder().decode(data.group(1)));
    }

    private void await(String what, String condition) throws Exception {
        String escaped = escaped(condition);
        Instant end = Instant.now().plus(PATIENCE);
        String answer = "";
        while (!answer.contains("\"value\":true")) {
            if (Instant.now().isAfter(end)) {
                String page = call("Runtime.evaluate", "\"expression\":\"document.body.innerText\"");
                throw new IllegalStateException("not in " + PATIENCE.toSeconds() + " s: " + what + "; errors: " + errors
                        + "; the page says: " + page);
            }
            TimeUnit.MILLISECONDS.sleep(100);
            answer = call("Runtime.evaluate", "\"expression\":\"" + escaped + "\"");
        }
        System.out.println("ok: " + what);
    }

    private String call(String method, String parameters) throws Exception {
        int id = ids.incrementAndGet();
        CompletableFuture<String> answer = new CompletableFuture<>();
        answers.put(id, answer);
        socket.sendText("{\"id\":" + id + ",\"method\":\"" + method + "\",\"params\":{" + parameters + "}}", true)
                .get(10, TimeUnit.SECONDS);
        return answer.get(30, TimeUnit.SECONDS);
    }

    @Override
    public CompletionStage<?> onText(WebSocket from, CharSequence data, boolean last) {
        text.append(data);
        if (last) {
            message(text.toString());
            text.setLength(0);
        }
        from.request(1);
        return null;
    }

    private void message(String message) {
        Matcher id = ID.matcher(message);
        if (id.find()) {
            CompletableFuture<String> waiting = answers.remove(Integer.valueOf(id.group(1)));
            if (waiting != null) {
                waiting.complete(message);
            }
        } else if (message.contains("\"Runtime.exceptionThrown\"")
                || (message.contains("\"Log.entryAdded\"") && message.contains("\"level\":\"error\""))) {
            errors.add(message);
        }
    }

    private static void delete(Path folder) throws IOException {
        try (var walk = Files.walk(folder)) {
            for (Path path : walk.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(path);
            }
        } catch (IOException | UncheckedIOException e) {
            // Chromium's helpers may still be writing; the folder is a temporary one.
        }
    }
}
