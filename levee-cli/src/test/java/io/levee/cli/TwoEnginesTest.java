package io.levee.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Levee;
import io.levee.Store;
import io.levee.internal.json.Json;
import io.levee.server.LeveeServer;
import io.levee.server.ServerOptions;
import io.levee.testkit.PostgresServer;
import io.levee.testkit.Requirements;
import java.io.IOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Each set of real records, taken into a directory and into PostgreSQL: every command gives the same answer about both. */
class TwoEnginesTest {
    /** The larger sets are taken up to here, and with {@code -Dlevee.long=true} as far as {@link RealRecords} goes. */
    private static final long MOST_LINES = Boolean.getBoolean("levee.long") ? Long.MAX_VALUE : 20_000;

    private static final Path SPECS = Path.of("..", "examples", "specs");

    /** What an engine has for itself: its name, how it keeps partitions, and what is measured in seconds or bytes. */
    private static final List<String> OWN = List.of(
            "store",
            "engine",
            "state",
            "owner",
            "pragmas",
            "disk",
            "memory",
            "tasks",
            "bytes",
            "bytesFreed",
            "seconds",
            "plan",
            "reference",
            "queue",
            "commits");

    @TempDir
    private Path dir;

    /**
     * Updates take numbers too, and in which order those of one batch are given is each engine's own: how many lines make a batch is up to
     * who is faster, the reader or the writer.
     */
    private boolean ownNumbers;

    private Object directory;
    private Object postgres;

    @BeforeEach
    void nameTheStores() {
        directory = dir.resolve("history");
        postgres = PostgresServer.shared().newStore();
    }

    @ParameterizedTest
    @EnumSource(DataSet.class)
    void shouldAnswerTheSame(DataSet set) throws IOException {
        Path file = RealRecords.of(set, dir, MOST_LINES);
        String table = set.table();
        Map<String, Object> report = same("ingest", table, file, "--spec", SPECS.resolve(table + ".yaml"));
        assertThat((Long) report.get("stored")).isPositive();
        String spec = same("table", "show", table).toString();
        ownNumbers = spec.contains("key=");
        if (ownNumbers) {
            assertThat(same("ingest", table, file)).containsEntry("stored", 0L);
        }
        same("query", table, "--limit", 300, "--details");
        same("query", table, "--limit", 300, "--details", "--order", "oldest");
        assertThat((List<?>) same("query", table, "--limit", 3000, "--where", set.filter())
                        .get("rows"))
                .isNotEmpty();
        walk(table);
        groups(set);
        sql(set);
        same("retention", "plan");
        same("status");
        same("partitions");
        same("retention", "apply");
        same("retention", "plan");
    }

    /** Pages in the middle of the table: each engine is asked with its own cursor. */
    private void walk(String table) {
        Object[] after = {null, null};
        for (int page = 0; page < 4; page++) {
            List<Map<String, Object>> pages = new ArrayList<>();
            for (int i = 0; i < 2; i++) {
                Object store = i == 0 ? directory : postgres;
                Object[] words = {"query", table, "--limit", 777, "--store", store, "--json"};
                Run run = after[i] == null
                        ? Run.levee(words)
                        : Run.levee(Stream.concat(Stream.of(words), Stream.of("--after", after[i]))
                                .toArray());
                assertThat(run.status()).as(run.err()).isZero();
                Map<String, Object> answer = run.json();
                after[i] = answer.remove("next");
                pages.add(answer);
            }
            compare("page " + page + " of " + table, pages.get(0), pages.get(1));
            if (after[0] == null || after[1] == null) {
                assertThat(after[0]).isEqualTo(after[1]);
                return;
            }
        }
    }

    private void groups(DataSet set) {
        String number = "(" + PlainColumn.quoted(set.number()) + ")";
        String functions = "count,count@,sum@,avg@,min@,max@".replace("@", number);
        String by = PlainColumn.quoted(set.group());
        assertThat((List<?>) same("aggregate", set.table(), "--by", by, "--fn", functions)
                        .get("groups"))
                .isNotEmpty();
        same("aggregate", set.table(), "--by", by, "--fn", functions, "--where", set.filter());
        same("aggregate", set.table(), "--fn", functions);
    }

    private void sql(DataSet set) {
        String table = PlainColumn.quoted(set.table());
        String group = PlainColumn.quoted(set.group());
        String number = PlainColumn.quoted(set.number());
        same("sql", "SELECT count(*) AS a, count(@) AS b, min(@) AS c, max(@) AS d FROM ".replace("@", number) + table);
        same(
                "sql",
                "SELECT " + group + " AS g, count(*) AS n FROM " + table + " WHERE " + group
                        + " IS NOT NULL GROUP BY 1 ORDER BY 1");
        same("sql", "SELECT * FROM " + table + " ORDER BY _seq LIMIT 200");
    }

