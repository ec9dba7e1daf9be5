package io.levee.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.cli.Place.Way;
import io.levee.internal.json.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** {@code tail}, wherever the store is. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class TailCommandTest {
    @TempDir
    private Path dir;

    private Place place(Way way) throws IOException {
        Place place = Place.of(way, dir);
        place.create("events", "{time: at, key: n, columns: {at: timestamp, n: integer, t: text}}");
        return place;
    }

    private static String line(int n, String text) {
        return "{\"at\":\"2026-01-01T00:00:00Z\",\"n\":" + n + ",\"t\":\"" + text + "\"}\n";
    }

    private static List<Map<String, Object>> objects(String out) {
        return out.lines().map(Json::object).toList();
    }

    @ParameterizedTest
    @EnumSource(Way.class)
    void shouldPrintWhatIsThereWithNumbersToContinueAfter(Way way) throws Exception {
        try (Place place = place(way)) {
            place.take("events", line(1, "a") + line(2, "b\\nc") + line(3, "d"));
            Run all = place.levee("tail", "events", "--after", 0, "--limit", 2);
            assertThat(all.status()).as(all.err()).isZero();
            List<Map<String, Object>> first = objects(all.out());
            assertThat(first).extracting(r -> r.get("n")).containsExactly(1L, 2L);
            assertThat(first.get(1)).containsEntry("t", "b\nc");
            Object last = first.get(1).get("_number");
            assertThat(all.err()).contains("2 records; continue with --after " + last);
            Run rest = place.levee("tail", "events", "--after", last, "--limit", 1, "--for", "60s", "--json");
            assertThat(rest.status()).as(rest.err()).isZero();
            assertThat(objects(rest.out())).extracting(r -> r.get("n")).containsExactly(3L);
            Run none = place.levee("tail", "events", "--for", "0s");
            assertThat(none.out()).isEmpty();
            assertThat(none.status()).isZero();
        }
    }

    @ParameterizedTest
    @EnumSource(Way.class)
    void shouldFollowWhatComesMeanwhile(Way way) throws Exception {
        try (Place place = place(way)) {
            place.take("events", line(1, "a"));
            Path out = dir.resolve("out");
            Files.createFile(out);
            var following = CompletableFuture.supplyAsync(
                    () -> Run.appendTo(out, place.with("tail", "events", "--after", 0, "--limit", 3, "--for", "60s")));
            Awaitility.await().until(() -> Files.readString(out).contains("\"n\":1"));
            place.take("events", line(2, "b"));
            Awaitility.await().until(() -> Files.readString(out).contains("\"n\":2"));
            place.take("events", line(1, "changed"));
            Run run = following.join();
            assertThat(run.status()).as(run.err()).isZero();
            List<Map<String, Object>> seen = objects(Files.readString(out));
            assertThat(seen).extracting(r -> r.get("n")).containsExactly(1L, 2L, 1L);
            assertThat(seen.get(2)).containsEntry("t", "changed");
        }
    }

    @ParameterizedTest
    @EnumSource(value = Way.class, names = "SERVER", mode = EnumSource.Mode.EXCLUDE)
    void shouldTellWhatRetentionDroppedUnread(Way way) throws Exception {
        try (Place place = Place.of(way, dir)) {
            String spec = "{time: at, columns: {at: timestamp, n: integer}, partition: day";
            place.create("brief", spec + "}");
            place.take(
                    "brief", "{\"at\":\"2026-01-01T00:00:00Z\",\"n\":1}\n{\"at\":\"2026-02-01T00:00:00Z\",\"n\":2}\n");
            place.create("brief", spec + ", retention: {maxAge: 7d}}");
            assertThat(place.json(0, "retention", "apply").get("dropped").toString())
                    .contains("brief/2026-01-01");
            Run run = place.levee("tail", "brief", "--after", 0, "--for", "0s");
            assertThat(run.status()).as(run.err()).isZero();
            List<Map<String, Object>> lines = objects(run.out());
            assertThat(lines.get(0)).containsOnlyKeys("gap");
            assertThat((Map<?, ?>) lines.get(0).get("gap")).hasToString("{after=0, upTo=1, reason=EXPIRED}");
            assertThat(lines.subList(1, lines.size()))
                    .extracting(r -> r.get("n"))
                    .containsExactly(2L);
        }
    }

    @ParameterizedTest
    @EnumSource(Way.class)
    void shouldFailOnATableThatIsNotThere(Way way) throws Exception {
        try (Place place = place(way)) {
            Run run = place.levee("tail", "none");
            assertThat(run.status()).isEqualTo(1);
            assertThat(run.out()).isEmpty();
            assertThat(run.err()).startsWith("LEVEE-404 UNKNOWN_TABLE");
        }
    }

    @Test
    void shouldSayThatTheServerEndedTheStream() throws Exception {
        Place place = place(Way.SERVER);
        place.take("events", line(1, "a"));
        Path out = dir.resolve("out");
        Files.createFile(out);
        var following =
                CompletableFuture.supplyAsync(() -> Run.appendTo(out, place.with("tail", "events", "--after", 0)));
        Awaitility.await().until(() -> Files.readString(out).contains("\"n\":1"));
        place.close();
        Run run = following.join();
        assertThat(run.status()).isEqualTo(1);
        assertThat(run.err()).contains("the server ended the stream", "continue with --after 1");
    }

    @ParameterizedTest
    @EnumSource(Way.class)
    void shouldGoOnWhereTheCursorWas(Way way) throws Exception {
        try (Place place = place(way)) {
            place.take("events", line(1, "a") + line(2, "b") + line(3, "c"));
            Run two = place.levee("tail", "events", "--cursor", "mailer", "--limit", 2);
            assertThat(two.status()).as(two.err()).isZero();
            assertThat(objects(two.out())).extracting(r -> r.get("n")).containsExactly(1L, 2L);
            Run rest = place.levee("tail", "events", "--cursor", "mailer", "--limit", 1, "--for", "60s");
            assertThat(rest.status()).as(rest.err()).isZero();
            assertThat(objects(rest.out())).extracting(r -> r.get("n")).containsExactly(3L);
            Run none = place.levee("tail", "events", "--cursor", "mailer", "--for", "100ms");
            assertThat(none.out()).isEmpty();
            assertThat(place.json(0, "cursors", "events").get("cursors").toString())
                    .contains("name=mailer", "number=3");
            assertThat(place.levee("cursors").out()).contains("mailer");
            assertThat(place.json(0, "cursors", "events", "--delete", "mailer")).containsEntry("deleted", true);
            assertThat(place.json(0, "cursors", "events").get("cursors")).isEqualTo(List.of());
            Run bad = place.levee("tail", "events", "--cursor", "../x", "--for", "1s");
            assertThat(bad.status()).isEqualTo(1);
            assertThat(bad.err()).contains("BAD_VALUE");
        }
    }

    /** Whether a record that came after the replay was told of before the end. */
    private static boolean follows(Place place, Path out, int seconds, int n) throws Exception {
        Files.writeString(out, "");
        var following = CompletableFuture.supplyAsync(
                () -> Run.appendTo(out, place.with("tail", "events", "--from", "2026-01-04", "--for", seconds + "s")));
        Awaitility.await()
                .until(() -> following.isDone() || Files.readString(out).contains("\"live\""));
        place.take("events", line(n, "d"));
        assertThat(following.join().status()).isZero();
        String told = Files.readString(out);
        return told.contains("\"n\":" + n + ",") && told.contains("\"live\"");
    }

    @ParameterizedTest
    @EnumSource(Way.class)
    void shouldReplayAndFollow(Way way) throws Exception {
        try (Place place = place(way)) {
            place.take(
                    "events",
                    line(1, "a")
                            + line(2, "b").replace("01-01", "01-05")
                            + line(3, "c").replace("01-01", "01-03"));
            Run replayed = place.levee("tail", "events", "--from", "2026-01-02", "--window", "4h", "--no-follow");
            assertThat(replayed.status()).as(replayed.err()).isZero();
            List<Map<String, Object>> lines = objects(replayed.out());
            assertThat(lines.subList(0, 2)).extracting(r -> r.get("n")).containsExactly(3L, 2L);
            assertThat(lines.get(2).get("live").toString()).contains("after=3", "rows=2");
            Path out = dir.resolve("out");
            Files.createFile(out);
            // What comes within this time is told: where the machine is too slow for it, in a longer one.
            for (int seconds = 2; !follows(place, out, seconds, 10 + seconds); seconds *= 2) {
                assertThat(seconds).isLessThan(60);
            }
        }
    }
}