    @Test
    void shouldServeTheSame() throws Exception {
        DataSet set = DataSet.CLUSTERCOCKPIT_JOBS;
        Path file = Requirements.sharedData(set.table());
        same("ingest", set.table(), file, "--spec", SPECS.resolve(set.table() + ".yaml"));
        try (Store first = Levee.open(directory.toString(), false, o -> {});
                Store second = Levee.open(postgres.toString(), false, o -> {});
                LeveeServer files = LeveeServer.start(first, ServerOptions.of("127.0.0.1", 0));
                LeveeServer server = LeveeServer.start(second, ServerOptions.of("127.0.0.1", 0))) {
            String records = "/v1/tables/" + set.table();
            String where = "?where=" + URLEncoder.encode(set.filter(), StandardCharsets.UTF_8);
            for (String path : List.of(
                    "/v1/tables",
                    records,
                    records + "/records?limit=1000&details=true",
                    records + "/records" + where,
                    records + "/count" + where,
                    records + "/aggregate?by=" + set.group() + "&fn=count,avg(" + set.number() + ")",
                    "/v1/partitions",
                    "/v1/retention/plan",
                    "/v1/status",
                    "/v1/queries",
                    "/v1/trash",
                    "/v1/gaps",
                    "/v1/quarantine",
                    "/health/ready")) {
                compare(path, get(files, path), get(server, path));
            }
        }
    }

    private static Map<String, Object> get(LeveeServer server, String path) throws Exception {
        var answer = HttpClient.newHttpClient()
                .send(HttpRequest.newBuilder(URI.create(server.url() + path)).build(), BodyHandlers.ofString());
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
        return Json.object(answer.body());
    }

    /** Runs a command on both stores, and answers what it says about the first once both say the same. */
    private Map<String, Object> same(Object... words) {
        Run first = Run.levee(on(directory, words));
        Run second = Run.levee(on(postgres, words));
        String what = List.of(words).toString();
        assertThat(first.status()).as(what + ": " + first.err()).isZero();
        assertThat(second.status()).as(what + ": " + second.err()).isZero();
        Map<String, Object> answer = first.json();
        Map<String, Object> other = second.json();
        // Cursors are each engine's own.
        assertThat(answer.get("next") == null).as(what).isEqualTo(other.get("next") == null);
        other.replace("next", answer.get("next"));
        compare(what, answer, other);
        return answer;
    }

    private static Object[] on(Object store, Object... words) {
        return Stream.concat(Stream.of(words), Stream.of("--store", store, "--json"))
                .toArray();
    }

    private void compare(String what, Map<String, Object> first, Map<String, Object> second) {
        List<String> differences = new ArrayList<>();
        differences("", first, second, differences);
        assertThat(differences.stream().limit(10)).as(what).isEmpty();
    }

    private void differences(String at, Object first, Object second, List<String> found) {
        if (first instanceof Map<?, ?> a && second instanceof Map<?, ?> b) {
            TreeSet<String> names = new TreeSet<>();
            a.keySet().forEach(name -> names.add(name.toString()));
            b.keySet().forEach(name -> names.add(name.toString()));
            names.removeAll(!at.contains("/rows[") ? OWN : ownNumbers ? List.of("_seq") : List.of());
            names.forEach(name -> differences(at + "/" + name, a.get(name), b.get(name), found));
        } else if (first instanceof List<?> a && second instanceof List<?> b) {
            if (a.size() != b.size()) {
                found.add(at + ": " + a.size() + " and " + b.size() + " elements");
                return;
            }
            List<?> left = unordered(at) ? sorted(a) : a;
            List<?> right = unordered(at) ? sorted(b) : b;
            for (int i = 0; i < left.size(); i++) {
                differences(at + "[" + i + "]", left.get(i), right.get(i), found);
            }
        } else if (!equal(first, second)) {
            found.add(at + ": " + first + " and " + second);
        }
    }

    /** Groups have no order of their own; rows of {@code query} have. */
    private static boolean unordered(String at) {
        return at.equals("/groups");
    }

    private static List<?> sorted(List<?> list) {
        return list.stream()
                .sorted(Comparator.comparing(entry -> Json.write(
                        entry instanceof Map<?, ?> map
                                ? new TreeMap<>(Map.of(
                                        "g",
                                        String.valueOf(map.values().iterator().next())))
                                : entry)))
                .toList();
    }

    private static boolean equal(Object first, Object second) {
        if (first instanceof Number a && second instanceof Number b && !(a instanceof Long && b instanceof Long)) {
            double x = a.doubleValue();
            double y = b.doubleValue();
            return x == y || Math.abs(x - y) <= 1e-9 * Math.max(Math.abs(x), Math.abs(y));
        }
        return first == null ? second == null : first.equals(second);
    }
}
